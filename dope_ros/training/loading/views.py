# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network gets to see of a picture in training: all of it, or a part at a random scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from dope_ros.network.picture import MEAN
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, picture_edges

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
            picture, sample = resized(picture, sample, scale)
            middle = middle * (picture.shape[1], picture.shape[0]) / sides
            scale = 1.0
        transform = _about(middle - 0.5, (self.size - 1) / 2, scale, rng.uniform(-1, 1) * self.max_roll)
        square = cv2.warpAffine(
            picture, transform, (self.size, self.size), flags=cv2.INTER_LINEAR, borderValue=PADDING
        )
        height, width = picture.shape[:2]
        (shown,) = _around(picture_edges(width, height)[None], transform)
        return square, replace(transformed(sample, transform), shown=shown)


def resized(picture: np.ndarray, sample: Sample, scale: float) -> tuple[np.ndarray, Sample]:
    """A picture, uint8 [H, W, 3], and its labels, scaled; sides are whole pixels, one at least."""
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    x, y = width / picture.shape[1], height / picture.shape[0]
    pixels = cv2.resize(
        picture, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return pixels, transformed(sample, np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]]))


def transformed(sample: Sample, transform: np.ndarray) -> Sample:
    """The labels of a picture that was moved, scaled and turned in its plane.

    3D is turned with it, as if the camera had been rolled; that is exact for a camera whose axis meets the
    point that the picture is turned about. Intrinsics are dropped.

    Args:
        transform: [2, 3], from pixels of the old picture to those of the new one.
    """
    return replace(
        sample,
        people=tuple(_person(person, transform) for person in sample.people),
        ignored=_boxes(sample.ignored, transform),
        intrinsics=None,
        shown=None if sample.shown is None else _around(sample.shown[None], transform)[0],
    )


def _about(point: np.ndarray, target: float, scale: float, degrees: float) -> np.ndarray:
    """[2, 3]: scaled and turned about `point`, which comes to lie at (`target`, `target`)."""
    turn = scale * _turn(np.deg2rad(degrees))
    return np.column_stack([turn, target - turn @ point])


def _turn(radians: float) -> np.ndarray:
    return np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])


def _person(person: PersonLabels, transform: np.ndarray) -> PersonLabels:
    scale = np.hypot(*transform[:, 0])
    return PersonLabels.of(
        {name: _labels(labels, transform) for name, labels in person.parts().items()},
        None if person.head_size is None else float(person.head_size * scale),
    )


def _labels(labels: PartLabels, transform: np.ndarray) -> PartLabels:
    points = labels.keypoints_2d @ transform[:, :2].T + transform[:, 2]
    poses_3d = labels.keypoints_3d
    if poses_3d is not None:
        turn = _turn(np.arctan2(transform[1, 0], transform[0, 0]))
        poses_3d = np.column_stack([poses_3d[:, :2] @ turn.T, poses_3d[:, 2]]).astype(np.float32)
    return replace(
        labels,
        keypoints_2d=np.where(labels.known_2d[:, None], points, 0).astype(np.float32),
        keypoints_3d=poses_3d,
    )


def _boxes(ignored: Mapping[Part, np.ndarray], transform: np.ndarray) -> dict[Part, np.ndarray]:
    """The boxes around the moved boxes, by part."""
    return {part: _around(boxes, transform) for part, boxes in ignored.items()}


def _around(boxes: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """The boxes [N, 4] float32 around moved boxes [N, 4]."""
    corners = boxes[:, [[0, 1], [2, 1], [0, 3], [2, 3]]] @ transform[:, :2].T + transform[:, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
