# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The features inside each box (RoIAlign: Mask R-CNN, He et al., 2017)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align


def region_features(
    features: Tensor, boxes: Tensor, stride: int, size: int, samples: int, aligned: bool
) -> Tensor:
    """Resample the features inside each box.

    Args:
        features: [1, C, rows, columns], of one image.
        boxes: [N, 4] float32, pixels.
        stride: pixels a cell of `features`.
        size: bins a side.
        samples: samples a side of each bin; a bin is their mean.
        aligned: a cell's value belongs to its middle, and boxes may be smaller than a cell.

    Returns:
        [N, C, size, size].
    """
    rois = functional.pad(boxes, (1, 0))  # of the first and only image
    return roi_align(features, rois, size, 1 / stride, samples, aligned)


def region_features_beyond_border(
    features: Tensor, boxes: Tensor, stride: int, size: int, margin: int
) -> Tensor:
    """The same for boxes that may leave the image by `margin` cells: its border is repeated there.

    One sample a bin, aligned.
    """
    extended = functional.pad(features, (margin,) * 4, mode="replicate")
    return region_features(extended, boxes + margin * stride, stride, size, samples=1, aligned=True)
