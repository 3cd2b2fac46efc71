# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How large people are: what is known of their bones holds the network's estimate of a size in place.

Without a depth image a person of twice the size stands twice as far away, so a size that jumps from frame
to frame makes the distance jump.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dope_ros.joint_arrays import PART_SLICES, lengths
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import (
    BODY,
    FACE_FEATURES,
    FINGER_BASES,
    HAND_WRIST,
    HEAD,
    LEFT_HIP,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    Part,
)

NETWORK_DEVIATION = 0.08
"""Standard deviation of the sizes that the network gives, as a share of the size; assumed."""

ACROSS = ((RIGHT_HIP, LEFT_HIP), (RIGHT_SHOULDER, LEFT_SHOULDER))
LIMBS = np.array([bone for bone in BODY.bones if bone not in ACROSS and HEAD not in bone])
"""Thighs, shins, upper arms, forearms, and shoulder to hip on either side."""

LIMBS_PER_STATURE = 2 * (0.245 + 0.246 + 0.186 + 0.146 + 0.288)
"""Their summed length (Drillis and Contini 1966, in Winter, Biomechanics of human movement)."""

OUTER_EYE_CORNERS = (FACE_FEATURES["right_eye"].start, FACE_FEATURES["left_eye"].start + 3)


@dataclass(frozen=True, slots=True)
class Size:
    """mean: metres. deviation: standard deviation among people, as a share of the mean."""

    mean: float
    deviation: float


BodySize = Mapping[Part, Size]
"""Of a body the stature, of a hand the mean from wrist to knuckles, of a face the width between outer eye
corners."""

BODY_SIZES: dict[str, BodySize | None] = {
    "seen": None,
    "adult": {Part.BODY: Size(1.70, 0.055), Part.HAND: Size(0.090, 0.07), Part.FACE: Size(0.090, 0.05)},
    "child": {Part.BODY: Size(1.20, 0.14), Part.HAND: Size(0.066, 0.14), Part.FACE: Size(0.080, 0.06)},
}
"""What is known beforehand: nothing, that people are adults, or that they are children of 3 to 11 years."""


def sizes_of(part: Part, joints: np.ndarray) -> np.ndarray:
    """The size of poses [P, J, 3], as `BodySize` has it: [P] metres."""
    if part is Part.BODY:
        return lengths(joints[:, LIMBS[:, 0]] - joints[:, LIMBS[:, 1]]).sum(axis=1) / LIMBS_PER_STATURE
    if part is Part.HAND:
        return lengths(joints[:, FINGER_BASES[1:]] - joints[:, [HAND_WRIST]]).mean(axis=1)
    right, left = OUTER_EYE_CORNERS
    return lengths(joints[:, right] - joints[:, left])


def resized(keypoints_3d: np.ndarray, expected: BodySize) -> np.ndarray:
    """Poses whose sizes are the likeliest ones, given what the network says and what is expected.

    Sizes are taken as log-normal, so each is multiplied by a power of (expected / seen).

    Args:
        keypoints_3d: [P, 139, 3], each part relative to its own root.
    """
    resized = keypoints_3d.copy()
    for name, part in PART_NAMES.items():
        joints = keypoints_3d[:, PART_SLICES[name]]
        trust = NETWORK_DEVIATION**2 / (NETWORK_DEVIATION**2 + expected[part].deviation ** 2)
        seen = np.maximum(sizes_of(part, joints), 1e-3)
        resized[:, PART_SLICES[name]] = joints * ((expected[part].mean / seen) ** trust)[:, None, None]
    return resized


def size_deviation(expected: BodySize | None, part: Part) -> float:
    """Standard deviation of a size after `resized`, as a share of it."""
    if expected is None:
        return NETWORK_DEVIATION
    return float((NETWORK_DEVIATION**-2 + expected[part].deviation ** -2) ** -0.5)
