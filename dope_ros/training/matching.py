# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which boxes belong to which labelled ones, and which of them are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import box_area, box_iou

IGNORED_SHARE = 0.5
"""A box of which more than this lies in an ignored one is neither right nor wrong."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many boxes of a picture are trained on.

    count: boxes a picture.
    positive_share: at most this share of them is positive.
    """

    count: int
    positive_share: float


def best_overlaps(boxes: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """The labelled box that each box overlaps most.

    Args:
        boxes: [N, 4].
        labelled: [G, 4].

    Returns:
        Intersection over union [N] float32 and index into `labelled` [N] int64; both 0 where G is 0.
    """
    if not len(labelled):
        return boxes.new_zeros(len(boxes)), torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    return box_iou(boxes, labelled).max(dim=1)


def lies_in(boxes: Tensor, ignored: Tensor) -> Tensor:
    """[N] bool, which of `boxes` [N, 4] lie for the most part in one of `ignored` [I, 4]."""
    if not len(ignored):
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    low = torch.maximum(boxes[:, None, :2], ignored[:, :2])
    high = torch.minimum(boxes[:, None, 2:], ignored[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=2)
    return (shared > IGNORED_SHARE * box_area(boxes)[:, None]).any(dim=1)


def sample_balanced(
    positive: Tensor, negative: Tensor, sampling: Sampling, generator: torch.Generator
) -> Tensor:
    """A random choice of boxes with a limited share of positive ones.

    Args:
        positive, negative: [N] bool.
        generator: on the CPU; the same state and masks give the same choice on every device.

    Returns:
        Indices [S] int64, positive ones first; negative ones fill up to `sampling.count`.
    """
    positives = _choice(positive, int(sampling.count * sampling.positive_share), generator)
    negatives = _choice(negative, sampling.count - len(positives), generator)
    return torch.cat([positives, negatives])


def _choice(mask: Tensor, count: int, generator: torch.Generator) -> Tensor:
    indices = mask.nonzero()[:, 0]
    order = torch.randperm(len(indices), generator=generator)[:count]
    return indices[order.to(indices.device)]
