# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draws people over the picture they were seen in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from dope_ros.palette import BODY_BONE_SIDES, PART_COLOURS, SIDE_COLOURS, Colour
from dope_ros.poses import PART_NAMES, Person
from dope_ros.skeleton import SKELETONS, Part

_FRACTION_BITS = 3
"""OpenCV draws at this many binary places of a pixel, or lines would jump from pixel to pixel."""


def draw_people(picture: np.ndarray, people: Iterable[Person]) -> np.ndarray:
    """A copy of the picture with the people drawn over it.

    Bodies are drawn as bones in the colours of their sides, hands as bones, faces as the lines of their
    features; the person's id stands at the corner of its first part.

    Args:
        picture: uint8 [H, W, 3], RGB.
        people: 2D in the picture's pixels.

    Returns:
        uint8 [H, W, 3], RGB.
    """
    canvas = picture.copy()
    unit = max(picture.shape[:2]) / 640
    for person in people:
        for name, pose in person.parts().items():
            _draw_part(canvas, name, pose.keypoints_2d, unit)
        _draw_label(canvas, person, unit)
    return canvas


def _draw_part(canvas: np.ndarray, name: str, keypoints: np.ndarray, unit: float) -> None:
    part = PART_NAMES[name]
    thickness = max(1, round({Part.BODY: 2.5, Part.HAND: 1.5, Part.FACE: 1.0}[part] * unit))
    for index, bone in enumerate(SKELETONS[part].bones):
        colour = SIDE_COLOURS[BODY_BONE_SIDES[index]] if part is Part.BODY else PART_COLOURS[name]
        draw_bone(canvas, keypoints[list(bone)], colour, thickness)
    if part is not Part.FACE:
        for keypoint in keypoints:
            draw_joint(canvas, keypoint, PART_COLOURS[name], round(thickness * 1.2))


def draw_bone(canvas: np.ndarray, ends: np.ndarray, colour: Colour, thickness: int = 1) -> None:
    """Draw a line between two points, [2, 2] pixels, into a picture; none where they cannot be drawn."""
    if _drawable(ends):
        fixed = _fixed_point(ends)
        cv2.polylines(canvas, [fixed], False, colour, thickness, cv2.LINE_AA, _FRACTION_BITS)


def draw_joint(canvas: np.ndarray, point: np.ndarray, colour: Colour, radius: float) -> None:
    """Draw a dot at a point, [2] pixels, into a picture; none where it cannot be drawn."""
    if _drawable(point):
        fixed, fixed_radius = _fixed_point(point).tolist(), round(radius * (1 << _FRACTION_BITS))
        cv2.circle(canvas, fixed, fixed_radius, colour, -1, cv2.LINE_AA, _FRACTION_BITS)


def _fixed_point(pixels: np.ndarray) -> np.ndarray:
    """Coordinates as OpenCV takes them, int32."""
    return np.round(pixels * (1 << _FRACTION_BITS)).astype(np.int32)


def _draw_label(canvas: np.ndarray, person: Person, unit: float) -> None:
    keypoints = next(iter(person.parts().values())).keypoints_2d
    if not _drawable(keypoints):
        return
    x, y = np.clip(keypoints.min(axis=0), 0, (canvas.shape[1] - 1, canvas.shape[0] - 1)).astype(int)
    origin = (int(x), max(int(y) - round(6 * unit), round(14 * unit)))
    _draw_text(canvas, str(person.id), origin, 0.5 * unit)


def _draw_text(canvas: np.ndarray, text: str, origin: Sequence[int], scale: float) -> None:
    """White on a dark outline, readable on anything."""
    for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        width = max(1, round(thickness * scale * 2))
        cv2.putText(canvas, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA)


def _drawable(points: np.ndarray) -> bool:
    """Whether OpenCV's fixed-point coordinates can hold the points."""
    return bool(np.isfinite(points).all() and np.abs(points).max(initial=0) < 1 << 24)
