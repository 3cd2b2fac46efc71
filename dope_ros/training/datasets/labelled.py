# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that experts labelled: the sets of `dope label` and `dope compose`.

`labels_file` describes the file. Pictures that were unclear to the experts are left out. A tenth of
the people is for tests, chosen by a hash of the word that stands for them: it stays the same when pictures
are added. Where `dope label` was told whose pictures are whose nobody is both trained and measured on; else
every picture stands for somebody else. Pictures that were composed share the photographs they are made of, so
such a set is of one split as a whole: that of its sources.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dope_ros.errors import DatasetError
from dope_ros.training.datasets.labels import PersonLabels, Sample
from dope_ros.training.datasets.labels_file import FILE_NAME, LabelsFile, parse_entry, read_labels_file
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import (
    SPLITS,
    BrokenRecord,
    Dataset,
    Faults,
    FolderListing,
    RecordDataset,
    existing,
)

logger = logging.getLogger(__name__)

HELD_BACK = 0.1
"""The share of people who are for tests."""


def read(folder: Path, split: str) -> Dataset:
    """The clear pictures; `test` is a tenth of the people, `train` are the others.

    Raises:
        DatasetError: there is no such set or split, or nothing clear in it, or too much of it is broken.
    """
    if split not in SPLITS:
        raise DatasetError(f"a labelled set has the splits {', '.join(SPLITS)}, not '{split}'")
    existing(folder / FILE_NAME, "the file of labels that `dope label` writes")
    file = read_labels_file(folder)
    if split != "all" and file.composed:
        raise DatasetError(
            f"{folder}: a composed set has no split '{split}': its pictures share their sources. Compose a "
            "set for training and another for tests, each from sources of its own split "
            "(`dope compose --data labelled@train:...`), and open all of it"
        )
    kept = _clear(
        file,
        f"{folder.name} {split}",
        lambda person: split == "all" or is_held_back(person) is (split == "test"),
    )
    return RecordDataset(f"{folder.name} {split}", kept, partial(_sample, file.pictures))


def _clear(file: LabelsFile, name: str, belongs: Callable[[str], bool]) -> list[bytes]:
    """The lines of pictures that were clear, of the people who belong to a split."""
    faults, listing, kept, unclear = Faults(name, len(file.lines)), FolderListing(), [], 0
    for number, line in enumerate(file.lines, start=2):
        try:
            entry = parse_entry(line)
            if belongs(entry.person) and entry.unclear is None:
                listing.require(file.pictures / entry.picture)
                kept.append(line)
            unclear += belongs(entry.person) and entry.unclear is not None
        except (BrokenRecord, DatasetError) as error:
            faults.skip(f"line {number}", error)
    faults.summarise()
    if unclear:
        logger.info("%s: %d pictures that were unclear to the experts are left out", name, unclear)
    if kept:
        return kept
    if unclear:
        raise DatasetError(f"{name}: no picture in it was clear to the experts")
    raise DatasetError(
        f"{name}: there is no picture in it; the set has too few people for that split, or none"
    )


def is_held_back(person: str) -> bool:
    """Whether somebody is for tests."""
    digest = hashlib.sha256(person.encode()).digest()
    return int.from_bytes(digest[:8], "big") < HELD_BACK * 2**64


def _sample(pictures: Path, line: bytes) -> Sample:
    entry = parse_entry(line)
    people = (
        PersonLabels.of({name: part.labels for name, part in person.items()}) for person in entry.people
    )
    return Sample(
        name=entry.picture,
        source=PictureFile(pictures / entry.picture),
        people=tuple(people),
        labelled=entry.labelled,
        ignored=entry.ignored,
    )
