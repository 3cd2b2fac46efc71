# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The spatial head: where in its box each joint is, and how far before or behind the others.

Soft-argmax, or integral regression (Sun et al., 2018), for all joints of all parts at once: a joint's 2D is
the mean of a power of its heatmap, which is a probability over a grid, and its 3D is read from the features
of the same cells, weighted alike.  What the box head knows of the whole pose, such as whether somebody is
seen from behind, enters twice: as a bias of the features, and as a prior of each heatmap, about the joint
that the branches of the anchor poses regress.  An hourglass lets each cell see most of its box.
The grid covers the box grown by `GROWTH`.  The regression of the anchor poses keeps joints that lie beyond.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dope_ros.network.regions import region_features_beyond_border
from dope_ros.skeleton import SKELETONS, Part

GROWTH = 1.3
CELLS = 14

REACH_START, REACH_END = 0.58, 0.64
"""How far from the middle of a box, in sizes of it, the spatial head is trusted: wholly up to the first, not
at all from the second, and in between in part, so that no joint jumps."""

SHARPNESS = 4.0
"""The power of a heatmap that joints are read from. The mean of the heatmap itself lies towards the middle of
the box wherever the network is not sure, and poses shrink."""

PRIOR_SPREAD = 0.2
"""Standard deviation of the heatmaps' priors, in sizes of the box, before anything is learnt."""

HIDDEN = 64
"""Channels between a joint's features and its offset."""

USUAL_SIDE = {Part.BODY: 1.2, Part.HAND: 0.15, Part.FACE: 0.2}
"""Metres that the longer side of a box spans before anything is learnt."""

FURTHEST_FROM_USUAL = 7.4
"""As a factor, either way. One box taken for a thousand times as large puts joints hundreds of metres away,
and in training outweighs all others."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where the joints of a part are in each of N boxes.

    joints_2d: [N, J, 2] float32, in sizes of the box (not the grown one) from its top left corner.
    offsets_3d: [N, J, 3] float32, in lengths of the box's longer side; what `lift` adds.
    longer_side: [N] float32, metres that the box's longer side spans at the depth of the part.
    heatmaps: [N, J, cells] float32, logarithms of the probabilities that joints are in the cells, up to a
        constant.
    """

    joints_2d: Tensor
    offsets_3d: Tensor
    longer_side: Tensor
    heatmaps: Tensor


class SeparableBlock(nn.Module):
    """A 3x3 depthwise and a pointwise convolution, with a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the shape of `x` [N, C, H, W]."""
        return x + functional.relu(self.pointwise(self.depthwise(x)))


