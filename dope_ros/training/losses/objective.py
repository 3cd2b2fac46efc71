# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network is trained for: pictures, labels and the experts' boxes in, losses out (DOPE, section 3).

Without experts it is the training of a part expert, or of a network on labels alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import torch
from torch import Tensor, nn

from dope_ros.network.box_coordinates import in_sizes_of, rebased
from dope_ros.network.config import ProposalSettings
from dope_ros.network.dope import DopeNetwork
from dope_ros.network.predictor import expected_2d
from dope_ros.network.spatial import Located, lift, merge, merge_2d, shapes
from dope_ros.skeleton import Part
from dope_ros.training.loading.batches import Batch
from dope_ros.training.loading.joined_targets import BatchTargets
from dope_ros.training.loading.targets import Instances
from dope_ros.training.losses.anchor_classes import nearest_classes, rooted
from dope_ros.training.losses.chance import seeds_tensor
from dope_ros.training.losses.part_losses import (
    PoseTargets,
    class_term,
    heatmap_term,
    lifted_term,
    located_term,
    pose_2d_term,
    pose_3d_term,
    pose_distillation_term,
    refined_term,
    scale_distillation_term,
    scale_term,
    soft_class_term,
)
from dope_ros.training.losses.proposals import picture_limits, propose
from dope_ros.training.losses.rois import (
    ExpertBoxes,
    RoiLabeller,
    Rois,
    RoiSettings,
    choose_rois,
    pose_targets,
    with_labelled,
)
from dope_ros.training.losses.rpn_losses import AnchorTargets, RpnSettings, assign_anchors, rpn_terms
from dope_ros.training.losses.terms import Term, averaged

Experts = Mapping[Part, ExpertBoxes]
"""What the part experts that there are say of one picture."""


@dataclass(frozen=True, slots=True)
class ObjectiveSettings:
    """Which boxes are trained on.

    rpn: anchors.
    rois: proposals.
    precision: of the network's computation: float32, bfloat16 or float16. Losses are computed in float32.
    """

    rpn: RpnSettings = field(default_factory=RpnSettings)
    rois: RoiSettings = field(default_factory=RoiSettings)
    precision: torch.dtype = torch.float32


