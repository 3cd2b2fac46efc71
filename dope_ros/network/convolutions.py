# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Convolutions that several stages of the compact network are made of."""

from __future__ import annotations

from torch import Tensor, nn


class SeparableConvolution(nn.Module):
    """A 3x3 depthwise and a pointwise convolution: a ninth of the multiply-adds of a dense one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the shape of `x` [N, C, H, W]."""
        return self.pointwise(self.depthwise(x))
