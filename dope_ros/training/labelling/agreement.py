# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether an expert can be believed: it looks at the same thing several times, and has to say the same.

An expert's own score says little (MediaPipe's mesh of a face has none, a hand's is that of its side), so each
part is seen in the box that is given, in a box around what was found there, and in the mirror image of that.
A label is the mean of the three poses where they agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dope_ros.boxes import ious, longer_sides
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import Part, Side
from dope_ros.training.datasets.label_transforms import mirrored_part
from dope_ros.training.datasets.labels import PartLabels, cut_to_picture
from dope_ros.training.datasets.labels_file import ExpertLabels
from dope_ros.training.experts import Estimate, Expert


@dataclass(frozen=True, slots=True)
class Trust:
    """What an expert must do to be believed.

    disagreement: mean distance of a joint from its mean over the looks, in sizes of the longer side of the
        box around the joints, at most.
    score: of each look, at least.
    joints: the least share of the part's joints that is known.
    """

    disagreement: float
    score: float
    joints: float


TRUST: dict[Part, Trust] = {
    Part.BODY: Trust(disagreement=0.05, score=0.4, joints=0.3),
    Part.HAND: Trust(disagreement=0.03, score=0.6, joints=1.0),
    Part.FACE: Trust(disagreement=0.015, score=0.5, joints=1.0),
}


ROOM = 0.35
"""Around what was found, of its size on each side: with less, hands are missed in the second look."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Labels that an expert is believed; `name` is that of the part, one of `PART_NAMES`."""

    name: str
    labels: ExpertLabels


@dataclass(frozen=True, slots=True)
class Unclear:
    """Why an expert is not believed.

    seen: its pose all the same, no label but good enough to seek hands and a face by.
    """

    reason: str
    seen: PartLabels | None = None


def judge(expert: Expert, picture: np.ndarray, part: Part, box: np.ndarray) -> Judgement | Unclear:
    """What an expert says of a box, if it can be believed.

    Args:
        picture: uint8 [H, W, 3], RGB.
        box: [4], x1, y1, x2, y2 in pixels; need not be tight.

    Raises:
        ExpertError: the expert failed.
    """
    first = _look(expert, picture, part, box)
    if first is None:
        return Unclear(f"no {part.value} found")
    tight = _extent(first.labels, margin=ROOM)
    if part is Part.BODY:  # the rest of a body may lie far beyond the picture
        tight = cut_to_picture(tight, picture.shape[1], picture.shape[0])
    again = _look(expert, picture, part, tight)
    mirrored = _look_at_mirror_image(expert, picture, part, tight)
    if again is None or mirrored is None:
        return Unclear(f"the {part.value} was not found in every look")
    return agreed(part, (first, again, mirrored), TRUST[part])


def agreed(part: Part, looks: Sequence[Estimate], trust: Trust) -> Judgement | Unclear:
    """The mean of several estimates of one part, if they are alike."""
    if len({look.side for look in looks}) > 1:
        return Unclear(f"it was taken for a left and for a right {part.value}")
    score = min(look.score for look in looks)
    labels = _mean([look.labels for look in looks])
    if score < trust.score:
        return Unclear(f"the expert's score was {score:.2f}, less than {trust.score:.2f}", labels)
    if labels.known_2d.mean() < trust.joints:
        return Unclear(f"{labels.known_2d.sum()} of {len(labels.known_2d)} joints are known", labels)
    disagreement = _disagreement([look.labels for look in looks], labels)
    if disagreement > trust.disagreement:
        reason = f"looks differ by {disagreement:.3f} of its size, more than {trust.disagreement:.3f}"
        return Unclear(reason, labels)
    return Judgement(_name(part, looks[0].side), ExpertLabels(labels, score, disagreement))


