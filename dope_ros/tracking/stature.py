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
from dope_ros.geometry.size import LIMBS
from dope_ros.joint_arrays import JointArrays, lengths, roots_of, with_joints
from dope_ros.poses import Person
from dope_ros.skeleton import LEFT_WRIST, RIGHT_WRIST

FEWEST, MOST = 5, 30
"""So many measurements of a person it takes, and so many are remembered; their median counts, for depth is at
times that of something else."""

FURTHEST_OFF = 1.5
"""Somebody who looks so many times as large or as small as they are remembered is somebody else."""

REMEMBERED = 300
"""Of so many people at most something is remembered."""


LIMBS_BUT_FOREARMS = np.array([bone for bone in LIMBS if not {LEFT_WRIST, RIGHT_WRIST} & set(bone)])
"""Depth images move wrists (`geometry.measure`), and make forearms longer or shorter thereby."""


def limb_lengths(bodies: np.ndarray) -> np.ndarray:
    """The summed length of the limbs but for forearms of bodies [P, 13, 3]: [P] metres."""
    first, second = LIMBS_BUT_FOREARMS.T
    return lengths(bodies[:, first] - bodies[:, second]).sum(axis=1)


class Statures:
    """Remembers how tall people are by their ids, which belong to one person for ever."""

    def __init__(self) -> None:
        self._measured: dict[int, deque[float]] = {}

    def __call__(self, people: Sequence[Person]) -> list[Person]:
        """The people of one picture; those without depth as tall as depth images measured them before.

        They are made as many times larger as they are put further away, so that they still project onto
        their 2D joints. Their covariance stays that of a size that nobody measured.

        Args:
            people: in the camera frame, with ids that are theirs over time.
        """
        bodies = [row for row, person in enumerate(people) if person.metric and person.body is not None]
        if not bodies:
            return list(people)
        joints = JointArrays.of([people[row] for row in bodies]).keypoints_3d
        recalled = list(people)
        for row, of_person, length in zip(
            bodies, joints, limb_lengths(joints[:, joint_arrays.BODY]), strict=True
        ):
            person = people[row]
            if person.depth_measured:
                self._remember(person.id, float(length))
                continue
            factor = self._remembered(person.id) / max(float(length), 1e-3)
            if 1 / FURTHEST_OFF < factor < FURTHEST_OFF:
                recalled[row] = _scaled(person, of_person, factor)
        return recalled

    def _remember(self, person: int, length: float) -> None:
        measured = self._measured.pop(person, deque(maxlen=MOST))  # measured last is to stand last
        measured.append(length)
        self._measured[person] = measured
        if len(self._measured) > REMEMBERED:
            del self._measured[next(iter(self._measured))]

    def _remembered(self, person: int) -> float:
        """Metres; NaN where too little was measured."""
        measured = self._measured.get(person, ())
        return float(np.median(measured)) if len(measured) >= FEWEST else float("nan")


def _scaled(person: Person, joints: np.ndarray, factor: float) -> Person:
    """A person whose joints [139, 3] and place are so many times further from the camera."""
    moved = factor * joints[None]
    (root,) = roots_of([person], moved)
    covariance = None if person.root_covariance is None else factor**2 * person.root_covariance
    fields = {"root": root, "size_measured": True, "root_covariance": covariance}
    return with_joints([person], moved, changes=[fields])[0]
