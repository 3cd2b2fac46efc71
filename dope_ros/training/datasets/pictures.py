# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of a dataset's pictures are: files, and frames of videos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dope_ros.errors import ImageError
from dope_ros.pictures import read_picture


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file, turned upright as its EXIF says."""

    path: Path

    def read(self) -> np.ndarray:
        """The picture, uint8 [H, W, 3], RGB; raises ImageError."""
        return read_picture(self.path)


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A frame of a video, counted from 0. Each is sought anew: slower than files, but nothing is unpacked."""

    path: Path
    index: int

    def read(self) -> np.ndarray:
        """The frame, uint8 [H, W, 3], RGB; raises ImageError."""
        video = cv2.VideoCapture(str(self.path))
        try:
            video.set(cv2.CAP_PROP_POS_FRAMES, self.index)
            read, bgr = video.read()
        finally:
            video.release()
        if not read or bgr is None:
            raise ImageError(f"{self.path}: no frame {self.index}, or not a video that OpenCV can read")
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
