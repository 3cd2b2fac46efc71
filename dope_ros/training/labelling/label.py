# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels a folder of pictures with what an expert says of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.errors import DatasetError, ImageError
from dope_ros.pictures import picture_files, read_picture
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels
from dope_ros.training.datasets.labels_file import (
    Entry,
    ExpertLabels,
    labels_to_add,
    parse_entry,
    read_labels_file,
    write_entry,
)
from dope_ros.training.experts import Expert
from dope_ros.training.labelling.agreement import Judgement, Unclear, judge, without_repetitions
from dope_ros.training.labelling.part_boxes import part_boxes

Progress = Callable[[Sequence[str]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Task:
    """What is labelled.

    pictures: the folder.
    parts: to label.
    boxes: by the name of a picture, [N, 4] around the people in it. None: each picture shows one of each of
        the parts, and no box is needed.
    new_person: of pictures in the order of the numbers that their names end in, one whose name matches begins
        another person. None: each picture is of another person.
    """

    pictures: Path
    parts: tuple[Part, ...]
    boxes: Mapping[str, np.ndarray] | None = None
    new_person: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """What was done.

    clear: pictures with labels. kept: of them were labelled before.
    unclear: how many pictures were left out for which reason, numbers in it replaced by #.
    """

    clear: int = 0
    kept: int = 0
    unclear: Counter[str] = field(default_factory=Counter)


def label_pictures(task: Task, expert: Expert, out: Path, progress: Progress = iter) -> Labelled:
    """Label pictures into the set in `out`; those that are in it already are not labelled again.

    Args:
        progress: wraps the pictures' names to show how far they are.

    Raises:
        DatasetError: there are no pictures, or the set is one of other pictures or made in another way.
        ExpertError: the expert failed.
    """
    names = _names(task)
    people = people_of(names, task.new_person)

    def label(name: str) -> Entry:
        return label_picture(task, expert, name, people[name])

    return add_entries(out, task.pictures.resolve(), _made(task), names, label, progress)


def add_entries(
    out: Path,
    pictures: Path,
    made: Mapping[str, Any],
    names: Sequence[str],
    label: Callable[[str], Entry],
    progress: Progress,
) -> Labelled:
    """Label those pictures that are not in the set in `out` yet.

    Args:
        pictures: their folder, and `made`: how the set is made; as for `labels_to_add`.
        names: of all pictures, below that folder.
        label: makes a picture's line.
        progress: wraps the names to show how far they are.

    Raises:
        DatasetError: the set is one of other pictures or made in another way, or broken.
    """
    with labels_to_add(out, pictures, made) as file:
        done = {entry.picture for entry in _entries(out)}
        for name in progress([name for name in names if name not in done]):
            write_entry(file, label(name))
    entries = _entries(out)
    reasons = Counter(re.sub(r"[\d.]*\d", "#", entry.unclear) for entry in entries if entry.unclear)
    return Labelled(len(entries) - reasons.total(), len(done), reasons)


def _entries(out: Path) -> list[Entry]:
    return [parse_entry(line) for line in read_labels_file(out).lines]


def _made(task: Task) -> dict[str, Any]:
    """What a set's lines depend on besides the pictures, for its file."""
    return {
        "parts": [part.value for part in task.parts],
        "boxes": None if task.boxes is None else _digest(task.boxes),
        "new_person": None if task.new_person is None else task.new_person.pattern,
    }


def _digest(boxes: Mapping[str, np.ndarray]) -> str:
    """Another one for other boxes, whatever the order of the pictures."""
    values = {name: np.asarray(around, np.float64).tolist() for name, around in boxes.items()}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def label_picture(task: Task, expert: Expert, name: str, person: str) -> Entry:
    """A picture's line: labels, or why it is unclear. One that cannot be read is unclear, too."""
    try:
        picture = read_picture(task.pictures / name)
    except ImageError as error:
        return Entry(name, person, unclear=str(error))
    if task.boxes is None:
        return _close_up(task.parts, expert, picture, name, person)
    boxes = task.boxes.get(name)
    if boxes is None:
        return Entry(name, person, unclear="no boxes are given for it")
    return _of_people(task.parts, expert, picture, boxes, Entry(name, person))


def people_of(names: Sequence[str], new_person: re.Pattern[str] | None) -> dict[str, str]:
    """The word that stands for the person in each picture: the name of their first picture."""
    if new_person is None:
        return {name: name for name in names}
    people: dict[str, str] = {}
    person = ""
    for name in sorted(names, key=_number):
        if not person or new_person.search(Path(name).name):
            person = name
        people[name] = person
    return people


def _number(name: str) -> tuple[int, str]:
    """The last number in a file's name, which cameras count up."""
    numbers = re.findall(r"\d+", Path(name).stem)
    return (int(numbers[-1]) if numbers else -1, name)


def _names(task: Task) -> list[str]:
    if not task.pictures.is_dir():
        raise DatasetError(f"{task.pictures}: there is no such folder")
    names = [path.relative_to(task.pictures).as_posix() for path in picture_files(task.pictures)]
    if not names:
        raise DatasetError(f"{task.pictures}: there is no picture in it")
    strangers = sorted(set(task.boxes or ()) - set(names))
    if strangers:
        raise DatasetError(f"{task.pictures}: boxes are given for {strangers[0]}, which is not in it")
    return names


def _close_up(parts: tuple[Part, ...], expert: Expert, picture: np.ndarray, name: str, person: str) -> Entry:
    """One of each part, somewhere in the picture. How much of the body it shows is not known."""
    height, width = picture.shape[:2]
    whole = np.array([0, 0, width - 1, height - 1], np.float64)
    found: dict[str, ExpertLabels] = {}
    for part in parts:
        judgement = judge(expert, picture, part, whole)
        if isinstance(judgement, Unclear):
            return Entry(name, person, unclear=judgement.reason)
        found[judgement.name] = judgement.labels
    ignored = {} if Part.BODY in parts else {Part.BODY: whole[None]}
    return Entry(name, person, (found,), frozenset(parts), ignored)


def _of_people(
    parts: tuple[Part, ...], expert: Expert, picture: np.ndarray, boxes: np.ndarray, entry: Entry
) -> Entry:
    """Of each person their body, and by that their hands and face; what is unclear is ignored."""
    found = [_person(parts, expert, picture, box) for box in boxes]
    people = without_repetitions(found, boxes)
    ignored: dict[Part, list[np.ndarray]] = {part: [] for part in parts}
    for box, person in zip(boxes, people, strict=True):
        for part in parts:
            names = [name for name in PART_NAMES if PART_NAMES[name] is part]
            if any(name not in person for name in names):
                ignored[part].append(box)
    as_boxes = {part: np.array(boxes, np.float32).reshape(-1, 4) for part, boxes in ignored.items()}
    return Entry(entry.picture, entry.person, tuple(filter(None, people)), frozenset(parts), as_boxes)


def _person(
    parts: tuple[Part, ...], expert: Expert, picture: np.ndarray, box: np.ndarray
) -> dict[str, ExpertLabels]:
    """The parts of one person that the expert is believed, by their names."""
    body = judge(expert, picture, Part.BODY, box)
    found: dict[str, ExpertLabels] = {}
    seen = body.seen if isinstance(body, Unclear) else body.labels.labels
    if isinstance(body, Judgement) and Part.BODY in parts:
        found[body.name] = body.labels
    return found if seen is None else found | hands_and_face(parts, expert, picture, seen)


def hands_and_face(
    parts: Iterable[Part], expert: Expert, picture: np.ndarray, body: PartLabels
) -> dict[str, ExpertLabels]:
    """Of a body, the hands and the face that the expert is believed, by their names.

    Args:
        parts: to look for; bodies among them are passed over.
        picture: uint8 [H, W, 3], RGB.

    Raises:
        ExpertError: the expert failed.
    """
    found: dict[str, ExpertLabels] = {}
    for name, box in part_boxes(body).items():
        part = PART_NAMES[name]
        judgement = judge(expert, picture, part, box) if part in parts else None
        if isinstance(judgement, Judgement) and judgement.name == name:
            found[name] = judgement.labels
    return found
