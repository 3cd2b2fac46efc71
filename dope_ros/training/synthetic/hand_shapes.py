# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shapes of hands: open, relaxed, fists, pointing, holding, pinching, counting, and any mixture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dope_ros.skeleton import Side
from dope_ros.training.synthetic.joint_ranges import ABDUCTION, FLEXION, TWIST, Anatomy
from dope_ros.training.synthetic.segments import SIDE_LETTER

FULL_CURL = np.array([85.0, 100.0, 60.0])
"""Degrees of a fist: base, middle and end joint of a finger."""

FULL_THUMB_CURL = np.array([35.0, 45.0, 60.0])

HOLDING = ("grip", "hold_wide", "pinch")
"""Shapes that can have an object in them."""


@dataclass(frozen=True, slots=True)
class HandShape:
    """How a hand is bent.

    curls: [5], thumb to little finger, 0 straight to 1 a fist. spread: degrees between neighbouring fingers.
    opposition: 0 thumb beside the palm to 1 before it.
    """

    name: str
    curls: tuple[float, ...]
    spread: float = 0.0
    opposition: float = 0.3


_SHAPES = (
    (0.16, HandShape("open", (0.05, 0.03, 0.02, 0.03, 0.05), 3)),
    (0.08, HandShape("spread", (0.0, 0.0, 0.0, 0.0, 0.0), 10, 0.0)),
    (0.22, HandShape("relaxed", (0.2, 0.25, 0.3, 0.34, 0.38), 2)),
    (0.13, HandShape("fist", (0.7, 1.0, 1.0, 1.0, 1.0), 0, 0.7)),
    (0.08, HandShape("point", (0.6, 0.04, 0.9, 0.95, 0.95), 0, 0.6)),
    (0.10, HandShape("grip", (0.4, 0.62, 0.64, 0.66, 0.68), 1, 0.9)),
    (0.05, HandShape("hold_wide", (0.2, 0.35, 0.35, 0.37, 0.4), 5, 0.9)),
    (0.05, HandShape("pinch", (0.35, 0.5, 0.55, 0.6, 0.65), 3, 1.0)),
    (0.03, HandShape("thumb_up", (0.0, 0.95, 0.97, 0.98, 1.0), 0, 0.0)),
    (0.03, HandShape("victory", (0.6, 0.02, 0.02, 0.95, 0.97), 8, 0.7)),
    (0.02, HandShape("three", (0.0, 0.03, 0.03, 0.95, 0.97), 7, 0.0)),
    (0.02, HandShape("horns", (0.5, 0.03, 0.95, 0.95, 0.05), 2, 0.6)),
)
_MIXED = 0.03


def random_hand_shape(rng: np.random.Generator) -> HandShape:
    """A shape of the list with some play, or each finger as it likes."""
    if rng.random() < _MIXED:
        return HandShape("mixed", tuple(rng.random(5)), rng.uniform(0, 8), rng.random())
    likelihood = np.array([share for share, _ in _SHAPES])
    return _SHAPES[rng.choice(len(_SHAPES), p=likelihood / likelihood.sum())][1]


def holding_shape(rng: np.random.Generator) -> HandShape:
    """A shape that holds something."""
    shapes = [shape for _, shape in _SHAPES if shape.name in HOLDING]
    return shapes[rng.integers(len(shapes))]


def set_hand(
    angles: np.ndarray, anatomy: Anatomy, side: Side, shape: HandShape, rng: np.random.Generator
) -> None:
    """Write a hand's shape, with some play, into the angles of a pose."""
    letter = SIDE_LETTER[side]
    curls = np.clip(np.array(shape.curls) + rng.normal(0, 0.06, 5), 0, 1.05)
    for finger in range(2, 6):
        rows = [anatomy.index[f"finger{finger}-{joint}.{letter}"] for joint in (1, 2, 3)]
        angles[rows, FLEXION] = curls[finger - 1] * FULL_CURL + rng.normal(0, (5, 3, 2))
        angles[rows[0], ABDUCTION] = (3.4 - finger) * shape.spread + rng.normal(0, 1.5)
    thumb = [anatomy.index[f"finger1-{joint}.{letter}"] for joint in (1, 2, 3)]
    angles[thumb, FLEXION] = curls[0] * FULL_THUMB_CURL + rng.normal(0, 4, 3)
    angles[thumb[0], FLEXION] += 25 * shape.opposition
    angles[thumb[0], ABDUCTION] = 15 - 30 * shape.opposition + rng.normal(0, 4)
    angles[thumb[0], TWIST] = rng.normal(0, 4)
