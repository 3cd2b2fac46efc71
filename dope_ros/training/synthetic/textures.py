# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All textures in one array that compiled loops can index, with smaller copies of each."""

from __future__ import annotations

import cv2
import numpy as np

from dope_ros.training.synthetic.raster import Textures

SMALLEST = 16
"""Pixels. A texture is halved until one more time would make it smaller than this."""

SCRATCH_TEXELS = 6_000_000
SCRATCH_ROWS = 512
"""Room for textures that are painted for one picture."""


class TextureBank:
    """Textures that stay, and after them those that are painted for one picture and then forgotten.

    A texture is the number of its row in a table of start, height and width; its half-sized copies follow it.
    """

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._rows: list[tuple[int, int, int]] = []
        self._levels: list[int] = []
        self._texels = np.zeros((0, 4), np.uint8)
        self._table = np.zeros((0, 3), np.int64)
        self._sealed_rows = 0
        self._sealed_texels = 0

    def add(self, picture: np.ndarray) -> int:
        """Keep a texture, uint8 [H, W, 3 or 4], RGB or RGBA; only before `seal`."""
        levels = _halvings(picture)
        first = len(self._rows)
        for index, level in enumerate(levels):
            self._rows.append((self._end(), *level.shape[:2]))
            self._parts.append(level.reshape(-1, 4))
            self._levels.append(len(levels) - 1 - index)
        return first

    def seal(self) -> None:
        """Make room for painted textures; from now on `paint` instead of `add`."""
        kept = np.concatenate([np.zeros((0, 4), np.uint8), *self._parts])
        self._sealed_texels, self._sealed_rows = len(kept), len(self._rows)
        self._texels = np.concatenate([kept, np.zeros((SCRATCH_TEXELS, 4), np.uint8)])
        self._table = np.zeros((len(self._rows) + SCRATCH_ROWS, 3), np.int64)
        if self._rows:
            self._table[: len(self._rows)] = self._rows
        self._parts = []

    def forget_painted(self) -> None:
        """Forget what was painted; call it before each picture."""
        del self._rows[self._sealed_rows :], self._levels[self._sealed_rows :]

    def paint(self, picture: np.ndarray) -> int:
        """Add a texture for one picture, as `add`.

        Raises:
            MemoryError: there is no room left.
        """
        levels = _halvings(picture)
        first = len(self._rows)
        for index, level in enumerate(levels):
            start = self._end()
            count = level.shape[0] * level.shape[1]
            if start + count > len(self._texels) or len(self._rows) == len(self._table):
                raise MemoryError("too many textures are painted for one picture")
            self._texels[start : start + count] = level.reshape(-1, 4)
            self._table[len(self._rows)] = start, *level.shape[:2]
            self._rows.append((start, *level.shape[:2]))
            self._levels.append(len(levels) - 1 - index)
        return first

    def arrays(self) -> Textures:
        """All textures, as the rasteriser takes them."""
        return Textures(self._texels, self._table)

    def fitting(self, texture: int, samples: float) -> int:
        """The copy of a texture whose longer side is nearest to as many samples as it covers."""
        _, height, width = self._rows[texture]
        halvings = round(np.log2(max(height, width) / max(samples, 1.0)))
        return texture + int(np.clip(halvings, 0, self._levels[texture]))

    def _end(self) -> int:
        if not self._rows:
            return 0
        start, height, width = self._rows[-1]
        return start + height * width


def _halvings(picture: np.ndarray) -> list[np.ndarray]:
    """The picture as RGBA, then half, a quarter, ... of its size."""
    if picture.shape[2] == 3:
        opaque = np.full((*picture.shape[:2], 1), 255, np.uint8)
        picture = np.concatenate([picture, opaque], axis=2)
    levels = [np.ascontiguousarray(picture)]
    while min(levels[-1].shape[:2]) >= 2 * SMALLEST:
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return levels
