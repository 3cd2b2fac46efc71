# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People in space, in metres: cameras, placement, depth images and coordinate frames.

Frames are optical ones of REP-103 unless said otherwise: x right, y down, z forward.
"""

from dope_ros.geometry.camera import ASSUMED_FOV_DEG, Intrinsics, Lens
from dope_ros.geometry.depth import DepthImage, measure
from dope_ros.geometry.frames import body_frame, face_frame, gaze_frame, hand_frame
from dope_ros.geometry.placement import place, place_nominally
from dope_ros.geometry.size import BODY_SIZES
from dope_ros.geometry.transform import Transform, transformed

__all__ = [
    "ASSUMED_FOV_DEG",
    "BODY_SIZES",
    "DepthImage",
    "Intrinsics",
    "Lens",
    "Transform",
    "body_frame",
    "face_frame",
    "gaze_frame",
    "hand_frame",
    "measure",
    "place",
    "place_nominally",
    "transformed",
]
