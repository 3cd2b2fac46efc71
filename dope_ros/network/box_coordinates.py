# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""2D poses in the two frames that the network speaks of them in: pixels, and sizes of a box from its corner.

All take poses [N, ..., 2] and a box [N, 4] float32 of each, x1, y1, x2, y2 in pixels.
"""

from __future__ import annotations

from torch import Tensor

SMALLEST_SIDE = 1e-3
"""Pixels: sides of a box that something is divided by are that long at least."""


def to_pixels(poses: Tensor, boxes: Tensor) -> Tensor:
    """Poses in sizes of their boxes, in pixels."""
    corners, sides = _corners_and_sides(boxes, poses)
    return corners + poses * sides


def in_sizes_of(poses: Tensor, boxes: Tensor) -> Tensor:
    """Poses in pixels, in sizes of their boxes."""
    corners, sides = _corners_and_sides(boxes, poses)
    return (poses - corners) / sides.clamp(min=SMALLEST_SIDE)


def rebased(poses: Tensor, boxes: Tensor, others: Tensor) -> Tensor:
    """Poses in sizes of `boxes`, in sizes of the other boxes instead.

    `in_sizes_of(to_pixels(poses, boxes), others)` as one product and one sum, which rounds less.
    """
    corners, sides = _corners_and_sides(boxes, poses)
    other_corners, other_sides = _corners_and_sides(others, poses)
    other_sides = other_sides.clamp(min=SMALLEST_SIDE)
    return poses * (sides / other_sides) + (corners - other_corners) / other_sides


def _corners_and_sides(boxes: Tensor, poses: Tensor) -> tuple[Tensor, Tensor]:
    """Top left corners and sides, each [N, 1, ..., J, 2] for poses [N, ..., J, 2].

    There is one for each joint, for ONNX Runtime multiplies rows of J times 2 at once, but pairs one by one.
    """
    per_pose = boxes.reshape(-1, *[1] * (poses.ndim - 2), 4)
    per_joint = per_pose.expand(*per_pose.shape[:-2], poses.shape[-2], 4)
    return per_joint[..., :2], per_joint[..., 2:] - per_joint[..., :2]
