# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images: how far people are, measured at their trunk and wrists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from dope_ros.geometry.camera import Intrinsics
from dope_ros.geometry.transform import Transform
from dope_ros.joint_arrays import (
    BODY_SLICE,
    LEFT_HAND_SLICE,
    RIGHT_HAND_SLICE,
    JointArrays,
    roots_of,
    with_joints,
)
from dope_ros.poses import Person
from dope_ros.skeleton import (
    LEFT_HIP,
    LEFT_SHOULDER,
    LEFT_WRIST,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    RIGHT_WRIST,
)

TRUNK_FRONT, TRUNK_SIDE = 0.11, 0.17
"""Metres from the middle of an adult's trunk to its surface: ahead, and to either side."""

WRIST_DEPTH = 0.025
"""Metres from the middle of a wrist to its surface."""

CLUSTER = 0.2
"""Metres. What is measured of one thing differs by no more; a person's background lies further off."""

TRUNK_SUPPORT, WRIST_SUPPORT = 0.2, 0.3
"""The share of the samples that must agree."""

FURTHEST_OFF = (0.5, 2.0)
"""A depth so many times that which the body's size implies is that of something else."""

WRIST_REACH = 0.35
"""Metres between the wrist's depth as placed and as measured, beyond which something else is measured."""

TRUNK_DISC, WRIST_DISC = 0.04, 0.03
"""Metres: radii of the discs that samples are taken from."""

ASPECT_TOLERANCE = 0.02
"""So much the scales of an aligned depth image may differ across and down; rounding to pixels is less."""

SURFACE_DEVIATION = 0.02
"""Metres. Standard deviation of a trunk's half: where in the body its surface is, is not known better."""

DEPTH_DEVIATION = 0.0016
"""Standard deviation of a measured depth, as a share of its square, per metre: that of a surface, on which
neighbouring pixels err alike. Depths from disparities err so: by 4 cm at 5 m with structured light
(Khoshelham and Oude Elberink, Sensors 12(2), 2012). For stereo as much follows from 0.08 px, a focal length
of 640 px and a baseline of 8 cm."""

HIPS_FROM_TRUNK = 0.75
"""The variance along the line of sight of where the hips are from the trunk's surface in the network's shape,
as a share of that of the root across it. The distance of the hips from the trunk's middle makes it a half;
what a wrong shape does to the trunk's half and to where it is sampled is the rest, as simulated."""


def _disc(rings: int) -> np.ndarray:
    """Points of the unit disc, evenly spread: [N, 2]."""
    axis = np.linspace(-1, 1, 2 * rings + 1)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return grid[(grid**2).sum(axis=1) <= 1.0]


def _trunk_points() -> np.ndarray:
    """Points of the trunk as weighted means of the joints: [12, 13]."""
    points = []
    for down in (0.25, 0.45, 0.65, 0.85):
        for across in (0.35, 0.5, 0.65):
            weights = np.zeros(13)
            weights[[RIGHT_SHOULDER, LEFT_SHOULDER]] = (1 - down) * np.array([1 - across, across])
            weights[[RIGHT_HIP, LEFT_HIP]] = down * np.array([1 - across, across])
            points.append(weights)
    return np.array(points)


DISC = _disc(3)
TRUNK = _trunk_points()


@dataclass(frozen=True, slots=True)
class DepthImage:
    """What a depth camera saw.

    metres: [h, w] float32; 0, NaN or infinite where nothing was measured.
    camera: of the depth image; None where it is aligned to the picture, pixel by pixel or as many times
        smaller.
    to_picture: from the depth camera's frame to the picture's.
    """

    metres: np.ndarray
    camera: Intrinsics | None = None
    to_picture: Transform | None = None

    def fits(self, height: int, width: int) -> bool:
        """Whether it can be that of a picture: one that is aligned to it has its aspect ratio."""
        across, down = self.metres.shape[1] / width, self.metres.shape[0] / height
        return self.camera is not None or abs(across - down) <= ASPECT_TOLERANCE * max(across, down)

    def aligned(self, intrinsics: Intrinsics, height: int, width: int) -> DepthImage:
        """The same depths as the picture's camera would see them, on a grid as fine as this one.

        Of several points in one cell the nearest counts.
        """
        if self.camera is None:
            return self
        points = _points(self.metres, self.camera)
        if self.to_picture is not None:
            points = self.to_picture.apply(points)
        points = points[intrinsics.sees(points)]
        grid = np.zeros(_grid_shape(self.camera, intrinsics, height, width), np.float32)
        per_pixel = np.array([grid.shape[1] / width, grid.shape[0] / height])
        cells = np.floor((intrinsics.project(points) + 0.5) * per_pixel)
        inside = ((cells >= 0) & (cells < grid.shape[::-1])).all(axis=1)  # others may be too far off for int
        (across, down), depths = cells[inside].astype(int).T, points[inside, 2]
        order = np.argsort(-depths)  # of those written to one cell the last one stays
        grid[down[order], across[order]] = depths[order]
        return DepthImage(grid)


