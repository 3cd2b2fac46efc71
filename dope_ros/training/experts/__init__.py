# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Experts: what knows one part of a person and teaches the student (DOPE, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dope_ros.skeleton import Part, Side
from dope_ros.training.datasets.labels import PartLabels


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What an expert says of a box.

    score: how sure it is, in [0, 1].
    labels: 2D in the picture's pixels, 3D in metres on optical axes, right up to a translation. Joints that
        the expert holds to be out of sight are not known.
    side: of a hand.
    """

    score: float
    labels: PartLabels
    side: Side | None = None


class Expert(Protocol):
    """Estimates poses of parts in boxes."""

    def estimate(self, picture: np.ndarray, part: Part, boxes: np.ndarray) -> Sequence[Estimate | None]:
        """The pose in each box, None where there is none.

        Args:
            picture: uint8 [H, W, 3], RGB.
            boxes: [N, 4], x1, y1, x2, y2 in pixels.

        Raises:
            ExpertError: the expert failed.
        """
        ...

    def close(self) -> None:
        """Free what the expert holds; it cannot run after that."""
        ...
