# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that pictures are made of."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import cv2
import numpy as np

logger = logging.getLogger(__name__)


def files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a folder and all folders below it with one of the suffixes, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())


def read_photograph(path: Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    """A photograph as uint8 [height, width, 3], RGB; None, and a warning, where OpenCV cannot read it.

    Args:
        flags: of `cv2.imread`, one that gives colours.
    """
    try:
        picture = cv2.imread(str(path), flags)
    except cv2.error:  # larger than OpenCV takes
        picture = None
    if picture is None:
        _warn_unread(path)
        return None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


@cache
def _warn_unread(path: Path) -> None:
    """Once a file in each process: many pictures would be made of it."""
    logger.warning("%s: not a picture that OpenCV can read; pictures are made without it", path)
