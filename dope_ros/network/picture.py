# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a picture to the network's input, the way the published network was trained."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet's, of RGB in [0, 1]."""

GRID = 32
"""Images have sides that are multiples of it; what is added is zero, ImageNet's mean."""


def normalised(images: Tensor) -> Tensor:
    """Images [B, 3, H, W] in [0, 1] with ImageNet's mean and standard deviation taken out."""
    mean, std = (torch.tensor(values, device=images.device).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


def padded(images: Tensor) -> Tensor:
    """Images [B, 3, H, W] with zeros at the right and bottom up to multiples of `GRID`."""
    height, width = images.shape[-2:]
    return functional.pad(images, (0, -width % GRID, 0, -height % GRID))
