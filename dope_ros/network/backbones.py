# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The choice of backbones, each with the head that looks at the features of a box."""

from __future__ import annotations

from dope_ros.errors import ModelError
from dope_ros.network.base import Backbone, BoxHead
from dope_ros.network.efficientnet import CompactBoxHead, EfficientNetLite0
from dope_ros.network.resnet import ResNet50Features, ResNet50Head

BACKBONES: dict[str, tuple[type[Backbone], type[BoxHead]]] = {
    "resnet50": (ResNet50Features, ResNet50Head),
    "efficientnet_lite0": (EfficientNetLite0, CompactBoxHead),
}


def make_backbone(name: str) -> tuple[Backbone, BoxHead]:
    """A backbone and its box head.

    Raises:
        ModelError: there is no backbone of that name.
    """
    if name not in BACKBONES:
        raise ModelError(f"unknown backbone '{name}'; there are: {', '.join(sorted(BACKBONES))}")
    features, box_head = BACKBONES[name]
    return features(), box_head()
