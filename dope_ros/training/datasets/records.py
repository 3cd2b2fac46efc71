# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the readers have in common: records, some of them broken, and samples made of them on demand."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from dope_ros.errors import DatasetError, DopeError, ImageError
from dope_ros.training.datasets.labels import Sample
from dope_ros.training.datasets.pictures import PictureFile

logger = logging.getLogger(__name__)

FAULT_LIMIT = 0.01
"""The share of missing or broken records at which a dataset is taken to be broken as a whole."""

FEW_RECORDS = 100
"""A dataset of which fewer records were tried is judged as if it were so many."""

HELD_BACK = 10
"""Of so many pictures the last is for tests, in sets that have no splits of their own."""

SPLITS = ("all", "train", "test")
"""Of such sets."""

DOUBT = 5.0
"""Standard deviations: so many more faults than its share are taken to be chance in a part of a dataset."""

NAMED_FAULTS = 20
"""So many faults are named one by one; the rest is counted."""

Record = TypeVar("Record")
Converted = TypeVar("Converted")


class Dataset(Protocol):
    """Pictures with labels. Small and picklable: samples are made when asked for, pixels read later still."""

    @property
    def name(self) -> str:
        """For messages, tables and files."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class BrokenRecord(DopeError):  # noqa: N818 (not an error by itself: `Faults` judges)
    """A record cannot be used; the message says why."""


class Faults:
    """Names, counts and judges what is missing or broken in a dataset.

    Args:
        dataset: its name, for messages.
        total: the records that there should be.
    """

    def __init__(self, dataset: str, total: int) -> None:
        self.dataset = dataset
        self.total = total
        self.count = 0
        self._first: str | None = None

    @property
    def tried(self) -> int:
        """The records among which the faults are."""
        return self.total

    @property
    def limit(self) -> float:
        """So many faults are borne."""
        return FAULT_LIMIT * self.total

    def skip(self, record: str, reason: object) -> None:
        """Count a record that is skipped.

        Raises:
            DatasetError: these are more than `limit`.
        """
        self.count += 1
        fault = f"{record}: {reason}"
        self._first = self._first or fault
        if self.count <= NAMED_FAULTS:
            logger.warning("%s: skipped %s", self.dataset, fault)
        if self.count > self.limit:
            raise DatasetError(
                f"{self.dataset}: {self.count} of {self.tried} records are missing or broken, more than "
                f"{FAULT_LIMIT:.0%}. The first: {self._first}. Unpack or download the set again."
            )

    def summarise(self) -> None:
        """Say how many were skipped, if any."""
        if self.count:
            logger.warning("%s: %d of %d records skipped", self.dataset, self.count, self.tried)


class DrawnFaults(Faults):
    """Those of a dataset whose records are drawn at random, again and again; each record counts once.

    Each of several loaders sees but a part of the dataset. So it judges by what it has tried: it stops at
    more faults than a dataset with `FAULT_LIMIT` of them would show there by chance.
    """

    def __init__(self, dataset: str, total: int) -> None:
        super().__init__(dataset, total)
        self._tried = np.zeros(total, bool)
        self._skipped: set[str] = set()

    @property
    def tried(self) -> int:
        """The records that were drawn so far."""
        return int(np.count_nonzero(self._tried))

    @property
    def limit(self) -> float:
        """So many faults are borne among those tried; of the whole dataset `FAULT_LIMIT`, without doubt."""
        seen = min(max(self.tried, FEW_RECORDS), self.total)
        expected = FAULT_LIMIT * seen
        deviation = math.sqrt(expected * (1 - seen / self.total))
        return min(expected + DOUBT * deviation, FAULT_LIMIT * self.total)

    def draw(self, index: int) -> None:
        """Count a record as tried."""
        self._tried[index] = True

    def skip(self, record: str, reason: object) -> None:
        """Count a record that is skipped, the first time.

        Raises:
            DatasetError: these are more than `limit`.
        """
        if record in self._skipped:
            return
        self._skipped.add(record)
        super().skip(record, reason)


@dataclass(frozen=True)
class RecordDataset(Generic[Record]):
    """A dataset whose samples are made of one record each.

    name: for messages, tables and files.
    records: what is kept in memory.
    to_sample: makes a sample of a record; raises BrokenRecord.
    """

    name: str
    records: Sequence[Record]
    to_sample: Callable[[Record], Sample]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        return self.to_sample(self.records[index])


def checked(
    name: str,
    records: Sequence[Record],
    to_sample: Callable[[Record], Sample],
    record_name: Callable[[Record], str],
) -> RecordDataset[Record]:
    """A dataset of those records of which a sample can be made, its picture a file that exists.

    Raises:
        DatasetError: there is no record, or too many of them are missing or broken.
    """
    listing = FolderListing()

    def verify(record: Record) -> None:
        source = to_sample(record).source
        if isinstance(source, PictureFile):
            listing.require(source.path)

    return verified(name, records, verify, to_sample, record_name)


def verified(
    name: str,
    records: Sequence[Record],
    verify: Callable[[Record], None],
    to_sample: Callable[[Record], Sample],
    record_name: Callable[[Record], str],
) -> RecordDataset[Record]:
    """A dataset of those records for which `verify` does not raise BrokenRecord.

    Raises:
        DatasetError: there is no record, or too many of them are missing or broken.
    """

    def itself(record: Record) -> Record:
        verify(record)
        return record

    return RecordDataset(name, converted(name, records, itself, record_name), to_sample)


def converted(
    name: str,
    records: Sequence[Record],
    convert: Callable[[Record], Converted],
    record_name: Callable[[Record], str],
) -> list[Converted]:
    """What `convert` makes of each record; those of which it raises BrokenRecord are skipped and reported.

    Raises:
        DatasetError: there is no record, or too many of them are missing or broken.
    """
    faults, made = Faults(name, len(records)), []
    for record in records:
        try:
            made.append(convert(record))
        except BrokenRecord as error:
            faults.skip(record_name(record), error)
    faults.summarise()
    if not made:
        raise DatasetError(
            f"{name}: there is nothing in it. docs/datasets.md shows how its folder should look."
        )
    return made


def is_of_split(index: int, split: str) -> bool:
    """Whether a picture is of one of `SPLITS`: every tenth is of `test`, the others are of `train`."""
    return split == "all" or (index % HELD_BACK == HELD_BACK - 1) is (split == "test")


class FolderListing:
    """Whether files exist, asked of each folder once: `stat` of each file takes minutes on a network."""

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def __contains__(self, path: Path) -> bool:
        folder = path.parent
        if folder not in self._names:
            self._names[folder] = _names(folder)
        return path.name in self._names[folder]

    def require(self, path: Path) -> None:
        """Raise BrokenRecord if the file does not exist."""
        if path not in self:
            raise BrokenRecord(f"{path} does not exist")


def _names(folder: Path) -> frozenset[str]:
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def read_sample(dataset: Dataset, index: int, faults: Faults) -> tuple[Sample, np.ndarray] | None:
    """A sample and its picture, uint8 [H, W, 3], RGB; None, and counted in `faults`, if it cannot be read.

    Raises:
        DatasetError: too many cannot be read.
    """
    try:
        sample = dataset[index]
        return sample, sample.source.read()
    except (BrokenRecord, ImageError) as error:
        faults.skip(f"record {index}", error)
        return None


def existing(path: Path, what: str) -> Path:
    """The path, if there is something; DatasetError that says `what` is missing otherwise."""
    if not path.exists():
        raise DatasetError(f"{path}: {what} is missing. docs/datasets.md shows how the folder should look.")
    return path