class Hourglass(nn.Module):
    """What is seen at half the resolution, added (stacked hourglasses, Newell et al., 2016, of one level).

    Three convolutions reach six cells of the full resolution here, twice as far as three of the head's own.
    Before anything is learnt it adds nothing.
    """

    def __init__(self, channels: int, blocks: int = 3) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(SeparableBlock(channels) for _ in range(blocks)))
        self.expand = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Features of the shape of `x` [N, C, H, W]; H and W are even."""
        coarse = self.expand(self.blocks(functional.max_pool2d(x, 2)))
        return x + functional.interpolate(coarse, scale_factor=2.0, mode="nearest")


class SpatialHead(nn.Module):
    """Features of grown boxes to the position of each joint.

    Args:
        channels: of the features.
        context: of the vectors that the box head gives.
        parts: whose joints it finds.
        blocks: separable convolutions.
    """

    def __init__(self, channels: int, context: int, parts: tuple[Part, ...], blocks: int = 3) -> None:
        super().__init__()
        self._parts = parts
        self._counts = [len(SKELETONS[part]) for part in parts]
        self.reduce = nn.Conv2d(channels, channels, 1)
        self.context = nn.Linear(context, channels, bias=False)
        nn.init.zeros_(self.context.weight)
        self.hourglass = Hourglass(channels)
        self.blocks = nn.Sequential(*(SeparableBlock(channels) for _ in range(blocks)))
        self.joints = nn.Conv2d(channels, sum(self._counts), 1)
        self.prior = nn.Parameter(torch.ones(sum(self._counts), 1))
        self.depth = OffsetHead(channels, context, sum(self._counts))
        self.scale = nn.Linear(context, len(parts))
        self.register_buffer("positions", cell_positions(), persistent=False)
        usual = torch.tensor([USUAL_SIDE[part] for part in parts])
        self.register_buffer("usual_sides", usual, persistent=False)

    def region_features(
        self, reduced: Tensor, boxes: Tensor, stride: int, images: Tensor | None = None
    ) -> Tensor:
        """What the head looks at: [N, C, 14, 14], reduced features of boxes made larger by `grown`.

        The reduction, `reduce`, is a 1x1 convolution, which commutes with interpolation: it is made once for
        the image.

        Args:
            reduced: [B, C, rows, columns].
            boxes: [N, 4] float32, pixels, within their image.
            stride: pixels a cell.
            images: [N] int64, which image each box is of; None where there is but one.
        """
        rows, columns = reduced.shape[-2:]
        margin = int((GROWTH - 1) / 2 * max(rows, columns)) + 1
        return region_features_beyond_border(reduced, grown(boxes), stride, CELLS, margin, images)

    def forward(
        self, regions: Tensor, vectors: Tensor, expected: Mapping[Part, Tensor]
    ) -> dict[Part, Located]:
        """Where each joint is, in float32 whatever the precision of the rest.

        In half precision the positions of cells would be off by up to half a percent of the box.

        Args:
            regions: [N, C, 14, 14], reduced features of boxes that `grown` made larger.
            vectors: [N, context], of the proposals that the boxes were refined from.
            expected: for each part [N, J, 2], where the branches expect its joints, in sizes of the box.
        """
        with torch.autocast(regions.device.type, enabled=False):
            in_float = {part: of_part.float() for part, of_part in expected.items()}
            return self._located(regions.float(), vectors.float(), in_float)

    def _located(
        self, regions: Tensor, vectors: Tensor, expected: Mapping[Part, Tensor]
    ) -> dict[Part, Located]:
        informed = functional.relu(regions + self.context(vectors)[..., None, None])
        features = self.blocks(self.hourglass(informed))
        regressed = torch.cat([expected[part] for part in self._parts], dim=1)
        heatmaps = self.joints(features).flatten(2) + self.prior * self._closeness(regressed)
        weights = (SHARPNESS * heatmaps).softmax(dim=2)
        joints = weights @ self.positions
        offsets = self.depth(weights, features, vectors)
        limit = math.log(FURTHEST_FROM_USUAL)
        sides = self.usual_sides * self.scale(vectors).clamp(-limit, limit).exp()
        of_parts = zip(
            joints.split(self._counts, dim=1),
            offsets.split(self._counts, dim=1),
            sides.unbind(dim=1),
            heatmaps.split(self._counts, dim=1),
            strict=True,
        )
        return {part: Located(*of_part) for part, of_part in zip(self._parts, of_parts, strict=True)}

    def _closeness(self, joints: Tensor) -> Tensor:
        """Logarithms [N, J, cells] of normal distributions about joints [N, J, 2], up to constants."""
        cells, joints = self.positions - 0.5, (joints - 0.5).clamp(-GROWTH, GROWTH)
        return (2 * joints @ cells.T - cells.square().sum(dim=1)) / (2 * PRIOR_SPREAD**2)


class OffsetHead(nn.Module):
    """Features of cells to offsets of joints in 3D: a layer that all joints share, then each joint's own.

    The first layer is done in the cells, of which there are fewer channels afterwards: it commutes with the
    mean over them.
    """

    def __init__(self, channels: int, context: int, joints: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(channels, HIDDEN, 1)
        self.context = nn.Linear(context, HIDDEN, bias=False)
        self.weight = nn.Parameter(torch.zeros(joints, HIDDEN, 3))
        self.bias = nn.Parameter(torch.zeros(joints, 3))

    def forward(self, weights: Tensor, features: Tensor, vectors: Tensor) -> Tensor:
        """The offset of each joint.

        Args:
            weights: [N, J, cells], of the cells that a joint is read from; they sum to 1.
            features: [N, C, 14, 14].
            vectors: [N, context], as `SpatialHead` gets them.

        Returns:
            [N, J, 3].
        """
        local = weights @ self.local(features).flatten(2).transpose(1, 2)
        hidden = functional.relu(local + self.context(vectors)[:, None])
        return (hidden.transpose(0, 1) @ self.weight).transpose(0, 1) + self.bias


def cell_positions() -> Tensor:
    """Middles [cells, 2] of a grown box's cells, row by row: x and y in sizes of the box itself."""
    centres = ((torch.arange(CELLS) + 0.5) / CELLS - 0.5) * GROWTH + 0.5
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    return torch.stack([x, y], dim=2).flatten(0, 1)


