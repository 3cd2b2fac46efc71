# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The file `labels.jsonl` of a labelled set: what experts say of pictures, a line a picture.

The first line is `{"labelled_set": 1, "pictures": FOLDER, "made": {...}}`; FOLDER counts from the file's own
folder, if it is not absolute, and `made` says how the set is made. A line of a picture holds

    picture     its path below that folder
    person      pictures of one person have the same word here, so that none is trained and measured on
    labelled    the parts that it has labels for: whatever shows them is among `people` or in `ignored`
    ignored     by part, boxes x1, y1, x2, y2
    people      of each, by the part's name (`body`, `left_hand`, ...): `score`, `disagreement` (see
                `training.labelling.agreement`), `keypoints_2d` [J][2], pixels from the middle of the first
                one, and `keypoints_3d` [J][3], metres on optical axes; null where not known; `hidden`, the
                indices of joints that are known but not seen, if there are any
    unclear     why the picture is not to be used; such lines hold nothing else but `picture` and `person`

Lines are only ever added, so a file that was cut off in a line goes on from the line before.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.files import replaced_whole
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import SKELETONS, Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels

FILE_NAME = "labels.jsonl"
VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class ExpertLabels:
    """What experts say of a part.

    score: theirs; None where the labels have been moved since.
    disagreement: between several looks, in sizes of the part's box; likewise.
    """

    labels: PartLabels
    score: float | None = None
    disagreement: float | None = None


def unscored(person: PersonLabels) -> dict[str, ExpertLabels]:
    """A person's parts whose labels have been moved, by their name."""
    return {name: ExpertLabels(labels) for name, labels in person.parts().items()}


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A picture's line; see above.

    people: of each, its parts by their name.
    """

    picture: str
    person: str
    people: tuple[Mapping[str, ExpertLabels], ...] = ()
    labelled: frozenset[Part] = frozenset()
    ignored: Mapping[Part, np.ndarray] = field(default_factory=dict)
    unclear: str | None = None


@dataclass(frozen=True, slots=True)
class LabelsFile:
    """A file of labels.

    pictures: the folder of its pictures.
    made: how.
    lines: of the pictures, not parsed.
    """

    path: Path
    pictures: Path
    made: Mapping[str, Any]
    lines: tuple[bytes, ...]

    @property
    def composed(self) -> bool:
        """Whether `dope compose` made the set, which alone draws at random and says from which seed."""
        return "seed" in self.made


def read_labels_file(folder: Path) -> LabelsFile:
    """The file in a set's folder; a last line that was cut off is left out.

    Raises:
        DatasetError: there is none, or it is no such file.
    """
    path = folder / FILE_NAME
    try:
        head, *lines = path.read_bytes().splitlines(keepends=True)
        values = json.loads(head)
        version, pictures, made = values["labelled_set"], folder / values["pictures"], dict(values["made"])
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; `dope label` makes such files") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: not a file of `dope label`") from error
    if version != VERSION:
        raise DatasetError(f"{path}: version {version} is not {VERSION}; label the pictures again")
    return LabelsFile(path, pictures, made, tuple(line for line in lines if line.endswith(b"\n")))


@contextmanager
def labels_to_add(folder: Path, pictures: Path, made: Mapping[str, Any]) -> Iterator[IO[bytes]]:
    """The file in a set's folder, open for more lines; it is begun where there is none.

    Args:
        pictures: their folder, below `folder` or absolute.
        made: how the set is made, as JSON holds it.

    Raises:
        DatasetError: the file is one of other pictures or made in another way, or cannot be written.
    """
    path = folder / FILE_NAME
    try:
        if not path.exists() or not path.stat().st_size:
            head = {"labelled_set": VERSION, "pictures": pictures.as_posix(), "made": made}
            with replaced_whole(path) as partial:
                partial.write_bytes(json.dumps(head).encode() + b"\n")
        _check_same(read_labels_file(folder), folder / pictures, made)
        _cut_to_whole_lines(path)  # only now: the unfinished line of another set may still be written
        with path.open("ab") as file:
            yield file
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error


def _cut_to_whole_lines(path: Path) -> None:
    with path.open("rb+") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


def _check_same(file: LabelsFile, pictures: Path, made: Mapping[str, Any]) -> None:
    if file.pictures.resolve() != pictures.resolve():
        raise DatasetError(f"{file.path} labels the pictures in {file.pictures}, not those in {pictures}")
    # What the file does not tell, a set of an earlier release, may have been the same.
    changed = [name for name, before in file.made.items() if before != made.get(name)]
    if changed:
        told = "; ".join(f"{name} was {file.made[name]}, is {made.get(name)}" for name in changed)
        raise DatasetError(f"{file.path} was made in another way ({told}); write into another folder")


def write_entry(file: IO[bytes], entry: Entry) -> None:
    """Add a picture's line."""
    values: dict[str, Any] = {"picture": entry.picture, "person": entry.person}
    if entry.unclear is not None:
        values["unclear"] = entry.unclear
    else:
        values["labelled"] = sorted(part.value for part in entry.labelled)
        values["ignored"] = {part.value: _rounded(boxes, 2) for part, boxes in entry.ignored.items()}
        values["people"] = [
            {name: _part_values(part) for name, part in person.items()} for person in entry.people
        ]
    file.write(json.dumps(values).encode() + b"\n")
    file.flush()


