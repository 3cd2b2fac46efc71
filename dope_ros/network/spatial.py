# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The spatial head: where in its box each joint is, as the mean of a probability over a grid.

Soft-argmax, or integral regression (Sun et al., 2018), for all joints of all parts at once.  The grid covers
the box grown by `GROWTH`.  The regression of the anchor poses keeps the joints that lie beyond.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dope_ros.network.regions import region_features_beyond_border
from dope_ros.skeleton import SKELETONS, Part

GROWTH = 1.3
CELLS = 14

REACH = 0.62
"""How far from the middle of a box, in sizes of it, the spatial head is trusted."""


class SeparableBlock(nn.Module):
    """A depthwise and a pointwise convolution with a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the shape of `x` [N, C, H, W]."""
        return x + functional.relu(self.pointwise(self.depthwise(x)))


class SpatialHead(nn.Module):
    """Features of grown boxes to the 2D position of each joint."""

    def __init__(self, channels: int, parts: tuple[Part, ...], blocks: int = 3) -> None:
        super().__init__()
        self._parts = parts
        self._counts = [len(SKELETONS[part]) for part in parts]
        self.reduce = nn.Conv2d(channels, channels, 1)
        self.blocks = nn.Sequential(*(SeparableBlock(channels) for _ in range(blocks)))
        self.joints = nn.Conv2d(channels, sum(self._counts), 1)
        centres = (torch.arange(CELLS) + 0.5) / CELLS
        self.register_buffer("positions", (centres - 0.5) * GROWTH + 0.5, persistent=False)

    def region_features(self, features: Tensor, boxes: Tensor, stride: int) -> Tensor:
        """What the head looks at: [N, C, 14, 14], reduced features of boxes made larger by `grown`.

        The reduction is a 1x1 convolution, which commutes with interpolation: once for the image is enough.

        Args:
            features: [1, C, rows, columns].
            boxes: [N, 4] float32, pixels, within the image.
            stride: pixels a cell.
        """
        rows, columns = features.shape[-2:]
        margin = int((GROWTH - 1) / 2 * max(rows, columns)) + 1
        reduced = self.reduce(features)
        return region_features_beyond_border(reduced, grown(boxes), stride, CELLS, margin)

    def forward(self, regions: Tensor) -> dict[Part, Tensor]:
        """Where each joint is.

        Args:
            regions: [N, C, 14, 14], reduced features of boxes that `grown` made larger.

        Returns:
            For each part [N, J, 2] float32, in sizes of the box (not the grown one) from its top left corner.
        """
        logits = self.joints(self.blocks(functional.relu(regions)))
        weights = logits.flatten(2).softmax(dim=2).unflatten(2, (CELLS, CELLS))
        x = (weights.sum(dim=2) * self.positions).sum(dim=2)
        y = (weights.sum(dim=3) * self.positions).sum(dim=2)
        joints = torch.stack([x, y], dim=2).split(self._counts, dim=1)
        return dict(zip(self._parts, joints, strict=True))


def grown(boxes: Tensor) -> Tensor:
    """Boxes [N, 4] around the same middles, `GROWTH` times as large."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * GROWTH
    return torch.cat([middles - half, middles + half], dim=1)


def merge(regressed: Tensor, located: Tensor) -> Tensor:
    """The spatial head's joints, and the regressed ones where those lie beyond its reach.

    Args:
        regressed: [N, K, J, 2], in sizes of the box.
        located: [N, J, 2], in sizes of the box.

    Returns:
        [N, K, J, 2]; within reach every class has the same joints.
    """
    beyond = ((regressed - 0.5).abs() > REACH).any(dim=-1, keepdim=True)
    return torch.where(beyond, regressed, located[:, None])
