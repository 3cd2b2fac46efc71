# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whole-body human pose from one camera: bodies, hands and faces in 2D and in metres."""

__version__ = "0.1.0"
