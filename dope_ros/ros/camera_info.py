# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CameraInfo messages to intrinsics."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo

from dope_ros.errors import DopeError
from dope_ros.geometry import Intrinsics, Lens
from dope_ros.ros.tf_messages import frame_name

LENSES = {
    "": (Lens.PINHOLE, (0,)),
    "plumb_bob": (Lens.RADIAL_TANGENTIAL, (4, 5)),
    "rational_polynomial": (Lens.RADIAL_TANGENTIAL, (8, 12, 14)),
    "equidistant": (Lens.FISHEYE, (4,)),
    "fisheye": (Lens.FISHEYE, (4,)),
}
"""Distortion models by their name in messages: the lens, and how many coefficients it may have."""


class CameraInfoError(DopeError):
    """A CameraInfo that says nothing of the image it came with."""


def intrinsics_for(info: CameraInfo, width: int, height: int, rectified: bool = False) -> Intrinsics:
    """The intrinsics of the camera that took an image of `width` x `height` pixels.

    A message describes the camera at its full resolution; an image may be a region of that (`roi`), and
    several pixels in one (`binning`).

    Args:
        rectified: whether the image was rectified: P describes it then, and it has no distortion.

    Raises:
        CameraInfoError: the camera is uncalibrated (K or P is all zero, sensor_msgs/CameraInfo), what it says
            is no number, its distortion model is unknown, or the message is about images of another size.
    """
    if rectified:
        camera = _pinhole(info.p[0], info.p[5], info.p[2], info.p[6], "P")
    else:
        camera = _with_lens(_pinhole(info.k[0], info.k[4], info.k[2], info.k[5], "K"), info)
    return _delivered(camera, info, width, height)


def conflicting_frame(info: CameraInfo, frame_id: str) -> str:
    """The frame of a camera info where it is another than that of its images; empty where it is not.

    A camera's messages share one; where they do not, what follows is undefined (sensor_msgs/Image), for the
    info may be another camera's. Nothing is said of frames that are not set.

    Args:
        frame_id: of the images.
    """
    images, own = frame_name(frame_id), frame_name(info.header.frame_id)
    return own if own and images and own != images else ""


def _pinhole(fx: float, fy: float, cx: float, cy: float, matrix: str) -> Intrinsics:
    if not np.isfinite([fx, fy, cx, cy]).all():
        raise CameraInfoError(f"{matrix} holds no numbers (fx {fx:g}, fy {fy:g}, cx {cx:g}, cy {cy:g})")
    if fx <= 0 or fy <= 0:
        raise CameraInfoError(
            f"the camera is uncalibrated ({matrix} has fx {fx:g}, fy {fy:g}); "
            "calibrate it for metric positions"
        )
    return Intrinsics(fx, fy, cx, cy)


def _with_lens(camera: Intrinsics, info: CameraInfo) -> Intrinsics:
    distortion = tuple(float(value) for value in info.d)
    if not np.isfinite(distortion).all():
        raise CameraInfoError(f"D holds no numbers ({', '.join(format(value, 'g') for value in distortion)})")
    if not any(distortion) and info.distortion_model not in ("equidistant", "fisheye"):
        return camera
    if info.distortion_model not in LENSES:
        known = ", ".join(name for name in LENSES if name)
        raise CameraInfoError(f"distortion model {info.distortion_model!r} is not one of {known}")
    lens, counts = LENSES[info.distortion_model]
    if len(distortion) not in counts:
        raise CameraInfoError(
            f"distortion model {info.distortion_model!r} has {len(distortion)} coefficients, "
            f"not {' or '.join(map(str, counts))}"
        )
    return Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy, lens, distortion)


def _delivered(camera: Intrinsics, info: CameraInfo, width: int, height: int) -> Intrinsics:
    """The camera of the image as delivered: its region of the sensor, binned."""
    binning_x, binning_y = max(info.binning_x, 1), max(info.binning_y, 1)
    roi_width, roi_height = info.roi.width or info.width, info.roi.height or info.height
    expected = (roi_width // binning_x, roi_height // binning_y)
    if expected != (width, height):
        raise CameraInfoError(
            f"it is about images of {expected[0]} x {expected[1]} pixels, "
            f"and the image has {width} x {height}"
        )
    region = Intrinsics(
        camera.fx,
        camera.fy,
        camera.cx - info.roi.x_offset,
        camera.cy - info.roi.y_offset,
        camera.lens,
        camera.distortion,
    )
    return region.scaled(1 / binning_x, 1 / binning_y)
