# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy non-maximum suppression as a fixed point: standard operators of fixed shape.

A box stays exactly if no better box that stays overlaps it. Repeating that rule settles the boxes from
the best downwards: after r rounds every box is right whose chain of suppressions (this one is gone
because that one stays because a third is gone ...) is at most r long. Rounds alternate between too many
boxes and too few, so after an even number of them a box that is not settled yet stays.
"""

from __future__ import annotations

import torch
from torch import Tensor

NMS_ROUNDS = 32


def fixed_point_nms(boxes: Tensor, wide: Tensor, max_iou: float, rounds: int) -> Tensor:
    """Which boxes greedy non-maximum suppression keeps.

    Args:
        boxes: [..., n, 4] float32, best first.
        wide: [..., n] bool, false for boxes that neither stay nor suppress others.
        max_iou: a box that overlaps a better one by more than this goes.
        rounds: an even number.

    Returns:
        [..., n] bool, equal to `torchvision.ops.nms` over the wide boxes where no chain of suppressions is
        longer than `rounds`; beyond that some boxes too many stay.
    """
    order = torch.arange(boxes.shape[-2], device=boxes.device)
    better = order[None, :] < order[:, None]
    suppressors = (overlaps(boxes, max_iou) & better & wide[..., None, :]).float()
    kept = torch.ones_like(boxes[..., :1])
    for _ in range(rounds):
        kept = (suppressors @ kept < 0.5).float()
    return (kept[..., 0] > 0.5) & wide


def overlaps(boxes: Tensor, max_iou: float) -> Tensor:
    """Which pairs of boxes [..., n, 4] have an intersection over union above `max_iou`: [..., n, n] bool."""
    x1, y1, x2, y2 = (of[..., None] for of in boxes.unbind(-1))
    areas = (x2 - x1) * (y2 - y1)
    widths = torch.minimum(x2, x2.transpose(-1, -2)) - torch.maximum(x1, x1.transpose(-1, -2))
    heights = torch.minimum(y2, y2.transpose(-1, -2)) - torch.maximum(y1, y1.transpose(-1, -2))
    intersections = widths.clamp(min=0) * heights.clamp(min=0)
    return intersections > max_iou * (areas + areas.transpose(-1, -2) - intersections)
