# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How tall people are, as depth images measured them: where depth is lost, distances stay right.

Without depth a distance follows from the size that the network sees, which is off by several per cent and
differs from picture to picture; but people do not grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from dope_ros import joint_arrays
from dope_ros.geometry.size import sizes_of
from dope_ros.joint_arrays import JointArrays, roots_of, with_joints
from dope_ros.poses import Person
from dope_ros.skeleton import Part

MEASUREMENTS = 30
"""So many of a person are remembered; their median counts, for depth is at times that of something else."""

REMEMBERED = 300
"""Of so many people at most something is remembered."""


class Statures:
    """Remembers how tall people are by their ids, which belong to one person for ever."""

    def __init__(self) -> None:
        self._measured: dict[int, deque[float]] = {}

    def __call__(self, people: Sequence[Person]) -> list[Person]:
        """The people of one picture; those without depth as tall as depth images measured them before.

        They are made as many times larger as they are put further away, so that they still project onto
        their 2D joints.

        Args:
            people: in the camera frame, with ids that are theirs over time.
        """
        bodies = [row for row, person in enumerate(people) if person.metric and person.body is not None]
        if not bodies:
            return list(people)
        arrays = JointArrays.of([people[row] for row in bodies])
        statures = sizes_of(Part.BODY, arrays.keypoints_3d[:, joint_arrays.BODY])
        recalled = list(people)
        for row, stature, joints in zip(bodies, statures, arrays.keypoints_3d, strict=True):
            person = people[row]
            if person.depth_measured:
                self._remember(person.id, float(stature))
            elif person.id in self._measured:
                factor = float(np.median(self._measured[person.id])) / max(float(stature), 1e-3)
                recalled[row] = _scaled(person, joints, factor)
        return recalled

    def _remember(self, person: int, stature: float) -> None:
        measured = self._measured.pop(person, deque(maxlen=MEASUREMENTS))  # measured last is to stand last
        measured.append(stature)
        self._measured[person] = measured
        if len(self._measured) > REMEMBERED:
            del self._measured[next(iter(self._measured))]


def _scaled(person: Person, joints: np.ndarray, factor: float) -> Person:
    """A person whose joints [139, 3] and place are so many times further from the camera."""
    moved = factor * joints[None]
    (root,) = roots_of([person], moved)
    covariance = None if person.root_covariance is None else factor**2 * person.root_covariance
    fields = {"root": root, "size_measured": True, "root_covariance": covariance}
    return with_joints([person], moved, changes=[fields])[0]
