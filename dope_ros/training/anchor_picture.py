# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of anchor poses, each from the front and from the side."""

from __future__ import annotations

import cv2
import numpy as np

from dope_ros.draw import draw_bone
from dope_ros.palette import BODY_BONE_SIDES, PART_COLOURS, SIDE_COLOURS
from dope_ros.skeleton import SKELETONS, Part
from dope_ros.training.anchor_poses import AnchorPoses

CELL = 150
"""Pixels, the sides of a view."""

ROW = 10
"""Anchor poses in a row."""

REACH: dict[Part, float] = {Part.BODY: 1.1, Part.HAND: 0.13, Part.FACE: 0.12}
"""Metres from the middle of a view to its edge."""

BACKGROUND = (40, 40, 40)
VIEWS = ((0, 1), (2, 1))
"""The axes that run to the right and down: from the front, and from the person's left."""


def draw_anchor_poses(anchors: AnchorPoses) -> np.ndarray:
    """Rows of ten, bodies, then hands, then faces: uint8 [H, W, 3], RGB."""
    rows = []
    for part in Part:
        poses = anchors.poses[part]
        for first in range(0, len(poses), ROW):
            cells = [_cell(part, poses[i], i, anchors) for i in range(first, min(first + ROW, len(poses)))]
            empty = [np.full_like(cells[0], BACKGROUND[0])] * (ROW - len(cells))
            rows.append(np.concatenate(cells + empty, axis=1))
    return np.concatenate(rows)


def _cell(part: Part, pose: np.ndarray, index: int, anchors: AnchorPoses) -> np.ndarray:
    """Both views of a pose [J, 5], one below the other."""
    views = []
    for view in VIEWS:
        canvas = np.full((CELL, CELL, 3), BACKGROUND[0], np.uint8)
        points = (pose[:, 2:][:, view] / REACH[part] + 1) * (CELL / 2)
        for bone_index, bone in enumerate(SKELETONS[part].bones):
            draw_bone(canvas, points[list(bone)], _colour(part, bone_index, index, anchors))
        views.append(canvas)
    cell = np.concatenate(views)
    cv2.putText(cell, f"{part.value} {index}", (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (200, 200, 200), 1)
    return cell


def _colour(part: Part, bone: int, anchor: int, anchors: AnchorPoses) -> tuple[int, int, int]:
    if part is Part.BODY:
        return SIDE_COLOURS[BODY_BONE_SIDES[bone]]
    side = anchors.classes[part].side_of(anchor)
    return PART_COLOURS["face" if side is None else f"{side.value}_hand"]
