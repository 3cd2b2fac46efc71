# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Joints, bones and left/right pairs of the three parts: body, hand and face.

The order of the joints is part of every file format and message of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import chain, pairwise

import numpy as np


class Part(str, Enum):
    """A part of a person that the network finds on its own."""

    BODY = "body"
    HAND = "hand"
    FACE = "face"


class Side(str, Enum):
    """Whose left and right: the person's own."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        """The one that it is in a mirror image."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The joints of a part, in order, and how they hang together.

    joints: J names.
    bones: pairs of joint indices.
    mirrored: [J] int, the joint that takes each joint's place when the picture is flipped.
    """

    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    mirrored: np.ndarray

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, name: str) -> int:
        """The index of the joint called `name`; ValueError where there is none."""
        return self.joints.index(name)


def _mirrored_by_name(joints: tuple[str, ...]) -> np.ndarray:
    swap = {"left": "right", "right": "left"}
    partners = ("_".join(swap.get(word, word) for word in name.split("_")) for name in joints)
    return np.array([joints.index(name) for name in partners])


def _path(indices: range, closed: bool = False) -> list[tuple[int, int]]:
    bones = list(pairwise(indices))
    return [*bones, (indices[-1], indices[0])] if closed else bones


# Body: 13 joints (LCR-Net++, Rogez et al., PAMI 2019).

BODY_JOINTS = (
    "right_ankle",
    "left_ankle",
    "right_knee",
    "left_knee",
    "right_hip",
    "left_hip",
    "right_wrist",
    "left_wrist",
    "right_elbow",
    "left_elbow",
    "right_shoulder",
    "left_shoulder",
    "head",
)

(
    RIGHT_ANKLE,
    LEFT_ANKLE,
    RIGHT_KNEE,
    LEFT_KNEE,
    RIGHT_HIP,
    LEFT_HIP,
    RIGHT_WRIST,
    LEFT_WRIST,
    RIGHT_ELBOW,
    LEFT_ELBOW,
    RIGHT_SHOULDER,
    LEFT_SHOULDER,
    HEAD,
) = range(13)

BODY = Skeleton(
    joints=BODY_JOINTS,
    bones=(
        (RIGHT_ANKLE, RIGHT_KNEE),
        (RIGHT_KNEE, RIGHT_HIP),
        (LEFT_ANKLE, LEFT_KNEE),
        (LEFT_KNEE, LEFT_HIP),
        (RIGHT_WRIST, RIGHT_ELBOW),
        (RIGHT_ELBOW, RIGHT_SHOULDER),
        (LEFT_WRIST, LEFT_ELBOW),
        (LEFT_ELBOW, LEFT_SHOULDER),
        (RIGHT_HIP, LEFT_HIP),
        (RIGHT_SHOULDER, LEFT_SHOULDER),
        (RIGHT_SHOULDER, RIGHT_HIP),
        (LEFT_SHOULDER, LEFT_HIP),
        (RIGHT_SHOULDER, HEAD),
        (LEFT_SHOULDER, HEAD),
    ),
    mirrored=_mirrored_by_name(BODY_JOINTS),
)

LOWER_BODY = (RIGHT_ANKLE, LEFT_ANKLE, RIGHT_KNEE, LEFT_KNEE)

WRIST = {Side.RIGHT: RIGHT_WRIST, Side.LEFT: LEFT_WRIST}
ELBOW = {Side.RIGHT: RIGHT_ELBOW, Side.LEFT: LEFT_ELBOW}

# Hand: 21 joints, RenderedHand order: wrist, the five bases, then three joints a finger.

FINGERS = ("thumb", "index", "middle", "ring", "little")
FINGER_JOINTS = ("proximal", "distal", "tip")

HAND_JOINTS = (
    "wrist",
    *(f"{finger}_base" for finger in FINGERS),
    *(f"{finger}_{joint}" for finger in FINGERS for joint in FINGER_JOINTS),
)

HAND_WRIST = 0
FINGER_BASES = tuple(range(1, 6))


def _finger_bones(base: int) -> list[tuple[int, int]]:
    proximal = 3 * base + 3
    return [(HAND_WRIST, base), (base, proximal), (proximal, proximal + 1), (proximal + 1, proximal + 2)]


HAND = Skeleton(
    joints=HAND_JOINTS,
    bones=tuple(chain.from_iterable(_finger_bones(base) for base in FINGER_BASES)),
    mirrored=np.arange(len(HAND_JOINTS)),  # a mirrored right hand is a left one, joint by joint
)

# Face: 84 landmarks, Menpo 3D order.

FACE_FEATURES: dict[str, range] = {
    "contour": range(33),
    "right_brow": range(33, 38),
    "left_brow": range(38, 43),
    "nose_bridge": range(43, 47),
    "nose_base": range(47, 52),
    "right_eye": range(52, 58),
    "left_eye": range(58, 64),
    "outer_lips": range(64, 76),
    "inner_lips": range(76, 84),
}

_CLOSED_FEATURES = ("right_eye", "left_eye", "outer_lips", "inner_lips")

FACE_JOINTS = tuple(f"{name}_{i}" for name, span in FACE_FEATURES.items() for i in range(len(span)))


def _mirrored_face() -> np.ndarray:
    """Features run from the person's right to their left; eyes and lips go round from a corner.

    The right eye starts at its outer corner and the left one at its inner corner, both over the
    top lid first; the lips start at the right corner and go over the top.
    """
    mirrored = np.empty(len(FACE_JOINTS), int)
    for name in ("contour", "nose_base"):
        span = FACE_FEATURES[name]
        mirrored[span] = span[::-1]
    mirrored[FACE_FEATURES["nose_bridge"]] = FACE_FEATURES["nose_bridge"]
    right_brow, left_brow = FACE_FEATURES["right_brow"], FACE_FEATURES["left_brow"]
    mirrored[right_brow], mirrored[left_brow] = left_brow[::-1], right_brow[::-1]
    right_eye, left_eye = np.array(FACE_FEATURES["right_eye"]), np.array(FACE_FEATURES["left_eye"])
    corners_swapped = [3, 2, 1, 0, 5, 4]
    mirrored[right_eye], mirrored[left_eye] = left_eye[corners_swapped], right_eye[corners_swapped]
    for name in ("outer_lips", "inner_lips"):
        lips = np.array(FACE_FEATURES[name])
        mirrored[lips] = lips[(len(lips) // 2 - np.arange(len(lips))) % len(lips)]
    return mirrored


FACE = Skeleton(
    joints=FACE_JOINTS,
    bones=tuple(
        chain.from_iterable(_path(span, name in _CLOSED_FEATURES) for name, span in FACE_FEATURES.items())
    ),
    mirrored=_mirrored_face(),
)

SKELETONS: dict[Part, Skeleton] = {Part.BODY: BODY, Part.HAND: HAND, Part.FACE: FACE}
