# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MPII Human Pose (Andriluka et al., CVPR 2014): bodies in 2D.

    FOLDER/mpii_human_pose_v1_u12_1.mat, or in mpii_human_pose_v1_u12_2/ as the archive has it
    FOLDER/images/*.jpg

The layout is that of the README in the annotations' archive (Max Planck Institute for Informatics), which
also names the joints: 0 right ankle ... 9 head top ... 15 left wrist. Coordinates there count from 1, as
MATLAB's. People without joints have a rough position and scale (`objpos`, `scale` in units of 200 pixels):
they are ignored boxes. Where somebody has neither, what is beside the others is not known. Pictures without
any joints are left out, as all test pictures are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.skeleton import HEAD, Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, reorder
from dope_ros.training.datasets.matlab import each, field, read_matlab_structs
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import BrokenRecord, Dataset, checked, converted, existing

ANNOTATIONS = "mpii_human_pose_v1_u12_1.mat"

JOINTS = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "pelvis",
    "thorax",
    "upper_neck",
    "head_top",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
)
"""In the order of their ids."""

SAME_NAMES = {name: name for name in JOINTS if name.split("_")[0] in ("left", "right")}

HEAD_SIZE = 0.6
"""Of the diagonal of the head's rectangle, as in the owners' evaluation toolkit: what PCKh is measured by."""

SCALE_UNIT = 200
"""Pixels a unit of `scale`: about a person's height."""


@dataclass(frozen=True, slots=True)
class Annotated:
    """A person in the annotations.

    joints: [16, 3] float32, x, y from 1 and whether it is visible; NaN where there is no point.
    head: diagonal of the rectangle around the head, pixels.
    rough_box: [4], x1, y1, x2, y2 by rough position and scale. All three are None where they are not told.
    """

    joints: np.ndarray | None
    head: float | None
    rough_box: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Record:
    """A training picture and the people in it."""

    path: Path
    people: tuple[Annotated, ...]


def read(folder: Path, split: str) -> Dataset:
    """The training pictures with joints; `split` is `train`, the only one that has them."""
    if split != "train":
        raise DatasetError(f"mpii has joints for the split 'train' alone, not for '{split}'")
    candidates = (folder / ANNOTATIONS, folder / "mpii_human_pose_v1_u12_2" / ANNOTATIONS)
    path = existing(next((p for p in candidates if p.exists()), candidates[0]), "the file of annotations")
    images = existing(folder / "images", "the folder of pictures")
    try:
        release = read_matlab_structs(path, "RELEASE")["RELEASE"]
        pictures = list(zip(each(release.annolist), each(release.img_train), strict=True))
    except (BrokenRecord, AttributeError, ValueError) as error:
        raise DatasetError(f"{path}: not the annotations of MPII: {error}") from error
    training = [annotation for annotation, is_training in pictures if is_training]
    name = "mpii train"
    records = converted(name, training, partial(_record, images), _picture_name)
    with_joints = [one for one in records if any(person.joints is not None for person in one.people)]
    return checked(name, with_joints, _sample, lambda record: record.path.name)


def _picture_name(annotation: Any) -> str:
    return str(getattr(getattr(annotation, "image", None), "name", "a picture without a name"))


def _record(images: Path, annotation: Any) -> Record:
    try:
        people = tuple(_annotated(one) for one in each(annotation.annorect))
        return Record(images / str(annotation.image.name), people)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise BrokenRecord(f"its annotation cannot be understood: {error}") from error


def _annotated(rectangle: Any) -> Annotated:
    points = list(each(getattr(field(rectangle, "annopoints"), "point", None)))
    joints = np.full((len(JOINTS), 3), np.nan, np.float32)
    for point in points:
        joints[int(point.id)] = point.x, point.y, _is_visible(point)
    return Annotated(joints if points else None, _head(rectangle), _rough_box(rectangle))


def _is_visible(point: Any) -> bool:
    """A number, a digit or nothing at all; head and neck have nothing and are always in sight."""
    value = field(point, "is_visible")
    return value is None or str(value) != "0"


def _head(rectangle: Any) -> float | None:
    corners = [field(rectangle, name) for name in ("x1", "y1", "x2", "y2")]
    if None in corners:
        return None
    x1, y1, x2, y2 = map(float, corners)
    return float(np.hypot(x2 - x1, y2 - y1))


def _rough_box(rectangle: Any) -> np.ndarray | None:
    position, scale = field(rectangle, "objpos"), field(rectangle, "scale")
    if position is None or scale is None:
        return None
    middle, half = np.array([position.x, position.y], np.float32), np.float32(scale * SCALE_UNIT / 2)
    return np.concatenate([middle - half, middle + half])


def _sample(record: Record) -> Sample:
    without_joints = [one.rough_box for one in record.people if one.joints is None]
    rough = [box for box in without_joints if box is not None]
    return Sample(
        name=record.path.name,
        source=PictureFile(record.path),
        people=tuple(_person(one.joints, one.head) for one in record.people if one.joints is not None),
        labelled=frozenset({Part.BODY}),
        ignored={Part.BODY: np.array(rough, np.float32).reshape(-1, 4)},
        incomplete=frozenset({Part.BODY}) if len(rough) < len(without_joints) else frozenset(),
    )


def _person(joints: np.ndarray, head: float | None) -> PersonLabels:
    rows = reorder(joints, SAME_NAMES, JOINTS, Part.BODY)
    rows[HEAD] = joints[[JOINTS.index("upper_neck"), JOINTS.index("head_top")]].mean(axis=0)
    body = PartLabels.of(rows[:, :2] - 1, visible=rows[:, 2] >= 1)
    return PersonLabels(body=body, head_size=None if head is None else HEAD_SIZE * head)
