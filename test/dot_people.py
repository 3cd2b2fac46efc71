# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hands whose joints are dots, and an expert that sees them: joint j is a square of grey value 100 + 5 j.

The hand's side follows from where the thumb is, so that the mirror image of a right hand shows a left one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dope_ros.pictures import write_picture
from dope_ros.skeleton import HAND, Part, Side
from dope_ros.training.datasets.labels import PartLabels
from dope_ros.training.datasets.labels_file import FILE_NAME
from dope_ros.training.experts import Estimate

LITTLE_BASE, THUMB_BASE = HAND.index("little_base"), HAND.index("thumb_base")
SIZE = 120


def hand_points(left: float = 30, top: float = 30, spread: float = 12) -> np.ndarray:
    """[21, 2], a grid with the thumb's base left of the little finger's: a right hand, as it counts here."""
    rows, columns = np.divmod(np.arange(21), 6)
    return np.stack([left + spread * columns, top + spread * rows], axis=1).astype(float)


def drawn(points: np.ndarray, size: int = SIZE) -> np.ndarray:
    picture = np.full((size, size, 3), 20, np.uint8)
    for joint, (x, y) in enumerate(np.round(points).astype(int)):
        picture[y - 1 : y + 2, x - 1 : x + 2] = 100 + 5 * joint
    return picture


def write_hand(folder: Path, name: str, **place: float) -> np.ndarray:
    """A picture file of a hand; returns where its joints are."""
    points = hand_points(**place)
    folder.mkdir(parents=True, exist_ok=True)
    write_picture(folder / name, drawn(points))
    return points


def never(call: int) -> float:
    del call
    return 0.0


@dataclass
class DotExpert:
    """Finds dots in boxes. `slip` is added to the joints of the n-th call; `score` is of all estimates."""

    slip: Callable[[int], float] = never
    score: float = 0.9
    calls: int = 0

    def estimate(self, picture: np.ndarray, part: Part, boxes: np.ndarray) -> Sequence[Estimate | None]:
        assert part is Part.HAND
        found = [self._hand(picture, box) for box in boxes]
        self.calls += 1
        return found

    def close(self) -> None:
        pass

    def _hand(self, picture: np.ndarray, box: np.ndarray) -> Estimate | None:
        seen = np.zeros_like(picture[..., 0])
        x1, y1, x2, y2 = np.round(box).astype(int)
        seen[max(y1, 0) : y2 + 1, max(x1, 0) : x2 + 1] = picture[max(y1, 0) : y2 + 1, max(x1, 0) : x2 + 1, 0]
        places = [np.argwhere(seen == 100 + 5 * joint) for joint in range(21)]
        if not all(map(len, places)):
            return None
        points = np.array([place.mean(axis=0)[::-1] for place in places])
        side = Side.RIGHT if points[THUMB_BASE, 0] < points[LITTLE_BASE, 0] else Side.LEFT
        moved = points + np.array([self.slip(self.calls), 0.0])
        solid = np.column_stack([points / 1000, np.zeros(21)])
        return Estimate(self.score, PartLabels.of(moved, keypoints_3d=solid), side)


def forget_how_it_was_made(folder: Path, *names: str) -> None:
    """Take entries of `made` out of a set's file of labels: an earlier release did not write them."""
    path = folder / FILE_NAME
    head, *lines = path.read_text().splitlines(keepends=True)
    values = json.loads(head)
    for name in names:
        del values["made"][name]
    path.write_text("".join([json.dumps(values) + "\n", *lines]))
