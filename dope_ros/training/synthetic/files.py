# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that pictures are made of."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from dope_ros.errors import ImageError
from dope_ros.pictures import read_picture

logger = logging.getLogger(__name__)


def files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a folder and all folders below it with one of the suffixes, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())


def read_photograph(path: Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    """What `read_picture` gives; None, and a warning, where it cannot."""
    try:
        return read_picture(path, flags)
    except ImageError as error:
        _warn_unread(str(error))
        return None


@cache
def _warn_unread(fault: str) -> None:
    """Once a file in each process: many pictures would be made of it."""
    logger.warning("%s; pictures are made without it", fault)
