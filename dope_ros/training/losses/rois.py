# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The boxes that the heads are trained on, and what each should say of each part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import torch
from torch import Tensor
from torch.nn import functional

from dope_ros.network.anchors import within
from dope_ros.network.box_coordinates import in_sizes_of
from dope_ros.skeleton import Part
from dope_ros.training.loading.joined_targets import BatchTargets, has_extent
from dope_ros.training.loading.targets import Instances
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
class PictureBoxes:
    """R boxes of the pictures of a batch.

    boxes: [R, 4] float32, pixels.
    pictures: [R] int64, the picture of the batch that a box is of.
    """

    boxes: Tensor
    pictures: Tensor

    @classmethod
    def concatenated(cls, several: Sequence[PictureBoxes]) -> PictureBoxes:
        """All of them, one after the other."""
        return cls(
            torch.cat([found.boxes for found in several]), torch.cat([found.pictures for found in several])
        )

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True, eq=False)
class PartRois:
    """What R boxes should say of a part.

    labels: [R] int64; `NOT_COUNTED`, `BACKGROUND`, or 1 + the anchor-pose class.
    matched: [R] int64, the row of `JoinedTargets.instances` that a positive box shows.
    fits: [R] float32, the score that a positive box is to have; see `RoiSettings.score_rises`.
    """

    labels: Tensor
    matched: Tensor
    fits: Tensor

    @property
    def positive(self) -> Tensor:
        """[R] bool, which boxes show the part."""
        return self.labels > BACKGROUND

    @property
    def shown(self) -> Tensor:
        """[P] int64, what each positive box shows: its row of `JoinedTargets.instances`."""
        return self.matched[self.positive]

    @property
    def classes(self) -> Tensor:
        """[R] int64, the anchor-pose class of positive boxes; others have none, less than 0."""
        return self.labels - 1


@dataclass(frozen=True, slots=True, eq=False)
class Rois:
    """The R boxes of a batch that are trained on.

    boxes: [R, 4] float32, pixels; the sampled proposals, then the experts' boxes, part by part.
    pictures: [R] int64, the picture of the batch that a box is of.
    parts: what they should say of each part.
    expert_rows: for each part that an expert has boxes of, its rows.
    """

    boxes: Tensor
    pictures: Tensor
    parts: dict[Part, PartRois]
    expert_rows: dict[Part, slice]


@dataclass(frozen=True, slots=True, eq=False)
class RoiLabeller:
    """Says what boxes should say.

    targets: of the pictures of a batch.
    classes: for each part [T] int64, the anchor-pose class of each instance.
    settings: which boxes are positive, and how many of them are sampled.
    """

    targets: BatchTargets
    classes: Mapping[Part, Tensor]
    settings: RoiSettings

    def labelled(self, boxes: PictureBoxes) -> dict[Part, PartRois]:
        """What boxes should say of each part."""
        return {part: self._part_rois(boxes, part) for part in self.targets}

    def _part_rois(self, boxes: PictureBoxes, part: Part) -> PartRois:
        targets, pictures = self.targets[part], boxes.pictures
        each = boxes.boxes[:, None]  # [R, 1, 4]: with what its own picture shows
        overlap, nearest = (best[:, 0] for best in best_overlaps(each, targets.boxes[pictures]))
        known = targets.labelled[pictures] | self.settings.count_unlabelled
        left_out = lies_in(each, targets.ignored[pictures])[:, 0] | ~known
        matched = targets.rows[pictures, nearest]
        classes = functional.pad(self.classes[part], (0, 1))[matched]  # one more, of the padding
        label_if_unseen = torch.where(left_out, NOT_COUNTED, BACKGROUND)
        labels = torch.where(overlap >= self.settings.positive_iou, classes + 1, label_if_unseen)
        start, end = self.settings.score_rises
        return PartRois(labels, matched, ((overlap - start) / max(end - start, 1e-6)).clamp(0, 1))


