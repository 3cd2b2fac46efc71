# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Contact sheets: many pictures of a set beside each other, with their labels drawn or without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import simplejpeg

from dope_ros.draw import draw_bone, draw_joint
from dope_ros.palette import BODY_BONE_SIDES, PART_COLOURS, SIDE_COLOURS
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import SKELETONS, Part
from dope_ros.training.synthetic.format import (
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
    for name, part in labels.parts().items():
        for points, seen in zip(part.keypoints_2d, part.visibility, strict=True):
            _draw_part(canvas, name, points, seen)
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


def _draw_part(canvas: np.ndarray, name: str, points: np.ndarray, seen: np.ndarray) -> None:
    part = PART_NAMES[name]
    for index, bone in enumerate(SKELETONS[part].bones):
        colour = SIDE_COLOURS[BODY_BONE_SIDES[index]] if part is Part.BODY else PART_COLOURS[name]
        if not (seen[list(bone)] == Visibility.VISIBLE).any():
            colour = HIDDEN_COLOUR
        draw_bone(canvas, points[list(bone)], colour)
    for point, visibility in zip(points, seen, strict=True):
        if visibility == Visibility.VISIBLE:
            draw_joint(canvas, point, PART_COLOURS[name], radius=1.5)
