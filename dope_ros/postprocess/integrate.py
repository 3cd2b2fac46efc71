# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pose proposals integration (PPI): merges overlapping proposals into detections.

LCR-Net++ (Rogez, Weinzaepfel, Schmid, PAMI 2019), section 3.4, and two refinements of this package, which
`PpiSettings` leave out unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dope_ros import skeleton as sk
from dope_ros.poses import PartPose, Proposals
from dope_ros.postprocess.candidates import Candidates, candidates_above, inclusive_box_ious
from dope_ros.postprocess.suppression import best_apart
from dope_ros.settings import ALL_JOINT_OVERLAP, BOX_OVERLAP, MIRRORED_SUFFIX, AnchorClasses, PpiSettings
from dope_ros.skeleton import SKELETONS, Part

LOWER_BODY_WEIGHT_OF_UPPER_CLASSES = np.float32(0.1)
"""An upper-body class says little of the legs; its weight in the mean of the lower-body joints."""

BEST_SLACK = 0.05
"""Of the highest sum of a box's classes: one that falls short by so much has no say as the best box."""

IOU_SLACK = 0.05
"""Overlaps about `pose_iou` in which a box's likeness to another one rises from none to all."""

_TORSO = (sk.RIGHT_HIP, sk.LEFT_HIP, sk.RIGHT_SHOULDER, sk.LEFT_SHOULDER)

OVERLAP_JOINTS: dict[str, tuple[int, ...]] = {
    "torso": _TORSO,
    "torsohead": (*_TORSO, sk.HEAD),
    "head": (sk.HEAD,),
    "shoulderhead": (sk.RIGHT_SHOULDER, sk.LEFT_SHOULDER, sk.HEAD),
}


@dataclass(frozen=True, slots=True)
class Mode:
    """Candidates of a group that are alike in 3D.

    start: index of the candidate that started it, the best one when it did.
    members: [M] int, indices of candidates.
    score: the sum of the members' scores.
    """

    start: int
    members: np.ndarray
    score: float


def integrate(
    proposals: Proposals, part: Part, anchors: AnchorClasses, settings: PpiSettings
) -> list[PartPose]:
    """Merge overlapping pose proposals into detections (pose proposals integration).

    Proposals that overlap in 2D form a group; within a group those alike in 3D form modes, and a
    group's best mode is its detection. Proposals that hold NaN or infinity are left out.

    Args:
        proposals: with boxes and 2D in the original picture's pixels.

    Returns:
        Detections by falling score. A score is the sum of its proposals' scores, so it can exceed 1.
        Empty where no proposal reaches `settings.score_th`.
    """
    candidates = candidates_above(proposals, settings.score_th)
    groups = overlap_groups(candidates, part, settings)
    # A mode scores at most what its group does: most groups need no closer look.
    promising = (g for g in groups if candidates.scores[g].sum() > settings.th_persondetect)
    modes = (best_mode(candidates, group, settings) for group in promising)
    detections = [
        mode_pose(candidates, mode, part, anchors, settings.pose_iou)
        for mode in modes
        if mode.score > settings.th_persondetect
    ]
    detections.sort(key=lambda pose: pose.score, reverse=True)
    return _apart(detections, settings.max_iou)


def _apart(detections: list[PartPose], max_iou: float) -> list[PartPose]:
    """Detections, best first, without those that overlap a better one by more than `max_iou`."""
    if max_iou >= 1 or len(detections) < 2:
        return detections
    poses = np.stack([pose.keypoints_2d for pose in detections])
    return [detections[kept] for kept in best_apart(poses, max_iou)]


def overlap_groups(candidates: Candidates, part: Part, settings: PpiSettings) -> Iterator[np.ndarray]:
    """Split candidates into groups: the best one left and every one left that overlaps it.

    Yields:
        Indices of candidates, [G] int, best first.
    """
    overlaps = _OverlapWithBest(candidates, part, settings)
    left = np.arange(len(candidates))
    while len(left):
        in_group = overlaps(left)
        in_group[0] = True
        yield left[in_group]
        left = left[~in_group]


