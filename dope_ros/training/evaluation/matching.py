# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which detections are right: a picture's detections against its labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dope_ros.boxes import areas, intersections, ious, longer_sides
from dope_ros.geometry import Intrinsics
from dope_ros.poses import HAND_SIDES, PART_NAMES, PartPose, Person
from dope_ros.skeleton import HEAD, LEFT_SHOULDER, RIGHT_SHOULDER, Part, Side
from dope_ros.training.datasets.labels import PartLabels, Sample, box_around, in_picture, known_inside

MIN_IOU = 0.5
"""Of the boxes around the known joints of a detection and a label, to belong together."""

MIN_INSIDE = 0.5
"""Of a detection's box in an ignored box, not to be counted."""

MIN_JOINTS = 3
"""Labels with fewer known joints than this say too little to judge by: they are ignored boxes."""

MAY_BE = 0.2
"""Of the longer side of a detection's box: so far, on average, are its joints from those of such a label if
it may be what the label means. It is not counted then; its box may be much larger than that of two joints."""

HEADS_A_BODY = 10.0
"""A head is taken to be no shorter than the longer side of the body's box over this."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A labelled part.

    box: [4] float32, around its known joints, without margin, as much as is in the picture.
    head_size: bodies: pixels, what PCKh is measured by.
    """

    labels: PartLabels
    side: Side | None
    box: np.ndarray
    head_size: float


@dataclass(frozen=True, slots=True)
class Matched:
    """A picture's detections of one part by falling score, and what they are.

    name, index: of the picture in its dataset.
    detections: D poses.
    truths: T labels.
    truth_of: [D] int, the label that a detection belongs to, or -1.
    counted: [D] bool, false for a detection that belongs to nothing but lies in an ignored box, or may be
        what a label with too few joints means.
    boxes: [D, 4] float32, around all joints of each detection, as much as is in the picture.
    """

    name: str
    index: int
    detections: Sequence[PartPose]
    truths: Sequence[Truth]
    truth_of: np.ndarray
    counted: np.ndarray
    boxes: np.ndarray


def poses_of(people: Iterable[Person], part: Part) -> list[PartPose]:
    """All bodies, hands or faces of people, by falling score.

    A hand is the right or the left one as its person has it, which is all that is published of it.
    """
    poses = [
        replace(pose, side=HAND_SIDES.get(name))
        for person in people
        for name, pose in person.parts().items()
        if PART_NAMES[name] is part
    ]
    return sorted(poses, key=lambda pose: -pose.score)


def match_picture(
    poses: Sequence[PartPose], sample: Sample, index: int, part: Part, size: tuple[int, int]
) -> Matched:
    """Match poses to labels, the best score first, each to the free label that its box overlaps most.

    Args:
        poses: of the part, by falling score, in the picture's pixels.
        index: of the sample in its dataset.
        size: width and height of the picture.
    """
    truths, unclear = truths_of(sample, part, size)
    around_unclear = [labels.box(*size, margin=0.5) for labels in unclear]
    told = sample.ignored_within(part, sample.photographed(*size))
    ignored = np.concatenate([told, np.array(around_unclear, np.float32).reshape(-1, 4)])
    around = [box_around(pose.keypoints_2d, *size, margin=0) for pose in poses]
    boxes = np.array(around, np.float32).reshape(-1, 4)
    overlaps = np.array([[_overlap(pose, truth, size) for truth in truths] for pose in poses])
    truth_of = greedy(overlaps.reshape(len(poses), len(truths)), MIN_IOU)
    excused = np.array([_may_be(pose, box, unclear) for pose, box in zip(poses, boxes, strict=True)], bool)
    excused |= inside(boxes, ignored).max(axis=1, initial=0) >= MIN_INSIDE
    counted = (truth_of >= 0) | ~excused
    return Matched(sample.name, index, poses, truths, truth_of, counted, boxes)


