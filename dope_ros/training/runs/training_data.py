# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens what a configuration names to train on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import Part
from dope_ros.training.datasets import open_dataset
from dope_ros.training.datasets.labels import PersonLabels, Sample
from dope_ros.training.datasets.records import Dataset as Pictures
from dope_ros.training.loading.augmentation import augment, jitter_colours
from dope_ros.training.loading.training_set import Change, Source, TrainingSet
from dope_ros.training.part_names import part_named
from dope_ros.training.runs.config import DatasetSettings, DataSettings, TrainingConfig


def open_training_set(config: TrainingConfig) -> TrainingSet:
    """The pictures of a run, augmented and cut to what the network sees of them.

    Raises:
        DopeError: a dataset or a part is unknown, missing or broken.
    """
    parts = tuple(part_named(name) for name in config.network.parts)
    sources = [
        Source(_opened(settings), changes_of(config.data, parts, settings.view), settings.times)
        for settings in config.data.sets
    ]
    return TrainingSet(sources, parts)


def _opened(settings: DatasetSettings) -> Pictures:
    labels = None if settings.labels is None else frozenset(map(part_named, settings.labels))
    return Portion(open_dataset(settings.open), settings.share, labels)


class Portion:
    """A part of a dataset's pictures, with some of their labels.

    Args:
        pictures: the whole dataset.
        fraction: from where to where, of 1.
        labels: the parts whose labels stay; None for all.
    """

    def __init__(
        self,
        pictures: Pictures,
        fraction: tuple[float, float] = (0, 1),
        labels: frozenset[Part] | None = None,
    ) -> None:
        self._pictures, self._labels = pictures, labels
        self._first, self._end = (round(bound * len(pictures)) for bound in fraction)

    @property
    def name(self) -> str:
        """Of the dataset."""
        return self._pictures.name

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, index: int) -> Sample:
        sample = self._pictures[self._first + index]
        return sample if self._labels is None else with_labels_of(sample, self._labels)


def with_labels_of(sample: Sample, parts: frozenset[Part]) -> Sample:
    """The sample as if nothing were known of other parts."""
    people = (
        PersonLabels.of(
            {name: labels for name, labels in person.parts().items() if PART_NAMES[name] in parts},
            person.head_size,
        )
        for person in sample.people
    )
    return replace(
        sample,
        people=tuple(person for person in people if person.parts()),
        labelled=sample.labelled & parts,
        ignored={part: boxes for part, boxes in sample.ignored.items() if part in parts},
    )


def changes_of(data: DataSettings, parts: tuple[Part, ...], view: Change | None = None) -> tuple[Change, ...]:
    """What is done to each picture, in this order: augmentation, view, colours.

    Args:
        view: of a set that has its own.
    """
    changes: list[Change] = [Augmentation(parts[0] if len(parts) == 1 else None)] if data.augment else []
    changes.append(view or data.view)
    if data.colours:
        changes.append(with_colours_jittered)
    return tuple(changes)


class Augmentation:
    """What the paper does to the pictures of a part expert, or of a student (None); it can be pickled."""

    def __init__(self, part: Part | None) -> None:
        self._part = part

    def __call__(
        self, picture: np.ndarray, sample: Sample, rng: np.random.Generator
    ) -> tuple[np.ndarray, Sample]:
        """The augmented picture and its labels."""
        return augment(picture, sample, self._part, rng)


def with_colours_jittered(
    picture: np.ndarray, sample: Sample, rng: np.random.Generator
) -> tuple[np.ndarray, Sample]:
    """The picture with its colours and light jittered."""
    return jitter_colours(picture, rng), sample