class _OverlapWithBest:
    """Says which of the candidates left overlap the first of them, the best one."""

    def __init__(self, candidates: Candidates, part: Part, settings: PpiSettings) -> None:
        self._candidates = candidates
        self._threshold = settings.th_iou
        self._by_boxes = settings.iou_func == BOX_OVERLAP
        if self._by_boxes:
            self._ious = inclusive_box_ious(candidates.proposal_boxes, candidates.proposal_boxes)
            return
        name = settings.iou_func.removesuffix(MIRRORED_SUFFIX)
        joints = np.arange(len(SKELETONS[part]))
        self._joints = joints if name == ALL_JOINT_OVERLAP else np.array(OVERLAP_JOINTS[name])
        self._mirrored = (
            SKELETONS[part].mirrored[self._joints] if settings.iou_func.endswith(MIRRORED_SUFFIX) else None
        )

    def __call__(self, left: np.ndarray) -> np.ndarray:
        if self._by_boxes:
            of_left = self._candidates.box_index[left]
            return self._ious[of_left[0], of_left] > self._threshold
        return self._relative_distances(left) < self._threshold

    def _relative_distances(self, left: np.ndarray) -> np.ndarray:
        """Mean 2D distance to the best candidate over twice its box's longer side."""
        poses = self._candidates.poses_2d[left]
        best, box = poses[0], self._candidates.proposal_boxes[self._candidates.box_index[left[0]]]
        distances = _mean_distances(poses[:, self._joints], best[self._joints])
        if self._mirrored is not None:
            swapped = _mean_distances(poses[:, self._mirrored], best[self._joints])
            distances = np.minimum(distances, swapped)
        longer_side = max(box[2] - box[0], box[3] - box[1]) + 1
        return distances / (2 * longer_side)


def best_mode(candidates: Candidates, group: np.ndarray, settings: PpiSettings) -> Mode:
    """The mode of a group with the highest summed score."""
    return max(_modes(candidates, group, settings), key=lambda mode: mode.score)


def _modes(candidates: Candidates, group: np.ndarray, settings: PpiSettings) -> Iterator[Mode]:
    """Modes of a group; each starts at its best candidate that is in no earlier mode.

    A mode may share members with earlier ones: every candidate of the group is compared with its start.
    """
    scores, poses = candidates.scores[group], candidates.poses_3d[group]
    unused = np.ones(len(group), bool)
    start = 0
    while True:
        alike = _mean_distances(poses, poses[start]) < settings.th_pose3D
        alike[start] = True
        yield Mode(int(group[start]), group[alike], float(scores[alike].sum()))
        unused &= ~alike
        start = int(unused.argmax())  # the group is sorted: the first one left is the best one left
        if not unused[start] or scores[start] < settings.min_mode_score:
            return


def mode_pose(
    candidates: Candidates, mode: Mode, part: Part, anchors: AnchorClasses, pose_iou: float = 0.0
) -> PartPose:
    """The score-weighted mean of a mode's poses.

    Args:
        pose_iou: as in `PpiSettings`: whose 2D counts. The 3D, which knows of no box, is the mean of all.
    """
    # In the order of the proposals and in float32, so that even the rounding is the published one.
    members = mode.members[np.lexsort((candidates.classes[mode.members], candidates.box_index[mode.members]))]
    weights = candidates.scores[members][:, None]
    if part is Part.BODY and anchors.upper_body_from is not None:
        upper = candidates.classes[members] >= anchors.upper_body_from
        weights = np.repeat(weights, len(SKELETONS[part]), axis=1)
        weights[np.ix_(upper, sk.LOWER_BODY)] *= LOWER_BODY_WEIGHT_OF_UPPER_CLASSES
    likeness = _likeness_to_best_box(candidates, members, pose_iou)[:, None]
    return PartPose(
        score=mode.score,
        keypoints_2d=_weighted_mean(candidates.poses_2d[members], weights * likeness),
        keypoints_3d=_weighted_mean(candidates.poses_3d[members], weights),
        side=anchors.side_of(int(candidates.classes[mode.start])),
    )


def _likeness_to_best_box(candidates: Candidates, members: np.ndarray, min_iou: float) -> np.ndarray:
    """Each member's weight in the mean of 2D joints: [M] float32, from 0 to 1.

    It is 1 where the member's box overlaps the best box, the one with the highest sum of scores, by
    `min_iou`, and else 0, but for ramps of `BEST_SLACK` in the sum and `IOU_SLACK` in the overlap: rounding
    must not choose between two boxes that are equally good.
    """
    if min_iou <= 0:
        return np.ones(len(members), np.float32)
    boxes, of_member = np.unique(candidates.box_index[members], return_inverse=True)
    sums = np.bincount(of_member, weights=candidates.scores[members])
    say = np.clip((sums / sums.max() - 1) / BEST_SLACK + 1, 0, 1)
    overlaps = inclusive_box_ious(candidates.proposal_boxes[boxes], candidates.proposal_boxes[boxes])
    alike = np.clip((overlaps - min_iou) / IOU_SLACK + 0.5, 0, 1)
    return ((say @ alike) / say.sum())[of_member].astype(np.float32)


def _weighted_mean(poses: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of poses [M, J, D] with weights [M, 1], or [M, J] for each joint: [J, D]."""
    totals = np.ascontiguousarray(weights.T).sum(axis=1)
    return (poses * weights[:, :, None]).sum(axis=0) / totals[:, None]


def _mean_distances(poses: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Mean joint distance of each of `poses` [M, J, D] to `pose` [J, D]: [M]."""
    difference = poses - pose
    return np.sqrt(np.einsum("mjd,mjd->mj", difference, difference)).sum(axis=1) / poses.shape[1]
