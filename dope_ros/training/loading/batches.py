# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a step, side by side in one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dope_ros.network.picture import GRID, normalised
from dope_ros.training.loading.joined_targets import BatchTargets
from dope_ros.training.loading.targets import Targets


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One picture, ready for a network.

    name: of the picture, for messages.
    pixels: uint8 [H, W, 3], RGB.
    targets: in its pixels.
    seed: for whatever is chosen at random about it; so the choice does not depend on the process.
    """

    name: str
    pixels: np.ndarray
    targets: Targets
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The pictures of one step on one process.

    pixels: [B, 3, H, W] uint8, RGB; H and W multiples of 32, what lies beyond a picture is not defined.
    sizes: height and width of each picture.
    targets: of each picture.
    seeds, names: of each picture, as in `Example`.
    """

    pixels: Tensor
    sizes: list[tuple[int, int]]
    targets: BatchTargets
    seeds: list[int]
    names: list[str]

    def __len__(self) -> int:
        return len(self.sizes)

    def images(self) -> Tensor:
        """What the network takes: [B, 3, H, W] float32, normalised, zero beyond the pictures."""
        rows, columns = (torch.arange(side, device=self.pixels.device) for side in self.pixels.shape[2:])
        heights, widths = torch.tensor(self.sizes, device=self.pixels.device).T[..., None]
        inside = (rows < heights)[:, None, :, None] & (columns < widths)[:, None, None]
        return normalised(self.pixels / 255).masked_fill(~inside, 0)

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        pixels = self.pixels.to(device, non_blocking=True)
        return replace(self, pixels=pixels, targets=self.targets.to(device))

    def pin_memory(self) -> Batch:
        """The same with its pixels where a GPU fetches them from; for `DataLoader`."""
        return replace(self, pixels=self.pixels.pin_memory())


def collate(examples: Sequence[Example]) -> Batch:
    """Put pictures of different sizes into one batch, each in the top left corner of its image."""
    sizes = [example.pixels.shape[:2] for example in examples]
    height, width = (-(-max(sides) // GRID) * GRID for sides in zip(*sizes, strict=True))
    pixels = torch.zeros(len(examples), 3, height, width, dtype=torch.uint8)
    for i, (example, (rows, columns)) in enumerate(zip(examples, sizes, strict=True)):
        pixels[i, :, :rows, :columns] = torch.from_numpy(example.pixels).permute(2, 0, 1)
    return Batch(
        pixels=pixels,
        sizes=[(int(rows), int(columns)) for rows, columns in sizes],
        targets=BatchTargets.of([example.targets for example in examples]),
        seeds=[example.seed for example in examples],
        names=[example.name for example in examples],
    )
