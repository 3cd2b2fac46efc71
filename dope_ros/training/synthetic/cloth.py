# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cloth and other surfaces as pictures that repeat: cut from photographs of garments, or drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from dope_ros.training.synthetic.files import read_photograph

TILE = 128
"""Pixels. Height and width of a tile before it is mirrored into one that repeats without a seam."""

FROM_PHOTOGRAPH = 0.6
"""The share of cloth that is cut from photographs, where there are any."""


class ClothSource:
    """Draws cloth.

    photographs: files that show a garment in the middle.
    """

    def __init__(self, photographs: Sequence[Path] = ()) -> None:
        self._photographs = tuple(photographs)

    def sample(self, rng: np.random.Generator) -> np.ndarray:
        """A texture that repeats: uint8 [2 TILE, 2 TILE, 3], RGB."""
        tile = self._cut(rng) if self._photographs and rng.random() < FROM_PHOTOGRAPH else None
        tile = drawn_cloth(rng) if tile is None else tile
        row = np.concatenate([tile, tile[:, ::-1]], axis=1)
        return np.concatenate([row, row[::-1]], axis=0)

    def _cut(self, rng: np.random.Generator) -> np.ndarray | None:
        """A square from the middle of a photograph; None where the file cannot be read."""
        photograph = read_photograph(self._photographs[rng.integers(len(self._photographs))])
        if photograph is None:
            return None
        height, width = photograph.shape[:2]
        side = int(min(height, width) * rng.uniform(0.22, 0.5))
        top, left = (int((length - side) * rng.uniform(0.38, 0.62)) for length in (height, width))
        return cv2.resize(photograph[top : top + side, left : left + side], (TILE, TILE))


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """A colour such as things have, RGB 0 to 255: often grey, dark or pale, sometimes vivid."""
    hue, vividness = (
        rng.uniform(0, 180),
        rng.choice([rng.uniform(0, 40), rng.uniform(20, 140), rng.uniform(120, 255)]),
    )
    pixel = np.array([[[hue, vividness, rng.uniform(20, 250)]]]).astype(np.uint8)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def drawn_cloth(rng: np.random.Generator) -> np.ndarray:
    """Plain, striped, checked, dotted or mottled: uint8 [TILE, TILE, 3], RGB."""
    pattern = _PATTERNS[rng.choice(len(_PATTERNS), p=_LIKELIHOOD)]
    share = pattern(rng)[..., None]
    first, second = random_colour(rng), random_colour(rng)
    weave = rng.normal(0, rng.uniform(1, 9), (TILE, TILE, 1))
    return np.clip((1 - share) * first + share * second + weave, 0, 255).astype(np.uint8)


def _plain(rng: np.random.Generator) -> np.ndarray:
    return np.full((TILE, TILE), rng.uniform(0, 0.1))


def _stripes(rng: np.random.Generator) -> np.ndarray:
    along = np.arange(TILE) * rng.integers(1, 9) % TILE < TILE * rng.uniform(0.15, 0.6)
    stripes = np.broadcast_to(along.astype(float), (TILE, TILE))
    return stripes if rng.random() < 0.4 else stripes.T


def _checks(rng: np.random.Generator) -> np.ndarray:
    return 0.5 * (_stripes(rng) + _stripes(rng).T)


def _dots(rng: np.random.Generator) -> np.ndarray:
    spacing = TILE / rng.integers(2, 9)
    y, x = np.mgrid[:TILE, :TILE] % spacing - spacing / 2
    return (np.hypot(x, y) < spacing * rng.uniform(0.15, 0.4)).astype(float)


def _mottles(rng: np.random.Generator) -> np.ndarray:
    cells = int(rng.integers(3, 24))
    noise = cv2.resize(rng.random((cells, cells)), (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    return np.clip((noise - 0.5) * rng.uniform(1, 6) + 0.5, 0, 1)


_PATTERNS: tuple[Callable[[np.random.Generator], np.ndarray], ...] = (
    _plain,
    _stripes,
    _checks,
    _dots,
    _mottles,
)
_LIKELIHOOD = (0.4, 0.2, 0.13, 0.07, 0.2)
