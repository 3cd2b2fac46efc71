# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the layout in which DOPE's weights were published.

A dict of `state_dict`, `dope_kwargs`, `half` and `{body,hand,face}_ppi_kwargs`. The backbone's tensors
are in it twice. Body poses in 3D have x to the left and y up there; they are turned into optical axes (x
right, y down) here and nowhere else, by negating the weights that give x and y.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from dope_ros.errors import ModelError
from dope_ros.network.config import PUBLISHED, NetworkConfig
from dope_ros.network.layout import Layout
from dope_ros.settings import AnchorClasses, PpiSettings
from dope_ros.skeleton import Part

logger = logging.getLogger(__name__)

BACKBONE = "backbone.resnet_backbone."
BACKBONE_COPY = "roi_heads.dope_head.resnet_backbone."
CLASSIFIER = "fc."

_KNOWN_KWARGS = {"num_anchor_poses", "min_size", "max_size", "rpn_post_nms_top_n_test"}
_PPI_NAMES = {field.name for field in fields(PpiSettings)}


def is_published(content: Mapping[str, Any]) -> bool:
    """Whether a checkpoint's content is of the published layout."""
    return "dope_kwargs" in content


def layout(source: str, content: Mapping[str, Any]) -> Layout:
    """Where a published checkpoint keeps what.

    Args:
        source: the file's name, for messages.
        content: of the file.

    Raises:
        ModelError: the two copies of a backbone tensor differ.
        KeyError, TypeError, ValueError: settings are missing or wrong.
    """
    stored: Mapping[str, Tensor] = content["state_dict"]
    _check_copies(source, stored)
    config = _config(source, content)
    return Layout(
        config=config,
        ppi={part: _ppi(content[f"{part.value}_ppi_kwargs"], part, config.anchors[part]) for part in Part},
        stored=stored,
        stored_name=published_name,
        unused=frozenset(name for name in stored if name.startswith((BACKBONE + CLASSIFIER, BACKBONE_COPY))),
        convert=in_optical_axes,
    )


def published_name(name: str) -> str:
    """What a tensor of `DopeNetwork` is called in a published checkpoint."""
    module, _, rest = name.partition(".")
    if module in ("backbone", "box_head"):
        return BACKBONE + rest
    if module != "predictor":
        return name
    if rest.endswith("anchor_poses"):
        return f"roi_heads.{rest}"
    branch, part, leaf = rest.split(".")
    return f"roi_heads.dope_predictor.{part}_{branch}.{leaf}"


def in_optical_axes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network's tensors with the body's x to the right and its y down; exact, for only signs change."""
    signs_3d = torch.tensor([-1.0, -1.0, 1.0])
    anchors = tensors["predictor.body_anchor_poses"]
    classes, joints = anchors.shape[:2]
    signs_of_class = torch.cat([torch.ones(2 * joints), signs_3d.repeat(joints)])
    signs = signs_of_class.repeat(classes)
    return tensors | {
        "predictor.body_anchor_poses": anchors * torch.cat([torch.ones(2), signs_3d]),
        "predictor.pose_pred.body.weight": tensors["predictor.pose_pred.body.weight"] * signs[:, None],
        "predictor.pose_pred.body.bias": tensors["predictor.pose_pred.body.bias"] * signs,
    }


def _check_copies(source: str, stored: Mapping[str, Tensor]) -> None:
    for name, tensor in stored.items():
        original = stored.get(BACKBONE + name.removeprefix(BACKBONE_COPY))
        if name.startswith(BACKBONE_COPY) and original is not None and not torch.equal(tensor, original):
            raise ModelError(
                f"{source}: the two copies of the backbone differ in {name}; the file is damaged"
            )


def _config(source: str, content: Mapping[str, Any]) -> NetworkConfig:
    kwargs = content["dope_kwargs"]
    unknown = sorted(set(kwargs) - _KNOWN_KWARGS)
    if unknown:
        logger.warning(
            "%s: settings that this package does not know are left out: %s", source, ", ".join(unknown)
        )
    counts = kwargs["num_anchor_poses"]
    return replace(
        PUBLISHED,
        anchors={
            Part.BODY: AnchorClasses(counts["body"], upper_body_from=content["body_ppi_kwargs"]["K"]),
            Part.HAND: AnchorClasses(counts["hand"], left_from=content["hand_ppi_kwargs"]["K"]),
            Part.FACE: AnchorClasses(counts["face"]),
        },
        proposals=replace(PUBLISHED.proposals, count=kwargs.get("rpn_post_nms_top_n_test", 1000)),
        min_size=kwargs.get("min_size", PUBLISHED.min_size),
        max_size=kwargs.get("max_size", PUBLISHED.max_size),
    )


def _ppi(kwargs: Mapping[str, Any], part: Part, anchors: AnchorClasses) -> PpiSettings:
    """The settings of a part; `K` in them is a number of classes and goes into `AnchorClasses`."""
    values = {name: value for name, value in kwargs.items() if name in _PPI_NAMES}
    return PpiSettings.from_metadata({"score_th": 0.1 / anchors.count} | values, part)
