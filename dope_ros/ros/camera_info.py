# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CameraInfo messages to intrinsics."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo

from dope_ros.errors import DopeError
from dope_ros.geometry import Intrinsics


class CameraInfoError(DopeError):
    """A CameraInfo that says nothing of the image it came with."""


def intrinsics_for(info: CameraInfo, width: int, height: int) -> Intrinsics:
    """The intrinsics of the camera that took an image of `width` x `height` pixels.

    Raises:
        CameraInfoError: the camera is uncalibrated (K is all zero, sensor_msgs/CameraInfo), or the message
            is about images of another size.
    """
    fx, fy, cx, cy = info.k[0], info.k[4], info.k[2], info.k[5]
    if fx <= 0 or fy <= 0:
        raise CameraInfoError(
            f"the camera is uncalibrated (fx {fx:g}, fy {fy:g}); calibrate it for metric positions"
        )
    if (info.width, info.height) != (width, height):
        raise CameraInfoError(
            f"it is about images of {info.width} x {info.height} pixels, and the image has {width} x {height}"
        )
    return Intrinsics(fx, fy, cx, cy)
