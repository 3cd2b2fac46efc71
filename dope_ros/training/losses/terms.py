# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Loss terms that are averaged over all pictures of a step, whichever process has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """A loss before averaging.

    total: [] float32, the sum of the losses.
    count: [] float32, how much they are averaged over; no gradient flows through it.
    """

    total: Tensor
    count: Tensor

    def mean(self) -> Tensor:
        """The loss of this process alone; 0 where there is nothing to average over."""
        return self.total / self.count.clamp(min=1e-6)


def averaged(terms: Mapping[str, Term]) -> dict[str, Tensor]:
    """The average of each term over all processes that train together.

    Each process gets its sum over an equal share of the joint count. So the mean of the processes' losses and
    gradients, which is what DistributedDataParallel makes, is that of one process with all the pictures.
    """
    names = list(terms)
    counts = torch.stack([terms[name].count for name in names]).detach().float()
    if distributed.is_initialized():
        distributed.all_reduce(counts)
        counts = counts / distributed.get_world_size()
    return {name: terms[name].total / counts[i].clamp(min=1e-6) for i, name in enumerate(names)}
