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
    processes: how many there are.
    """

    rank: int = 0
    processes: int = 1


class DataOrder(Sampler[list[Draw]]):
    """The batches of one process, from one step to another.

    Each epoch is another permutation of the training set, cut into steps of `pictures`; what is left over at
    its end is left out. A set smaller than a step is gone through several times in it.

    Args:
        length: of the training set.
        pictures: of a step, over all processes.
        seed: of the run.
        steps: first step and the one after the last. There is none where the run has done more already.
        share: of this process.

    Raises:
        DopeError: `pictures` cannot be shared equally by the processes.
    """

    def __init__(
        self, length: int, pictures: int, seed: int, steps: tuple[int, int], share: Share | None = None
    ) -> None:
        self._length, self._pictures, self._seed, self._steps = length, pictures, seed, steps
        self._share = share or Share()
        if pictures % self._share.processes:
            raise DopeError(
                f"data.batch: {pictures} pictures a step cannot be shared equally by "
                f"{self._share.processes} processes; give it a multiple of {self._share.processes}"
            )

    @property
    def steps_per_epoch(self) -> int:
        """How many steps an epoch has."""
        return steps_per_epoch(self._length, self._pictures)

    def __len__(self) -> int:
        return max(0, self._steps[1] - self._steps[0])

    def __iter__(self) -> Iterator[list[Draw]]:
        each = self._pictures // self._share.processes
        mine = slice(self._share.rank * each, (self._share.rank + 1) * each)
        epoch, order = -1, np.zeros(0, np.int64)
        for step in range(*self._steps):
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                order = self._permutation(epoch)
            start = step % self.steps_per_epoch * self._pictures
            indices = order[start : start + self._pictures]
            seeds = np.random.default_rng((self._seed, step)).integers(2**63, size=self._pictures)
            yield [Draw(int(i), int(seed)) for i, seed in zip(indices[mine], seeds[mine], strict=True)]

    def _permutation(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng((self._seed, epoch, self._length))
        rounds = max(1, -(-self._pictures // self._length))
        return np.concatenate([rng.permutation(self._length) for _ in range(rounds)])


def steps_per_epoch(length: int, pictures: int) -> int:
    """How many steps of that many pictures a training set of that length gives in an epoch."""
    return max(1, length // pictures)
