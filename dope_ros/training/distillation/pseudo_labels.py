# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudo-ground-truth: an expert's detections complete the labels of a picture (DOPE, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from dope_ros.poses import PartPose
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import box_around, in_picture
from dope_ros.training.loading.targets import (
    CLARITY,
    OUTSIDE_WEIGHT,
    SIDE_UNKNOWN,
    SIDES,
    InstanceArrays,
    Instances,
    PartTargets,
    shows_upper_body_alone,
)

SAME_POSE = 0.15
"""A detection is of a labelled instance if their joints are on average nearer than this, in sizes of the
longer side of the instance's box."""

SAME_BOX = 0.3
"""Intersection over union from which a detection is of an instance that is labelled already."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """Which detections are believed; scores are those of pose proposals integration.

    sure: from this score on a detection is a label.
    unsure: from this score on, and below `sure`, its box is ignored. Below it is background.
    """

    sure: float
    unsure: float


def completed(
    targets: PartTargets,
    detections: Sequence[PartPose],
    part: Part,
    shape: tuple[int, int],
    confidence: Confidence,
) -> PartTargets:
    """The targets of a part with what an expert knows besides.

    A labelled instance gets the joints and the 3D that its label lacks from the detection of it, if there is
    one. In a picture without labels for the part, the other detections are new instances, and the rest of the
    picture counts as free of it.

    Args:
        detections: the means of the expert's overlapping estimates, in the pixels of `targets`.
        shape: height and width of the picture.
    """
    device = targets.ignored.device
    sure = _detected([d for d in detections if d.score >= confidence.sure], part, shape).to(device)
    filled = _filled(targets.instances, sure.instances)
    if targets.labelled:
        return replace(targets, instances=filled)
    unsure = [d for d in detections if confidence.unsure <= d.score < confidence.sure]
    doubtful = _detected(unsure, part, shape).to(device)
    found = _without(sure.instances, targets.instances.boxes)
    ignored = [targets.ignored, sure.ignored, doubtful.ignored, doubtful.instances.boxes]
    return PartTargets(Instances.concatenated([filled, found]), torch.cat(ignored), labelled=True)


def lacks_something(targets: PartTargets) -> bool:
    """Whether there is anything that an expert could complete: an instance, a joint or a 3D pose."""
    instances = targets.instances
    without_3d = (instances.weights_3d == 0).all(dim=1)
    return not targets.labelled or bool((instances.weights_2d == 0).any() or without_3d.any())


def _detected(detections: Sequence[PartPose], part: Part, shape: tuple[int, int]) -> PartTargets:
    """Detections as targets; those too small to learn from are ignored. `shape` is height and width."""
    height, width = shape
    instances: list[InstanceArrays] = []
    ignored = []
    for detection in detections:
        points = detection.keypoints_2d
        box = box_around(points, width, height)
        shorter, longer = np.sort(box[2:] - box[:2])
        if shorter <= 0:
            continue
        if longer < CLARITY[part].longer_side or shorter < CLARITY[part].shorter_side:
            ignored.append(box)
            continue
        inside = in_picture(points, width, height)
        instances.append(
            InstanceArrays(
                box=box,
                side=SIDES[detection.side],
                upper=shows_upper_body_alone(part, inside),
                pose_2d=points,
                weights_2d=np.where(inside, 1.0, OUTSIDE_WEIGHT),
                pose_3d=detection.keypoints_3d - detection.keypoints_3d.mean(axis=0),
                weights_3d=np.ones(len(points)),
            )
        )
    return PartTargets.of(part, instances, np.array(ignored), labelled=False)


def _filled(labelled: Instances, detected: Instances) -> Instances:
    """Labelled instances whose unknown joints and 3D come from the detections of them."""
    if not len(labelled) or not len(detected):
        return labelled
    matched, found = _same_poses(labelled, detected)
    unknown = (labelled.weights_2d == 0) & matched[:, None]
    without_3d = (labelled.weights_3d == 0).all(dim=1) & matched
    return replace(
        labelled,
        poses_2d=torch.where(unknown[..., None], detected.poses_2d[found], labelled.poses_2d),
        weights_2d=torch.where(unknown, detected.weights_2d[found], labelled.weights_2d),
        poses_3d=torch.where(without_3d[:, None, None], detected.poses_3d[found], labelled.poses_3d),
        weights_3d=torch.where(without_3d[:, None], detected.weights_3d[found], labelled.weights_3d),
    )


def _same_poses(labelled: Instances, detected: Instances) -> tuple[Tensor, Tensor]:
    """Which labelled instances were detected [G] bool, and by which detection [G] int64."""
    offsets = (labelled.poses_2d[:, None] - detected.poses_2d).norm(dim=-1)
    weights = labelled.weights_2d[:, None]
    longer = (labelled.boxes[:, 2:] - labelled.boxes[:, :2]).amax(dim=1, keepdim=True)
    distances = (offsets * weights).sum(dim=-1) / weights.sum(dim=-1).clamp(min=1e-6) / longer
    sides, others = labelled.sides[:, None], detected.sides
    other_side = (sides != others) & (sides != SIDE_UNKNOWN) & (others != SIDE_UNKNOWN)
    nearest, found = distances.masked_fill(other_side, torch.inf).min(dim=1)
    known = labelled.weights_2d.sum(dim=1) > 0
    return known & (nearest < SAME_POSE), found


def _without(detected: Instances, boxes: Tensor) -> Instances:
    """The detections that overlap none of `boxes` [G, 4] much."""
    if not len(boxes) or not len(detected):
        return detected
    new = box_iou(detected.boxes, boxes).amax(dim=1) < SAME_BOX
    return detected.rows(new)
