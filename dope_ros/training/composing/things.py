# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Composes pictures that show nobody: photographs of things, cut out or whole, before backgrounds.

What might be taken for a body, a hand or a face and is none has to be seen in training as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.pictures import picture_files, read_picture
from dope_ros.skeleton import Part
from dope_ros.training.composing.pasting import drawn_scale, in_other_light, paste, turn, warped
from dope_ros.training.datasets.labels_file import Entry
from dope_ros.training.synthetic.background import BackgroundSource

ENLARGED = 2.5
"""A photograph is enlarged that much at most."""

KEPT_IN_MEMORY = 300


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the pictures are like.

    size: of their sides, pixels.
    most: things in one, at most; from none on, evenly drawn.
    thing_size: of a thing's longer side, from and to, in sizes of the picture; evenly in its logarithm.
    upright: the share of things that are turned by some 10 degrees; the others by any angle.
    """

    size: int = 400
    most: int = 8
    thing_size: tuple[float, float] = (0.1, 1.2)
    upright: float = 0.7


class ThingsComposer:
    """Makes pictures of things and backgrounds.

    Args:
        folders: below them are pictures of things without people; a PNG may say what of it is transparent.
            One folder is drawn as often as another.

    Raises:
        DatasetError: there are no pictures in a folder.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        backgrounds: BackgroundSource,
        arrangement: Arrangement | None = None,
    ) -> None:
        self._things, self._backgrounds = tuple(map(_pictures_in, folders)), backgrounds
        self._arrangement = arrangement or Arrangement()

    @property
    def sizes(self) -> list[int]:
        """How many pictures of things there are, by folder."""
        return [len(things) for things in self._things]

    def compose(self, name: str, rng: np.random.Generator) -> tuple[np.ndarray, Entry]:
        """A picture, uint8 [size, size, 3], RGB, and its line of labels: all parts are labelled, nobody is.

        Raises:
            ImageError: the picture of a thing cannot be read.
        """
        size = self._arrangement.size
        canvas = self._backgrounds.sample(size, rng) * 255
        for _ in range(rng.integers(self._arrangement.most + 1)):
            things = self._things[rng.integers(len(self._things))]
            pixels, opacity = read_layer(things[rng.integers(len(things))])
            if rng.random() < 0.5:
                pixels, opacity = pixels[:, ::-1], opacity[:, ::-1]
            transform = self._transform(opacity.shape, rng)
            paste(canvas, *warped(in_other_light(pixels, rng), opacity, transform, size))
        return np.clip(canvas, 0, 255).astype(np.uint8), Entry(name, name, labelled=frozenset(Part))

    def _transform(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """[2, 3], from a layer of that height and width to the picture."""
        arrangement = self._arrangement
        scale = drawn_scale(max(shape), arrangement.thing_size, arrangement.size, ENLARGED, rng)
        degrees = rng.normal(0, 10) if rng.random() < arrangement.upright else rng.uniform(-180, 180)
        middle = np.array(shape[::-1]) / 2
        return turn(middle, degrees, scale, to=rng.uniform(0, arrangement.size, 2))


def _pictures_in(folder: Path) -> list[Path]:
    found = picture_files(folder)
    if not found:
        raise DatasetError(f"{folder}: there are no pictures of things")
    return found


@lru_cache(maxsize=KEPT_IN_MEMORY)
def read_layer(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pixels, uint8 [H, W, 3], RGB, and the opacity, uint8 [H, W], of a picture file.

    Raises:
        ImageError: OpenCV cannot read it.
    """
    pixels = read_picture(path)
    whole = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if whole is None or whole.ndim != 3 or whole.shape[2] != 4 or whole.dtype != np.uint8:
        return pixels, np.full(pixels.shape[:2], 255, np.uint8)
    return pixels, np.ascontiguousarray(whole[..., 3])
