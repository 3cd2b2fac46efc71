# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rotations as matrices [..., 3, 3], and how to make them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] scaled to length one; those of no length stay so."""
    vectors = np.asarray(vectors, np.float64)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def about(axis: np.ndarray | tuple[float, float, float], degrees: float) -> np.ndarray:
    """The rotation about an axis, right-handed: [3, 3]."""
    return Rotation.from_rotvec(unit(np.asarray(axis)) * np.deg2rad(degrees)).as_matrix()


def aligning(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation that turns one direction into another; both [3]."""
    start, end = unit(start), unit(end)
    axis = np.cross(start, end)
    if np.linalg.norm(axis) > 1e-9:
        return about(axis, float(np.rad2deg(np.arctan2(np.linalg.norm(axis), start @ end))))
    if start @ end > 0:
        return np.eye(3)
    return about(np.cross(start, np.eye(3)[np.argmin(np.abs(start))]), 180.0)


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Any rotation, all alike in likelihood: [3, 3]."""
    return Rotation.from_quat(rng.normal(size=4)).as_matrix()


def swing_and_twist(rotations: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split rotations into a twist about an axis and a swing of the axis after it: rotation = swing @ twist.

    Args:
        rotations: [N, 3, 3]. axes: [N, 3], unit.

    Returns:
        Swings as rotation vectors [N, 3], at right angles to the axes, and twist angles [N]; radians.
    """
    quaternions = Rotation.from_matrix(rotations).as_quat()
    along = np.einsum("nc,nc->n", quaternions[:, :3], axes)
    twists = 2 * np.arctan2(along, quaternions[:, 3])
    twists = (twists + np.pi) % (2 * np.pi) - np.pi
    undone = Rotation.from_rotvec(-twists[:, None] * axes)
    return (Rotation.from_matrix(rotations) * undone).as_rotvec(), twists


def from_swing_and_twist(swings: np.ndarray, twists: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The inverse of `swing_and_twist`: [N, 3, 3]."""
    twisted = Rotation.from_rotvec(twists[:, None] * axes)
    return (Rotation.from_rotvec(swings) * twisted).as_matrix()
