# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rewrites and weighs ONNX graphs: precisions, what weights are stored as, RoIAlign in other operators."""