@torch.no_grad()
def choose_rois(
    candidates: BatchProposals,
    labeller: RoiLabeller,
    experts: Sequence[Mapping[Part, ExpertBoxes]],
    seeds: Tensor,
) -> Rois:
    """Sample candidates, add the experts' boxes, and say what each should be.

    Args:
        candidates: as `with_labelled` gives them.
        experts: for each picture the boxes of the part experts there are.
        seeds: [B] int64, of the pictures.
    """
    sampled = _sampled(candidates, labeller, seeds)
    by_expert = _by_expert(experts, candidates.boxes.device)
    chosen = PictureBoxes.concatenated([sampled, *by_expert.values()])
    rows = _expert_rows(len(sampled), by_expert)
    return Rois(chosen.boxes, chosen.pictures, labeller.labelled(chosen), rows)


@torch.no_grad()
def with_labelled(
    proposals: BatchProposals, labelled: Tensor, copies: int, limits: Tensor, seeds: Tensor
) -> BatchProposals:
    """Proposals and the labelled boxes themselves, so that there is something to learn from at first.

    Args:
        labelled: [B, L, 4], padded with boxes that have no extent.
        copies: shaken ones that join each labelled box; see `RoiSettings.shaken`.
        limits: [B, 4], as `picture_limits` gives them.
        seeds: [B] int64, of the pictures.
    """
    shaken = with_shaken(labelled, copies, limits, seeds)
    return BatchProposals(
        torch.cat([proposals.boxes, shaken], dim=1),
        torch.cat([proposals.there, has_extent(shaken)], dim=1),
    )


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


def pose_targets(boxes: Tensor, shown: Tensor, instances: Instances, rooted_3d: Tensor) -> PoseTargets:
    """What positive boxes should say of a part.

    Args:
        boxes: [P, 4], positive ones.
        shown: [P] int64, the instance that each box shows.
        instances: of all pictures.
        rooted_3d: [T, J, 3], their 3D as `anchor_classes.rooted` gives it.
    """
    return PoseTargets(
        in_sizes_of(instances.poses_2d[shown], boxes),
        instances.weights_2d[shown],
        rooted_3d[shown],
        instances.weights_3d[shown],
    )


def _sampled(candidates: BatchProposals, labeller: RoiLabeller, seeds: Tensor) -> PictureBoxes:
    """The candidates that are trained on, of those that count for some part."""
    boxes, there = candidates.boxes, candidates.there
    pictures = torch.arange(len(boxes), device=boxes.device)[:, None].expand(there.shape)
    by_part = labeller.labelled(PictureBoxes(boxes.flatten(0, 1), pictures.flatten()))
    labels = torch.stack([rois.labels for rois in by_part.values()]).unflatten(1, there.shape)
    positive = (labels > BACKGROUND).any(dim=0) & there
    background = (labels == BACKGROUND).any(dim=0) & ~positive & there
    keys = draws(seeds, SAMPLING_STREAM, there.shape[1])
    sample = sample_balanced(positive, background, labeller.settings.sampling, keys)
    sampled_boxes = boxes.take_along_dim(sample.indices[..., None], dim=1)
    sampled_pictures = pictures.gather(1, sample.indices)
    return PictureBoxes(sampled_boxes[sample.picked], sampled_pictures[sample.picked])


def _by_expert(
    experts: Sequence[Mapping[Part, ExpertBoxes]], device: torch.device
) -> dict[Part, PictureBoxes]:
    """The boxes of each part's expert in all pictures."""
    parts = dict.fromkeys(part for in_picture in experts for part in in_picture)
    return {part: _expert_boxes([in_picture.get(part) for in_picture in experts], device) for part in parts}


def _expert_boxes(by_picture: Sequence[ExpertBoxes | None], device: torch.device) -> PictureBoxes:
    """The boxes of one expert; None for pictures that it did not look at."""
    counts = torch.tensor([0 if found is None else len(found.boxes) for found in by_picture])
    pictures = torch.arange(len(by_picture)).repeat_interleave(counts).to(device)
    return PictureBoxes(torch.cat([found.boxes for found in by_picture if found is not None]), pictures)


def _expert_rows(start: int, by_expert: Mapping[Part, PictureBoxes]) -> dict[Part, slice]:
    """The rows of each expert's boxes, which lie one after the other from row `start` on."""
    ends = accumulate((len(boxes) for boxes in by_expert.values()), initial=start)
    return {part: slice(*ends_of) for part, ends_of in zip(by_expert, pairwise(ends), strict=True)}
