# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of boxes [..., 4], floats x1, y1, x2, y2; their sides are x2 - x1 and y2 - y1.

Functions of two boxes broadcast: `ious(boxes[:, None], others)` is [N, M] of boxes [N, 4] and others [M, 4].
Pose proposals integration counts sides as published instead, one longer; see `postprocess.candidates`.
"""

from __future__ import annotations

import numpy as np


def areas(boxes: np.ndarray) -> np.ndarray:
    """[...], 0 for boxes without extent."""
    return np.maximum(boxes[..., 2:] - boxes[..., :2], 0).prod(axis=-1)


def longer_sides(boxes: np.ndarray) -> np.ndarray:
    """[...], negative where both corners of a box are exchanged."""
    return (boxes[..., 2:] - boxes[..., :2]).max(axis=-1)


def intersections(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[...], the areas that boxes [..., 4] and others [..., 4] share."""
    low, high = np.maximum(boxes[..., :2], others[..., :2]), np.minimum(boxes[..., 2:], others[..., 2:])
    return np.maximum(high - low, 0).prod(axis=-1)


def ious(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[...], intersection over union of boxes [..., 4] and others [..., 4]; 0 where neither has an extent."""
    shared = intersections(boxes, others)
    together = areas(boxes) + areas(others) - shared
    return np.divide(shared, together, out=np.zeros_like(together), where=together > 0)
