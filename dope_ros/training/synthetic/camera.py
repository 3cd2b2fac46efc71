# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras: of many focal lengths, heights, tilts and rolls, aimed at somebody or something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from dope_ros.geometry import Intrinsics

NEAREST = 0.08
"""Metres. What is nearer to the camera is not drawn, and its 2D position is not labelled."""

SHORTEST_FOCAL, LONGEST_FOCAL = 0.55, 3.0
"""In picture widths: fields of view from 85 to 19 degrees."""


@dataclass(frozen=True, slots=True)
class View:
    """A camera in the world, whose z is up.

    rotation [3, 3], translation [3]: a world point p lies at rotation @ p + translation in the optical frame.
    """

    intrinsics: Intrinsics
    rotation: np.ndarray
    translation: np.ndarray

    @property
    def up(self) -> np.ndarray:
        """[3], the world's up in the optical frame."""
        return self.rotation[:, 2]

    @property
    def position(self) -> np.ndarray:
        """[3], where the camera is in the world."""
        return -self.rotation.T @ self.translation

    def seen(self, points: np.ndarray) -> np.ndarray:
        """World points [..., 3] in the optical frame."""
        return points @ self.rotation.T + self.translation


def project(points: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """Points [..., 3] of the optical frame as pixels [..., 2]; NaN for those not before the camera."""
    depth = np.where(points[..., 2] > NEAREST, points[..., 2], np.nan)
    return np.stack(
        [
            intrinsics.fx * points[..., 0] / depth + intrinsics.cx,
            intrinsics.fy * points[..., 1] / depth + intrinsics.cy,
        ],
        axis=-1,
    )


def random_intrinsics(size: int, rng: np.random.Generator) -> Intrinsics:
    """Square pixels; the middle of a quarter of the pictures is off, as in cut-outs."""
    focal = size * float(np.exp(rng.uniform(np.log(SHORTEST_FOCAL), np.log(LONGEST_FOCAL))))
    shift = rng.normal(0, 0.06, 2) * size if rng.random() < 0.25 else np.zeros(2)
    return Intrinsics(focal, focal, size / 2 + float(shift[0]), size / 2 + float(shift[1]))


def random_elevation(level: float, rng: np.random.Generator) -> float:
    """Degrees by which the camera looks down: a share about level, else from high above or from below."""
    if rng.random() < level:
        return float(np.clip(rng.normal(6, 10), -25, 45))
    return float(rng.uniform(-45, 80))


def random_roll(upright: float, rng: np.random.Generator) -> float:
    """Degrees: a share about upright, else on a side, upside down, or any."""
    turned = (1 - upright) * np.array([0.27, 0.2, 0.53])
    kind = rng.choice(["upright", "side", "over", "any"], p=[upright, *turned])
    if kind == "any":
        return float(rng.uniform(-180, 180))
    middle = {"upright": 0.0, "side": rng.choice([-90.0, 90.0]), "over": 180.0}[kind]
    return float(middle + rng.normal(0, 7))


def orientation(azimuth: float, elevation: float, roll: float) -> np.ndarray:
    """The rotation [3, 3] of a camera, from the world to its optical frame.

    Args:
        azimuth: degrees about z; 0 looks along +y, at the face of who faces -y.
        elevation: degrees, positive looks down. roll: degrees, positive turns the picture clockwise.
    """
    turned = Rotation.from_euler("z", -azimuth, degrees=True).as_matrix()
    level = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    tilted = Rotation.from_euler("xz", (elevation, roll), degrees=True).as_matrix()
    return tilted @ level @ turned


def framed(
    points: np.ndarray,
    rotation: np.ndarray,
    intrinsics: Intrinsics,
    size: int,
    share: float,
    shift: np.ndarray,
) -> View:
    """A view in which points [N, 3] of the world take a share of the picture's side, their middle shifted.

    shift: [2], in shares of the picture's side.
    """
    turned = points @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    distance = intrinsics.fx * float((high - low)[:2].max()) / (share * size)
    distance = max(distance + float(high[2] - low[2]) / 4, 3 * NEAREST + float(high[2] - low[2]) / 2)
    middle = (low + high) / 2
    aside = (np.asarray(shift) + 0.5) * size - (intrinsics.cx, intrinsics.cy)
    place = np.array([*(aside / intrinsics.fx * distance), distance])
    return View(intrinsics, rotation, place - middle)