def parse_entry(line: bytes) -> Entry:
    """A picture's line.

    Raises:
        DatasetError: it is broken.
    """
    try:
        values = json.loads(line)
        return Entry(
            picture=str(values["picture"]),
            person=str(values["person"]),
            people=tuple(
                {name: _part_labels(name, part) for name, part in person.items()}
                for person in values.get("people", ())
            ),
            labelled=frozenset(map(Part, values.get("labelled", ()))),
            ignored={
                Part(part): np.array(boxes, np.float32).reshape(-1, 4)
                for part, boxes in values.get("ignored", {}).items()
            },
            unclear=values.get("unclear"),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"not a line of labels: {error!r}") from error


def _part_values(part: ExpertLabels) -> dict[str, Any]:
    labels = part.labels
    values: dict[str, Any] = {
        "score": None if part.score is None else round(part.score, 3),
        "disagreement": None if part.disagreement is None else round(part.disagreement, 4),
        "keypoints_2d": _known(labels.keypoints_2d, labels.known_2d, 2),
    }
    if labels.keypoints_3d is not None:
        values["keypoints_3d"] = _known(labels.keypoints_3d, labels.known_3d, 4)
    hidden = np.flatnonzero(labels.known_2d & ~labels.visible)
    if len(hidden):
        values["hidden"] = hidden.tolist()
    return values


def _part_labels(name: str, values: Mapping[str, Any]) -> ExpertLabels:
    joints = len(SKELETONS[PART_NAMES[name]])
    points_3d = values.get("keypoints_3d")
    visible = np.ones(joints, bool)
    visible[values.get("hidden", [])] = False
    labels = PartLabels.of(
        _points(values["keypoints_2d"], (joints, 2)),
        visible=visible,
        keypoints_3d=None if points_3d is None else _points(points_3d, (joints, 3)),
    )
    return ExpertLabels(labels, values["score"], values["disagreement"])


def _known(points: np.ndarray, known: np.ndarray, digits: int) -> list[list[float] | None]:
    rows = _rounded(points, digits)
    return [row if sure else None for row, sure in zip(rows, known, strict=True)]


def _points(rows: list[list[float] | None], shape: tuple[int, int]) -> np.ndarray:
    unknown = [float("nan")] * shape[1]
    points = np.array([unknown if row is None else row for row in rows], np.float32)
    if points.shape != shape:
        raise ValueError(f"points of shape {points.shape}, not {shape}")
    return points


def _rounded(values: np.ndarray, digits: int) -> list[Any]:
    rounded: list[Any] = np.asarray(values, np.float64).round(digits).tolist()
    return rounded
