# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a backbone and its box head are to the rest of the network."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class Backbone(nn.Module):
    """Normalised images [B, 3, H, W] to features [B, channels, H / stride, W / stride].

    H and W are multiples of 32.

    stride: pixels a cell of the feature map.
    channels: of the feature map.
    """

    stride: ClassVar[int]
    channels: ClassVar[int]


class BoxHead(nn.Module):
    """The features of boxes [N, C, 7, 7] to vectors [N, channels]."""

    channels: ClassVar[int]
