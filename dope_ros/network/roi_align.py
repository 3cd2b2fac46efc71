# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""RoIAlign as GridSample: standard operators of fixed shape, for graphs that run everywhere.

Equal to `torchvision.ops.roi_align` (Mask R-CNN, He et al., 2017), and differentiable as that is.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class RoiGrid:
    """Where RoIAlign samples a box.

    size: bins a side.
    samples: samples a side of each bin; a bin is their mean.
    aligned: a cell's value belongs to its middle, and boxes may be smaller than a cell.
    outside: what lies beyond the feature map: `zero`, or its `border` repeated.
    """

    size: int = 7
    samples: int = 2
    aligned: bool = False
    outside: str = "zero"


def grid_roi_align(features: Tensor, boxes: Tensor, stride: int, grid: RoiGrid) -> Tensor:
    """Resample the features inside each box.

    Args:
        features: [1, C, rows, columns].
        boxes: [N, 4] float32, pixels.
        stride: pixels a cell of `features`.
        grid: where to sample.

    Returns:
        [N, C, size, size].
    """
    _, channels, rows, columns = features.shape
    points = grid.size * grid.samples
    x = _unit_positions(boxes[:, 0], boxes[:, 2], columns, stride, grid)
    y = _unit_positions(boxes[:, 1], boxes[:, 3], rows, stride, grid)
    count = boxes.shape[0]
    positions = torch.stack(
        [x[:, None, :].expand(count, points, points), y[:, :, None].expand(count, points, points)], dim=-1
    )
    positions = positions.reshape(1, count * points, points, 2).to(features.dtype)
    sampled = functional.grid_sample(
        features, positions, mode="bilinear", padding_mode="zeros", align_corners=True
    )
    if grid.samples > 1:
        sampled = functional.avg_pool2d(sampled, grid.samples)
    return sampled.reshape(channels, count, grid.size, grid.size).transpose(0, 1)


_FAR_OUTSIDE = -8.0
"""A position on GridSample's axis, which is -1 to 1 over the feature map, that reads zero."""


def _unit_positions(low: Tensor, high: Tensor, cells: int, stride: int, grid: RoiGrid) -> Tensor:
    """Where each box is sampled along one axis: [N, size * samples], on GridSample's axis from -1 to 1."""
    points = grid.size * grid.samples
    fractions = (torch.arange(points, dtype=low.dtype, device=low.device) + 0.5) / points
    lengths = (high - low) / stride
    if not grid.aligned:
        lengths = lengths.clamp(min=1.0)
    shift = 0.5 if grid.aligned else 0.0
    cell = low[:, None] / stride - shift + lengths[:, None] * fractions
    unit = cell.clamp(0, cells - 1) * (2 / (cells - 1)) - 1
    if grid.outside == "border":
        return unit
    inside = (cell >= -1) & (cell <= cells)
    return torch.where(inside, unit, torch.full_like(unit, _FAR_OUTSIDE))
