# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The compact backbone, EfficientNet-Lite0, and its box head.

EfficientNet (Tan and Le, 2019) without squeeze-and-excitation, and with ReLU6.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dope_ros.network.base import Backbone, BoxHead

BATCH_NORM_EPS = 1e-3


@dataclass(frozen=True, slots=True)
class Stage:
    """Inverted residual blocks that follow each other; the first one has the stride."""

    repeats: int
    channels: int
    kernel: int
    stride: int
    expansion: int = 6


STEM_CHANNELS = 32
STAGES = (
    Stage(1, 16, 3, 1, expansion=1),
    Stage(2, 24, 3, 2),
    Stage(2, 40, 5, 2),
    Stage(3, 80, 3, 2),
    Stage(3, 112, 5, 1),
    Stage(4, 192, 5, 2),
    Stage(1, 320, 3, 1),
)
STRIDE_8, STRIDE_16, STRIDE_32 = 2, 4, 6
"""The stages whose output is merged into the feature map."""


class FixedBatchNorm(nn.BatchNorm2d):
    """Batch norm that keeps its statistics while training, and learns its scale and shift."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__(channels, eps)
        self.train()

    def train(self, mode: bool = True) -> FixedBatchNorm:
        """Stay in evaluation mode, whatever `mode` is."""
        del mode
        return super().train(False)


class Layers(nn.Sequential):
    """Modules one after the other; a batch norm is taken into the convolution before it.

    Its statistics are fixed, so that the two are one convolution with other weights. That spares reading and
    writing all features once more, forwards and backwards.
    """

    def forward(self, x: Tensor) -> Tensor:
        """What the last module makes of it."""
        modules = iter(self)
        for module in modules:
            x = _normed(x, module, next(modules)) if isinstance(module, nn.Conv2d) else module(x)
        return x


def _normed(x: Tensor, conv: nn.Conv2d, norm: nn.Module) -> Tensor:
    if not isinstance(norm, FixedBatchNorm):
        return norm(conv(x))
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    weight, bias = conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
    as_conv = conv.stride, conv.padding, conv.dilation, conv.groups
    if conv.groups == 1 or not _autocast_on_cpu(x):
        return functional.conv2d(x, weight, bias, *as_conv)
    # In bfloat16 a CPU takes twice as long for a depthwise convolution, and half as long for any other.
    with torch.autocast("cpu", enabled=False):
        return functional.conv2d(x.float(), weight, bias, *as_conv)


def _autocast_on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and torch.is_autocast_enabled("cpu")


class SamePad(nn.Module):
    """Zero padding for a convolution of stride 2 as TensorFlow does it.

    The odd pixel goes to the right and the bottom.  For sides that are even, which all are here.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        low = (kernel - 2) // 2
        self._padding = (low, kernel - 2 - low) * 2

    def forward(self, x: Tensor) -> Tensor:
        """`x` [B, C, H, W] with its padding."""
        return functional.pad(x, self._padding)


def _convolution(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """A convolution without bias, with batch norm."""
    padding = kernel // 2 if stride == 1 else 0
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    return [*([SamePad(kernel)] if stride > 1 else []), conv, FixedBatchNorm(outputs, eps=BATCH_NORM_EPS)]


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project (MobileNetV2, Sandler et al., 2018)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [*_convolution(inputs, hidden), nn.ReLU6()] if expansion > 1 else []
        depthwise = [*_convolution(hidden, hidden, kernel, stride, groups=hidden), nn.ReLU6()]
        self.layers = Layers(*expand, *depthwise, *_convolution(hidden, outputs))
        self._residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, outputs, H / stride, W / stride] of `x` [B, inputs, H, W]."""
        return x + self.layers(x) if self._residual else self.layers(x)


class EfficientNetLite0(Backbone):
    """Images to features of stride 8: those of strides 8, 16 and 32 merged top down.

    The merging is that of feature pyramids (Lin et al., 2017) with one map at the end.  Images have sides
    that are multiples of 32.
    """

    stride = 8
    channels = 128

    def __init__(self) -> None:
        super().__init__()
        self.stem = Layers(*_convolution(3, STEM_CHANNELS, 3, 2), nn.ReLU6())
        self.stages = nn.ModuleList()
        inputs = STEM_CHANNELS
        for stage in STAGES:
            blocks = []
            for index in range(stage.repeats):
                stride = stage.stride if index == 0 else 1
                blocks.append(InvertedResidual(inputs, stage.channels, stage.kernel, stride, stage.expansion))
                inputs = stage.channels
            self.stages.append(nn.Sequential(*blocks))
        self.lateral8 = nn.Conv2d(STAGES[STRIDE_8].channels, self.channels, 1)
        self.lateral16 = nn.Conv2d(STAGES[STRIDE_16].channels, self.channels, 1)
        self.lateral32 = nn.Conv2d(STAGES[STRIDE_32].channels, self.channels, 1)
        self.merged = nn.Conv2d(self.channels, self.channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Features [B, 128, H / 8, W / 8] of normalised images [B, 3, H, W]."""
        outputs = []
        x = self.stem(images)
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        top = self.lateral16(outputs[STRIDE_16]) + _doubled(self.lateral32(outputs[STRIDE_32]))
        return functional.relu(self.merged(self.lateral8(outputs[STRIDE_8]) + _doubled(top)))


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class CompactBoxHead(BoxHead):
    """Features of boxes to one vector a box: two convolutions and two linear layers."""

    channels = 512

    def __init__(self, inputs: int = EfficientNetLite0.channels, size: int = 7) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.conv2 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.linear1 = nn.Linear(inputs * size * size, self.channels)
        self.linear2 = nn.Linear(self.channels, self.channels)

    def forward(self, regions: Tensor) -> Tensor:
        """Vectors [N, 512] of the features [N, 128, 7, 7] of boxes."""
        x = functional.relu(self.conv2(functional.relu(self.conv1(regions))))
        return functional.relu(self.linear2(functional.relu(self.linear1(x.flatten(1)))))
