# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Anchor boxes, and the boxes that a region proposal network makes of them."""

from __future__ import annotations

import torch
from torch import Tensor

from dope_ros.network.config import AnchorBoxes


def cell_anchors(boxes: AnchorBoxes) -> Tensor:
    """The anchors of one cell around its origin: [A, 4] float32, pixels, by ratio, then by size."""
    heights = torch.tensor(boxes.ratios).sqrt()
    sizes = torch.tensor(boxes.sizes, dtype=torch.float32)
    half_widths = (1 / heights)[:, None] * sizes / 2
    half_heights = heights[:, None] * sizes / 2
    anchors = torch.stack([-half_widths, -half_heights, half_widths, half_heights], dim=-1).reshape(-1, 4)
    return anchors.round() if boxes.rounded else anchors


def grid_anchors(boxes: AnchorBoxes, rows: int, columns: int, stride: int) -> Tensor:
    """The anchors of a whole feature map: [rows * columns * A, 4] float32, pixels, row by row."""
    shift = 0.5 if boxes.centred else 0.0
    y = (torch.arange(rows) + shift) * stride
    x = (torch.arange(columns) + shift) * stride
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    origins = torch.stack([grid_x, grid_y, grid_x, grid_y], dim=-1)
    return (origins[:, :, None] + cell_anchors(boxes)).reshape(-1, 4)


def decode_boxes(anchors: Tensor, deltas: Tensor, max_log_scale: float) -> Tensor:
    """Move and scale anchors by what the network predicts (Fast R-CNN, Girshick, 2015).

    Args:
        anchors: [..., 4] float32, corners in pixels.
        deltas: [..., 4] float32: shift of the middle in sizes of the anchor, logarithm of the scale.
        max_log_scale: the logarithms are limited to it.

    Returns:
        [..., 4] float32, corners in pixels, not limited to the picture.
    """
    sizes = anchors[..., 2:] - anchors[..., :2]
    middles = anchors[..., :2] + sizes / 2 + deltas[..., :2] * sizes
    half = deltas[..., 2:].clamp(max=max_log_scale).exp() * sizes / 2
    return torch.cat([middles - half, middles + half], dim=-1)


def encode_boxes(anchors: Tensor, boxes: Tensor) -> Tensor:
    """What `decode_boxes` makes `boxes` of from `anchors`; both [..., 4] with positive sizes.

    Returns:
        [..., 4] float32: shift of the middle in sizes of the anchor, logarithm of the scale.
    """
    sizes, wanted = anchors[..., 2:] - anchors[..., :2], boxes[..., 2:] - boxes[..., :2]
    shift = (boxes[..., :2] + wanted / 2) - (anchors[..., :2] + sizes / 2)
    return torch.cat([shift / sizes, (wanted / sizes).log()], dim=-1)


def limits_of(size: tuple[int, int], boxes: Tensor) -> Tensor:
    """[4], the highest coordinates of `boxes` in a picture of that height and width, on their device."""
    height, width = size
    return boxes.new_tensor([width, height, width, height])


def within(boxes: Tensor, limits: Tensor) -> Tensor:
    """Limit the corners of boxes [..., 4] to 0 and `limits` [..., 4]: a picture's width and height, twice."""
    return boxes.clamp(min=0).minimum(limits)
