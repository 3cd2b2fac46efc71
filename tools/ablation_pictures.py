# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cuts close-ups of bodies, hands and faces, each as often, from a rendered set, for the ablation.

    python tools/ablation_pictures.py PEOPLE OUT COUNT

They are a rendered set again. What is cut off counts as outside of the picture.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from dope_ros.geometry import Intrinsics
from dope_ros.pictures import read_picture, write_picture
from dope_ros.preprocess import fit
from dope_ros.training.synthetic import format as rendered

SIDE = 128
"""Of a close-up, pixels."""

LEAST_SIDE, LEAST_SEEN = 28.0, 0.6
"""What is cut out is at least that long in pixels, and that share of its joints is visible."""

ROOM = (1.3, 2.2)
"""Sides of a close-up in longer sides of what it shows, drawn evenly."""


def boxes_of(labels: rendered.PictureLabels) -> list[np.ndarray]:
    """The boxes [N, 4] of what is seen well: bodies, hands, faces."""
    hands = list(labels.hands.values())
    return [
        np.concatenate([_seen_well(part) for part in kind])
        for kind in ([labels.bodies], hands, [labels.faces])
    ]


def _seen_well(part: rendered.RenderedPartLabels) -> np.ndarray:
    longer = (part.boxes[:, 2:] - part.boxes[:, :2]).max(axis=1)
    seen = (part.visibility == rendered.Visibility.VISIBLE).mean(axis=1)
    return part.boxes[(longer >= LEAST_SIDE) & (seen >= LEAST_SEEN)]


def square_around(box: np.ndarray, picture_side: int, rng: np.random.Generator) -> tuple[int, int, int]:
    """Left, top and side of a square within the picture around a box, which is somewhere in it."""
    longer = float((box[2:] - box[:2]).max())
    side = int(min(picture_side, longer * rng.uniform(*ROOM)))
    middle = (box[:2] + box[2:]) / 2 + rng.uniform(-0.5, 0.5, 2) * max(side - longer, 0)
    left, top = np.clip(middle - side / 2, 0, picture_side - side).astype(int)
    return int(left), int(top), side


def cut(labels: rendered.PictureLabels, square: tuple[int, int, int]) -> rendered.PictureLabels:
    """The labels of a square of the picture, scaled to `SIDE`."""
    corner, scale = np.array(square[:2]), SIDE / square[2]

    def part_of_square(part: rendered.RenderedPartLabels) -> rendered.RenderedPartLabels:
        """The labels of one part, moved and scaled; what has left the square is outside."""
        points = ((part.keypoints_2d - corner) * scale).astype(np.float32)
        inside = ((points >= 0) & (points < SIDE)).all(axis=-1)
        visibility = np.where(inside, part.visibility, rendered.Visibility.OUTSIDE).astype(np.uint8)
        boxes = ((part.boxes - np.tile(corner, 2)) * scale).astype(np.float32)
        return replace(part, keypoints_2d=points, visibility=visibility, boxes=boxes)

    camera, (x, y) = labels.intrinsics, corner
    moved = Intrinsics(camera.fx * scale, camera.fy * scale, (camera.cx - x) * scale, (camera.cy - y) * scale)
    hands = {side: part_of_square(part) for side, part in labels.hands.items()}
    return rendered.PictureLabels(
        SIDE, SIDE, moved, part_of_square(labels.bodies), hands, part_of_square(labels.faces)
    )


def close_ups(people: Path, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, rendered.PictureLabels]]:
    """Close-ups without end, of bodies, hands and faces in turn."""
    indices, kind = rendered.complete_pictures(people), 0
    while True:
        for index in rng.permutation(indices):
            labels = rendered.read_labels(rendered.labels_path(people, index))
            boxes = boxes_of(labels)[kind]
            if not len(boxes):
                continue
            picture = read_picture(rendered.picture_path(people, index))
            left, top, side = square_around(rng.choice(boxes), min(picture.shape[:2]), rng)
            square = np.ascontiguousarray(picture[top : top + side, left : left + side])
            yield fit(square, SIDE, SIDE, 0).pixels, cut(labels, (left, top, side))
            kind = (kind + 1) % 3


def main(people: Path, out: Path, count: int) -> None:
    """Write so many close-ups."""
    for name in ("pictures", "labels"):
        (out / name).mkdir(parents=True, exist_ok=True)
    for index, (picture, labels) in zip(
        range(count), close_ups(people, np.random.default_rng(0)), strict=False
    ):
        write_picture(rendered.picture_path(out, index), picture)
        rendered.write_labels(rendered.labels_path(out, index), labels)


main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
