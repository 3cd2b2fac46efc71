# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Backgrounds: crops of pictures without people, or drawn ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from dope_ros.pictures import picture_files
from dope_ros.training.synthetic.cloth import ClothSource, drawn_cloth, random_colour
from dope_ros.training.synthetic.files import read_photograph

WALLPAPER_FOLDERS = (Path("/usr/share/backgrounds"), Path("/usr/share/wallpapers"))
"""Where Debian's wallpaper packages install theirs."""

LONGER_SIDE = 1000
"""Pixels that a background keeps."""

KEPT_IN_MEMORY = 160

DRAWN = 0.15
"""The share of backgrounds that are drawn where there are pictures."""

LEAST_SIDE = 4
"""Pixels of the shorter side that a background keeps; of a strip there is nothing to cut."""

LEAST_BYTES = 30_000
"""Smaller files are icons or drawings."""


class BackgroundSource:
    """Draws backgrounds."""

    def __init__(self, pictures: Sequence[Path], cloth: ClothSource) -> None:
        self._pictures = tuple(pictures)
        self._cloth = cloth

    def __len__(self) -> int:
        """How many pictures there are to cut backgrounds from."""
        return len(self._pictures)

    def sample(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """A background: float32 [size, size, 3], RGB, 0 to 1."""
        picture = self._crop(size, rng) if self._pictures and rng.random() > DRAWN else None
        picture = self._drawn(size, rng) if picture is None else picture
        if rng.random() < 0.3:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 4) * size / 400)
        return picture.astype(np.float32) / 255

    def _crop(self, size: int, rng: np.random.Generator) -> np.ndarray | None:
        picture = _read_small(self._pictures[rng.integers(len(self._pictures))])
        if picture is None:
            return None
        height, width = picture.shape[:2]
        side = int(min(height, width) * rng.uniform(0.3, 1))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        square = picture[top : top + side, left : left + side]
        square = cv2.resize(
            square, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        )
        return np.ascontiguousarray(square[:, ::-1]) if rng.random() < 0.5 else square

    def _drawn(self, size: int, rng: np.random.Generator) -> np.ndarray:
        kind = rng.integers(len(_DRAWN) + 1)
        if kind == len(_DRAWN):
            return cv2.resize(self._cloth.sample(rng), (size, size))
        return _DRAWN[kind](size, rng)


def find_pictures(folders: Sequence[Path]) -> list[Path]:
    """The pictures below some folders that are large enough for a background; folders need not exist."""
    found = (picture_files(folder) for folder in folders if folder.is_dir())
    return [path for paths in found for path in paths if path.stat().st_size >= LEAST_BYTES]


@lru_cache(maxsize=KEPT_IN_MEMORY)
def _read_small(path: Path) -> np.ndarray | None:
    """A picture of at most `LONGER_SIDE`, RGB; None where it cannot be read, or is but a strip."""
    picture = read_photograph(path, cv2.IMREAD_REDUCED_COLOR_2)
    if picture is None:
        return None
    scale = LONGER_SIDE / max(picture.shape[:2])
    if min(scale, 1.0) * min(picture.shape[:2]) < LEAST_SIDE:
        return None
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return picture


def _gradient(size: int, rng: np.random.Generator) -> np.ndarray:
    corners = np.array([[random_colour(rng), random_colour(rng)], [random_colour(rng), random_colour(rng)]])
    return np.clip(cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR), 0, 255).astype(np.uint8)


def _clouds(size: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of many scales in two colours, as of plaster, leaves or clouds."""
    share = np.zeros((size, size), np.float32)
    cells, weight = int(rng.integers(2, 6)), 1.0
    fading = rng.uniform(0.45, 0.75)
    while cells < size:
        grain = rng.random((cells, cells)).astype(np.float32)
        share += weight * cv2.resize(grain, (size, size), interpolation=cv2.INTER_CUBIC)
        cells, weight = cells * 2, weight * fading
    share = (share - share.min()) / np.ptp(share)
    return _mixed(share, random_colour(rng), random_colour(rng))


def _patches(size: int, rng: np.random.Generator) -> np.ndarray:
    """Rectangles, ellipses and lines, as of a town or a room."""
    canvas = _gradient(size, rng)
    for _ in range(rng.integers(5, 40)):
        colour = tuple(map(int, random_colour(rng)))
        start, end = rng.integers(0, size, 2), rng.integers(0, size, 2)
        shape = rng.integers(4)
        if shape <= 1:
            cv2.rectangle(canvas, start.tolist(), end.tolist(), colour, -1)
        elif shape == 2:
            axes = np.maximum(np.abs(end - start) // 2, 1)
            cv2.ellipse(canvas, start.tolist(), axes.tolist(), rng.uniform(0, 180), 0, 360, colour, -1)
        else:
            cv2.line(canvas, start.tolist(), end.tolist(), colour, int(rng.integers(1, 12)), cv2.LINE_AA)
    return canvas


def _room(size: int, rng: np.random.Generator) -> np.ndarray:
    """A wall and a floor, each of some pattern, the floor seen slantwise."""
    wall = cv2.resize(drawn_cloth(rng), (size, size))
    floor = np.tile(cv2.resize(drawn_cloth(rng), (size // 2, size // 2)), (2, 2, 1))
    edge = int(size * rng.uniform(0.4, 0.85))
    tilt = rng.uniform(-0.1, 0.1) * size
    side = floor.shape[0]
    start = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    end = np.array(
        [[0, edge - tilt], [size, edge + tilt], [3 * size, 2 * size], [-2 * size, 2 * size]], np.float32
    )
    warped = cv2.warpPerspective(floor, cv2.getPerspectiveTransform(start, end), (size, size))
    y, x = np.mgrid[:size, :size]
    below = y > edge + tilt * (2 * x / size - 1)
    return np.where(below[..., None], warped, wall)


def _mixed(share: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first + share[..., None] * (second - first)).clip(0, 255).astype(np.uint8)


_DRAWN: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = (_gradient, _clouds, _patches, _room)
