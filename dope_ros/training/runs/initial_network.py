# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network that a run begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from dope_ros.errors import DopeError, ModelError
from dope_ros.export.trained import read_trained
from dope_ros.network.checkpoint import Checkpoint
from dope_ros.network.config import COMPACT, PUBLISHED, NetworkConfig
from dope_ros.network.dope import DopeNetwork
from dope_ros.network.spatial import Hourglass
from dope_ros.settings import AnchorClasses, PpiSettings
from dope_ros.skeleton import SKELETONS, Part
from dope_ros.training.anchor_poses import load_anchor_poses
from dope_ros.training.part_names import part_named
from dope_ros.training.runs.config import NetworkSettings
from dope_ros.training.runs.imagenet import load_backbone

SHAPES: dict[str, NetworkConfig] = {"published": PUBLISHED, "compact": COMPACT}

RPN_SPREAD = 0.01
HEAD_SPREAD = 0.002
"""Standard deviations of the initial weights: a network begins with poses close to its anchor poses."""

SAME_POSE_3D = {Part.BODY: 0.3, Part.HAND: 0.08, Part.FACE: 0.02}
"""Metres: proposals nearer than that in 3D are of one pose. 0.3, the paper's, is more than a whole hand."""


def begin(settings: NetworkSettings) -> Checkpoint:
    """The network to train, and settings of pose proposals integration for it.

    Weights that come from no file are drawn from PyTorch's global generator.

    Raises:
        DopeError: the settings contradict each other.
        ModelError: a file cannot be read or does not fit.
    """
    parts = [part_named(name) for name in settings.parts]
    if settings.checkpoint is not None:
        if settings.anchor_poses or settings.backbone or settings.proposals or settings.min_size:
            raise DopeError(
                "network.checkpoint brings what it needs: leave out network.anchor_poses, network.backbone, "
                "network.proposals and network.min_size; "
                "other anchor poses would give its classes another meaning"
            )
        checkpoint = with_parts(read_trained(settings.checkpoint), parts)
        return with_refinement(checkpoint) if settings.refined else checkpoint
    if settings.anchor_poses is None:
        raise DopeError(
            "a network that starts without a checkpoint needs anchor poses: "
            "make them with `dope anchors` and name the file as network.anchor_poses"
        )
    anchors = load_anchor_poses(settings.anchor_poses)
    classes = {part: anchors.classes[part] for part in Part if part in parts}
    network = DopeNetwork(replace(_shape(settings), anchors=classes))
    initialise(network)
    set_anchor_poses(network, anchors.poses)
    if settings.backbone is not None:
        load_backbone(network, settings.backbone)
    return Checkpoint(network, {part: default_ppi(part, classes[part]) for part in network.parts})


def _shape(settings: NetworkSettings) -> NetworkConfig:
    if settings.shape not in SHAPES:
        raise DopeError(f"unknown network.shape '{settings.shape}'; there are: {', '.join(SHAPES)}")
    shape = SHAPES[settings.shape]
    return replace(
        shape,
        proposals=replace(shape.proposals, count=settings.proposals or shape.proposals.count),
        min_size=settings.min_size or shape.min_size,
        refined=settings.refined or shape.refined,
    )


def with_parts(checkpoint: Checkpoint, parts: Sequence[Part]) -> Checkpoint:
    """A checkpoint for some of its parts alone: what a part expert can start from.

    Where it refines boxes, it does so by those parts alone.

    Raises:
        ModelError: it lacks one of them.
    """
    network = checkpoint.network
    missing = [part.value for part in parts if part not in network.parts]
    if missing:
        raise ModelError(f"the checkpoint to start from does not find: {', '.join(missing)}")
    kept = [part for part in network.parts if part in parts]
    if len(kept) == len(network.parts):
        return checkpoint
    smaller = DopeNetwork(
        replace(network.config, anchors={part: network.config.anchors[part] for part in kept})
    )
    state = {name: tensor for name, tensor in network.state_dict().items() if name in smaller.state_dict()}
    of_parts = torch.tensor([part in kept for part in network.parts])
    of_joints = of_parts.repeat_interleave(torch.tensor([len(SKELETONS[part]) for part in network.parts]))
    of_layers = {
        "refinement.bbox_pred": of_parts.repeat_interleave(4),
        "spatial.joints": of_joints,
        "spatial.depth": of_joints,
        "spatial.scale": of_parts,
    }
    rows = {
        f"{layer}.{leaf}": kept_rows for layer, kept_rows in of_layers.items() for leaf in ("weight", "bias")
    }
    for name, picked in (rows | {"spatial.prior": of_joints}).items():
        if name in state:
            state[name] = state[name][picked]
    smaller.load_state_dict(state)
    return Checkpoint(smaller.eval(), {part: checkpoint.ppi[part] for part in kept})


def with_refinement(checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint whose network refines boxes; if it did not, they stay as they are until it learns to."""
    network = checkpoint.network
    if network.refinement is not None:
        return checkpoint
    refined = DopeNetwork(replace(network.config, refined=True))
    refined.load_state_dict(network.state_dict(), strict=False)  # the refinement alone is missing
    return Checkpoint(refined.eval(), checkpoint.ppi)


@torch.no_grad()
def initialise(network: DopeNetwork) -> None:
    """Give a network weights to start from where there are no better ones.

    Convolutions keep the spread of what flows through them (He et al., 2015), for the batch norms are fixed
    and do not mend it. The layers that make boxes, classes, poses and scales are near zero; so a joint is at
    first in the middle of its box, or where its anchor pose has it. The hourglass adds nothing yet.
    """
    for convolution in network.modules():
        if isinstance(convolution, nn.Conv2d):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)
    if network.spatial is not None:
        _quieten(network.spatial.hourglass)
    rpn, predictor = network.rpn.head, network.predictor
    for layer in (rpn.conv, rpn.cls_logits, rpn.bbox_pred):
        nn.init.normal_(layer.weight, std=RPN_SPREAD)
    located = [] if network.spatial is None else [network.spatial.joints, network.spatial.scale]
    for layer in (*predictor.cls_score.values(), *predictor.pose_pred.values(), *located):
        nn.init.normal_(layer.weight, std=HEAD_SPREAD)
        nn.init.zeros_(layer.bias)


def _quieten(hourglass: Hourglass) -> None:
    """Have it add nothing yet, and its blocks little: three that add what they get make features large."""
    nn.init.zeros_(hourglass.expand.weight)
    for block in hourglass.blocks:
        nn.init.normal_(block.pointwise.weight, std=HEAD_SPREAD)


def set_anchor_poses(network: DopeNetwork, poses: Mapping[Part, np.ndarray]) -> None:
    """Give a network its anchor poses: for each of its parts [K, J, 5], as `AnchorPoses` has them."""
    for part in network.parts:
        network.predictor.anchor_poses(part).copy_(torch.from_numpy(poses[part]))


def default_ppi(part: Part, classes: AnchorClasses) -> PpiSettings:
    """Settings of pose proposals integration before any were chosen by measurement."""
    return PpiSettings(score_th=0.1 / classes.count, th_pose3D=SAME_POSE_3D[part])
