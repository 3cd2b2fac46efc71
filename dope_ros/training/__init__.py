# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training: rendered and photographed people, experts, distillation, evaluation."""
