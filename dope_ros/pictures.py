# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Picture files to arrays, and back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from dope_ros.errors import ImageError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def picture_files(folder: Path) -> list[Path]:
    """All picture files in a folder and the folders below it, by name."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    return sorted(path for path in found if path.is_file())


def read_picture(path: Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """A picture file as uint8 [height, width, 3], RGB, turned upright as its EXIF says.

    Args:
        flags: of `cv2.imread`, such that give colours.

    Raises:
        ImageError: there is no such file, or OpenCV cannot read it or refuses its size.
    """
    try:
        data = path.read_bytes()
    except IsADirectoryError as error:
        raise ImageError(f"{path}: a folder; name the pictures in it, such as {path / '*.jpg'}") from error
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from error
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error as error:
        raise ImageError(f"{path}: OpenCV refuses it: {error.err}") from error
    if bgr is None:
        raise ImageError(f"{path}: not a picture that OpenCV can read")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write uint8 [height, width, 3], RGB, in the format of the path's suffix.

    Raises:
        ImageError: it cannot be written there.
    """
    try:
        encoded, data = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        raise ImageError(f"{path}: OpenCV cannot write it: {error.err}") from error
    if not encoded:
        raise ImageError(f"{path}: OpenCV cannot write {path.suffix} files")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from error
