# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes sets of composed pictures; what they show is up to a composer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dope_ros.pictures import write_picture
from dope_ros.training.datasets.labels_file import (
    Entry,
    labels_to_add,
    parse_entry,
    read_labels_file,
    write_entry,
)

Progress = Callable[[Sequence[int]], Iterable[int]]


class PictureComposer(Protocol):
    """Makes labelled pictures."""

    def compose(self, name: str, rng: np.random.Generator) -> tuple[np.ndarray, Entry]:
        """A picture, uint8 [H, W, 3], RGB, and the line of labels of the file of that name."""
        ...


def compose_pictures(
    composer: PictureComposer,
    out: Path,
    count: int,
    seed: int,
    made: Mapping[str, Any],
    progress: Progress = iter,
) -> int:
    """Write a labelled set of composed pictures; those that are there already are kept.

    Picture i depends on the seed, i and what the composer is given alone.

    Args:
        made: how, besides the seed, for the set's file.
        progress: wraps the pictures' numbers to show how far they are.

    Returns:
        How many pictures were made.

    Raises:
        DatasetError: `out` holds a set that was made in another way, or cannot be written.
    """
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    with labels_to_add(out, Path("pictures"), {"seed": seed, **made}) as file:
        done = {parse_entry(line).picture for line in read_labels_file(out).lines}
        missing = [index for index in range(count) if _file_name(index) not in done]
        for index in progress(missing):
            picture, entry = composer.compose(_file_name(index), np.random.default_rng((seed, index)))
            write_picture(out / "pictures" / entry.picture, picture)
            write_entry(file, entry)
    return len(missing)


def _file_name(index: int) -> str:
    return f"{index:07d}.jpg"
