# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The region proposal network (Faster R-CNN, Ren et al., 2015)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import nms

from dope_ros.network.anchors import decode_boxes, grid_anchors, limits_of, within
from dope_ros.network.config import AnchorBoxes, ProposalSettings


class RpnHead(nn.Module):
    """Features to the objectness of each anchor, and how to move and scale it."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.cls_logits = nn.Conv2d(channels, anchors, 1)
        self.bbox_pred = nn.Conv2d(channels, 4 * anchors, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Objectness and deltas of all anchors, in the order of `grid_anchors`.

        Args:
            features: [B, C, rows, columns].

        Returns:
            Logits [B, M] and box deltas [B, M, 4], where M is rows * columns * A.
        """
        hidden = functional.relu(self.conv(features))
        logits = self.cls_logits(hidden).permute(0, 2, 3, 1).flatten(1)
        deltas = self.bbox_pred(hidden).permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, 4))
        return logits, deltas


class RegionProposalNetwork(nn.Module):
    """Features to boxes that may hold a part of a person."""

    def __init__(self, head: RpnHead, stride: int, boxes: AnchorBoxes) -> None:
        super().__init__()
        self.head = head
        self.boxes, self.stride = boxes, stride

    def anchors(self, features: Tensor) -> Tensor:
        """The anchors of a feature map [B, C, rows, columns]: [M, 4], pixels."""
        rows, columns = features.shape[-2:]
        return grid_anchors(self.boxes, rows, columns, self.stride).to(features.device)

    def forward(
        self, features: Tensor, sizes: list[tuple[int, int]], settings: ProposalSettings
    ) -> list[Tensor]:
        """The best boxes of each image, best first.

        Args:
            features: [B, C, rows, columns].
            sizes: height and width of each image without its padding; boxes are limited to them.
            settings: how many boxes, and which.

        Returns:
            For each image [N, 4] float32, pixels, N at most `settings.count`.
        """
        logits, deltas = self.head(features)
        anchors = self.anchors(features)
        return [
            select_proposals(anchors, logits[i], deltas[i], size, settings) for i, size in enumerate(sizes)
        ]


@torch.no_grad()
def select_proposals(
    anchors: Tensor, logits: Tensor, deltas: Tensor, size: tuple[int, int], settings: ProposalSettings
) -> Tensor:
    """The best boxes after non-maximum suppression, best first: [N, 4] float32, pixels.

    Args:
        anchors: [M, 4].
        logits: [M], objectness.
        deltas: [M, 4].
        size: height and width of the picture.
        settings: how many boxes, and which.
    """
    best = best_anchors(logits, settings)
    boxes, wide = candidate_boxes(anchors[best], deltas[best], limits_of(size, anchors), settings)
    boxes, scores = boxes[wide], logits[best][wide].float()
    return boxes[nms(boxes, scores, settings.max_iou)[: settings.count]]


def best_anchors(logits: Tensor, settings: ProposalSettings) -> Tensor:
    """The anchors that are candidates, best first: [..., n] int64, n at most `settings.candidates`.

    Args:
        logits: [..., M], objectness; a cell's anchors are ordered by ratio and then by size, so that of S
            sizes every S-th anchor has the same one.
        settings: how many, and of which groups.
    """
    of_groups = logits.float().unflatten(-1, (-1, settings.groups)).transpose(-1, -2)
    count = min(settings.candidates // settings.groups, of_groups.shape[-1])
    scores, cells = of_groups.topk(count, dim=-1)
    if settings.groups == 1:
        return cells[..., 0, :]
    anchors = cells * settings.groups + torch.arange(settings.groups, device=logits.device)[:, None]
    _, order = scores.flatten(-2).topk(settings.groups * count)
    return anchors.flatten(-2).gather(-1, order)


def candidate_boxes(
    anchors: Tensor, deltas: Tensor, limits: Tensor, settings: ProposalSettings
) -> tuple[Tensor, Tensor]:
    """What goes into non-maximum suppression.

    Args:
        anchors: [..., n, 4], the best.
        deltas: [..., n, 4], of these anchors.
        limits: [..., 4], the highest coordinates of a box in its picture; it broadcasts.
        settings: how large a box may become, and how small be.

    Returns:
        The boxes [..., n, 4] float32, pixels, and which of them are wide enough, [..., n] bool.
    """
    boxes = within(decode_boxes(anchors, deltas.float(), settings.max_log_scale), limits)
    return boxes, (boxes[..., 2:] - boxes[..., :2]).amin(dim=-1) >= settings.min_side
