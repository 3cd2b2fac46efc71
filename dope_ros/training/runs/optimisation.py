# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Optimisers, learning rates and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from dope_ros.errors import DopeError
from dope_ros.network.dope import DopeNetwork


@dataclass(frozen=True, slots=True)
class OptimiserSettings:
    """How weights follow their gradients.

    name: `sgd` or `adamw`.
    rate: the learning rate at its highest.
    backbone_rate: the backbone's, as a share of `rate`.
    momentum: of SGD.
    weight_decay: of all weights.
    clip: gradients longer than that, all together, are shortened to it; 0 leaves them.
    frozen: modules of the network that keep their weights, by name: `backbone.layer1`.
    """

    name: str = "sgd"
    rate: float = 0.02
    backbone_rate: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 1e-4
    clip: float = 0.0
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """How the learning rate goes over a run.

    epochs: of the run.
    warmup_steps: over which it rises in a line from near 0.
    divide_after: epochs after which it is divided by ten.
    cosine_to: a cosine from 1 down to this share of the rate, over the run; 1 for none.
    """

    epochs: int = 50
    warmup_steps: int = 500
    divide_after: tuple[int, ...] = (30, 45)
    cosine_to: float = 1.0


def freeze(network: DopeNetwork, names: Iterable[str]) -> None:
    """Take modules out of training.

    Raises:
        DopeError: the network has no module of that name.
    """
    modules = dict(network.named_modules())
    for name in names:
        if name not in modules:
            raise DopeError(
                f"the network has no module '{name}' to freeze; see its checkpoint for their names"
            )
        modules[name].requires_grad_(False)


def make_optimiser(network: DopeNetwork, settings: OptimiserSettings) -> torch.optim.Optimizer:
    """The optimiser of what is not frozen; the backbone is its first group.

    Raises:
        DopeError: there is no optimiser of that name.
    """
    own = {id(parameter) for parameter in network.backbone.parameters()}
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if id(p) in own], "peak": settings.rate * settings.backbone_rate},
        {"params": [p for p in trained if id(p) not in own], "peak": settings.rate},
    ]
    if settings.name == "sgd":
        return torch.optim.SGD(
            groups, lr=settings.rate, momentum=settings.momentum, weight_decay=settings.weight_decay
        )
    if settings.name == "adamw":
        return torch.optim.AdamW(groups, lr=settings.rate, weight_decay=settings.weight_decay, fused=True)
    raise DopeError(f"unknown optimiser '{settings.name}'; there are: sgd, adamw")


def set_rate(optimiser: torch.optim.Optimizer, lr_factor: float) -> None:
    """Give each group its highest learning rate times `lr_factor`."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * lr_factor


def lr_factor_at(step: int, steps_per_epoch: int, settings: ScheduleSettings) -> float:
    """What the highest learning rate is multiplied by at a step, from 0."""
    warmup = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    divided = 0.1 ** sum(step >= epochs * steps_per_epoch for epochs in settings.divide_after)
    done = step / max(1, settings.epochs * steps_per_epoch)
    cosine = settings.cosine_to + (1 - settings.cosine_to) * (1 + math.cos(math.pi * min(1.0, done))) / 2
    return warmup * divided * cosine


class MovingAverage:
    """An exponential moving average of a network's weights; it tends to be better than the last ones.

    Args:
        network: a copy of the one that is trained; its weights become the average.
        decay: the share of the average that a step keeps.  The first steps keep less.
    """

    def __init__(self, network: DopeNetwork, decay: float) -> None:
        self.network = network.eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        """Take in the weights after a step, from 0."""
        keep = min(self._decay, (1 + step) / (10 + step))
        new, average = network.state_dict(), self.network.state_dict()
        floats = [name for name, tensor in average.items() if tensor.is_floating_point()]
        follow = get_ema_multi_avg_fn(keep)
        follow([average[name] for name in floats], [new[name] for name in floats], step)
        for name in average.keys() - floats:
            average[name].copy_(new[name])