def grown(boxes: Tensor) -> Tensor:
    """Boxes [N, 4] around the same middles, `GROWTH` times as large."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * GROWTH
    return torch.cat([middles - half, middles + half], dim=1)


def shapes(boxes: Tensor) -> Tensor:
    """Width and height [N, 2] of boxes [N, 4] in lengths of their longer side."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return sides / sides.amax(dim=1, keepdim=True).clamp(min=1e-3)


def lift(poses_2d: Tensor, located: Located, boxes: Tensor) -> Tensor:
    """3D poses from 2D ones: as a distant camera sees them, and what was read from the joints' cells added.

    Args:
        poses_2d: [N, K, J, 2], in sizes of the box.
        located: what the spatial head says of the J joints.
        boxes: [N, 4] float32, pixels.

    Returns:
        [N, K, J, 3] float32, metres, optical axes, about the mean of the joints.
    """
    # One for each joint, as in `box_coordinates`: ONNX Runtime multiplies rows at once, but pairs one by one.
    shape = shapes(boxes)[:, None, None].expand(-1, -1, poses_2d.shape[2], -1)
    flat = functional.pad((poses_2d - poses_2d.mean(dim=2, keepdim=True)) * shape, (0, 1))
    return (flat + located.offsets_3d[:, None]) * located.longer_side[:, None, None, None]


def merge(regressed: tuple[Tensor, Tensor], located: Located, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """The spatial head's joints, and the regressed ones where those lie beyond its reach.

    Where a joint lies is what the regression says of it.

    Args:
        regressed: 2D [N, K, J, 2], in sizes of the box, and 3D [N, K, J, 3], metres.
        located: what the spatial head says of the J joints.
        boxes: [N, 4] float32, pixels.

    Returns:
        The two of `regressed`; within reach every class has the same 2D.
    """
    regressed_2d, regressed_3d = regressed
    poses_2d = merge_2d(regressed_2d, located)
    lifted = lift(poses_2d, located, boxes)
    return poses_2d, regressed_3d + trust(regressed_2d) * (lifted - regressed_3d)


def merge_2d(regressed_2d: Tensor, located: Located) -> Tensor:
    """The 2D [N, K, J, 2] of `merge`, in sizes of the box."""
    return regressed_2d + trust(regressed_2d) * (located.joints_2d[:, None] - regressed_2d)


def trust(regressed_2d: Tensor) -> Tensor:
    """The spatial head's weight [N, K, J, 1] for joints regressed to [N, K, J, 2], in sizes of the box."""
    distances = (regressed_2d - 0.5).abs().amax(dim=-1)  # [N, K, J]: ONNX Runtime is slow on rows of one
    return ((REACH_END - distances) / (REACH_END - REACH_START)).clamp(0, 1)[..., None]
