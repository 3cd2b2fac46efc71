# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the worst cases: the largest errors, the surest false alarms, the largest misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from dope_ros.boxes import longer_sides
from dope_ros.draw import draw_bone, draw_people
from dope_ros.poses import PartPose, Person
from dope_ros.postprocess.assemble import person_of
from dope_ros.skeleton import SKELETONS, Part
from dope_ros.training.datasets.records import Dataset
from dope_ros.training.evaluation.matching import Matched

TILE = 240
"""Pixels, the sides of a case's picture."""

TRUTH_COLOUR = (255, 0, 200)

Kind = Literal["error", "false alarm", "missed"]
KINDS: tuple[Kind, ...] = ("error", "false alarm", "missed")


@dataclass(frozen=True, slots=True)
class Case:
    """Something that went wrong.

    badness: cases of one kind are ordered by it. Errors: the mean 2D error over the longer side of the box;
        false alarms: the score; misses: the longer side of the box.
    detection, truth: their places in the matched picture, None where there is none.
    """

    kind: Kind
    badness: float
    picture: Matched
    detection: int | None
    truth: int | None


def worst_cases(pictures: Sequence[Matched], threshold: float, count: int) -> dict[Kind, list[Case]]:
    """The `count` worst cases of each kind among detections above the threshold, the worst first."""
    cases = [case for picture in pictures for case in _cases(picture, threshold)]
    return {
        kind: sorted((case for case in cases if case.kind == kind), key=lambda case: -case.badness)[:count]
        for kind in KINDS
    }


def _cases(picture: Matched, threshold: float) -> list[Case]:
    cases: list[Case] = []
    missed = set(range(len(picture.truths)))
    for index, truth in enumerate(picture.truth_of.tolist()):
        if picture.detections[index].score <= threshold:
            break
        missed.discard(truth)
        if truth >= 0:
            cases.append(Case("error", _error(picture, index, truth), picture, index, truth))
        elif picture.counted[index]:
            cases.append(Case("false alarm", picture.detections[index].score, picture, index, None))
    return cases + [Case("missed", _longer_side(picture.truths[i].box), picture, None, i) for i in missed]


def _error(picture: Matched, detection: int, truth: int) -> float:
    labels, box = picture.truths[truth].labels, picture.truths[truth].box
    errors = np.linalg.norm(picture.detections[detection].keypoints_2d - labels.keypoints_2d, axis=1)
    return float(errors[labels.known_2d].mean() / _longer_side(box))


def _longer_side(box: np.ndarray) -> float:
    return max(float(longer_sides(box)), 1e-6)


def draw_worst(dataset: Dataset, part: Part, cases: dict[Kind, list[Case]]) -> np.ndarray | None:
    """A sheet with a row for each kind of case, labels in pink: uint8 [H, W, 3], RGB; None without cases."""
    rows = [[_tile(dataset, part, case) for case in cases[kind]] for kind in KINDS if cases[kind]]
    if not rows:
        return None
    longest = max(map(len, rows))
    blank = np.full((TILE, TILE, 3), 40, np.uint8)
    return np.concatenate([np.concatenate(row + [blank] * (longest - len(row)), axis=1) for row in rows])


def _tile(dataset: Dataset, part: Part, case: Case) -> np.ndarray:
    picture = dataset[case.picture.index].source.read()
    box = case.picture.boxes[case.detection] if case.truth is None else case.picture.truths[case.truth].box
    tile, scale, shift = _crop(picture, box)
    if case.detection is not None:
        pose = case.picture.detections[case.detection]
        moved = PartPose(pose.score, (pose.keypoints_2d + shift) * scale, pose.keypoints_3d, pose.side)
        person = Person(0, body=moved) if part is Part.BODY else person_of(moved)
        tile = draw_people(tile, [person])
    if case.truth is not None:
        labels = case.picture.truths[case.truth].labels
        _draw_truth(tile, part, (labels.keypoints_2d + shift) * scale, labels.known_2d)
    caption = f"{case.kind} {case.badness:.2f}  {case.picture.name[-22:]}"
    cv2.putText(tile, caption, (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(tile, caption, (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def _crop(picture: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
    """A square around a box with room around it; also the scale, and the shift that comes before it."""
    middle, half = (box[:2] + box[2:]) / 2, max(_longer_side(box) * 0.8, 16)
    scale, shift = TILE / (2 * half), half - middle
    matrix = np.array([[scale, 0, shift[0] * scale], [0, scale, shift[1] * scale]])
    tile = cv2.warpAffine(picture, matrix, (TILE, TILE), borderValue=(40, 40, 40))
    return tile, float(scale), shift.astype(np.float32)


def _draw_truth(tile: np.ndarray, part: Part, points: np.ndarray, known: np.ndarray) -> None:
    for bone in SKELETONS[part].bones:
        if known[list(bone)].all():
            draw_bone(tile, points[list(bone)], TRUTH_COLOUR)
