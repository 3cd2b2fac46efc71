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
from dope_ros.training.datasets.records import SPLITS, Dataset, checked, existing, is_of_split


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
    chosen = [path for index, path in enumerate(files) if is_of_split(index, split)]
    return checked(
        f"{folder.name} {split}", chosen, partial(_sample, folder, labelled), lambda path: path.name
    )


def _sample(folder: Path, labelled: frozenset[Part], path: Path) -> Sample:
    return Sample(path.relative_to(folder).as_posix(), PictureFile(path), labelled=labelled)
