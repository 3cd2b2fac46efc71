# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Candidate poses: the (box, class) pairs of the proposals that are worth looking at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dope_ros.poses import Proposals


@dataclass(frozen=True, slots=True)
class Candidates:
    """C poses by falling score.

    box_index: [C] int, the proposal that each comes from.
    classes: [C] int, anchor-pose classes, the background left out.
    scores: [C] float32.
    poses_2d: [C, J, 2] float32, pixels of the original picture.
    poses_3d: [C, J, 3] float32, metres.
    proposal_boxes: [N, 4] float32, the boxes of all proposals.
    """

    box_index: np.ndarray
    classes: np.ndarray
    scores: np.ndarray
    poses_2d: np.ndarray
    poses_3d: np.ndarray
    proposal_boxes: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)


def candidates_above(proposals: Proposals, threshold: float) -> Candidates:
    """All (box, class) pairs with a score of at least `threshold`, by falling score."""
    return gather(proposals, *np.nonzero(proposals.scores[:, 1:] >= threshold))


def best_class_candidates(proposals: Proposals, threshold: float) -> Candidates:
    """The best class of each box with a score of at least `threshold`, by falling score."""
    foreground = np.nan_to_num(proposals.scores[:, 1:], nan=-1.0)
    best = foreground.argmax(axis=1)
    boxes = np.flatnonzero(foreground[np.arange(len(best)), best] >= threshold)
    return gather(proposals, boxes, best[boxes])


def gather(proposals: Proposals, boxes: np.ndarray, classes: np.ndarray) -> Candidates:
    """The given (box, class) pairs by falling score; those that hold NaN or infinity are left out."""
    scores = proposals.scores[boxes, classes + 1]
    order = np.argsort(-scores, kind="stable")
    boxes, classes, scores = boxes[order], classes[order], scores[order]
    poses_2d, poses_3d = proposals.poses_2d[boxes, classes], proposals.poses_3d[boxes, classes]
    finite = np.isfinite(scores + _sums(proposals.boxes[boxes]) + _sums(poses_2d) + _sums(poses_3d))
    if not finite.all():
        boxes, classes, scores = boxes[finite], classes[finite], scores[finite]
        poses_2d, poses_3d = poses_2d[finite], poses_3d[finite]
    return Candidates(boxes, classes, scores, poses_2d, poses_3d, _finite_boxes(proposals.boxes))


def _sums(values: np.ndarray) -> np.ndarray:
    """The sum of each row of [C, ...]: finite only if the whole row is, and cheaper than looking at each."""
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    return flat @ np.ones(flat.shape[1], flat.dtype)


def _finite_boxes(boxes: np.ndarray) -> np.ndarray:
    """Boxes [N, 4]; a row that is not finite, which no candidate refers to, becomes an empty box."""
    return np.where(np.isfinite(boxes).all(axis=1, keepdims=True), boxes, 0)


def inclusive_box_ious(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of each of `boxes` [N, 4] with each of `others` [M, 4]: [N, M].

    Widths and heights count inclusively (x2 - x1 + 1), as in the published integration: for this room alone,
    whose thresholds were chosen so. Elsewhere it is `boxes.ious`.
    """
    (x1, y1, x2, y2), (u1, v1, u2, v2) = boxes.T[:, :, None], others.T
    widths = np.minimum(x2, u2) - np.maximum(x1, u1) + 1
    heights = np.minimum(y2, v2) - np.maximum(y1, v1) + 1
    intersections = np.maximum(widths, 0) * np.maximum(heights, 0)
    areas, areas_of_others = (x2 - x1 + 1) * (y2 - y1 + 1), (u2 - u1 + 1) * (v2 - v1 + 1)
    return intersections / (areas + areas_of_others - intersections)
