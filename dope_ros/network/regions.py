# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The features inside each box (RoIAlign: Mask R-CNN, He et al., 2017)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align


def region_features(
    features: Tensor,
    boxes: Tensor,
    stride: int,
    size: int,
    samples: int,
    aligned: bool,
    images: Tensor | None = None,
) -> Tensor:
    """Resample the features inside each box.

    Args:
        features: [B, C, rows, columns].
        boxes: [N, 4] float32, pixels.
        stride: pixels a cell of `features`.
        size: bins a side.
        samples: samples a side of each bin; a bin is their mean.
        aligned: a cell's value belongs to its middle, and boxes may be smaller than a cell.
        images: [N] int64, which image each box is of; None where there is but one.

    Returns:
        [N, C, size, size].
    """
    of_first = functional.pad(boxes, (1, 0))
    rois = of_first if images is None else torch.cat([images[:, None].to(boxes.dtype), boxes], dim=1)
    return roi_align(features, rois, size, 1 / stride, samples, aligned)


def region_features_beyond_border(
    features: Tensor, boxes: Tensor, stride: int, size: int, margin: int, images: Tensor | None = None
) -> Tensor:
    """The same for boxes that may leave the image by `margin` cells: its border is repeated there.

    One sample a bin, aligned.
    """
    extended = functional.pad(features, (margin,) * 4, mode="replicate")
    moved = boxes + margin * stride
    return region_features(extended, moved, stride, size, samples=1, aligned=True, images=images)
