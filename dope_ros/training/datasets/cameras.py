# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with a `cameras.json` beside them: bodies in 2D and 3D.

`demo/pictures` is such a folder, and its README describes the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import BrokenRecord, Dataset, checked, existing


@dataclass(frozen=True, slots=True)
class Record:
    """A picture and its entry."""

    path: Path
    entry: Any


def read(folder: Path, split: str) -> Dataset:
    """All pictures; there is only the split `all`."""
    if split != "all":
        raise DatasetError(f"pictures with cameras.json have the split 'all' alone, not '{split}'")
    path = existing(folder / "cameras.json", "the file of ground truth")
    try:
        entries = json.loads(path.read_bytes())
        records = [Record(folder / name, entry) for name, entry in sorted(entries.items())]
    except (ValueError, AttributeError) as error:
        raise DatasetError(f"{path}: {error}") from error
    return checked(folder.name, records, _sample, lambda record: record.path.name)


def _sample(record: Record) -> Sample:
    try:
        people = tuple(PersonLabels(body=_body(person)) for person in record.entry["people"])
        fx, fy, cx, cy = (float(record.entry[name]) for name in ("fx", "fy", "cx", "cy"))
        intrinsics = Intrinsics(fx, fy, cx, cy)
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenRecord(f"its entry lacks or garbles {error}") from error
    name, source = record.path.name, PictureFile(record.path)
    return Sample(name, source, people, frozenset({Part.BODY}), intrinsics=intrinsics)


def _body(person: Any) -> PartLabels:
    points_2d, points_3d = (np.array(person[name], np.float32) for name in ("keypoints_2d", "keypoints_3d"))
    return PartLabels.of(points_2d, visible=np.array(person["visible"], bool), keypoints_3d=points_3d)
