# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MPII Human Pose (Andriluka et al., CVPR 2014): bodies in 2D.

    FOLDER/mpii_human_pose_v1_u12_1.mat, or in mpii_human_pose_v1_u12_2/ as the archive has it
    FOLDER/images/*.jpg

The layout is that of the README in the annotations' archive (Max Planck Institute for Informatics), which
also names the joints: 0 right ankle ... 9 head top ... 15 left wrist. Coordinates there count from 1, as
MATLAB's. People without joints have a rough position and scale (`objpos`, `scale` in units of 200 pixels):
they are ignored boxes. The test pictures have no joints at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from dope_ros.errors import DatasetError
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, reorder
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import BrokenRecord, Dataset, checked, existing

ANNOTATIONS = "mpii_human_pose_v1_u12_1.mat"

JOINTS = (
    *("right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "thorax"),
    *(
        "upper_neck",
        "head_top",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
    ),
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
    position, scale: as annotated; None where they are not.
    """

    joints: np.ndarray
    head: float
    position: tuple[float, float] | None
    scale: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """A training picture and the people in it."""

    path: Path
    people: tuple[Annotated, ...]


def read(folder: Path, split: str) -> Dataset:
    """The training pictures; `split` is `train`, the only one with joints."""
    if split != "train":
        raise DatasetError(f"mpii has joints for the split 'train' alone, not for '{split}'")
    candidates = (folder / ANNOTATIONS, folder / "mpii_human_pose_v1_u12_2" / ANNOTATIONS)
    path = next((path for path in candidates if path.exists()), candidates[0])
    annotations = loadmat(
        existing(path, "the file of annotations"),
        struct_as_record=False,
        squeeze_me=True,
        variable_names=["RELEASE"],
    )
    images = existing(folder / "images", "the folder of pictures")
    try:
        release = annotations["RELEASE"]
        chosen = [
            one for one, train in zip(_each(release.annolist), _each(release.img_train), strict=True) if train
        ]
        records = [_record(images, one) for one in chosen]
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: not the annotations of MPII: {error}") from error
    return checked("mpii train", records, _sample, lambda record: record.path.name)


def _record(images: Path, annotation: Any) -> Record:
    people = tuple(_annotated(one) for one in _each(annotation.annorect))
    return Record(images / str(annotation.image.name), people)


def _annotated(rectangle: Any) -> Annotated:
    joints = np.full((len(JOINTS), 3), np.nan, np.float32)
    for point in _each(getattr(_field(rectangle, "annopoints"), "point", None)):
        joints[int(point.id)] = point.x, point.y, _is_visible(point)
    position, scale = _field(rectangle, "objpos"), _field(rectangle, "scale")
    corners = [float(getattr(rectangle, name)) for name in ("x1", "y1", "x2", "y2")]
    return Annotated(
        joints,
        float(np.hypot(corners[2] - corners[0], corners[3] - corners[1])),
        None if position is None else (float(position.x), float(position.y)),
        None if scale is None else float(scale),
    )


def _each(value: Any) -> Iterator[Any]:
    """The elements of a struct array that MATLAB may have squeezed to one, or to nothing."""
    return iter(np.atleast_1d(np.array([], object) if value is None else value))


def _field(struct: Any, name: str) -> Any:
    """A field of a struct, None where it is missing or empty."""
    value = getattr(struct, name, None)
    return None if isinstance(value, np.ndarray) and not value.size else value


def _is_visible(point: Any) -> bool:
    """A number, a digit or nothing at all; head and neck have nothing and are always in sight."""
    value = _field(point, "is_visible")
    return value is None or str(value) != "0"


def _sample(record: Record) -> Sample:
    if not record.people:
        raise BrokenRecord("nobody is annotated")
    jointed = [one for one in record.people if np.isfinite(one.joints).any()]
    return Sample(
        name=record.path.name,
        source=PictureFile(record.path),
        people=tuple(PersonLabels(body=_body(one.joints), head_size=HEAD_SIZE * one.head) for one in jointed),
        labelled=frozenset({Part.BODY}),
        ignored={
            Part.BODY: _rough_boxes([one for one in record.people if not np.isfinite(one.joints).any()])
        },
    )


def _body(joints: np.ndarray) -> PartLabels:
    rows = reorder(joints, SAME_NAMES, JOINTS, Part.BODY)
    ends = joints[[JOINTS.index("upper_neck"), JOINTS.index("head_top")]]
    rows[-1] = ends.mean(axis=0)
    return PartLabels.of(rows[:, :2] - 1, visible=rows[:, 2] >= 1)


def _rough_boxes(people: list[Annotated]) -> np.ndarray:
    placed = [
        (one.position, one.scale) for one in people if one.position is not None and one.scale is not None
    ]
    boxes = [
        (
            x - scale * SCALE_UNIT / 2,
            y - scale * SCALE_UNIT / 2,
            x + scale * SCALE_UNIT / 2,
            y + scale * SCALE_UNIT / 2,
        )
        for (x, y), scale in placed
    ]
    return np.array(boxes, np.float32).reshape(-1, 4)
