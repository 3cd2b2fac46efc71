# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints become ONNX models, and ONNX models networks again, to go on training from."""
