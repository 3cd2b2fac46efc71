# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression of poses: the cheap alternative to pose proposals integration."""

from __future__ import annotations

import numpy as np

from dope_ros.poses import PartPose, Proposals
from dope_ros.postprocess.candidates import best_class_candidates, box_ious
from dope_ros.settings import AnchorClasses, NmsSettings


def suppress(proposals: Proposals, anchors: AnchorClasses, settings: NmsSettings) -> list[PartPose]:
    """Keep the best pose wherever several overlap.

    Each box gives the pose of its best class; of poses whose boxes overlap the best one stays. Those
    that hold NaN or infinity are left out.

    Returns:
        Detections by falling score, a probability here. Empty where no box reaches `min_score`.
    """
    candidates = best_class_candidates(proposals, settings.min_score)
    overlapping = box_ious(_boxes_around(candidates.poses_2d, settings.margin)) > settings.max_iou
    return [
        PartPose(
            score=float(candidates.scores[kept]),
            keypoints_2d=candidates.poses_2d[kept],
            keypoints_3d=candidates.poses_3d[kept],
            side=anchors.side_of(int(candidates.classes[kept])),
        )
        for kept in _kept(overlapping)
    ]


def _kept(overlapping: np.ndarray) -> list[int]:
    """Greedy suppression over [C, C] bool, best first."""
    left = np.ones(len(overlapping), bool)
    kept = []
    for index in range(len(overlapping)):
        if left[index]:
            kept.append(index)
            left &= ~overlapping[index]
    return kept


def _boxes_around(poses_2d: np.ndarray, margin: float) -> np.ndarray:
    """Boxes around 2D poses [C, J, 2], widened by `margin` of their size on each side: [C, 4]."""
    low, high = poses_2d.min(axis=1), poses_2d.max(axis=1)
    border = (high - low) * margin
    return np.concatenate([low - border, high + border], axis=1)
