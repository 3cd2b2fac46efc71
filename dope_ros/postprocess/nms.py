# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression of poses: the cheap alternative to pose proposals integration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dope_ros.poses import PartPose, Person, Proposals
from dope_ros.postprocess.assemble import assemble, assemble_in_turn, in_order
from dope_ros.postprocess.candidates import best_class_candidates
from dope_ros.postprocess.suppression import best_apart
from dope_ros.settings import AnchorClasses, NmsSettings
from dope_ros.skeleton import Part


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


def assemble_suppressed(poses: Mapping[Part, Sequence[PartPose]]) -> list[Person]:
    """Make people of what `suppress` left.

    What it would have dropped by its own settings, and somebody asked for with a lower `min_score`, takes no
    hand or face from the others.

    Returns:
        Ordered and numbered as `assemble` does.
    """
    least = NmsSettings().min_score
    weak = {part: [pose for pose in of_part if pose.score < least] for part, of_part in poses.items()}
    if not any(weak.values()):
        return assemble(poses[Part.BODY], poses[Part.HAND], poses[Part.FACE])
    sure = {part: [pose for pose in of_part if pose.score >= least] for part, of_part in poses.items()}
    return in_order(assemble_in_turn(sure, weak))
