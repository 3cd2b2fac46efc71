# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How often which scenes come: what pictures show, how people hold themselves, how cameras are turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np


class Framing(str, Enum):
    """What the picture is of."""

    WHOLE = "whole"
    UPPER = "upper"
    BUST = "bust"
    FACE = "face"
    HAND = "hand"
    CLUTTER = "clutter"
    GARMENT = "garment"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class SceneMix:
    """Shares of what comes.

    name: for `dope synth --scenes`.
    framings: of pictures; they sum to 1.
    postures: of people whose posture is not a captured one, by kind; they sum to 1.
    laid_down: of captured postures that are laid down or turned in the air.
    level: of cameras that look about horizontally; the others look from anywhere.
    upright: of cameras that are not rolled; the others are, by any angle.
    """

    name: str
    framings: Mapping[Framing, float]
    postures: Mapping[str, float]
    laid_down: float
    level: float
    upright: float

    def framing(self, rng: np.random.Generator) -> Framing:
        """What a picture is of."""
        framings, shares = zip(*self.framings.items(), strict=True)
        return framings[rng.choice(len(framings), p=np.array(shares) / sum(shares))]


EVERYTHING = SceneMix(
    name="everything",
    framings={
        Framing.WHOLE: 0.36,
        Framing.UPPER: 0.23,
        Framing.FACE: 0.11,
        Framing.HAND: 0.15,
        Framing.CLUTTER: 0.07,
        Framing.GARMENT: 0.04,
        Framing.EMPTY: 0.04,
    },
    postures={
        "standing": 0.3,
        "walking": 0.14,
        "sitting": 0.17,
        "crouching": 0.09,
        "bending": 0.06,
        "lying": 0.1,
        "hanging": 0.07,
        "tumbling": 0.07,
    },
    laid_down=0.12,
    level=0.72,
    upright=0.7,
)
"""People in every posture, seen by cameras at every roll."""

EVERYDAY = SceneMix(
    name="everyday",
    framings={
        Framing.WHOLE: 0.44,
        Framing.UPPER: 0.26,
        Framing.FACE: 0.09,
        Framing.HAND: 0.14,
        Framing.CLUTTER: 0.03,
        Framing.GARMENT: 0.02,
        Framing.EMPTY: 0.02,
    },
    postures={
        "standing": 0.4,
        "walking": 0.24,
        "sitting": 0.24,
        "crouching": 0.06,
        "bending": 0.06,
    },
    laid_down=0.0,
    level=0.94,
    upright=1.0,
)
"""What a robot among people sees most: they stand, walk and sit, and the camera is level."""

PORTRAITS = SceneMix(
    name="portraits",
    framings={Framing.BUST: 1.0},
    postures={"standing": 0.6, "sitting": 0.4},
    laid_down=0.0,
    level=0.96,
    upright=1.0,
)
"""Heads and shoulders, as in official portraits and before the camera of a screen."""

SCENE_MIXES = {mix.name: mix for mix in (EVERYTHING, EVERYDAY, PORTRAITS)}
