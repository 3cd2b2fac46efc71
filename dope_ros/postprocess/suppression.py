# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which of several poses to keep where they overlap in the picture."""

from __future__ import annotations

import numpy as np

from dope_ros.postprocess.candidates import inclusive_box_ious
from dope_ros.settings import BOX_MARGIN


def best_apart(poses_2d: np.ndarray, max_iou: float, margin: float = BOX_MARGIN) -> list[int]:
    """Indices of poses [P, J, 2], best first, that overlap no better one that is kept by more than `max_iou`.

    Args:
        margin: by how much of its size the box around a pose is widened, each side.
    """
    boxes = _boxes_around(poses_2d, margin)
    overlapping = inclusive_box_ious(boxes, boxes) > max_iou
    left = np.ones(len(poses_2d), bool)
    kept = []
    for index in range(len(poses_2d)):
        if left[index]:
            kept.append(index)
            left &= ~overlapping[index]
    return kept


def _boxes_around(poses_2d: np.ndarray, margin: float) -> np.ndarray:
    """Boxes around 2D poses [P, J, 2], widened by `margin` of their size on each side: [P, 4]."""
    low, high = poses_2d.min(axis=1), poses_2d.max(axis=1)
    border = (high - low) * margin
    return np.concatenate([low - border, high + border], axis=1)
