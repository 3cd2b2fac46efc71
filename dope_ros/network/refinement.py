# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes that fit better than the proposals (Fast R-CNN, Girshick, 2015).

A proposal often shows half a body.  Its vector tells where the whole one ends, for each part that the box may
show.  The spatial head looks at the refined boxes, and proposals are integrated by them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dope_ros.network.anchors import decode_boxes, within
from dope_ros.skeleton import Part

LARGEST_SHIFT = 0.5
"""In sizes of the box: its middle stays in it, and thereby in the image."""

LARGEST_LOG_SCALE = 1.0
"""Of the logarithm by which a side may change, either way."""


class BoxRefinement(nn.Module):
    """Vectors of boxes to better boxes. Before anything is learnt, boxes stay as they are.

    Args:
        channels: of the vectors that the box head gives.
        parts: that are found.
    """

    largest: Tensor

    def __init__(self, channels: int, parts: tuple[Part, ...]) -> None:
        super().__init__()
        self._parts = parts
        self.bbox_pred = nn.Linear(channels, 4 * len(parts))
        nn.init.zeros_(self.bbox_pred.weight)
        nn.init.zeros_(self.bbox_pred.bias)
        largest = torch.tensor([LARGEST_SHIFT] * 2 + [LARGEST_LOG_SCALE] * 2)
        self.register_buffer("largest", largest, persistent=False)

    def deltas(self, vectors: Tensor) -> dict[Part, Tensor]:
        """For each part [N, 4] how to change a box that shows it, as `anchors.decode_boxes` takes it.

        As the layer says it, which is what losses judge: beyond a limit nothing would be learnt any more.

        Args:
            vectors: [N, channels].
        """
        deltas = self.bbox_pred(vectors).unflatten(1, (len(self._parts), 4))
        return dict(zip(self._parts, deltas.unbind(dim=1), strict=True))

    def forward(
        self, boxes: Tensor, vectors: Tensor, logits: Mapping[Part, Tensor], limits: Tensor
    ) -> Tensor:
        """The boxes moved to what they show, the farther the surer it is that they show it.

        A box that shows several parts, such as head and shoulders, goes to the middle between theirs.

        Args:
            boxes: [N, 4] float32, pixels.
            vectors: [N, channels], of the same boxes.
            logits: for each part [N, K + 1], 0 is the background.
            limits: [4] or [N, 4] float32, the image's width and height, twice.

        Returns:
            [N, 4] float32, pixels, within the image.
        """
        shown = torch.stack([1 - logits[part].softmax(dim=1)[:, 0] for part in self._parts], dim=1)
        shares = shown / shown.sum(dim=1, keepdim=True).clamp(min=1)
        deltas = torch.stack(list(self.deltas(vectors).values()), dim=1).clamp(-self.largest, self.largest)
        moved = decode_boxes(boxes, (shares[..., None] * deltas).sum(dim=1), LARGEST_LOG_SCALE)
        return within(moved, limits)