def measure(
    people: Sequence[Person], depth: DepthImage, intrinsics: Intrinsics, height: int, width: int
) -> list[Person]:
    """Put bodies that were placed by their size at their measured distance.

    The depth of the trunk is the median of what agrees among many samples, holes and background left out,
    less the trunk's own half. A body is then as many times larger as it is further away, so that it still
    projects onto its 2D joints. Wrists go to their own measured depth, and take their hands along.

    Args:
        people: in the camera frame (`placement.place`).
        depth: of the same moment.
        intrinsics: of the picture's camera.
        height, width: of the picture, pixels.

    Returns:
        The same people; `depth_measured` is true of those whose depth was found. Others are as they were.
    """
    bodies = [row for row, person in enumerate(people) if person.body is not None and person.metric]
    if not bodies:
        return list(people)
    seen = depth.aligned(intrinsics, height, width)
    arrays = JointArrays.of([people[row] for row in bodies])
    measured = list(people)
    pixels = arrays.keypoints_2d[:, BODY_SLICE]
    for index, row in enumerate(bodies):
        joints = _measured_joints(
            arrays.keypoints_3d[index], pixels[index], seen, intrinsics, (height, width)
        )
        if joints is not None:
            measured[row] = _at(people[row], joints)
    return measured


def _measured_joints(
    joints: np.ndarray, pixels: np.ndarray, depth: DepthImage, intrinsics: Intrinsics, shape: tuple[int, int]
) -> np.ndarray | None:
    """The joints [139, 3] of a person at their measured depth; None where the trunk's was not found."""
    body = joints[BODY_SLICE]
    root = body[[RIGHT_HIP, LEFT_HIP]].mean(axis=0)
    focal = (intrinsics.fx + intrinsics.fy) / 2
    samples = _samples(depth.metres, TRUNK @ pixels, TRUNK_DISC * focal / root[2], shape)
    behind = root[2] - (TRUNK @ body)[:, 2] + _trunk_half(body)
    candidates = (samples + behind[:, None]).ravel()
    low, high = (factor * root[2] for factor in FURTHEST_OFF)
    found = _densest(candidates[(candidates > low) & (candidates < high)], TRUNK_SUPPORT * candidates.size)
    if found is None:
        return None
    joints = joints * (found / root[2])
    for wrist, hand in (
        (LEFT_WRIST, LEFT_HAND_SLICE),
        (RIGHT_WRIST, RIGHT_HAND_SLICE),
    ):
        _measure_wrist(joints, wrist, hand, pixels, depth, focal, shape)
    return joints


def _measure_wrist(
    joints: np.ndarray,
    wrist: int,
    hand: slice,
    pixels: np.ndarray,
    depth: DepthImage,
    focal: float,
    shape: tuple[int, int],
) -> None:
    """Move a wrist along its line of sight to its measured depth, and its hand with it, in place."""
    placed = joints[wrist]
    radius = WRIST_DISC * focal / max(placed[2], 0.1)
    samples = _samples(depth.metres, pixels[[wrist]], radius, shape).ravel() + WRIST_DEPTH
    near = samples[np.abs(samples - placed[2]) < WRIST_REACH]
    found = _nearest(near, WRIST_SUPPORT * samples.size)
    if found is None:
        return
    shift = placed * (found / placed[2] - 1)
    joints[wrist] += shift
    joints[hand] += shift


def _samples(metres: np.ndarray, pixels: np.ndarray, radius: float, shape: tuple[int, int]) -> np.ndarray:
    """Depths in discs about pixels [N, 2]: [N, D] metres, NaN where there is none.

    Args:
        shape: height and width of the picture that the pixels are of.
    """
    scale = np.array([metres.shape[1] / shape[1], metres.shape[0] / shape[0]])
    points = (pixels[:, None] + DISC * max(radius, 1.0) + 0.5) * scale  # whole numbers are pixels' middles
    columns, rows = np.floor(points).astype(int).transpose(2, 0, 1)
    inside = (columns >= 0) & (rows >= 0) & (columns < metres.shape[1]) & (rows < metres.shape[0])
    depths = np.full(inside.shape, np.nan)
    depths[inside] = metres[rows[inside], columns[inside]]
    depths[~((depths > 0) & np.isfinite(depths))] = np.nan
    return depths


