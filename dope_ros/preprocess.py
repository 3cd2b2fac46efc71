# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a picture to the network's input, and the way back to the picture's pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from dope_ros.errors import ImageError
from dope_ros.poses import Proposals


@dataclass(frozen=True, slots=True)
class FittedPicture:
    """A picture scaled to fit the network's input, and padded at the right and bottom.

    pixels: uint8 [H, W, 3], RGB.
    scale: [2] float64, network pixels a picture pixel, across and down: alike but for the rounding of sides.
    """

    pixels: np.ndarray
    scale: np.ndarray

    def to_picture(self, proposals: Proposals) -> Proposals:
        """The proposals with boxes and 2D poses in the original picture's pixels.

        The middle of a picture's first pixel is (0, 0), before and after scaling.
        """
        return replace(
            proposals,
            boxes=self._back(proposals.boxes.reshape(-1, 2, 2)).reshape(-1, 4),
            poses_2d=self._back(proposals.poses_2d),
        )

    def _back(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 2] of the network's input in the picture's pixels."""
        return ((points + 0.5) / self.scale - 0.5).astype(np.float32)


def fit(picture: np.ndarray, height: int, width: int, pad_value: int) -> FittedPicture:
    """Scale a picture so that it just fits into `height` x `width`, and pad the rest.

    Args:
        picture: uint8 [h, w, 3], RGB.

    Raises:
        ImageError: the picture is empty or not uint8 RGB.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or picture.size == 0:
        raise ImageError(
            f"a picture is uint8 [height, width, 3]; this is {picture.dtype} {list(picture.shape)}"
        )
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    pixels = np.full((height, width, 3), pad_value, np.uint8)
    pixels[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=interpolation)
    return FittedPicture(pixels, np.array([size[0] / picture.shape[1], size[1] / picture.shape[0]]))
