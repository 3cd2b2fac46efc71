# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of pictures without labels: nothing is known of them, or that they show nobody."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from dope_ros.errors import DatasetError
from dope_ros.pictures import picture_files
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import Sample
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import Dataset, checked, existing

HELD_BACK = 10
"""Of ten pictures the last is for tests."""

SPLITS = ("all", "train", "test")


def read(folder: Path, split: str) -> Dataset:
    """All pictures in a folder and below it, by name; `train` leaves out every tenth, `test` is those."""
    return _read(folder, split, frozenset())


def read_negatives(folder: Path, split: str) -> Dataset:
    """The same of pictures without people: whatever is found there is a false alarm."""
    return _read(folder, split, frozenset(Part))


def _read(folder: Path, split: str, labelled: frozenset[Part]) -> Dataset:
    if split not in SPLITS:
        raise DatasetError(f"a folder has the splits {', '.join(SPLITS)}, not '{split}'")
    files = picture_files(existing(folder, "the folder of pictures"))
    chosen = [
        path for index, path in enumerate(files) if split == "all" or _held_back(index) is (split == "test")
    ]
    return checked(
        f"{folder.name} {split}", chosen, partial(_sample, folder, labelled), lambda path: path.name
    )


def _held_back(index: int) -> bool:
    return index % HELD_BACK == HELD_BACK - 1


def _sample(folder: Path, labelled: frozenset[Part], path: Path) -> Sample:
    return Sample(path.relative_to(folder).as_posix(), PictureFile(path), labelled=labelled)
