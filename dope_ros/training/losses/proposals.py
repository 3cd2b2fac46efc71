# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The region proposals of all pictures of a batch at once; `network.rpn` makes them picture by picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dope_ros.network.config import ProposalSettings
from dope_ros.network.rpn import best_anchors, candidate_boxes
from dope_ros.network.static_nms import fixed_point_nms

ROUNDS = 12
"""Of non-maximum suppression. Longer chains of suppressions are rare, and one box more does no harm here."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchProposals:
    """Boxes of B pictures, best first.

    boxes: [B, N, 4] float32, pixels.
    there: [B, N] bool; false for the padding.
    """

    boxes: Tensor
    there: Tensor


def picture_limits(sizes: Sequence[tuple[int, int]], device: torch.device) -> Tensor:
    """[B, 4] float32, the highest coordinates of a box in pictures of those heights and widths."""
    return torch.tensor(sizes, dtype=torch.float32, device=device).flip(1).repeat(1, 2)


@torch.no_grad()
def propose(
    anchors: Tensor, logits: Tensor, deltas: Tensor, limits: Tensor, settings: ProposalSettings
) -> BatchProposals:
    """What `network.rpn.select_proposals` says of each picture.

    Args:
        anchors: [M, 4].
        logits: [B, M], objectness.
        deltas: [B, M, 4].
        limits: [B, 4], as `picture_limits` gives them.
    """
    best = best_anchors(logits, settings)
    of_best = deltas.take_along_dim(best[..., None], dim=1)
    boxes, wide = candidate_boxes(anchors[best], of_best, limits[:, None], settings)
    kept = fixed_point_nms(boxes, wide, settings.max_iou, ROUNDS)
    order = kept.int().argsort(dim=1, descending=True, stable=True)[:, : settings.count]
    return BatchProposals(boxes.take_along_dim(order[..., None], dim=1), kept.gather(1, order))
