# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""COCO keypoints (Lin et al., ECCV 2014) and COCO-WholeBody (Jin et al., ECCV 2020): 2D.

    FOLDER/annotations/person_keypoints_train2017.json, or coco_wholebody_train_v1.0.json
    FOLDER/train2017/*.jpg

The fields and the 17 body joints are those of the data format page of cocodataset.org, those of hands and
faces those of `data_format.md` in the COCO-WholeBody repository. Coordinates count from 0. Hands run from
the wrist and then finger by finger from its base to its tip; faces have the 68 landmarks of 300-W, whose 17
points of the jaw are every other one of our contour and whose other 51 are ours in the same order.

The middle of the head is that of the ears, or where these are not both labelled, of what is labelled of
eyes, ears and nose. Crowds (`iscrowd`) are ignored boxes, and so are people with fewer than `LEAST_JOINTS`:
of these the dataset tells where they are, but not how they stand. Pictures without people are left out.
COCO-WholeBody labels a hand or a face where it is clear enough (`*_valid`); the box of one that is not is all
zero, so what it shows cannot be told from background and the person's whole box is ignored for that part.
What is labelled of a hand or a face counts as seen: v is 1 there in most
files, which of a body says that a joint is hidden.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import BODY, FACE, FACE_FEATURES, FINGERS, HAND, HEAD, Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, reorder
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import Dataset, checked, existing

JOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
EARS = ("left_ear", "right_ear")
HEAD_JOINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
SAME_NAMES = {name: name for name in BODY.joints if name in JOINTS}

HAND_JOINTS = (
    "wrist",
    *(f"{finger}_{joint}" for finger in FINGERS for joint in ("base", "proximal", "distal", "tip")),
)
SAME_HAND_NAMES = {name: name for name in HAND.joints}

JAW_POINTS = 17
FACE_POINTS = 68

LEAST_JOINTS = 3
"""Of ours, that a body, hand or face must be labelled with to count; a box around fewer says little of it."""

WHOLE_BODY_PARTS = {"left_hand": "lefthand", "right_hand": "righthand", "face": "face"}
"""Our parts by their prefix in COCO-WholeBody."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """An annotation of a person.

    box: x, y, width, height.
    crowd: a group of people.
    points: `body`, and the parts that COCO-WholeBody holds valid: [M, 3] float32, x, y, v (0 not labelled,
        1 hidden, 2 seen; of hands and faces 1 says no more than that it is labelled).
    """

    box: tuple[float, float, float, float]
    crowd: bool
    points: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A picture and the people in it."""

    path: Path
    people: tuple[Annotated, ...]


def read(folder: Path, split: str) -> Dataset:
    """Bodies of COCO keypoints; `split` is the name of the folder of pictures, such as `train2017`."""
    return _read("coco", folder, split, f"person_keypoints_{split}.json", {})


def read_whole_body(folder: Path, split: str) -> Dataset:
    """Bodies, hands and faces of COCO-WholeBody; `split` is `train2017` or `val2017`."""
    short = split.removesuffix("2017")
    return _read("coco-wholebody", folder, split, f"coco_wholebody_{short}_v1.0.json", WHOLE_BODY_PARTS)


def _read(kind: str, folder: Path, split: str, file_name: str, prefixes: Mapping[str, str]) -> Dataset:
    path = existing(folder / "annotations" / file_name, "the file of annotations")
    pictures = existing(folder / split, "the folder of pictures")
    try:
        annotations = json.loads(path.read_bytes())
        by_picture = defaultdict(list)
        for annotation in annotations["annotations"]:
            by_picture[annotation["image_id"]].append(_annotated(annotation, prefixes))
        records = [
            Record(pictures / image["file_name"], tuple(by_picture[image["id"]]))
            for image in annotations["images"]
            if image["id"] in by_picture
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: not annotations of {kind}: {error!r}") from error
    to_sample = partial(_sample, prefixes=prefixes)
    return checked(f"{kind} {split}", records, to_sample, lambda record: record.path.name)


def _annotated(annotation: Mapping[str, Any], prefixes: Mapping[str, str]) -> Annotated:
    points = {"body": _triples(annotation["keypoints"], len(JOINTS))}
    for name, prefix in prefixes.items():
        if annotation[f"{prefix}_valid"]:
            count = FACE_POINTS if name == "face" else len(HAND_JOINTS)
            points[name] = _triples(annotation[f"{prefix}_kpts"], count)
    x, y, width, height = annotation["bbox"]
    return Annotated((x, y, width, height), bool(annotation["iscrowd"]), points)


def _triples(values: list[float], count: int) -> np.ndarray:
    return np.array(values, np.float32).reshape(count, 3)


def _sample(record: Record, prefixes: Mapping[str, str]) -> Sample:
    wanted = {name: PART_NAMES[name] for name in ("body", *prefixes)}
    told = [_parts(one) for one in record.people]
    boxes = np.array([_corners(one.box) for one in record.people], np.float32).reshape(-1, 4)
    lacking = [{wanted[name] for name in wanted.keys() - parts.keys()} for parts in told]
    return Sample(
        name=record.path.name,
        source=PictureFile(record.path),
        people=tuple(PersonLabels.of(parts) for parts in told if parts),
        labelled=frozenset(wanted.values()),
        ignored={part: boxes[[part in lacks for lacks in lacking]] for part in set(wanted.values())},
    )


def _corners(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, width, height = box
    return x, y, x + width, y + height


def _parts(one: Annotated) -> dict[str, PartLabels]:
    """What is labelled well enough of a person; nothing of a crowd."""
    convert = {"body": _body, "left_hand": _hand, "right_hand": _hand, "face": _face}
    if one.crowd:
        return {}
    parts = {name: convert[name](points) for name, points in one.points.items()}
    return {name: labels for name, labels in parts.items() if labels.known_2d.sum() >= LEAST_JOINTS}


def _body(points: np.ndarray) -> PartLabels:
    rows = reorder(points, SAME_NAMES, JOINTS, Part.BODY)
    head = points[[JOINTS.index(name) for name in EARS]]
    if not (head[:, 2] > 0).all():
        head = points[[JOINTS.index(name) for name in HEAD_JOINTS]]
    labelled = head[head[:, 2] > 0]
    rows[HEAD] = (*labelled[:, :2].mean(axis=0), labelled[:, 2].max()) if len(labelled) else 0
    return _labels(rows, seen_from=2)


def _hand(points: np.ndarray) -> PartLabels:
    return _labels(reorder(points, SAME_HAND_NAMES, HAND_JOINTS, Part.HAND), seen_from=1)


def _face(points: np.ndarray) -> PartLabels:
    rows = np.zeros((len(FACE), 3), np.float32)
    contour = FACE_FEATURES["contour"]
    rows[contour.start : contour.stop : 2] = points[:JAW_POINTS]
    rows[contour.stop :] = points[JAW_POINTS:]
    return _labels(rows, seen_from=1)


def _labels(rows: np.ndarray, seen_from: int) -> PartLabels:
    """Labels of rows x, y, v, [J, 3]; a joint is seen from that v on."""
    return PartLabels.of(rows[:, :2], known_2d=rows[:, 2] > 0, visible=rows[:, 2] >= seen_from)
