# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whole-body human pose from one camera: bodies, hands and faces in 2D and in metres."""

from pkgutil import extend_path

# The generated `dope_ros.msg` is in the install space, also for a Python that finds these sources first.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
