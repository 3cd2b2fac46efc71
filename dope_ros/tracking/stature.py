# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How tall people are, as depth images measured them: where depth is lost, distances stay right.

Without depth a distance follows from the size that the network sees, which is off by several per cent and
differs from picture to picture; but people do not grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median

import numpy as np

from dope_ros.geometry.size import LIMBS
from dope_ros.joint_arrays import BODY_SLICE, JointArrays, lengths, roots_of, with_joints
from dope_ros.poses import Person
from dope_ros.skeleton import LEFT_WRIST, RIGHT_WRIST
from dope_ros.tracking.memory import REMEMBERED

FEWEST, MOST = 5, 30
"""So many measurements of a person it takes, and so many are remembered; their median counts, for depth is at
times that of something else."""

FURTHEST_OFF = 1.5
"""Somebody who looks so many times as large or as small as they are remembered is somebody else."""

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
        bodies = [person for person in people if person.metric and person.body is not None]
        if not bodies:
            return list(people)
        joints = JointArrays.of(bodies).keypoints_3d
        factors = self._factors(bodies, limb_lengths(joints[:, BODY_SLICE]))
        rows = np.flatnonzero(np.isfinite(factors))
        scaled = _scaled([bodies[row] for row in rows], joints[rows], factors[rows])
        recalled = {person.id: person for person in scaled}
        return [recalled.get(person.id, person) for person in people]

    def _factors(self, bodies: Sequence[Person], limbs: np.ndarray) -> np.ndarray:
        """How many times as large as they look people are: [P]; NaN where that is measured now or unknown.

        Args:
            limbs: [P] metres, of the people; what is measured now is remembered.
        """
        factors = np.full(len(bodies), np.nan)
        for row, person in enumerate(bodies):
            if person.depth_measured:
                self._remember(person.id, float(limbs[row]))
            else:
                factors[row] = self._remembered(person.id) / max(limbs[row], 1e-3)
        return np.where((factors > 1 / FURTHEST_OFF) & (factors < FURTHEST_OFF), factors, np.nan)

    def _remember(self, person: int, length: float) -> None:
        measured = self._measured.pop(person, deque(maxlen=MOST))  # measured last is to stand last
        measured.append(length)
        self._measured[person] = measured
        if len(self._measured) > REMEMBERED:
            del self._measured[next(iter(self._measured))]

    def _remembered(self, person: int) -> float:
        """Metres; NaN where too little was measured."""
        measured = self._measured.get(person, ())
        return median(measured) if len(measured) >= FEWEST else float("nan")


def _scaled(people: Sequence[Person], joints: np.ndarray, factors: np.ndarray) -> list[Person]:
    """People whose joints [P, 139, 3] and places are so many times [P] further from the camera."""
    moved = factors[:, None, None] * joints
    changes = [
        {
            "root": root,
            "size_measured": True,
            "root_covariance": None if person.root_covariance is None else factor**2 * person.root_covariance,
        }
        for person, root, factor in zip(people, roots_of(people, moved), factors, strict=True)
    ]
    return with_joints(people, moved, changes=changes)
