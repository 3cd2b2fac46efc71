# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Joints of MediaPipe's models, and which of them are ours.

Pose: 33 landmarks, named as in MediaPipe's `PoseLandmark`. Hands: 21, wrist first, then each finger from
its base to its tip. Face mesh: 468 vertices; those of the 84 landmarks were picked on the mesh by eye, the
33 of the contour lie evenly on a line through 23 vertices from the right temple over the chin to the left
one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from dope_ros.skeleton import BODY, FACE_FEATURES, HEAD, Part
from dope_ros.training.datasets.labels import OUTER_EYES, PartLabels

POSE_LANDMARKS = (
    "nose",
    "left_eye_inner",
    "left_eye",
    "left_eye_outer",
    "right_eye_inner",
    "right_eye",
    "right_eye_outer",
    "left_ear",
    "right_ear",
    "mouth_left",
    "mouth_right",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_pinky",
    "right_pinky",
    "left_index",
    "right_index",
    "left_thumb",
    "right_thumb",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_foot_index",
    "right_foot_index",
)
EARS = tuple(POSE_LANDMARKS.index(name) for name in ("left_ear", "right_ear"))
LIMBS = tuple(POSE_LANDMARKS.index(name) for name in BODY.joints[:HEAD])

HAND_LANDMARKS = (
    0,
    *range(1, 21, 4),
    *chain.from_iterable(range(base + 1, base + 4) for base in range(1, 21, 4)),
)
"""MediaPipe's index of each of our joints."""

CONTOUR = (
    127,
    234,
    93,
    132,
    58,
    172,
    136,
    150,
    149,
    176,
    148,
    152,
    377,
    400,
    378,
    379,
    365,
    397,
    288,
    361,
    323,
    454,
    356,
)
FACE_LANDMARKS: dict[str, Sequence[int]] = {
    "right_brow": (70, 63, 105, 66, 107),
    "left_brow": (336, 296, 334, 293, 300),
    "nose_bridge": (168, 197, 195, 4),
    "nose_base": (98, 97, 2, 326, 327),
    "right_eye": (33, 160, 158, 133, 153, 144),
    "left_eye": (362, 385, 387, 263, 373, 380),
    "outer_lips": (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91),
    "inner_lips": (78, 81, 13, 311, 308, 402, 14, 178),
}
"""MediaPipe's vertices of our features, but for the contour."""

OUTER_CORNERS = (33, 263)
"""Of the eyes: the mesh has no scale of its own."""

MIN_VISIBILITY = 0.5
"""A pose landmark that MediaPipe holds less likely to be in sight is not known."""


def to_labels(
    part: Part, flat: np.ndarray, solid: np.ndarray, visibility: np.ndarray, beyond: np.ndarray
) -> PartLabels:
    """MediaPipe's landmarks as labels of a part.

    Args:
        flat: [L, 3], x and y in pixels of the picture, and z on the same scale, x right, y down, z forward.
        solid: [L, 3], metres, same axes; of faces it is not looked at.
        visibility: [L], probabilities; of hands and faces it is not looked at.
        beyond: [L] bool, which lie beyond the picture's edge. Nobody sees those of a body, but that a bust
            goes on below the picture is known, and about where.
    """
    if part is Part.BODY:
        seen = _body(visibility[:, None], np.min)[:, 0] >= MIN_VISIBILITY
        known = seen | (_body(beyond[:, None], np.min)[:, 0] > 0)
        return PartLabels.of(_body(flat[:, :2]), known, keypoints_3d=_body(solid))
    if part is Part.HAND:
        order = list(HAND_LANDMARKS)
        return PartLabels.of(flat[order, :2], keypoints_3d=solid[order])
    face = _face(flat)
    scale = OUTER_EYES / max(float(np.linalg.norm(np.subtract(*flat[list(OUTER_CORNERS)]))), 1e-6)
    return PartLabels.of(face[:, :2], keypoints_3d=(face - face.mean(axis=0)) * scale)


def _body(landmarks: np.ndarray, of_ears: Callable[..., np.ndarray] = np.mean) -> np.ndarray:
    """Our 13 joints; the head is between the ears."""
    return np.concatenate([landmarks[list(LIMBS)], of_ears(landmarks[list(EARS)], axis=0, keepdims=True)])


def _face(mesh: np.ndarray) -> np.ndarray:
    """Our 84 landmarks."""
    along = np.linspace(0, len(CONTOUR) - 1, len(FACE_FEATURES["contour"]))
    line = mesh[list(CONTOUR)]
    contour = np.stack([np.interp(along, np.arange(len(CONTOUR)), axis) for axis in line.T], axis=1)
    features = [mesh[list(FACE_LANDMARKS[name])] for name in FACE_FEATURES if name != "contour"]
    return np.concatenate([contour, *features])
