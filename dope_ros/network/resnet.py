# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The published backbone: ResNet-50 (He et al., 2016) up to `layer3`, and `layer4` as the box head."""

from __future__ import annotations

from torch import Tensor
from torchvision.models import resnet50
from torchvision.models.resnet import ResNet
from torchvision.ops import FrozenBatchNorm2d

from dope_ros.network.base import Backbone, BoxHead


class ResNet50Features(Backbone):
    """Images to features of stride 16."""

    stride = 16
    channels = 1024

    def __init__(self) -> None:
        super().__init__()
        resnet = _resnet50()
        self.conv1, self.bn1, self.relu, self.maxpool = resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool
        self.layer1, self.layer2, self.layer3 = resnet.layer1, resnet.layer2, resnet.layer3

    def forward(self, images: Tensor) -> Tensor:
        """Features [B, 1024, H / 16, W / 16] of normalised images [B, 3, H, W]."""
        stem = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return self.layer3(self.layer2(self.layer1(stem)))


class ResNet50Head(BoxHead):
    """Features of boxes to one vector a box."""

    channels = 2048

    def __init__(self) -> None:
        super().__init__()
        self.layer4 = _resnet50().layer4

    def forward(self, regions: Tensor) -> Tensor:
        """Vectors [N, 2048] of the features [N, 1024, 7, 7] of boxes."""
        return self.layer4(regions).mean(dim=(2, 3))


class _FixedBatchNorm(FrozenBatchNorm2d):
    """`FrozenBatchNorm2d` that leaves features in the precision they come in.

    torchvision's multiplies by float32, so that in mixed precision all that follows a norm is in float32,
    and is kept for the way back beside a copy in half precision. Here, too, float32 is what is computed in.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`x` [B, C, H, W], scaled and shifted."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return (x * scale[:, None, None] + shift[:, None, None]).to(x.dtype)


def _resnet50() -> ResNet:
    return resnet50(weights=None, norm_layer=_FixedBatchNorm)
