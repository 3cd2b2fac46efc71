# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression of poses: the cheap alternative to pose proposals integration."""

from __future__ import annotations

from dope_ros.poses import PartPose, Proposals
from dope_ros.postprocess.candidates import best_class_candidates
from dope_ros.postprocess.suppression import best_apart
from dope_ros.settings import AnchorClasses, NmsSettings


def suppress(proposals: Proposals, anchors: AnchorClasses, settings: NmsSettings) -> list[PartPose]:
    """Keep the best pose wherever several overlap.

    Each box gives the pose of its best class; of poses whose boxes overlap the best one stays. Those
    that hold NaN or infinity are left out.

    Returns:
        Detections by falling score, a probability here. Empty where no box reaches `min_score`.
    """
    candidates = best_class_candidates(proposals, settings.min_score)
    return [
        PartPose(
            score=float(candidates.scores[kept]),
            keypoints_2d=candidates.poses_2d[kept],
            keypoints_3d=candidates.poses_3d[kept],
            side=anchors.side_of(int(candidates.classes[kept])),
        )
        for kept in best_apart(candidates.poses_2d, settings.max_iou, settings.margin)
    ]