def without_repetitions(
    people: Sequence[Mapping[str, ExpertLabels]], boxes: np.ndarray
) -> list[dict[str, ExpertLabels]]:
    """People, of whom experts labelled parts by name, without parts that are another's, too.

    In the boxes of two people, one before the other, an expert may see the same one. Of poses of a part that
    differ by no more than looks at one may, the one whose person's box fits best stays; of bodies, all that
    goes with the others goes, too.

    Args:
        boxes: [N, 4], in which the people were sought.
    """
    kept = [dict(person) for person in people]
    for name in PART_NAMES:
        for i, j in combinations(range(len(kept)), 2):
            if name not in kept[i] or name not in kept[j] or not _same(name, kept[i], kept[j]):
                continue
            worse = j if _fit(kept[i], boxes[i]) >= _fit(kept[j], boxes[j]) else i
            kept[worse] = {} if PART_NAMES[name] is Part.BODY else _without(kept[worse], name)
    return kept


def _without(parts: Mapping[str, ExpertLabels], name: str) -> dict[str, ExpertLabels]:
    return {other: labels for other, labels in parts.items() if other != name}


def _same(name: str, parts: Mapping[str, ExpertLabels], others: Mapping[str, ExpertLabels]) -> bool:
    return _differ_by(parts[name].labels, others[name].labels) <= TRUST[PART_NAMES[name]].disagreement


def _fit(parts: Mapping[str, ExpertLabels], box: np.ndarray) -> float:
    """IoU of a box and that around all known joints of a person."""
    extents = np.array([_extent(part.labels, margin=0) for part in parts.values()])
    around = np.concatenate([extents[:, :2].min(axis=0), extents[:, 2:].max(axis=0)])
    return float(ious(around, box))


def _differ_by(labels: PartLabels, others: PartLabels) -> float:
    """How far each joint that both know is from the mean of both, in sizes of that mean's box, on average."""
    mean = _mean([labels, others])
    return _disagreement([labels, others], mean) if mean.known_2d.any() else float("inf")


def _look(expert: Expert, picture: np.ndarray, part: Part, box: np.ndarray) -> Estimate | None:
    height, width = picture.shape[:2]
    if (box[2:] <= 0).any() or (box[:2] >= (width - 1, height - 1)).any():
        return None
    (estimate,) = expert.estimate(picture, part, box[None])
    return estimate


def _look_at_mirror_image(
    expert: Expert, picture: np.ndarray, part: Part, box: np.ndarray
) -> Estimate | None:
    last = picture.shape[1] - 1
    flipped_box = np.array([last - box[2], box[1], last - box[0], box[3]])
    seen = _look(expert, np.ascontiguousarray(picture[:, ::-1]), part, flipped_box)
    if seen is None:
        return None
    side = None if seen.side is None else seen.side.other
    return Estimate(seen.score, mirrored_part(seen.labels, part, last), side)


def _mean(poses: Sequence[PartLabels]) -> PartLabels:
    """Joints are known where they are in all poses; so is 3D, each pose from the mean of its joints."""
    known = np.all([pose.known_2d for pose in poses], axis=0)
    points_2d = np.mean([pose.keypoints_2d for pose in poses], axis=0)
    known_3d = np.all([pose.known_3d for pose in poses], axis=0)
    points_3d = [pose for pose in (pose.relative_3d() for pose in poses) if pose is not None]
    if len(points_3d) < len(poses):
        return PartLabels.of(points_2d, known)
    return PartLabels.of(points_2d, known, keypoints_3d=np.mean(points_3d, axis=0), known_3d=known_3d)


def _disagreement(poses: Sequence[PartLabels], mean: PartLabels) -> float:
    offsets = np.array([pose.keypoints_2d - mean.keypoints_2d for pose in poses])[:, mean.known_2d]
    return float(np.linalg.norm(offsets, axis=2).mean() / max(longer_sides(_extent(mean, margin=0)), 1e-6))


def _extent(labels: PartLabels, margin: float) -> np.ndarray:
    """[4] float64: the box around the known joints, beyond the picture too."""
    points = labels.keypoints_2d[labels.known_2d].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    border = margin * (high - low)
    return np.concatenate([low - border, high + border])


def _name(part: Part, side: Side | None) -> str:
    return part.value if side is None else f"{side.value}_hand"
