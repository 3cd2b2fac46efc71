# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Training runs: what they are told, what they begin with, how they go on and are kept."""
