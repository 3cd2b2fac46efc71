# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which boxes belong to which labelled ones, and which of them are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

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


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A choice of boxes of B pictures, at most S of each.

    indices: [B, S] int64, of boxes.
    picked: [B, S] bool; false where a picture has no more boxes.
    positive: [B, S] bool, which of the picked ones are positive.
    """

    indices: Tensor
    picked: Tensor
    positive: Tensor


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union [..., N, G] of boxes [..., N, 4] and [..., G, 4]; 0 for one without extent."""
    shared = _shared(boxes, others)
    together = (_area(boxes)[..., :, None] + _area(others)[..., None, :]).sub_(shared).clamp_(min=1e-9)
    return shared.div_(together)


def best_overlaps(boxes: Tensor, labelled: Tensor) -> tuple[Tensor, Tensor]:
    """The labelled box that each box overlaps most.

    Args:
        boxes: [..., N, 4].
        labelled: [..., G, 4].

    Returns:
        Intersection over union [..., N] float32 and index into `labelled` [..., N] int64; both 0 where G is
        0.
    """
    if not labelled.shape[-2]:
        none = boxes.new_zeros(boxes.shape[:-1])
        return none, none.long()
    return box_iou(boxes, labelled).max(dim=-1)


def lies_in(boxes: Tensor, ignored: Tensor) -> Tensor:
    """[..., N] bool, which of `boxes` [..., N, 4] lie for the most part in one of `ignored` [..., I, 4]."""
    shared = _shared(boxes, ignored)
    return (shared > IGNORED_SHARE * _area(boxes)[..., None]).any(dim=-1)


def _shared(boxes: Tensor, others: Tensor) -> Tensor:
    """The area [..., N, G] that boxes [..., N, 4] and [..., G, 4] share.

    In place: of all anchors and all labels, fresh memory takes longer than the arithmetic.
    """
    x1, y1, x2, y2 = (edge[..., :, None] for edge in boxes.unbind(dim=-1))
    left, top, right, bottom = (edge[..., None, :] for edge in others.unbind(dim=-1))
    width = torch.minimum(x2, right).sub_(torch.maximum(x1, left)).clamp_(min=0)
    height = torch.minimum(y2, bottom).sub_(torch.maximum(y1, top)).clamp_(min=0)
    return width.mul_(height)


def _area(boxes: Tensor) -> Tensor:
    x1, y1, x2, y2 = boxes.unbind(dim=-1)
    return (x2 - x1) * (y2 - y1)


def sample_balanced(positive: Tensor, negative: Tensor, sampling: Sampling, keys: Tensor) -> Sampled:
    """A random choice of boxes of each picture with a limited share of positive ones.

    Args:
        positive, negative: [B, N] bool, none both.
        keys: [B, N] int64, random, 0 or more; boxes with the highest are chosen.

    Returns:
        Positive ones first; negative ones fill up to `sampling.count`.
    """
    positives, is_positive = _highest(keys, positive, int(sampling.count * sampling.positive_share))
    negatives, is_negative = _highest(keys, negative, sampling.count)
    room = sampling.count - is_positive.sum(dim=1, keepdim=True)
    is_negative &= torch.arange(is_negative.shape[1], device=keys.device) < room
    indices = torch.cat([positives, negatives], dim=1)
    picked = torch.cat([is_positive, is_negative], dim=1)
    chosen = torch.cat([is_positive, torch.zeros_like(is_negative)], dim=1)
    order = picked.int().argsort(dim=1, descending=True, stable=True)[:, : sampling.count]
    return Sampled(*(choice.gather(1, order) for choice in (indices, picked, chosen)))


def _highest(keys: Tensor, among: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The boxes of each picture with the highest keys `among` some, and which places have one."""
    values, indices = keys.masked_fill(~among, -1).topk(min(count, keys.shape[1]), dim=1)
    return indices, values >= 0
