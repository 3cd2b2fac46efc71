# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The choice of backbones, each with the parts that suit it: the RPN's convolution and the box head."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from dope_ros.errors import ModelError
from dope_ros.network.base import Backbone, BoxHead
from dope_ros.network.convolutions import SeparableConvolution
from dope_ros.network.efficientnet import CompactBoxHead, EfficientNetLite0
from dope_ros.network.resnet import ResNet50Features, ResNet50Head


def dense_convolution(channels: int) -> nn.Module:
    """The RPN's convolution as Faster R-CNN has it."""
    return nn.Conv2d(channels, channels, 3, padding=1)


class Stages(NamedTuple):
    """What makes the stages of a network; called, each gives a module.

    backbone: images to features.
    rpn_convolution: of the features' channels, before the two branches of the RPN.
    box_head: features of boxes to vectors.
    """

    backbone: Callable[[], Backbone]
    rpn_convolution: Callable[[int], nn.Module]
    box_head: Callable[[], BoxHead]


BACKBONES: dict[str, Stages] = {
    "resnet50": Stages(ResNet50Features, dense_convolution, ResNet50Head),
    "efficientnet_lite0": Stages(EfficientNetLite0, SeparableConvolution, CompactBoxHead),
}


def stages_of(name: str) -> Stages:
    """The stages that a network with that backbone has.

    Raises:
        ModelError: there is no backbone of that name.
    """
    if name not in BACKBONES:
        raise ModelError(f"unknown backbone '{name}'; there are: {', '.join(sorted(BACKBONES))}")
    return BACKBONES[name]
