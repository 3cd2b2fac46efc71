# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The coordinate frames of bodies, hands and faces, as REP-155 has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dope_ros.geometry.transform import Transform
from dope_ros.skeleton import (
    FACE_FEATURES,
    FINGER_BASES,
    HAND_WRIST,
    LEFT_HIP,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    Side,
)

SHORTEST_AXIS = 1e-6
"""Metres. Joints closer than that say nothing of a direction."""


def body_frame(joints: np.ndarray) -> Transform | None:
    """The frame of a body [13, 3] (REP-155): origin mid-hips, x forward, y left, z up along the trunk.

    Returns:
        From the body's frame to that of the joints; None where hips and shoulders give no directions.
    """
    joints = np.asarray(joints, np.float64)
    hips, shoulders = joints[[RIGHT_HIP, LEFT_HIP]], joints[[RIGHT_SHOULDER, LEFT_SHOULDER]]
    leftwards = (hips[1] - hips[0]) + (shoulders[1] - shoulders[0])
    return _upright(hips.mean(axis=0), up=shoulders.mean(axis=0) - hips.mean(axis=0), leftwards=leftwards)


def face_frame(joints: np.ndarray) -> Transform | None:
    """The frame of a face [84, 3] (REP-155): origin at the sellion, x out of the face, z to the scalp."""
    joints = np.asarray(joints, np.float64)
    middle = {name: joints[list(span)].mean(axis=0) for name, span in FACE_FEATURES.items()}
    eyes = (middle["right_eye"] + middle["left_eye"]) / 2
    sellion = joints[FACE_FEATURES["nose_bridge"].start]
    leftwards = middle["left_eye"] - middle["right_eye"]
    return _sideways(sellion, up=eyes - middle["outer_lips"], leftwards=leftwards)


def hand_frame(joints: np.ndarray, side: Side) -> Transform | None:
    """The frame of a hand [21, 3]: origin at the wrist, x to the middle finger's base, z out of the back."""
    joints = np.asarray(joints, np.float64)
    wrist, index, middle, little = joints[[HAND_WRIST, *(FINGER_BASES[i] for i in (1, 2, 4))]]
    to_index = index - little if side is Side.RIGHT else little - index
    forward, back = middle - wrist, np.cross(middle - wrist, to_index)
    return _upright(wrist, up=back, leftwards=np.cross(back, forward))


def gaze_frame(face: Transform) -> Transform:
    """The optical frame at a face's: z where the face looks, x to its right, y down (REP-155)."""
    x, y, z = face.rotation.T
    return replace(face, rotation=np.stack([-y, -z, x], axis=1))


def _upright(origin: np.ndarray, up: np.ndarray, leftwards: np.ndarray) -> Transform | None:
    """X forward, y left, z exactly along `up`."""
    x = _forward(up, leftwards)
    return None if x is None else _frame(origin, x, up / np.linalg.norm(up))


def _sideways(origin: np.ndarray, up: np.ndarray, leftwards: np.ndarray) -> Transform | None:
    """X forward, y exactly along `leftwards`, z up."""
    x = _forward(up, leftwards)
    return None if x is None else _frame(origin, x, np.cross(x, leftwards / np.linalg.norm(leftwards)))


def _forward(up: np.ndarray, leftwards: np.ndarray) -> np.ndarray | None:
    """The direction at right angles to both; None where they give none."""
    forward = np.cross(leftwards, up)
    lengths = [float(np.linalg.norm(vector)) for vector in (up, leftwards, forward)]
    if not min(lengths[0], lengths[1], lengths[2] / max(lengths[0], lengths[1], 1e-9)) > SHORTEST_AXIS:
        return None
    return forward / lengths[2]


def _frame(origin: np.ndarray, x: np.ndarray, z: np.ndarray) -> Transform:
    """The frame at `origin` with those axes, of length 1 and at right angles."""
    return Transform(np.stack([x, np.cross(z, x), z], axis=1), np.asarray(origin, np.float64))