class Objective(nn.Module):
    """A network and its losses; a module, so that DistributedDataParallel can wrap the two."""

    def __init__(self, network: DopeNetwork, settings: ObjectiveSettings) -> None:
        super().__init__()
        self.network, self.settings = network, settings

    def forward(self, batch: Batch, experts: Sequence[Experts]) -> dict[str, Tensor]:
        """The losses of a batch by name, each averaged over all processes; see `terms.averaged`.

        Args:
            batch: on the network's device.
            experts: of each picture; empty where there are none.

        Returns:
            `rpn_objectness`, `rpn_boxes`, and for each part `{part}_classes`, `{part}_pose_2d`,
            `{part}_pose_3d`, with refined boxes `{part}_refined`, with a spatial head `{part}_located`,
            `{part}_heatmap`, `{part}_scale` and `{part}_lifted`, and for parts with an expert
            `{part}_distilled_classes`, `{part}_distilled_pose` and with a spatial head
            `{part}_distilled_scale`.
        """
        forward_pass = self.look(batch, experts)
        terms = rpn_terms(forward_pass.logits, forward_pass.deltas, forward_pass.assigned)
        for part in self.network.parts:
            terms |= self._part_terms(part, forward_pass, batch.targets[part].instances, experts)
        return averaged(terms)

    def look(self, batch: Batch, experts: Sequence[Experts]) -> ForwardPass:
        """Run the network on a batch and assign targets to its anchors and boxes; `forward` measures the two.

        Args:
            batch, experts: as for `forward`.
        """
        network, images = self.network, batch.images()
        targets, device = batch.targets, images.device
        with self._autocast(device):
            features = network.backbone(images)
            logits, deltas = network.rpn.head(features)
        anchors = network.rpn.anchors(features)
        seeds, limits = seeds_tensor(batch.seeds, device), picture_limits(batch.sizes, device)
        assigned = assign_anchors(anchors, targets, self.settings.rpn, seeds)
        classes = self._classes(targets)
        proposals = propose(anchors, logits.detach(), deltas.detach(), limits, self._proposal_settings())
        settings = self.settings.rois
        candidates = with_labelled(proposals, targets.all_boxes(), settings.shaken, limits, seeds)
        rois = choose_rois(candidates, RoiLabeller(targets, classes, settings), experts, seeds)
        heads = Heads(network, features, rois, limits, self._autocast(device))
        return ForwardPass(logits, deltas, assigned, classes, rois, heads)

    def _proposal_settings(self) -> ProposalSettings:
        in_use = self.network.config.proposals
        return replace(in_use, count=self.settings.rois.proposals or in_use.count)

    def _part_terms(
        self, part: Part, forward_pass: ForwardPass, instances: Instances, experts: Sequence[Experts]
    ) -> dict[str, Term]:
        heads, rois = forward_pass.heads, forward_pass.rois
        wanted = self._pose_targets(part, rois, instances, forward_pass.classes[part])
        terms = self._labelled_terms(part, heads, rois, wanted)
        if self.network.refinement is not None:
            terms["refined"] = self._refined_term(part, heads, rois, instances)
        if all(part in of_picture for of_picture in experts):
            terms |= self._distillation_terms(part, heads, rois, [of_picture[part] for of_picture in experts])
        return {f"{part.value}_{name}": term for name, term in terms.items()}

    def _labelled_terms(self, part: Part, heads: Heads, rois: Rois, wanted: PoseTargets) -> dict[str, Term]:
        part_rois = rois.parts[part]
        poses = heads.poses(part, part_rois.positive, part_rois.classes[part_rois.positive])
        terms = {
            "classes": class_term(heads.logits(part), part_rois.labels, part_rois.fits),
            "pose_2d": pose_2d_term(poses.regressed_2d, wanted),
            "pose_3d": pose_3d_term(poses.regressed_3d, wanted, part),
        }
        if poses.located is not None:
            wanted_of_refined = replace(wanted, poses_2d=rebased(wanted.poses_2d, poses.boxes, poses.refined))
            terms["located"] = located_term(poses.located.joints_2d, wanted_of_refined)
            terms["heatmap"] = heatmap_term(poses.located.heatmaps, wanted_of_refined)
            terms["scale"] = scale_term(poses.located.longer_side, wanted_of_refined, shapes(poses.refined))
            terms["lifted"] = lifted_term(poses.lifted(), wanted_of_refined, part)
        return terms

    def _refined_term(self, part: Part, heads: Heads, rois: Rois, instances: Instances) -> Term:
        part_rois = rois.parts[part]
        wanted = instances.boxes[part_rois.shown]
        return refined_term(heads.deltas(part, part_rois.positive), rois.boxes[part_rois.positive], wanted)

    def _distillation_terms(
        self, part: Part, heads: Heads, rois: Rois, expert: Sequence[ExpertBoxes]
    ) -> dict[str, Term]:
        """Of the expert's boxes alone, in all pictures."""
        rows = torch.zeros(len(rois.boxes), dtype=torch.bool, device=rois.boxes.device)
        rows[rois.expert_rows[part]] = True
        classes = rois.parts[part].classes[rows]
        each = torch.arange(len(classes), device=classes.device)
        expert_2d = torch.cat([boxes.poses_2d for boxes in expert])[each, classes]
        expert_3d = torch.cat([boxes.poses_3d for boxes in expert])[each, classes]
        poses = heads.poses(part, rows, classes)
        expert_pose = in_sizes_of(expert_2d, rois.boxes[rows]), expert_3d
        scores = torch.cat([boxes.scores for boxes in expert])
        terms = {
            "distilled_classes": soft_class_term(heads.logits(part)[rows], scores),
            "distilled_pose": pose_distillation_term(poses.taught_by_an_expert(), expert_pose, part),
        }
        if poses.located is not None:
            of_refined = in_sizes_of(expert_2d, poses.refined), expert_3d
            terms["distilled_scale"] = scale_distillation_term(
                poses.at_its_scale(), of_refined, shapes(poses.refined)
            )
        return terms

    @torch.no_grad()
    def _classes(self, targets: BatchTargets) -> dict[Part, Tensor]:
        network = self.network
        return {
            part: nearest_classes(
                of_part.instances, network.predictor.anchor_poses(part), network.config.anchors[part]
            )
            for part, of_part in targets.items()
        }

    @torch.no_grad()
    def _pose_targets(self, part: Part, rois: Rois, instances: Instances, classes: Tensor) -> PoseTargets:
        """Of the positive boxes."""
        part_rois = rois.parts[part]
        rooted_3d = rooted(instances, self.network.predictor.anchor_poses(part), classes)
        return pose_targets(rois.boxes[part_rois.positive], part_rois.shown, instances, rooted_3d)

    def _autocast(self, device: torch.device) -> torch.autocast:
        precision = self.settings.precision
        return torch.autocast(device.type, precision, enabled=precision != torch.float32)


@dataclass(frozen=True, slots=True, eq=False)
class ForwardPass:
    """What a network says of a batch, and the targets that its anchors and boxes are assigned.

    logits, deltas: of the RPN, for all anchors.
    assigned: which anchors are to see something.
    classes: for each part [T] int64, the anchor-pose class of each target.
    rois: the boxes that the heads look at.
    heads: what they say of them.
    """

    logits: Tensor
    deltas: Tensor
    assigned: AnchorTargets
    classes: Mapping[Part, Tensor]
    rois: Rois
    heads: Heads


