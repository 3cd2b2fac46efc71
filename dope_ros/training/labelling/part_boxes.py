# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the hands and the face of a body are, by its joints."""

from __future__ import annotations

import numpy as np

from dope_ros.skeleton import ELBOW, HEAD, LEFT_SHOULDER, RIGHT_SHOULDER, WRIST, Side
from dope_ros.training.datasets.labels import PartLabels

BEYOND_WRIST = 0.35
"""From the wrist on along the forearm to the middle of the hand, in forearms."""

HAND_SIDE = 1.0
"""Of a hand's box, in forearms as long as they look, at least `LEAST_FOREARM` shoulder widths."""

LEAST_FOREARM = 0.6

FACE_SIDE = 0.9
"""Of a face's box, in the distance from the middle of the shoulders to that of the head."""


def part_boxes(body: PartLabels) -> dict[str, np.ndarray]:
    """Square boxes, [4] float64, roughly where the parts should be; of those whose joints are known."""
    boxes = {f"{side.value}_hand": _hand(body, side) for side in Side} | {"face": _face(body)}
    return {name: box for name, box in boxes.items() if box is not None}


def _hand(body: PartLabels, side: Side) -> np.ndarray | None:
    joints = [ELBOW[side], WRIST[side]]
    if not body.known_2d[joints].all():
        return None
    elbow, wrist = body.keypoints_2d[joints].astype(np.float64)
    forearm = wrist - elbow
    length = max(float(np.linalg.norm(forearm)), LEAST_FOREARM * _shoulder_width(body))
    return _square(wrist + BEYOND_WRIST * forearm, HAND_SIDE * length)


def _face(body: PartLabels) -> np.ndarray | None:
    joints = [HEAD, RIGHT_SHOULDER, LEFT_SHOULDER]
    if not body.known_2d[joints].all():
        return None
    head, right, left = body.keypoints_2d[joints].astype(np.float64)
    neck = float(np.linalg.norm(head - (right + left) / 2))
    return _square(head, FACE_SIDE * max(neck, 0.5 * _shoulder_width(body)))


def _shoulder_width(body: PartLabels) -> float:
    shoulders = [RIGHT_SHOULDER, LEFT_SHOULDER]
    if not body.known_2d[shoulders].all():
        return 0.0
    return float(np.linalg.norm(np.subtract(*body.keypoints_2d[shoulders])))


def _square(middle: np.ndarray, side: float) -> np.ndarray:
    return np.concatenate([middle - side / 2, middle + side / 2])
