# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses of one part: anchor-pose class, pose (DOPE, section 3.2), refined box, spatial head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dope_ros.network.anchors import encode_boxes
from dope_ros.network.spatial import CELLS, GROWTH, cell_positions
from dope_ros.skeleton import Part
from dope_ros.training.losses.rpn_losses import BOX_BETA
from dope_ros.training.losses.terms import Term

NOT_COUNTED = -1
BACKGROUND = 0

BETA_2D = 0.02
"""Where smooth L1 turns from a square into a line, in sizes of the box."""

BETA_3D = 0.05
"""The same, in units of `UNITS`."""

HEATMAP_SPREAD = 0.8 * GROWTH / CELLS
"""Standard deviation of the wanted heatmaps, in sizes of the box: 0.8 cells."""

LEAST_FOR_SCALE = 3
"""Joints that are known in 2D and 3D, without which nothing is said of a box's scale."""

UNITS = {Part.BODY: 1.0, Part.HAND: 0.1, Part.FACE: 0.1}
"""Metres. 3D errors are measured in it: an error of a centimetre is small for a body and large for a hand."""


@dataclass(frozen=True, slots=True, eq=False)
class PoseTargets:
    """What P positive boxes should say.

    poses_2d: [P, J, 2] float32, in sizes of the box from its top left corner; weights_2d: [P, J].
    poses_3d: [P, J, 3] float32, metres; weights_3d: [P, J].
    """

    poses_2d: Tensor
    weights_2d: Tensor
    poses_3d: Tensor
    weights_3d: Tensor


def class_term(logits: Tensor, labels: Tensor, fits: Tensor) -> Term:
    """Cross-entropy over all boxes of which it is known whether they show the part.

    Args:
        logits: [R, K + 1].
        labels: [R] int64; `NOT_COUNTED`, `BACKGROUND`, or 1 + the anchor-pose class.
        fits: [R] float32, the probability that a positive box's class is to have; the background gets the
            rest.
    """
    counted = labels != NOT_COUNTED
    losses = -logits[counted].log_softmax(dim=1)
    of_class = losses.gather(1, labels[counted, None])[:, 0]
    total = (fits[counted] * of_class + (1 - fits[counted]) * losses[:, BACKGROUND]).sum()
    return Term(total, counted.sum())


def pose_2d_term(poses: Tensor, targets: PoseTargets) -> Term:
    """Smooth L1 of the positive boxes' 2D [P, J, 2], in sizes of the box, averaged over known joints.

    Averaged over the positive boxes and not over all: else it is too weak next to the classification, and
    poses stay at their anchors.
    """
    return _joint_term(poses, targets.poses_2d, targets.weights_2d, BETA_2D)


def pose_3d_term(poses: Tensor, targets: PoseTargets, part: Part) -> Term:
    """Smooth L1 of the positive boxes' 3D [P, J, 3], metres, averaged over known joints."""
    unit = UNITS[part]
    return _joint_term(poses / unit, targets.poses_3d / unit, targets.weights_3d, BETA_3D)


def located_term(located: Tensor, targets: PoseTargets) -> Term:
    """Smooth L1 of the spatial head's 2D, [P, J, 2], over the known joints within its grid."""
    return _joint_term(located, targets.poses_2d, targets.weights_2d * _within_grid(targets), BETA_2D)


def heatmap_term(heatmaps: Tensor, targets: PoseTargets) -> Term:
    """How far the spatial head's heatmaps are from normal distributions about the known joints in its grid.

    The mean alone says little to begin with: far from a joint, all cells get nearly the same gradient.
    Heatmaps besides were found to help by Sun et al. (2018), too.  The Kullback-Leibler divergence.

    Args:
        heatmaps: [P, J, cells], before softmax.
        targets: of which the 2D is used.
    """
    cells = cell_positions().to(heatmaps.device)
    squares = (targets.poses_2d[:, :, None] - cells).square().sum(dim=-1)
    wanted = (-squares / (2 * HEATMAP_SPREAD**2)).log_softmax(dim=-1)
    losses = functional.kl_div(heatmaps.log_softmax(dim=-1), wanted, reduction="none", log_target=True)
    weights = targets.weights_2d * _within_grid(targets)
    return Term((losses.sum(dim=-1) * weights).sum(), weights.sum())


def scale_term(longer_side: Tensor, targets: PoseTargets, shapes: Tensor) -> Term:
    """How far the logarithms of the metres that boxes span are from the labels'.

    L1, so that the scale is as often too large as too small, however wrong the poses are.

    Args:
        longer_side: [P] float32, the spatial head's, metres.
        targets: the scale is that which makes their 2D most like the x and y of their 3D, least squares.
        shapes: [P, 2], width and height of the boxes in lengths of their longer side.
    """
    weights = ((targets.weights_2d > 0) & (targets.weights_3d > 0)).float()[..., None]
    wanted = _spans(targets.poses_2d, targets.poses_3d, weights, shapes)
    return _scale_term(longer_side, wanted, weights.sum(dim=(1, 2)) >= LEAST_FOR_SCALE)