def truths_of(sample: Sample, part: Part, size: tuple[int, int]) -> tuple[list[Truth], list[PartLabels]]:
    """The labels that poses can be judged by, and those with joints in the picture that they cannot.

    Poses are judged by the joints in the picture: beyond its edge there is nothing to see.
    """
    clear, unclear = [], []
    for person in sample.people:
        for name, all_joints in person.parts().items():
            if PART_NAMES[name] is not part:
                continue
            labels = _within(all_joints, size, sample.intrinsics)
            box = labels.box(*size, margin=0)
            if not labels.known_2d.any():
                continue
            if labels.known_2d.sum() < MIN_JOINTS or (box[2:] - box[:2]).min() < 1:
                unclear.append(labels)
                continue
            head = head_size(labels, box, person.head_size) if part is Part.BODY else float("nan")
            clear.append(Truth(labels, HAND_SIDES.get(name), box, head))
    return clear, unclear


def _within(labels: PartLabels, size: tuple[int, int], camera: Intrinsics | None) -> PartLabels:
    """Labels of which those joints are known that lie in the picture.

    Where 2D is not known, 3D stays, unless the camera tells that the joint lies beyond the picture, too.
    """
    inside = known_inside(labels, *size)
    outside = labels.known_2d & ~inside.known_2d
    if camera is not None and labels.keypoints_3d is not None:
        outside |= ~labels.known_2d & ~_in_view(labels.keypoints_3d, size, camera)
    return replace(inside, known_3d=labels.known_3d & ~outside)


def _in_view(points: np.ndarray, size: tuple[int, int], camera: Intrinsics) -> np.ndarray:
    """[J] bool, which points [J, 3] of the camera's frame lie before it, within its picture."""
    ahead = camera.sees(points)
    pixels = camera.project(np.where(ahead[:, None], points, (0, 0, 1)))
    return ahead & in_picture(pixels, *size)


def head_size(body: PartLabels, box: np.ndarray, told: float | None) -> float:
    """The length of a head in pixels: as the dataset tells it, else from its middle to that of the shoulders.

    The two are alike in people who stand. It is kept from vanishing where somebody is seen from above.
    """
    if told is not None:
        return told
    least = float(longer_sides(box)) / HEADS_A_BODY
    joints = [HEAD, RIGHT_SHOULDER, LEFT_SHOULDER]
    if not body.known_2d[joints].all():
        return least
    head, right, left = body.keypoints_2d[joints]
    return max(least, float(np.linalg.norm(head - (right + left) / 2)))


def greedy(overlaps: np.ndarray, least: float) -> np.ndarray:
    """Row by row the free column that overlaps most, if by `least`: [D] int, -1 for none."""
    free = np.ones(overlaps.shape[1], bool)
    chosen = np.full(len(overlaps), -1)
    for row, values in enumerate(overlaps):
        candidates = np.where(free, values, -1.0)
        if len(candidates) and candidates.max() >= least:
            chosen[row] = candidates.argmax()
            free[chosen[row]] = False
    return chosen


def _may_be(pose: PartPose, box: np.ndarray, unclear: Sequence[PartLabels]) -> bool:
    """Whether a pose, with a box [4], has the known joints of one of the labels where the label has them."""
    reach = MAY_BE * float(longer_sides(box))
    return any(_distance(pose, labels) <= reach for labels in unclear)


def _distance(pose: PartPose, labels: PartLabels) -> float:
    """Pixels, the mean distance of a pose's joints from those that are known of a label."""
    offsets = pose.keypoints_2d[labels.known_2d] - labels.keypoints_2d[labels.known_2d]
    return float(np.linalg.norm(offsets, axis=1).mean())


def inside(boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """The share of each box [D, 4] that lies in each region [N, 4]: [D, N]."""
    shared = intersections(boxes[:, None], regions[None])
    return shared / np.maximum(areas(boxes), 1e-6)[:, None]


def _overlap(pose: PartPose, truth: Truth, size: tuple[int, int]) -> float:
    """IoU of the boxes around those joints that are labelled."""
    box = box_around(pose.keypoints_2d[truth.labels.known_2d], *size, margin=0)
    return float(ious(box, truth.box))
