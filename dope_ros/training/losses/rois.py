# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The boxes that the heads are trained on, and what each should say of each part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from dope_ros.network.anchors import within
from dope_ros.network.box_coordinates import in_sizes_of
from dope_ros.skeleton import Part
from dope_ros.training.loading.joined_targets import BatchTargets, has_extent
from dope_ros.training.loading.targets import PartTargets
from dope_ros.training.losses.box_matching import Sampling, best_overlaps, lies_in, sample_balanced
from dope_ros.training.losses.chance import draws, normal
from dope_ros.training.losses.part_losses import BACKGROUND, NOT_COUNTED, PoseTargets
from dope_ros.training.losses.proposals import BatchProposals


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
    """The R boxes of a batch that are trained on.

    boxes: [R, 4] float32, pixels; the sampled proposals, then the experts' boxes, part by part.
    pictures: [R] int64, the picture of the batch that a box is of.
    labels: for each part [R] int64; `NOT_COUNTED`, `BACKGROUND`, or 1 + the anchor-pose class.
    matched: for each part [R] int64, the row of `JoinedTargets.instances` that a positive box shows.
    fits: for each part [R] float32, the score that a positive box is to have; see `RoiSettings.score_rises`.
    of_expert: for each part that an expert has boxes of, its rows.
    """

    boxes: Tensor
    pictures: Tensor
    labels: dict[Part, Tensor]
    matched: dict[Part, Tensor]
    fits: dict[Part, Tensor]
    of_expert: dict[Part, slice]


@torch.no_grad()
def choose_rois(
    proposals: BatchProposals,
    targets: BatchTargets,
    classes: Mapping[Part, Tensor],
    experts: Sequence[Mapping[Part, ExpertBoxes]],
    limits: Tensor,
    settings: RoiSettings,
    seeds: Tensor,
) -> Rois:
    """Sample proposals, add the experts' boxes, and say what each should be.

    The labelled boxes themselves are among the proposals, so that there is something to learn from at first.

    Args:
        proposals: of the network's own RPN.
        targets: of the pictures.
        classes: for each part [T] int64, the anchor-pose class of each instance.
        experts: for each picture the boxes of the part experts there are.
        limits: [B, 4], as `picture_limits` gives them.
        seeds: [B] int64, of the pictures.
    """
    labelled = with_shaken(targets.all_boxes(), settings.shaken, limits, seeds)
    boxes = torch.cat([proposals.boxes, labelled], dim=1)
    there = torch.cat([proposals.there, has_extent(labelled)], dim=1)
    pictures = torch.arange(len(boxes), device=boxes.device)[:, None].expand(there.shape)
    labels, *_ = _labels_of(boxes.flatten(0, 1), pictures.flatten(), targets, classes, settings)
    each = torch.stack(list(labels.values())).unflatten(1, there.shape)
    positive = (each > BACKGROUND).any(dim=0) & there
    background = (each == BACKGROUND).any(dim=0) & ~positive & there
    keys = draws(seeds, SAMPLING_STREAM, there.shape[1])
    sampled = sample_balanced(positive, background, settings.sampling, keys)
    picked = boxes.take_along_dim(sampled.indices[..., None], dim=1)[sampled.picked]
    of_picked = pictures.gather(1, sampled.indices)[sampled.picked]
    taught = _of_experts(experts, boxes.device)
    chosen = torch.cat([picked, *(expert.boxes for expert in taught.values())])
    of_chosen = torch.cat([of_picked, *(expert.pictures for expert in taught.values())])
    rows = _rows(len(picked), taught)
    return Rois(chosen, of_chosen, *_labels_of(chosen, of_chosen, targets, classes, settings), rows)


SHAKEN_BY = 0.08
"""Standard deviation of a shaken box's place, in sizes of it, and of the logarithm of its size."""

SAMPLING_STREAM, SHAKING_STREAM = 2, 3
"""Of random numbers."""


