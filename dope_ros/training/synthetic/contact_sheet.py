# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Contact sheets: many pictures of a set beside each other, with their labels drawn or without."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import simplejpeg

from dope_ros.palette import BODY_BONE_SIDES, PART_COLOURS, SIDE_COLOURS
from dope_ros.skeleton import SKELETONS, Part, Side
from dope_ros.training.synthetic.format import (
    PartLabels,
    PictureLabels,
    Visibility,
    complete_pictures,
    labels_path,
    picture_path,
    read_labels,
)

HIDDEN_COLOUR = (110, 110, 110)


def draw_labels(picture: np.ndarray, labels: PictureLabels) -> np.ndarray:
    """A copy of a picture with its labels: dots on joints that are seen, grey bones between hidden ones."""
    canvas = picture.copy()
    for name, part, points in _parts(labels):
        for person in range(len(points)):
            _draw_part(canvas, name, part, points.keypoints_2d[person], points.visibility[person])
    return canvas


def write_contact_sheet(folder: Path, path: Path, count: int = 24, columns: int = 6) -> None:
    """Write the first pictures of a set, each row without and with labels, as a JPEG."""
    indices = complete_pictures(folder)[:count]
    pictures = [simplejpeg.decode_jpeg(picture_path(folder, index).read_bytes()) for index in indices]
    labels = [read_labels(labels_path(folder, index)) for index in indices]
    rows = []
    for start in range(0, len(indices), columns):
        plain = pictures[start : start + columns]
        drawn = [draw_labels(*pair) for pair in zip(plain, labels[start : start + columns], strict=True)]
        missing = [np.zeros_like(plain[0])] * (columns - len(plain))
        rows += [np.concatenate([*plain, *missing], axis=1), np.concatenate([*drawn, *missing], axis=1)]
    if rows:
        path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(np.concatenate(rows)), quality=90))


def _parts(labels: PictureLabels) -> list[tuple[str, Part, PartLabels]]:
    return [
        ("body", Part.BODY, labels.bodies),
        ("right_hand", Part.HAND, labels.hands[Side.RIGHT]),
        ("left_hand", Part.HAND, labels.hands[Side.LEFT]),
        ("face", Part.FACE, labels.faces),
    ]


def _draw_part(canvas: np.ndarray, name: str, part: Part, points: np.ndarray, seen: np.ndarray) -> None:
    for index, (first, second) in enumerate(SKELETONS[part].bones):
        ends = points[[first, second]]
        if np.isnan(ends).any() or np.abs(ends).max() > 1e4:
            continue
        colour = SIDE_COLOURS[BODY_BONE_SIDES[index]] if part is Part.BODY else PART_COLOURS[name]
        if not (seen[[first, second]] == Visibility.VISIBLE).any():
            colour = HIDDEN_COLOUR
        start, end = (ends * 8).round().astype(int).tolist()
        cv2.line(canvas, start, end, colour, 1, cv2.LINE_AA, 3)
    for point, visibility in zip(points, seen, strict=True):
        if visibility == Visibility.VISIBLE:
            cv2.circle(
                canvas, (point * 8).round().astype(int).tolist(), 12, PART_COLOURS[name], -1, cv2.LINE_AA, 3
            )
