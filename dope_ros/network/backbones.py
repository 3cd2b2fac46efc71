# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The choice of backbones, each with the box head that suits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dope_ros.errors import ModelError
from dope_ros.network.base import Backbone, BoxHead
from dope_ros.network.efficientnet import CompactBoxHead, EfficientNetLite0
from dope_ros.network.resnet import ResNet50Features, ResNet50Head


class Stages(NamedTuple):
    """What makes the stages of a network; called, each gives a module.

    backbone: images to features.
    box_head: features of boxes to vectors.
    """

    backbone: Callable[[], Backbone]
    box_head: Callable[[], BoxHead]


BACKBONES: dict[str, Stages] = {
    "resnet50": Stages(ResNet50Features, ResNet50Head),
    "efficientnet_lite0": Stages(EfficientNetLite0, CompactBoxHead),
}


def stages_of(name: str) -> Stages:
    """The stages that a network with that backbone has.

    Raises:
        ModelError: there is no backbone of that name.
    """
    if name not in BACKBONES:
        raise ModelError(f"unknown backbone '{name}'; there are: {', '.join(sorted(BACKBONES))}")
    return BACKBONES[name]
