# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses of the region proposal network (Faster R-CNN, Ren et al., 2015)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from dope_ros.network.anchors import encode_boxes
from dope_ros.training.loading.joined_targets import BatchTargets
from dope_ros.training.losses.box_matching import Sampled, Sampling, box_iou, lies_in, sample_balanced
from dope_ros.training.losses.chance import draws
from dope_ros.training.losses.terms import Term

BOX_BETA = 1 / 9
"""Where smooth L1 turns from a square into a line, for box deltas."""

STREAM = 1
"""Of random numbers."""


@dataclass(frozen=True, slots=True)
class RpnSettings:
    """Which anchors are trained on.

    positive_iou: an anchor that overlaps a labelled box at least that much should find it; so should the best
        anchor of each box, if it overlaps it by `least_iou`.
    negative_iou: an anchor that overlaps every labelled box less than that is background.
    least_iou: below it the best anchor of a box is too far off to be asked for it.
    sampling: of anchors in a picture.
    """

    positive_iou: float = 0.7
    negative_iou: float = 0.3
    least_iou: float = 0.2
    sampling: Sampling = field(default_factory=lambda: Sampling(256, 0.5))


@dataclass(frozen=True, slots=True, eq=False)
class AnchorTargets:
    """The anchors of B pictures that are trained on, S of each at most.

    sampled: which they are.
    deltas: [B, S, 4] float32, from the positive anchors to their labelled boxes; else 0.
    """

    sampled: Sampled
    deltas: Tensor


@torch.no_grad()
def assign_anchors(
    anchors: Tensor, targets: BatchTargets, settings: RpnSettings, seeds: Tensor
) -> AnchorTargets:
    """Which anchors of each picture should find something, and which nothing.

    Region proposals know no parts: what is labelled for any part is positive, what is ignored for any part is
    left out, and the rest is background, also where a picture is labelled in part alone.

    Args:
        anchors: [M, 4], of every picture.
        seeds: [B] int64, of the pictures.
    """
    boxes = targets.all_boxes()
    each = box_iou(anchors, boxes)
    most, nearest = each.max(dim=2)
    best = each.amax(dim=1, keepdim=True).clamp(min=settings.least_iou)
    positive = (most >= settings.positive_iou) | (each >= best).any(dim=2)
    negative = (most < settings.negative_iou) & ~positive & ~lies_in(anchors, targets.all_ignored())
    keys = draws(seeds, STREAM, len(anchors))
    sampled = sample_balanced(positive, negative, settings.sampling, keys)
    wanted = boxes.take_along_dim(nearest.gather(1, sampled.indices)[..., None], dim=1)
    deltas = encode_boxes(anchors[sampled.indices], wanted)
    return AnchorTargets(sampled, torch.where(sampled.positive[..., None], deltas, 0))


def rpn_terms(logits: Tensor, deltas: Tensor, assigned: AnchorTargets) -> dict[str, Term]:
    """Binary cross-entropy of objectness, and smooth L1 of box deltas, over the anchors that were picked.

    Args:
        logits: [B, M].
        deltas: [B, M, 4].
        assigned: of the pictures.
    """
    sampled = assigned.sampled
    is_object = sampled.positive.float()
    of_picked = logits.gather(1, sampled.indices).float()
    objectness = functional.binary_cross_entropy_with_logits(of_picked, is_object, reduction="none")
    predicted = deltas.take_along_dim(sampled.indices[..., None], dim=1).float()
    boxes = functional.smooth_l1_loss(predicted, assigned.deltas, beta=BOX_BETA, reduction="none").sum(dim=2)
    count = sampled.picked.sum().float()
    return {
        "rpn_objectness": Term((objectness * sampled.picked).sum(), count),
        "rpn_boxes": Term((boxes * is_object).sum(), count),
    }
