# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several processes that train one network together, as torchrun starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from dope_ros.errors import DopeError
from dope_ros.training.loading.order import Share


@dataclass(frozen=True, slots=True)
class Process:
    """This process among those that train together.

    share: which of them it is.
    device: that it computes on.
    """

    share: Share
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes files and says how it goes."""
        return self.share.rank == 0

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module, with its gradients averaged over all processes if there are several."""
        if self.share.world_size == 1:
            return module
        devices = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=devices)

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over all processes."""
        if self.share.world_size == 1:
            return values
        total = values.clone()
        distributed.all_reduce(total)
        return total / self.share.world_size

    def of_all(self, value: int) -> list[int]:
        """The values that all processes have, by rank."""
        if self.share.world_size == 1:
            return [value]
        own = torch.tensor([value], device=self.device)
        values = [torch.empty_like(own) for _ in range(self.share.world_size)]
        distributed.all_gather(values, own)
        return [int(of_rank) for of_rank in values]

    def wait_for_all(self) -> None:
        """Return when all processes have come here."""
        if self.share.world_size > 1:
            distributed.barrier()


def use_threads(count: int) -> None:
    """Compute with so many threads on a CPU; 0 leaves PyTorch's choice, one a core.

    The same run with other threads sums in another order: its weights differ in the last bits.
    """
    if count:
        torch.set_num_threads(count)


@contextmanager
def joined() -> Iterator[Process]:
    """Join the processes that torchrun started; alone where it did not.

    NCCL connects them on GPUs and gloo on CPUs.

    Raises:
        DopeError: there are fewer GPUs than processes on this machine.
    """
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    device = _device(int(os.environ.get("LOCAL_RANK", "0")))
    if processes == 1:
        yield Process(Share(), device)
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Process(Share(distributed.get_rank(), processes), device)
    finally:
        distributed.destroy_process_group()


def _device(local_rank: int) -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise DopeError(f"{count} GPUs for more processes; call torchrun with --nproc-per-node {count}")
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
