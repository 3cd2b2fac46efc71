# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Completes bodies that a dataset labels in 2D: 3D, hands and faces by an expert, where it agrees with them.

People who cover each other are where an expert errs most, and where it is told least by its own looks: it may
see the same wrong body in all of them. A dataset's joints tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dope_ros.errors import DatasetError, ImageError
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels, Sample, cut_to_picture
from dope_ros.training.datasets.labels_file import Entry, ExpertLabels
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import Dataset
from dope_ros.training.experts import Expert
from dope_ros.training.labelling.agreement import Judgement, judge
from dope_ros.training.labelling.label import Labelled, Progress, add_entries, hands_and_face

AGREEING = 0.1
"""An expert means a dataset's body if their joints are on average nearer than this, in sizes of the longer
side of the box around the dataset's."""

LEAST_JOINTS = 5
"""That a dataset must know of a body: fewer, say of an arm, do not tell where a body is."""

LEAST_COMPARED = 4
"""Joints that both know, at least: on fewer, anybody agrees."""

ROOM = 0.15
"""Around a dataset's joints, of their extent on each side: they end at ankles and the middle of the head."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What is completed.

    dataset: of picture files below one folder, with bodies in 2D.
    name: of the dataset, as it is opened.
    parts: to label; bodies are always.
    """

    dataset: Dataset
    name: str
    parts: tuple[Part, ...]


def complete_dataset(
    task: Completion,
    expert: Expert,
    out: Path,
    progress: Progress = iter,
) -> Labelled:
    """Label a dataset's pictures into the set in `out`; those that are in it already are not labelled again.

    Args:
        progress: wraps the pictures' names to show how far they are.

    Raises:
        DatasetError: the dataset has no bodies or is not one of files in a folder, or the set is one of other
            pictures or made in another way.
        ExpertError: the expert failed.
    """
    folder, indices = _files(task.dataset)
    parts = tuple(part for part in Part if part is Part.BODY or part in task.parts)
    made = {"data": task.name, "parts": [part.value for part in parts]}

    def label(name: str) -> Entry:
        return complete(task.dataset[indices[name]], parts, expert, name)

    return add_entries(out, folder, made, list(indices), label, progress)


def complete(sample: Sample, parts: Sequence[Part], expert: Expert, name: str) -> Entry:
    """A picture's line: its bodies, with 3D where the expert agrees, and the hands and faces it is believed.

    For hands and faces everybody is ignored who lacks one. What the dataset ignores for bodies is ignored for
    all, and so are bodies of which it knows too little, and what lies beside those of a dataset that labels
    but one.

    Raises:
        DatasetError: its dataset labels no bodies.
        ExpertError: the expert failed.
    """
    if Part.BODY not in sample.labelled:
        raise DatasetError(f"{sample.name}: its dataset labels no bodies")
    try:
        picture = sample.source.read()
    except ImageError as error:
        return Entry(name, name, unclear=str(error))
    height, width = picture.shape[:2]
    bodies = [body for _, body in sample.instances(Part.BODY) if body.known_2d.any()]
    told = [body for body in bodies if body.known_2d.sum() >= LEAST_JOINTS]
    people: list[dict[str, ExpertLabels]] = []
    unusable = [sample.ignored_within(Part.BODY, sample.photographed(width, height))]
    unusable += [_ignored(body, picture) for body in bodies if body.known_2d.sum() < LEAST_JOINTS]
    ignored = {part: list(unusable) for part in parts}
    for body in told:
        completed = _body(body, picture, expert)
        person = {"body": completed} | hands_and_face(parts, expert, picture, completed.labels)
        people.append(person)
        for part in {PART_NAMES[lacking] for lacking in PART_NAMES.keys() - person.keys()} & set(parts):
            ignored[part].append(_ignored(body, picture))
    joined = {part: np.concatenate(boxes) for part, boxes in ignored.items()}
    return Entry(name, name, tuple(people), frozenset(parts), joined)


def _body(body: PartLabels, picture: np.ndarray, expert: Expert) -> ExpertLabels:
    """A dataset's body with what the expert knows besides, if it means the same one."""
    judgement = judge(expert, picture, Part.BODY, _around(body, picture))
    if not isinstance(judgement, Judgement) or not _agree(body, judgement.labels.labels):
        return ExpertLabels(body)
    seen = judgement.labels.labels
    labels = PartLabels.of(
        np.where(body.known_2d[:, None], body.keypoints_2d, seen.keypoints_2d),
        body.known_2d | seen.known_2d,
        visible=body.visible,
        keypoints_3d=seen.keypoints_3d,
        known_3d=seen.known_3d,
    )
    return replace(judgement.labels, labels=labels)


def _agree(body: PartLabels, seen: PartLabels) -> bool:
    both = body.known_2d & seen.known_2d
    if both.sum() < LEAST_COMPARED:
        return False
    size = np.ptp(body.keypoints_2d[body.known_2d], axis=0).max()
    apart = np.linalg.norm(body.keypoints_2d[both] - seen.keypoints_2d[both], axis=1).mean()
    return bool(apart <= AGREEING * size)


def _ignored(body: PartLabels, picture: np.ndarray) -> np.ndarray:
    """[1, 4] float32."""
    return _around(body, picture)[None].astype(np.float32)


def _around(body: PartLabels, picture: np.ndarray) -> np.ndarray:
    """[4] float64, where the expert looks: the box of the joints with some room, within the picture."""
    points = body.keypoints_2d[body.known_2d].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    border = ROOM * max(float((high - low).max()), 1.0)
    height, width = picture.shape[:2]
    return cut_to_picture(np.concatenate([low - border, high + border]), width, height)


def _files(dataset: Dataset) -> tuple[Path, dict[str, int]]:
    """The folder of a dataset's pictures, and the index of each by its name below it."""
    samples = [dataset[index] for index in range(len(dataset))]
    sources = [sample.source for sample in samples]
    paths = [source.path for source in sources if isinstance(source, PictureFile)]
    if len(paths) < len(sources) or not paths:
        raise DatasetError(f"{dataset.name}: only a dataset of picture files can be completed")
    folder = paths[0].parent
    if any(path.parent != folder for path in paths):
        raise DatasetError(f"{dataset.name}: its pictures lie in several folders; only one can be completed")
    return folder.resolve(), {path.name: index for index, path in enumerate(paths)}
