# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras: pixels to lines of sight, and back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import cv2
import numpy as np

ASSUMED_FOV_DEG = 60.0
"""Horizontal field of view of a camera of which nothing is known, in use and in training."""

ROUNDS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-9)
"""When OpenCV's iteration ends: its own few rounds lose the rim of strongly bent lenses. Pixels."""

UNDISTORT_POINTS = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
"""OpenCV 4 has a function of its own that can be told when to end; in OpenCV 5 there is one for both."""

FOLD_STEPS = 1000
"""Of a right angle: so finely is looked for where a lens's picture folds back."""

WORST_ERROR = 1.0
"""Pixels. A pixel that comes back further off than that lies outside of what the lens model describes."""


class Lens(str, Enum):
    """How a lens bends lines of sight.

    RADIAL_TANGENTIAL takes 4, 5, 8, 12 or 14 coefficients in OpenCV's order (k1, k2, p1, p2, k3, ...),
    FISHEYE 4 (Kannala and Brandt, PAMI 2006).
    """

    PINHOLE = "pinhole"
    RADIAL_TANGENTIAL = "radial_tangential"
    FISHEYE = "fisheye"


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A camera, in pixels; without distortion u = fx x / z + cx, v = fy y / z + cy.

    distortion: the lens's coefficients.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    lens: Lens = Lens.PINHOLE
    distortion: tuple[float, ...] = ()

    @classmethod
    def assumed(cls, width: int, height: int, horizontal_fov_deg: float) -> Intrinsics:
        """A camera that looks through the middle of the picture with an assumed field of view."""
        focal = width / 2 / np.tan(np.deg2rad(horizontal_fov_deg) / 2)
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2)  # whole numbers are pixels' middles

    def scaled(self, across: float, down: float) -> Intrinsics:
        """The camera whose picture has so many times as many pixels across and down."""
        return Intrinsics(
            self.fx * across, self.fy * down, self.cx * across, self.cy * down, self.lens, self.distortion
        )

    def normalise(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] to the plane at z = 1: [..., 2] float64.

        NaN where no line of sight within `fold` reaches a pixel, far outside of the picture of a strongly
        bent lens.
        """
        pixels = np.asarray(pixels, np.float64)
        if self.lens is Lens.PINHOLE:
            return (pixels - (self.cx, self.cy)) / (self.fx, self.fy)
        flat = np.ascontiguousarray(pixels.reshape(-1, 2))
        return self._undistorted(flat).reshape(pixels.shape) if len(flat) else pixels

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] in front of the camera to pixels [..., 2] float64."""
        points = np.asarray(points, np.float64)
        on_plane = points[..., :2] / points[..., 2:]
        if self.lens is Lens.PINHOLE:
            return on_plane * (self.fx, self.fy) + (self.cx, self.cy)
        flat = on_plane.reshape(-1, 2)
        return self._distorted(flat).reshape(on_plane.shape) if len(flat) else on_plane

    def sees(self, points: np.ndarray) -> np.ndarray:
        """Which points [N, 3] lie ahead, at angles that the lens model describes: [N] bool.

        Where a picture ends is not known here.
        """
        ahead = np.isfinite(points[:, 0]) & (points[:, 2] > 0)
        if np.isinf(self.fold):
            return ahead
        return ahead & (np.hypot(points[:, 0], points[:, 1]) <= self.fold * points[:, 2])

    @property
    def fold(self) -> float:
        """Tangent of the angle off the axis at which the picture folds back; infinite if it never does.

        Points at wider angles are projected towards the middle again: the lens model does not describe them.
        """
        return _fold(self.lens, self.distortion)

    @property
    def _matrix(self) -> np.ndarray:
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    def _undistorted(self, pixels: np.ndarray) -> np.ndarray:
        lines = self._solved(pixels[:, None])[:, 0]
        with np.errstate(over="ignore", invalid="ignore"):
            errors = pixels - self._distorted(lines)
        described = (np.abs(errors) < WORST_ERROR).all(axis=1) & (np.hypot(*lines.T) <= self.fold)
        lines[~described] = np.nan
        return lines

    def _solved(self, pixels: np.ndarray) -> np.ndarray:
        matrix, distortion = self._matrix, np.array(self.distortion)
        if self.lens is Lens.FISHEYE:
            return cv2.fisheye.undistortPoints(pixels, matrix, distortion)
        return UNDISTORT_POINTS(pixels, matrix, distortion, R=None, P=None, criteria=ROUNDS)

    def _distorted(self, on_plane: np.ndarray) -> np.ndarray:
        points = np.ones((len(on_plane), 1, 3))
        points[:, 0, :2] = on_plane
        project = cv2.fisheye.projectPoints if self.lens is Lens.FISHEYE else cv2.projectPoints
        pixels, _ = _projected(project, points, self._matrix, np.array(self.distortion))
        return pixels.reshape(-1, 2)


@lru_cache(maxsize=16)
def _fold(lens: Lens, distortion: tuple[float, ...]) -> float:
    """Where the radial part of a lens ceases to lead outwards, as `Intrinsics.fold` has it."""
    if lens is Lens.PINHOLE:
        return np.inf
    radial = distortion if lens is Lens.FISHEYE else (*distortion[:2], 0.0, 0.0, *distortion[4:8])
    lines = np.tan(np.linspace(0, np.pi / 2, FOLD_STEPS, endpoint=False))
    bent = Intrinsics(1, 1, 0, 0, lens, radial).project(np.stack([lines, 0 * lines, 1 + 0 * lines], axis=1))
    folded = np.flatnonzero(np.diff(bent[:, 0]) <= 0)
    return float(lines[folded[0]]) if len(folded) else np.inf


def _projected(
    project: object, points: np.ndarray, matrix: np.ndarray, distortion: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    still = np.zeros(3)
    return project(points, still, still, matrix, distortion)  # type: ignore[operator]
