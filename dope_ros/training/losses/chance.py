# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random numbers as a function of a seed and a place, many at a time and alike on every device.

A generator would have to be asked picture by picture, on the CPU. What is drawn for a picture here depends on
neither the batch that it is in, nor the process, nor the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_STEP = 0x9E3779B9


def seeds_tensor(seeds: Sequence[int], device: torch.device) -> Tensor:
    """Seeds below 2**63 as the [B] int64 that the functions here take."""
    return torch.tensor(seeds, dtype=torch.int64, device=device)


def draws(seeds: Tensor, stream: int, count: int) -> Tensor:
    """Whole numbers [B, count] int64, even over 0 to 2**32 - 1, from seeds [B] int64.

    Args:
        stream: of the numbers; those of other streams have nothing to do with them.
    """
    places = torch.arange(count, device=seeds.device) * _STEP
    start = _mixed(_mixed((seeds >> 32) + stream * _STEP) + seeds)
    return _mixed(start[:, None] + places)


def normal(seeds: Tensor, stream: int, count: int) -> Tensor:
    """Numbers [B, count] float32 of the standard normal distribution, from seeds [B] int64."""
    uniform = (draws(seeds, stream, count).double() + 0.5) / (_MASK + 1)
    return (math.sqrt(2) * torch.erfinv(2 * uniform - 1)).float()


def _mixed(values: Tensor) -> Tensor:
    """A hash of the lower 32 bits: the finaliser of MurmurHash3 (Appleby, public domain)."""
    values = values & _MASK
    values = ((values ^ (values >> 16)) * 0x85EBCA6B) & _MASK
    values = ((values ^ (values >> 13)) * 0xC2B2AE35) & _MASK
    return values ^ (values >> 16)
