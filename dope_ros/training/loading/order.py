# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The order in which pictures are trained on: a function of seed and step alone.

So a run that was interrupted goes on with the pictures it would have had, and several processes share what
one would take.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from dope_ros.errors import DopeError


@dataclass(frozen=True, slots=True)
class Draw:
    """A picture to train on.

    index: in the training set.
    seed: for all that is random about it this time.
    """

    index: int
    seed: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one of several processes takes of each step.

    rank: of this process, from 0.
    world_size: how many processes there are.
    """

    rank: int = 0
    world_size: int = 1


class DataOrder(Sampler[list[Draw]]):
    """The batches of one process, from one step to another.

    Each epoch is another permutation of the training set, cut into batches; what is left over at its end is
    left out. A set smaller than a batch is gone through several times in it.

    Args:
        dataset_size: how many pictures the training set has.
        batch_size: pictures of a step, over all processes.
        seed: of the run.
        steps: first step and the one after the last. There is none where the run has done more already.
        share: of this process.

    Raises:
        DopeError: `batch_size` cannot be shared equally by the processes.
    """

    def __init__(
        self,
        dataset_size: int,
        batch_size: int,
        seed: int,
        steps: tuple[int, int],
        share: Share | None = None,
    ) -> None:
        self._dataset_size, self._batch_size = dataset_size, batch_size
        self._seed, self._steps = seed, steps
        self._share = share or Share()
        if batch_size % self._share.world_size:
            raise DopeError(
                f"data.batch: {batch_size} pictures a step cannot be shared equally by "
                f"{self._share.world_size} processes; give it a multiple of {self._share.world_size}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """How many steps an epoch has."""
        return steps_per_epoch(self._dataset_size, self._batch_size)

    def __len__(self) -> int:
        return max(0, self._steps[1] - self._steps[0])

    def __iter__(self) -> Iterator[list[Draw]]:
        each = self._batch_size // self._share.world_size
        mine = slice(self._share.rank * each, (self._share.rank + 1) * each)
        epoch, order = -1, np.zeros(0, np.int64)
        for step in range(*self._steps):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                order = self._permutation(epoch)
            start = step % self.steps_per_epoch * self._batch_size
            indices = order[start : start + self._batch_size]
            seeds = np.random.default_rng((self._seed, step)).integers(2**63, size=self._batch_size)
            yield [Draw(int(i), int(seed)) for i, seed in zip(indices[mine], seeds[mine], strict=True)]

    def _permutation(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng((self._seed, epoch, self._dataset_size))
        rounds = max(1, -(-self._batch_size // self._dataset_size))
        return np.concatenate([rng.permutation(self._dataset_size) for _ in range(rounds)])


def steps_per_epoch(dataset_size: int, batch_size: int) -> int:
    """How many steps an epoch has; one at least."""
    return max(1, dataset_size // batch_size)
