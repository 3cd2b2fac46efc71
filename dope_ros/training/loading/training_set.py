# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pictures that a network is trained on, from all its datasets, and how they are loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from dope_ros.errors import DatasetError
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import Sample
from dope_ros.training.datasets.records import Dataset as Pictures
from dope_ros.training.datasets.records import DrawnFaults, read_sample
from dope_ros.training.loading.batches import Batch, Example, collate
from dope_ros.training.loading.order import DataOrder, Draw
from dope_ros.training.loading.targets import targets_of

PREFETCHED = 4
"""Batches that each worker holds ready."""

Change = Callable[[np.ndarray, Sample, np.random.Generator], tuple[np.ndarray, Sample]]
"""A picture and its labels to another picture and its labels: an augmentation, or a view."""


@dataclass(frozen=True, slots=True)
class Source:
    """A dataset, what is done to its pictures, and how much of it there is in an epoch.

    pictures: the dataset.
    changes: applied to each picture one after the other.
    times: how many times an epoch goes through it.
    """

    pictures: Pictures
    changes: tuple[Change, ...] = ()
    times: int = 1

    def __len__(self) -> int:
        return self.times * len(self.pictures)


class TrainingSet(Dataset):
    """The union of datasets, each picture augmented, cut to what the network sees, with its targets.

    Args:
        sources: the datasets.
        parts: that targets are made for.

    Raises:
        DatasetError: there is no picture in any of them.
    """

    def __init__(self, sources: Sequence[Source], parts: Sequence[Part] = tuple(Part)) -> None:
        self._sources, self._parts = tuple(sources), tuple(parts)
        self._ends = list(accumulate(len(source) for source in self._sources))
        self._faults = [DrawnFaults(source.pictures.name, len(source.pictures)) for source in self._sources]
        if not self._ends or not self._ends[-1]:
            names = ", ".join(source.pictures.name for source in self._sources) or "none"
            raise DatasetError(f"there are no pictures to train on; the datasets are: {names}")

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, draw: Draw) -> Example:
        """A picture as the network sees it this time; another one in its place if it cannot be read.

        Raises:
            DatasetError: too many cannot be read.
        """
        sample, picture, changes = self._read(draw)
        rng = np.random.default_rng(draw.seed)
        for change in changes:
            picture, sample = change(picture, sample, rng)
        height, width = picture.shape[:2]
        targets = targets_of(sample, width, height, self._parts)
        return Example(sample.name, np.ascontiguousarray(picture), targets, draw.seed)

    def _read(self, draw: Draw) -> tuple[Sample, np.ndarray, tuple[Change, ...]]:
        for candidate in _candidates(draw, len(self)):
            number = int(np.searchsorted(self._ends, candidate, side="right"))
            source = self._sources[number]
            pictures, start = source.pictures, self._ends[number] - len(source)
            index, faults = (candidate - start) % len(pictures), self._faults[number]
            faults.draw(index)
            read = read_sample(pictures, index, faults)
            if read is not None:
                return *read, source.changes
        raise DatasetError("none of the pictures to train on can be read")


def _candidates(draw: Draw, count: int) -> Iterator[int]:
    """The picture that is drawn, then all in random order: next to a broken one there may be many more."""
    yield draw.index
    yield from np.random.default_rng(draw.seed).permutation(count).tolist()


def batches(pictures: TrainingSet, order: DataOrder, workers: int) -> Iterator[Batch]:
    """The batches of an order, loaded by worker processes ahead of their use; 0 loads them here and now."""
    ahead = {"prefetch_factor": PREFETCHED, "persistent_workers": True} if workers else {}
    loader = DataLoader(
        pictures,
        batch_sampler=order,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_use_one_thread,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # its own: it draws a number that nothing here needs
        **ahead,
    )
    return iter(loader)


def _use_one_thread(worker: int) -> None:
    del worker
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