def _densest(values: np.ndarray, support: float) -> float | None:
    """The median of the largest cluster; None where that is smaller than `support`."""
    values, counts = _clusters(values)
    if not len(values) or counts.max() < support:
        return None
    return _median_from(values, counts, int(counts.argmax()))


def _nearest(values: np.ndarray, support: float) -> float | None:
    """The median of the first cluster that reaches `support`; None where none does."""
    values, counts = _clusters(values)
    if not len(values) or counts.max() < support:
        return None
    return _median_from(values, counts, int(np.argmax(counts >= support)))


def _clusters(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values in order, and how many lie within a cluster's width of each, itself and onwards."""
    values = np.sort(values)
    return values, np.searchsorted(values, values + CLUSTER, side="right") - np.arange(len(values))


def _median_from(values: np.ndarray, counts: np.ndarray, start: int) -> float:
    return float(np.median(values[start : start + counts[start]]))


def _trunk_half(body: np.ndarray) -> float:
    """Metres from the trunk's middle to its surface towards the camera: an ellipse, seen from its side."""
    across = body[[LEFT_HIP, LEFT_SHOULDER]].mean(axis=0) - body[[RIGHT_HIP, RIGHT_SHOULDER]].mean(axis=0)
    sight = body[[LEFT_HIP, RIGHT_HIP, LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=0)
    sideways = float(across @ sight) / max(float(np.linalg.norm(across) * np.linalg.norm(sight)), 1e-9)
    return float(((1 - sideways**2) / TRUNK_FRONT**2 + sideways**2 / TRUNK_SIDE**2) ** -0.5)


def _grid_shape(depth_camera: Intrinsics, camera: Intrinsics, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of a grid over a picture, whose cells are no finer than a depth camera's pixels.

    In a finer grid most cells would be holes.
    """
    down, across = min(1.0, depth_camera.fy / camera.fy), min(1.0, depth_camera.fx / camera.fx)
    return max(1, round(height * down)), max(1, round(width * across))


def _points(metres: np.ndarray, camera: Intrinsics) -> np.ndarray:
    """All that was measured, in the depth camera's frame: [N, 3] float64; NaN outside of its lens model."""
    measured = np.flatnonzero(np.isfinite(metres) & (metres > 0))
    lines = _lines_of_sight(camera, *metres.shape).take(measured, axis=0)
    depths = metres.ravel()[measured, None].astype(np.float64)
    return np.concatenate([lines * depths, depths], axis=1)


@lru_cache(maxsize=8)
def _lines_of_sight(camera: Intrinsics, rows: int, columns: int) -> np.ndarray:
    """Of all pixels of a camera, row by row, on the plane at z = 1: [rows * columns, 2] float32, read-only.

    They are the same for every image, and to straighten those of a lens takes longer than all else.
    """
    pixels = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    lines = camera.normalise(pixels).astype(np.float32)
    lines.flags.writeable = False
    return lines


def _at(person: Person, joints: np.ndarray) -> Person:
    (root,) = roots_of([person], joints[None])
    fields: dict[str, Any] = {"root": root, "depth_measured": True, "size_measured": True}
    if person.root is not None and person.root_covariance is not None:
        fields["root_covariance"] = _measured_covariance(person.root_covariance, person.root, root)
    return with_joints([person], joints[None], changes=[fields])[0]


def _measured_covariance(fitted: np.ndarray, placed: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Of a root [3], from that [3, 3] of the fit, which put it at `placed` [3]: [3, 3] square metres.

    Across the line of sight it is the fit's, as many times larger as the body. Along it, it is what a depth
    image leaves open: its own error, where in the body the surface is, and where the hips are from there.
    """
    root = measured.astype(np.float64)
    sight = root / np.linalg.norm(root)
    off_sight = np.eye(3) - np.outer(sight, sight)
    across = (root[2] / placed[2]) ** 2 * off_sight @ fitted @ off_sight
    along = (
        SURFACE_DEVIATION**2
        + (DEPTH_DEVIATION * root[2] ** 2) ** 2
        + HIPS_FROM_TRUNK * np.trace(across) / 2  # of either axis across
    )
    return across + along * np.outer(sight, sight)