def with_shaken(boxes: Tensor, copies: int, limits: Tensor, seeds: Tensor) -> Tensor:
    """Boxes, each followed by copies that are moved and scaled at random, within their picture.

    Args:
        boxes: [B, L, 4].
        limits: [B, 4], as `picture_limits` gives them.
        seeds: [B] int64, of the pictures.

    Returns:
        [B, L * (1 + copies), 4].
    """
    repeated = boxes[:, :, None].expand(-1, -1, copies, -1)
    shape = (*repeated.shape[:3], 2, 2)
    noise = SHAKEN_BY * normal(seeds, SHAKING_STREAM, math.prod(shape[1:])).view(shape)
    sides = repeated[..., 2:] - repeated[..., :2]
    middles = (repeated[..., :2] + repeated[..., 2:]) / 2 + noise[..., 0, :] * sides
    half = sides / 2 * noise[..., 1, :].exp()
    shaken = within(torch.cat([middles - half, middles + half], dim=-1), limits[:, None, None])
    return torch.cat([boxes[:, :, None], shaken], dim=2).flatten(1, 2)


def pose_targets(boxes: Tensor, targets: PartTargets, rooted_3d: Tensor, matched: Tensor) -> PoseTargets:
    """What positive boxes should say of a part.

    Args:
        boxes: [P, 4], positive ones.
        targets: of all pictures.
        rooted_3d: [T, J, 3], their 3D as `anchor_classes.rooted` gives it.
        matched: [P] int64, the target of each box.
    """
    return PoseTargets(
        in_sizes_of(targets.poses_2d[matched], boxes),
        targets.weights_2d[matched],
        rooted_3d[matched],
        targets.weights_3d[matched],
    )


def _labels_of(
    boxes: Tensor,
    pictures: Tensor,
    targets: BatchTargets,
    classes: Mapping[Part, Tensor],
    settings: RoiSettings,
) -> tuple[dict[Part, Tensor], dict[Part, Tensor], dict[Part, Tensor]]:
    """For each part the labels of boxes [R, 4], and the target of each positive one and how well it fits."""
    labels, matched, fits = {}, {}, {}
    start, end = settings.score_rises
    for part, of_part in targets.items():
        most, nearest = (best[:, 0] for best in best_overlaps(boxes[:, None], of_part.boxes[pictures]))
        known = of_part.labelled[pictures] | settings.count_unlabelled
        left_out = lies_in(boxes[:, None], of_part.ignored[pictures])[:, 0] | ~known
        unseen = torch.where(left_out, NOT_COUNTED, BACKGROUND)
        matched[part] = of_part.rows[pictures, nearest]
        of_target = functional.pad(classes[part], (0, 1))[matched[part]]  # one more, of the padding
        labels[part] = torch.where(most >= settings.positive_iou, of_target + 1, unseen)
        fits[part] = ((most - start) / max(end - start, 1e-6)).clamp(0, 1)
    return labels, matched, fits


@dataclass(frozen=True, slots=True, eq=False)
class _OfExpert:
    """The boxes of one expert in all pictures: [E, 4] and [E] int64."""

    boxes: Tensor
    pictures: Tensor


def _of_experts(experts: Sequence[Mapping[Part, ExpertBoxes]], device: torch.device) -> dict[Part, _OfExpert]:
    taught = {}
    for part in dict.fromkeys(part for of_picture in experts for part in of_picture):
        boxes = [of_picture[part].boxes if part in of_picture else None for of_picture in experts]
        counts = torch.tensor([0 if found is None else len(found) for found in boxes])
        pictures = torch.arange(len(experts)).repeat_interleave(counts).to(device)
        taught[part] = _OfExpert(torch.cat([found for found in boxes if found is not None]), pictures)
    return taught


def _rows(start: int, taught: Mapping[Part, _OfExpert]) -> dict[Part, slice]:
    rows = {}
    for part, of_expert in taught.items():
        rows[part] = slice(start, start + len(of_expert.boxes))
        start += len(of_expert.boxes)
    return rows