def scale_distillation_term(
    student: tuple[Tensor, Tensor], expert: tuple[Tensor, Tensor], shapes: Tensor
) -> Term:
    """How far the logarithms of the metres that boxes span are apart in the poses of student and expert.

    Args:
        student, expert: 2D [E, J, 2] in sizes of the box and 3D [E, J, 3] in metres.
        shapes: [E, 2], width and height of the boxes in lengths of their longer side.
    """
    weights = torch.ones_like(expert[0][..., :1])
    of_student, of_expert = (_spans(*pose, weights, shapes) for pose in (student, expert))
    return _scale_term(of_student, of_expert, of_student > 0)


def _spans(poses_2d: Tensor, poses_3d: Tensor, weights: Tensor, shapes: Tensor) -> Tensor:
    """[P], the metres of the box's longer side that make 2D most like the x and y of 3D, least squares."""
    points_2d = _about_mean(poses_2d * shapes[:, None], weights)
    metres = _about_mean(poses_3d[..., :2], weights)
    return (points_2d * metres).sum(dim=(1, 2)) / points_2d.square().sum(dim=(1, 2)).clamp(min=1e-6)


def _scale_term(found: Tensor, wanted: Tensor, counted: Tensor) -> Term:
    """L1 of the logarithms of lengths [P], of those that are counted and have a positive one to reach."""
    known = (counted & (wanted > 0)).float()
    errors = (found.clamp(min=1e-6).log() - wanted.clamp(min=1e-6).log()).abs()
    return Term((errors * known).sum(), known.sum())


def _about_mean(points: Tensor, weights: Tensor) -> Tensor:
    """Points [P, J, D] about their mean, weighted [P, J, 1]; zero without weight."""
    mean = (points * weights).sum(dim=1, keepdim=True) / weights.sum(dim=1, keepdim=True).clamp(min=1e-6)
    return (points - mean) * weights


def lifted_term(lifted: Tensor, targets: PoseTargets, part: Part) -> Term:
    """Smooth L1 of the spatial head's 3D, [P, J, 3], metres, over the known joints within its grid.

    Whether a joint is within it, 2D tells: of one that is known in 3D alone it is not known.
    """
    unit = UNITS[part]
    weights = targets.weights_3d * (_within_grid(targets) & (targets.weights_2d > 0))
    return _joint_term(lifted / unit, targets.poses_3d / unit, weights, BETA_3D)


def refined_term(deltas: Tensor, boxes: Tensor, wanted: Tensor) -> Term:
    """Smooth L1 of the deltas [P, 4] from boxes [P, 4] to those of the parts that they show [P, 4]."""
    losses = functional.smooth_l1_loss(deltas, encode_boxes(boxes, wanted), beta=BOX_BETA, reduction="none")
    return Term(losses.sum(), torch.tensor(float(len(losses)), device=losses.device))


def _within_grid(targets: PoseTargets) -> Tensor:
    """[P, J] bool."""
    return ((targets.poses_2d - 0.5).abs() < GROWTH / 2).all(dim=-1)


def _joint_term(poses: Tensor, targets: Tensor, weights: Tensor, beta: float) -> Term:
    losses = functional.smooth_l1_loss(poses, targets, beta=beta, reduction="none").sum(dim=-1)
    return Term((losses * weights).sum(), weights.sum())


def soft_class_term(logits: Tensor, expert_scores: Tensor) -> Term:
    """How far the student's classes are from the expert's, over the expert's boxes (DOPE, section 3.3).

    The Kullback-Leibler divergence: the paper's soft cross-entropy less the expert's own entropy. The
    gradient is the same, and it is 0 where the student says what the expert says.

    Args:
        logits: [E, K + 1], the student's.
        expert_scores: [E, K + 1], after softmax.
    """
    total = functional.kl_div(logits.log_softmax(dim=1), expert_scores, reduction="sum")
    return Term(total, torch.tensor(float(len(logits)), device=logits.device))


def pose_distillation_term(student: tuple[Tensor, Tensor], expert: tuple[Tensor, Tensor], part: Part) -> Term:
    """L1 between the poses of student and expert for the true class, over the E boxes of the expert.

    Args:
        student, expert: 2D [E, J, 2] in sizes of the box and 3D [E, J, 3] in metres.
    """
    joints = student[0].shape[1]
    of_2d = (student[0] - expert[0]).abs().sum()
    of_3d = (student[1] - expert[1]).abs().sum() / UNITS[part]
    count = torch.tensor(float(len(student[0])), device=student[0].device)
    return Term((of_2d + of_3d) / joints, count)