class Heads:
    """What the heads say of the boxes of a batch, in float32.

    vectors: [R, channels], the box head's, of each box.
    """

    def __init__(
        self, network: DopeNetwork, features: Tensor, rois: Rois, limits: Tensor, autocast: torch.autocast
    ) -> None:
        self._network, self._autocast, self._rois = network, autocast, rois
        with autocast:
            self.vectors = network.box_vectors(features, rois.boxes, rois.pictures)
            self._reduced = network.reduced(features)
            self._refined = self._refine(limits[rois.pictures])

    def logits(self, part: Part) -> Tensor:
        """[R, K + 1], before softmax."""
        with self._autocast:
            return self._network.predictor.logits(self.vectors, part).float()

    def poses(self, part: Part, rows: Tensor, classes: Tensor) -> Poses:
        """Poses of P of the boxes, each for one class.

        Args:
            rows: [R] bool, which boxes.
            classes: [P] int64.
        """
        each = torch.arange(len(classes), device=classes.device)
        boxes = self._rois.boxes[rows]
        with self._autocast:
            poses_2d, poses_3d = self._network.predictor.poses(self.vectors[rows], part)
            located = self._located(rows)
        of_part = None
        if located is not None:
            values = (getattr(located[part], field.name).float() for field in fields(Located))
            of_part = Located(*values)
        of_class = poses_2d[each, classes].float(), poses_3d[each, classes].float()
        return Poses(*of_class, of_part, boxes, self._refined[rows])

    def deltas(self, part: Part, rows: Tensor) -> Tensor:
        """How to refine P of the boxes, [R] bool, where they show the part: [P, 4]."""
        assert self._network.refinement is not None
        with self._autocast:
            return self._network.refinement.deltas(self.vectors[rows])[part].float()

    @torch.no_grad()
    def _refine(self, limits: Tensor) -> Tensor:
        """The boxes [R, 4] that the spatial head looks at, which it takes as given."""
        network, boxes, vectors = self._network, self._rois.boxes, self.vectors
        if network.refinement is None:
            return boxes
        logits = {part: network.predictor.logits(vectors, part).float() for part in network.parts}
        refined = network.refinement(boxes, vectors, logits, limits)
        # Of a diverging run they are no numbers, on which RoIAlign crashes before the losses can tell.
        return torch.where(refined.isfinite(), refined, boxes)

    def _located(self, rows: Tensor) -> dict[Part, Located] | None:
        if self._reduced is None:
            return None
        boxes, refined, vectors = self._rois.boxes[rows], self._refined[rows], self.vectors[rows]
        expected = {
            part: rebased(of_part.float(), boxes, refined)
            for part, of_part in self._expected(vectors).items()
        }
        return self._network.located(self._reduced, refined, vectors, expected, self._rois.pictures[rows])

    @torch.no_grad()
    def _expected(self, vectors: Tensor) -> dict[Part, Tensor]:
        """What the branches' own losses teach them; as priors they are taken as given."""
        predictor = self._network.predictor
        return {
            part: expected_2d(predictor.logits(vectors, part), predictor.poses(vectors, part)[0])
            for part in self._network.parts
        }


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """Poses of P boxes, each for one class, in float32.

    regressed_2d: [P, J, 2], in sizes of the box.
    regressed_3d: [P, J, 3], metres.
    located: what the spatial head says, if there is one, of the refined box.
    boxes: [P, 4], pixels.
    refined: [P, 4], pixels; the same where the network refines none.
    """

    regressed_2d: Tensor
    regressed_3d: Tensor
    located: Located | None
    boxes: Tensor
    refined: Tensor

    def lifted(self) -> Tensor:
        """The spatial head's 3D [P, J, 3]; its 2D and its scale, taught by other losses, are taken as given.

        Through this the scale would learn to be too small: so the mean error of poses that are wrong is less.
        """
        assert self.located is not None
        merged_2d = merge_2d(self._regressed_of_refined()[:, None], self.located).detach()
        return lift(merged_2d, _taken_as_given(self.located, "longer_side"), self.refined)[:, 0]

    def taught_by_an_expert(self) -> tuple[Tensor, Tensor]:
        """2D [P, J, 2], in sizes of the box, and 3D [P, J, 3] as the network gives them.

        The 3D takes 2D and scale as given, for the reason that `lifted` does.
        """
        if self.located is None:
            return self.regressed_2d, self.regressed_3d
        regressed_2d, regressed_3d = self._regressed_of_refined()[:, None], self.regressed_3d[:, None]
        poses_2d = merge_2d(regressed_2d, self.located)
        given = _taken_as_given(self.located, "joints_2d", "longer_side")
        _, poses_3d = merge((regressed_2d.detach(), regressed_3d), given, self.refined)
        return rebased(poses_2d[:, 0], self.refined, self.boxes), poses_3d[:, 0]

    def at_its_scale(self) -> tuple[Tensor, Tensor]:
        """2D [P, J, 2], in sizes of the refined box, and 3D [P, J, 3]; all but the scale is as given."""
        assert self.located is not None
        regressed = self._regressed_of_refined()[:, None].detach(), self.regressed_3d[:, None].detach()
        given = _taken_as_given(self.located, "joints_2d", "offsets_3d")
        poses_2d, poses_3d = merge(regressed, given, self.refined)
        return poses_2d[:, 0], poses_3d[:, 0]

    def _regressed_of_refined(self) -> Tensor:
        """The regressed 2D in sizes of the refined box."""
        return rebased(self.regressed_2d, self.boxes, self.refined)


def _taken_as_given(located: Located, *names: str) -> Located:
    """The same, but nothing is learnt through the fields of those names."""
    return replace(located, **{name: getattr(located, name).detach() for name in names})
