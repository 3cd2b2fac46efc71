# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses of the region proposal network (Faster R-CNN, Ren et al., 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_iou

from dope_ros.training.matching import Sampling, best_overlaps, lies_in, sample_balanced
from dope_ros.training.targets import Targets
from dope_ros.training.terms import Term

BOX_BETA = 1 / 9
"""Where smooth L1 turns from a square into a line, for box deltas."""


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
    """The anchors of a picture that are trained on: the first P of the S picked ones are positive.

    picked: [S] int64, indices of anchors.
    deltas: [P, 4] float32, from the positive anchors to their labelled boxes.
    """

    picked: Tensor
    deltas: Tensor


def encode_boxes(anchors: Tensor, boxes: Tensor) -> Tensor:
    """What `network.anchors.decode_boxes` makes `boxes` of from `anchors`; both [M, 4] with positive sizes.

    Returns:
        [M, 4] float32: shift of the middle in sizes of the anchor, logarithm of the scale.
    """
    sizes, wanted = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    shift = (boxes[:, :2] + wanted / 2) - (anchors[:, :2] + sizes / 2)
    return torch.cat([shift / sizes, (wanted / sizes).log()], dim=1)


@torch.no_grad()
def assign_anchors(
    anchors: Tensor, targets: Targets, settings: RpnSettings, generator: torch.Generator
) -> AnchorTargets:
    """Which anchors of a picture should find something, and which nothing.

    Region proposals know no parts: what is labelled for any part is positive, what is ignored for any part is
    left out, and the rest is background, also where a picture is labelled in part alone.
    """
    boxes = torch.cat([of_part.boxes for of_part in targets.values()])
    ignored = torch.cat([of_part.ignored for of_part in targets.values()])
    overlaps, nearest = best_overlaps(anchors, boxes)
    positive = overlaps >= settings.positive_iou
    if len(boxes):
        overlap_of_box = box_iou(anchors, boxes)
        best = overlap_of_box.max(dim=0).values.clamp(min=settings.least_iou)
        positive = positive | (overlap_of_box >= best).any(dim=1)
    negative = (overlaps < settings.negative_iou) & ~positive & ~lies_in(anchors, ignored)
    picked = sample_balanced(positive, negative, settings.sampling, generator)
    positives = picked[positive[picked]]
    return AnchorTargets(picked, encode_boxes(anchors[positives], boxes[nearest[positives]]))


def rpn_terms(logits: Tensor, deltas: Tensor, assigned: Sequence[AnchorTargets]) -> dict[str, Term]:
    """Binary cross-entropy of objectness, and smooth L1 of box deltas, over the anchors that were picked.

    Args:
        logits: [B, M].
        deltas: [B, M, 4].
        assigned: of each picture.
    """
    picked_logits = torch.cat([logits[i, of.picked] for i, of in enumerate(assigned)]).float()
    is_object = torch.cat(
        [(torch.arange(len(of.picked), device=logits.device) < len(of.deltas)).float() for of in assigned]
    )
    objectness = functional.binary_cross_entropy_with_logits(picked_logits, is_object, reduction="sum")
    predicted = torch.cat([deltas[i, of.picked[: len(of.deltas)]] for i, of in enumerate(assigned)]).float()
    wanted = torch.cat([of.deltas for of in assigned])
    boxes = functional.smooth_l1_loss(predicted, wanted, beta=BOX_BETA, reduction="sum")
    count = torch.tensor(float(len(picked_logits)), device=logits.device)
    return {"rpn_objectness": Term(objectness, count), "rpn_boxes": Term(boxes, count)}
