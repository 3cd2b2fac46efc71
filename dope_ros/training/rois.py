# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The boxes that the heads are trained on, and what each should say of each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from dope_ros.network.anchors import clip_boxes
from dope_ros.skeleton import Part
from dope_ros.training.matching import Sampling, best_overlaps, lies_in, sample_balanced
from dope_ros.training.part_losses import BACKGROUND, NOT_COUNTED, PoseTargets
from dope_ros.training.targets import PartTargets, Targets


@dataclass(frozen=True, slots=True)
class RoiSettings:
    """Which proposals are trained on.

    positive_iou: a proposal that overlaps a labelled box at least that much shows it; each part by itself.
    sampling: of proposals in a picture.
    count_unlabelled: where a picture has no labels for a part, its proposals count as background for that
        part, as if the picture showed none. Else they count for the other parts alone.
    proposals: that the network makes of a picture; 0 for as many as when it is used.
    score_rises: the overlap from which on the score that a positive box is to have rises, and that at which
        it is 1. So the score says how well a box fits, and the best of many ranks first. Without a rise it is
        1 for all of them, as in the paper.
    shaken: copies of each labelled box, moved and scaled a little, that join the proposals. Where proposals
        are few, so are positive ones, and a picture teaches little for what it costs.
    """

    positive_iou: float = 0.5
    proposals: int = 0
    shaken: int = 0
    sampling: Sampling = field(default_factory=lambda: Sampling(512, 0.25))
    count_unlabelled: bool = False
    score_rises: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class ExpertBoxes:
    """The positive boxes of a part expert in one picture.

    boxes: [E, 4] float32, pixels.
    scores: [E, K + 1] float32, the expert's, after softmax.
    poses_2d: [E, K, J, 2] float32, pixels, the expert's.
    poses_3d: [E, K, J, 3] float32, metres, likewise.
    """

    boxes: Tensor
    scores: Tensor
    poses_2d: Tensor
    poses_3d: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Rois:
    """The boxes of one picture that are trained on.

    boxes: [R, 4] float32, pixels; the sampled proposals, then the experts' boxes, part by part.
    labels: for each part [R] int64; `NOT_COUNTED`, `BACKGROUND`, or 1 + the anchor-pose class.
    matched: for each part [R] int64, the target that a positive box shows.
    fits: for each part [R] float32, the score that a positive box is to have; see `RoiSettings.score_rises`.
    of_expert: for each part with an expert, its rows of `boxes`.
    """

    boxes: Tensor
    labels: dict[Part, Tensor]
    matched: dict[Part, Tensor]
    fits: dict[Part, Tensor]
    of_expert: dict[Part, slice]


@torch.no_grad()
def choose_rois(
    proposals: Tensor,
    targets: Targets,
    classes: Mapping[Part, Tensor],
    experts: Mapping[Part, ExpertBoxes],
    size: tuple[int, int],
    settings: RoiSettings,
    generator: torch.Generator,
) -> Rois:
    """Sample proposals, add the experts' boxes, and say what each should be.

    The labelled boxes themselves are among the proposals, so that there is something to learn from at first.

    Args:
        proposals: [N, 4], of the network's own RPN.
        targets: of the picture.
        classes: for each part [G] int64, the anchor-pose class of each target.
        experts: the boxes of the part experts there are.
        size: height and width of the picture.
    """
    labelled = torch.cat([of_part.boxes for of_part in targets.values()])
    proposals = torch.cat([proposals, labelled, shaken(labelled, settings.shaken, size, generator)])
    labels, *_ = _labels_of(proposals, targets, classes, settings)
    positive = torch.stack([of_part > BACKGROUND for of_part in labels.values()]).any(dim=0)
    background = torch.stack([of_part == BACKGROUND for of_part in labels.values()]).any(dim=0)
    picked = sample_balanced(positive, background & ~positive, settings.sampling, generator)
    boxes = torch.cat([proposals[picked], *(of_expert.boxes for of_expert in experts.values())])
    return Rois(boxes, *_labels_of(boxes, targets, classes, settings), _rows(len(picked), experts))


SHAKEN_BY = 0.08
"""Standard deviation of a shaken box's place, in sizes of it, and of the logarithm of its size."""


def shaken(boxes: Tensor, copies: int, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Copies of boxes [G, 4], each moved and scaled at random, within a picture: [copies * G, 4].

    Args:
        size: height and width of the picture.
        generator: on the CPU.
    """
    repeated = boxes.repeat(copies, 1)
    noise = SHAKEN_BY * torch.randn(2, len(repeated), 2, generator=generator).to(boxes.device)
    sides = repeated[:, 2:] - repeated[:, :2]
    middles = (repeated[:, :2] + repeated[:, 2:]) / 2 + noise[0] * sides
    half = sides / 2 * noise[1].exp()
    return clip_boxes(torch.cat([middles - half, middles + half], dim=1), *size)


def pose_targets(boxes: Tensor, targets: PartTargets, rooted_3d: Tensor, matched: Tensor) -> PoseTargets:
    """What positive boxes should say of a part.

    Args:
        boxes: [P, 4], the positive boxes of one picture.
        targets: of that picture.
        rooted_3d: [G, J, 3], their 3D as `anchor_classes.rooted` gives it.
        matched: [P] int64, the target of each box.
    """
    return PoseTargets(
        in_sizes_of(boxes, targets.poses_2d[matched]),
        targets.weights_2d[matched],
        rooted_3d[matched],
        targets.weights_3d[matched],
    )


def in_sizes_of(boxes: Tensor, points: Tensor) -> Tensor:
    """Points [P, J, 2] in pixels, in sizes of their boxes [P, 4] from the top left corners."""
    return (points - boxes[:, None, :2]) / (boxes[:, None, 2:] - boxes[:, None, :2]).clamp(min=1e-3)


def _labels_of(
    boxes: Tensor, targets: Targets, classes: Mapping[Part, Tensor], settings: RoiSettings
) -> tuple[dict[Part, Tensor], dict[Part, Tensor], dict[Part, Tensor]]:
    """For each part the labels of boxes [R, 4], and the target of each positive one and how well it fits."""
    labels, matched, fits = {}, {}, {}
    start, end = settings.score_rises
    for part, of_part in targets.items():
        overlaps, nearest = best_overlaps(boxes, of_part.boxes)
        positive = overlaps >= settings.positive_iou
        known = of_part.labelled or settings.count_unlabelled
        left_out = lies_in(boxes, of_part.ignored) if known else torch.ones_like(positive)
        of_boxes = torch.full_like(nearest, BACKGROUND).masked_fill(left_out, NOT_COUNTED)
        of_boxes[positive] = classes[part][nearest[positive]] + 1
        labels[part], matched[part] = of_boxes, nearest
        fits[part] = ((overlaps - start) / max(end - start, 1e-6)).clamp(0, 1)
    return labels, matched, fits


def _rows(start: int, experts: Mapping[Part, ExpertBoxes]) -> dict[Part, slice]:
    rows = {}
    for part, of_expert in experts.items():
        rows[part] = slice(start, start + len(of_expert.boxes))
        start += len(of_expert.boxes)
    return rows
