# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lays pictures out on one contact sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

CELL_WIDTH, CELL_HEIGHT = 480, 360
GAP = 6
GREY = 40


def contact_sheet(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """The pictures row by row, each scaled to fit its cell and centred in it.

    Args:
        pictures: uint8 [H, W, 3] each, of any sizes; one at least.
        columns: cells in a row.

    Returns:
        uint8 [H, W, 3].
    """
    rows = -(-len(pictures) // columns)
    step_y, step_x = CELL_HEIGHT + GAP, CELL_WIDTH + GAP
    sheet = np.full((rows * step_y + GAP, columns * step_x + GAP, 3), GREY, np.uint8)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        fitted = _fit(picture)
        height, width = fitted.shape[:2]
        top = GAP + row * step_y + (CELL_HEIGHT - height) // 2
        left = GAP + column * step_x + (CELL_WIDTH - width) // 2
        sheet[top : top + height, left : left + width] = fitted
    return sheet


def _fit(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = min(CELL_WIDTH / width, CELL_HEIGHT / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
