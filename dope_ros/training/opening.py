# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens what a configuration names to train on."""

from __future__ import annotations

import numpy as np

from dope_ros.skeleton import Part
from dope_ros.training.augmentation import augment, jitter_colours
from dope_ros.training.config import DataSettings, TrainingConfig
from dope_ros.training.datasets import open_dataset
from dope_ros.training.datasets.labels import Sample
from dope_ros.training.teachers import part_named
from dope_ros.training.training_set import Change, Source, TrainingSet


def open_training_set(config: TrainingConfig) -> TrainingSet:
    """The pictures of a run, augmented and cut to its view.

    Raises:
        DopeError: a dataset or a part is unknown, missing or broken.
    """
    parts = tuple(part_named(name) for name in config.network.parts)
    sources = [Source(open_dataset(of.open), of.times) for of in config.data.sets]
    return TrainingSet(sources, changes_of(config.data, parts), parts)


def changes_of(data: DataSettings, parts: tuple[Part, ...]) -> list[Change]:
    """What is done to each picture, in this order: augmentation, view, colours."""
    changes: list[Change] = [Augmentation(parts[0] if len(parts) == 1 else None)] if data.augment else []
    changes.append(data.view)
    if data.colours:
        changes.append(in_other_light)
    return changes


class Augmentation:
    """What the paper does to the pictures of a part expert, or of a student (None); it can be pickled."""

    def __init__(self, part: Part | None) -> None:
        self._part = part

    def __call__(
        self, picture: np.ndarray, sample: Sample, rng: np.random.Generator
    ) -> tuple[np.ndarray, Sample]:
        """The augmented picture and its labels."""
        return augment(picture, sample, self._part, rng)


def in_other_light(
    picture: np.ndarray, sample: Sample, rng: np.random.Generator
) -> tuple[np.ndarray, Sample]:
    """The picture with its colours and light jittered."""
    return jitter_colours(picture, rng), sample
