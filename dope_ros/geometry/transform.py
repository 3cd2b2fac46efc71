# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms, and people moved by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from dope_ros.joint_arrays import JointArrays, with_joints
from dope_ros.poses import Person


@dataclass(frozen=True, slots=True)
class Transform:
    """Takes points of one frame to another: p' = rotation @ p + translation.

    rotation: [3, 3], its columns are the axes of the first frame, seen in the second.
    translation: [3] metres, the origin of the first frame, seen in the second.
    """

    rotation: np.ndarray
    translation: np.ndarray

    @classmethod
    def identity(cls) -> Transform:
        """The transform that changes nothing."""
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_quaternion(cls, quaternion: np.ndarray, translation: np.ndarray) -> Transform:
        """From a quaternion x, y, z, w of any length but zero."""
        return cls(Rotation.from_quat(quaternion).as_matrix(), np.asarray(translation, np.float64))

    def quaternion(self) -> np.ndarray:
        """[4] x, y, z, w."""
        return Rotation.from_matrix(self.rotation).as_quat()

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 3] of the first frame, in the second."""
        return points @ self.rotation.T + self.translation

    def after(self, first: Transform) -> Transform:
        """The transform that does `first` and then this one."""
        return Transform(self.rotation @ first.rotation, self.apply(first.translation))

    def inverse(self) -> Transform:
        """The way back."""
        return Transform(self.rotation.T, -self.rotation.T @ self.translation)

    def towards(self, other: Transform, share: float) -> Transform:
        """Between this one (share 0) and another (share 1), turning at a constant rate."""
        turns = Slerp([0.0, 1.0], Rotation.from_matrix(np.stack([self.rotation, other.rotation])))
        along = self.translation + share * (other.translation - self.translation)
        return Transform(turns(share).as_matrix(), along)


def transformed(people: list[Person], transform: Transform) -> list[Person]:
    """People in another frame: their joints, roots and covariances; the 2D stays that of the picture."""
    if not people:
        return []
    joints = transform.apply(JointArrays.of(people).keypoints_3d)
    return with_joints(people, joints, changes=[_root(person, transform) for person in people])


def _root(person: Person, transform: Transform) -> dict[str, np.ndarray]:
    moved = {} if person.root is None else {"root": transform.apply(person.root).astype(np.float32)}
    if person.root_covariance is not None:
        moved["root_covariance"] = transform.rotation @ person.root_covariance @ transform.rotation.T
    return moved
