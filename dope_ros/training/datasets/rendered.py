# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rendered set that `dope synth` makes: bodies, hands and faces in 2D and 3D.

`training.synthetic.format` describes the files. There a pixel's corner has whole coordinates, here its
middle: everything moves by half a pixel. Every person has all parts in the labels. A part of which too
little is in the picture or too little is seen is an ignored box, one that is wholly outside is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, cut_to_picture
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import (
    SPLITS,
    BrokenRecord,
    Dataset,
    FolderListing,
    existing,
    is_of_split,
    verified,
)
from dope_ros.training.synthetic import format as rendered


@dataclass(frozen=True, slots=True)
class Enough:
    """What makes a part worth learning: so many joints in the picture, and that share of those seen."""

    inside: int
    seen: float


ENOUGH = {Part.BODY: Enough(3, 0.35), Part.HAND: Enough(15, 0.5), Part.FACE: Enough(59, 0.35)}


def read(folder: Path, split: str) -> Dataset:
    """All complete pictures; `train` leaves out every tenth, `test` is those."""
    if split not in SPLITS:
        raise DatasetError(f"a rendered set has the splits {', '.join(SPLITS)}, not '{split}'")
    existing(folder / "labels", "the folder of labels")
    listing = FolderListing()
    indices = [i for i in rendered.complete_pictures(folder) if is_of_split(i, split)]

    def verify(index: int) -> None:
        listing.require(rendered.picture_path(folder, index))

    return verified(f"{folder.name} {split}", indices, verify, partial(_sample, folder), str)


def _sample(folder: Path, index: int) -> Sample:
    try:
        labels = rendered.read_labels(rendered.labels_path(folder, index))
    except DatasetError as error:
        raise BrokenRecord(str(error)) from error
    people = [_person(labels, person) for person in range(len(labels))]
    camera = labels.intrinsics
    return Sample(
        name=f"{index:07d}",
        source=PictureFile(rendered.picture_path(folder, index)),
        people=tuple(person for person in people if person.parts()),
        labelled=frozenset(Part),
        ignored={part: _ignored(labels, part) for part in Part},
        intrinsics=replace(camera, cx=camera.cx - 0.5, cy=camera.cy - 0.5),
    )


def _person(labels: rendered.PictureLabels, person: int) -> PersonLabels:
    enough = {
        name: _part(stored, person)
        for name, stored in labels.parts().items()
        if _is_enough(stored.visibility[person], PART_NAMES[name])
    }
    return PersonLabels.of(enough)


def _part(stored: rendered.RenderedPartLabels, person: int) -> PartLabels:
    return PartLabels.of(
        stored.keypoints_2d[person] - 0.5,
        visible=stored.visibility[person] == rendered.Visibility.VISIBLE,
        keypoints_3d=stored.keypoints_3d[person],
    )


def _is_enough(visibility: np.ndarray, part: Part) -> bool:
    inside = visibility != rendered.Visibility.OUTSIDE
    seen = (visibility == rendered.Visibility.VISIBLE).sum()
    return bool(inside.sum() >= ENOUGH[part].inside and seen >= ENOUGH[part].seen * inside.sum())


def _ignored(labels: rendered.PictureLabels, part: Part) -> np.ndarray:
    """Boxes of what is in the picture, but not enough of it."""
    boxes = [
        stored.boxes[person] - 0.5
        for name, stored in labels.parts().items()
        for person in range(len(stored))
        if PART_NAMES[name] is part and not _is_enough(stored.visibility[person], part)
    ]
    all_boxes = np.array(boxes, np.float32).reshape(-1, 4)
    seen = cut_to_picture(all_boxes, labels.width, labels.height).astype(np.float32)
    return seen[np.isfinite(seen).all(axis=1) & (seen[:, 2:] > seen[:, :2]).all(axis=1)]
