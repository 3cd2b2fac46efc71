# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images of people made of capsules, with noise and holes as depth cameras have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scenes import CAMERA

from dope_ros.geometry import Intrinsics, Transform
from dope_ros.poses import Person
from dope_ros.skeleton import BODY

CHEST = 0.115
"""Metres from the middle of a chest to its surface."""

RADII = {"knee": 0.06, "ankle": 0.045, "elbow": 0.045, "wrist": 0.03, "head": 0.1}


def render(
    people: Sequence[Person],
    camera: Intrinsics = CAMERA,
    height: int = 480,
    width: int = 640,
    pose: Transform | None = None,
    wall: float = 0.0,
) -> np.ndarray:
    """Depths in metres: float32 [height, width], 0 where there is nothing.

    Args:
        pose: from the frame of the people to that of the camera.
        wall: metres to a wall behind; 0 for none.
    """
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    rays = np.concatenate([camera.normalise(pixels), np.ones((height, width, 1))], axis=-1)
    depths = np.full((height, width), wall if wall else np.inf)
    for person in people:
        joints = person.body.keypoints_3d.astype(float)
        joints = joints if pose is None else pose.apply(joints)
        for start, end, radius in _capsules(joints):
            _draw(depths, rays, start, end, radius)
    return np.where(np.isfinite(depths), depths, 0).astype(np.float32)


def spoiled(depths: np.ndarray, noise: float, holes: float, seed: int = 0) -> np.ndarray:
    """With noise of so many metres at 2 m, growing with the square of the depth, and a share of holes."""
    rng = np.random.default_rng(seed)
    noisy = depths + rng.normal(0, noise, depths.shape) * (depths / 2) ** 2
    return np.where((rng.random(depths.shape) < holes) | (depths == 0), 0, noisy).astype(np.float32)


def _capsules(joints: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    at = {name: joints[index] for index, name in enumerate(BODY.joints)}
    for start, end in BODY.bones:
        names = BODY.joints[start], BODY.joints[end]
        kinds = [name.split("_")[-1] for name in names]
        if set(kinds) <= {"hip", "shoulder"} or "head" in kinds:
            continue
        yield joints[start], joints[end], min(RADII.get(kind, 0.06) for kind in kinds)
    hips, shoulders = (at["right_hip"], at["left_hip"]), (at["right_shoulder"], at["left_shoulder"])
    for share in (0.3, 0.5, 0.7):
        top, bottom = ((1 - share) * right + share * left for right, left in (shoulders, hips))
        yield top + 0.05 * (bottom - top), bottom, CHEST
    yield at["head"], at["head"], RADII["head"]


def _draw(depths: np.ndarray, rays: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> None:
    """The nearest of what is there and a row of spheres from start to end."""
    count = max(2, int(np.linalg.norm(end - start) / (0.35 * radius)))
    for centre in np.linspace(start, end, count):
        rows, columns = _window(centre, radius, rays)
        window = rays[rows, columns]
        squares = (window**2).sum(axis=-1)
        along = window @ centre / squares
        inside = along**2 - (centre @ centre - radius**2) / squares
        hit = np.where(inside > 0, along - np.sqrt(np.maximum(inside, 0)), np.inf)
        depths[rows, columns] = np.minimum(depths[rows, columns], hit)


def _window(centre: np.ndarray, radius: float, rays: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns in which a sphere may be seen."""
    reach = 1.3 * radius / max(centre[2] - radius, 0.1)
    across, down = centre[:2] / centre[2]
    columns = np.flatnonzero(np.abs(rays[0, :, 0] - across) < reach)
    rows = np.flatnonzero(np.abs(rays[:, 0, 1] - down) < reach)
    if not len(columns) or not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
