# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The DOPE network in PyTorch: its parts, checkpoints, and the export to one static ONNX graph.

Nothing that runs a model on a robot's CPU imports this package: it needs torch and torchvision.
"""
