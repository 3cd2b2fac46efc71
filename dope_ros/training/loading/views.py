# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network gets to see of a picture in training: all of it, or a part at a random scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from dope_ros.network.picture import MEAN
from dope_ros.training.datasets.label_transforms import (
    affine,
    moved,
    rotation_2d,
    transformed,
)
from dope_ros.training.datasets.labels import Sample, picture_edges

PADDING = tuple(round(255 * channel) for channel in MEAN)
"""RGB, what the network sees beyond a picture, near enough."""


@dataclass(frozen=True, slots=True)
class ShorterSide:
    """The whole picture, scaled as the published network does it.

    min_size: of the shorter side, pixels, unless that takes the longer one past `max_size`.
    max_size: of the longer side, pixels.
    """

    min_size: int = 800
    max_size: int = 1333

    def __call__(
        self, picture: np.ndarray, sample: Sample, rng: np.random.Generator
    ) -> tuple[np.ndarray, Sample]:
        """The scaled picture, uint8 [H, W, 3], and its labels; nothing is random about it."""
        del rng
        sides = picture.shape[:2]
        scale = min(self.min_size / min(sides), self.max_size / max(sides))
        return resized(picture, sample, scale)


@dataclass(frozen=True, slots=True)
class RandomCrop:
    """A square of a picture, scaled; where it leaves the picture it is padded as in use, with `PADDING`.

    Not with what lies at the border: mirrored people would be people that no label names.

    size: of the square afterwards, pixels.
    zoom: from and to; the square's side in sides of a square picture, drawn evenly. Above 1 it leaves it.
    max_roll: degrees by which the camera is turned about its axis, at most, drawn evenly.

    Raises:
        ValueError: `zoom` is not from one above 0 to one that is no smaller.
    """

    size: int = 320
    zoom: tuple[float, float] = (0.62, 1.1)
    max_roll: float = 0.0

    def __post_init__(self) -> None:
        first, last = self.zoom
        if not 0 < first <= last:
            raise ValueError(
                f"zoom of a view is from {first} to {last}; give two above 0, the larger one last"
            )

    def __call__(
        self, picture: np.ndarray, sample: Sample, rng: np.random.Generator
    ) -> tuple[np.ndarray, Sample]:
        """The square, uint8 [size, size, 3], and its labels."""
        sides = np.array([picture.shape[1], picture.shape[0]], float)
        side = rng.uniform(*self.zoom) * np.sqrt(sides.prod())
        room = (sides - side) / 2
        middle = sides / 2 + np.where(room > 0, room * rng.uniform(-1, 1, 2), 0.0)
        scale = self.size / side
        if scale < 1:  # without aliasing, which warping alone would bring
            picture, to_small = _scaled(picture, scale)
            sample = moved(sample, affine(to_small))
            middle = middle * (picture.shape[1], picture.shape[0]) / sides
            scale = 1.0
        transform = _about(middle - 0.5, (self.size - 1) / 2, scale, rng.uniform(-1, 1) * self.max_roll)
        square = cv2.warpAffine(
            picture, transform, (self.size, self.size), flags=cv2.INTER_LINEAR, borderValue=PADDING
        )
        if sample.shown is None:
            sample = replace(sample, shown=picture_edges(picture.shape[1], picture.shape[0]))
        return square, transformed(sample, transform, self.size, self.size)


def resized(picture: np.ndarray, sample: Sample, scale: float) -> tuple[np.ndarray, Sample]:
    """A picture, uint8 [H, W, 3], and its labels, scaled; sides are whole pixels, one at least."""
    pixels, transform = _scaled(picture, scale)
    return pixels, transformed(sample, transform, pixels.shape[1], pixels.shape[0])


def _scaled(picture: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """A scaled picture, and the transform [2, 3] from the old pixels to the new ones."""
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    x, y = width / picture.shape[1], height / picture.shape[0]
    pixels = cv2.resize(
        picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return pixels, np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def _about(point: np.ndarray, target: float, scale: float, degrees: float) -> np.ndarray:
    """[2, 3]: scaled and turned about `point`, which comes to lie at (`target`, `target`)."""
    turn = scale * rotation_2d(np.deg2rad(degrees))
    return np.column_stack([turn, target - turn @ point])
