# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A training run: what it holds, how it is kept, and how it goes on from where it was, bit by bit."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dacite
import torch
import yaml

from dope_ros.errors import DopeError
from dope_ros.files import replaced_durably, replaced_whole
from dope_ros.network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from dope_ros.network.dope import DopeNetwork
from dope_ros.training.runs.config import TrainingConfig, parse_config, plain
from dope_ros.training.runs.initial_network import begin
from dope_ros.training.runs.optimisation import MovingAverage, freeze, make_optimiser

STATE_NAME = "state.pt"
MODEL_NAME = "model.pt"
CONFIG_NAME = "config.yaml"

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(slots=True, eq=False)
class Run:
    """All that changes while a network is trained.

    checkpoint: the network, whose weights are trained in place, and its settings of pose
        proposals integration.
    optimiser: of its weights.
    scaler: of the gradients, in float16.
    average: the moving average of its weights.
    dataset_size: how many pictures it is trained on; epochs, their order and the learning rate go by it.
    step: how many steps were done.
    """

    checkpoint: Checkpoint
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: MovingAverage
    dataset_size: int
    step: int = 0

    @property
    def network(self) -> DopeNetwork:
        """The network that is trained."""
        return self.checkpoint.network

    @property
    def trained(self) -> Checkpoint:
        """What the run gives so far: the average of the weights."""
        return Checkpoint(self.average.network, self.checkpoint.ppi)


def precision_named(name: str) -> torch.dtype:
    """The precision of that name.

    Raises:
        DopeError: there is none.
    """
    if name not in PRECISIONS:
        raise DopeError(f"unknown precision '{name}'; there are: {', '.join(PRECISIONS)}")
    return PRECISIONS[name]


def open_run(config: TrainingConfig, dataset_size: int, folder: Path, device: torch.device) -> Run:
    """The run in `folder`, where it was left; a new one where there is none.

    Args:
        dataset_size: how many pictures there are to train on.

    Raises:
        DopeError: the configuration contradicts itself or is not that of the run there, that run had another
            number of pictures, or a file that is needed cannot be read.
    """
    torch.manual_seed(config.seed)
    if not (folder / STATE_NAME).exists():
        return _run_from(begin(config.network), config, dataset_size, device)
    state = _read_state(folder / STATE_NAME, device)
    differing = _differences(_config_of(state, folder), config)
    if differing:
        raise DopeError(
            f"{folder} holds a run with another {', '.join(differing)}; "
            f"train into another folder, or with {folder / CONFIG_NAME}"
        )
    _check_same_size(state, dataset_size, folder)
    run = _run_from(read_checkpoint(folder / MODEL_NAME), config, dataset_size, device)
    try:
        _go_on(run, state)
    except (KeyError, RuntimeError, ValueError) as error:
        raise DopeError(_cannot_go_on(folder, error)) from error
    return run


def _check_same_size(state: Mapping[str, Any], dataset_size: int, folder: Path) -> None:
    """Check that there are as many pictures as before; a state of an earlier release does not tell."""
    before = state.get("pictures", dataset_size)
    if before != dataset_size:
        raise DopeError(
            f"{folder} holds a run over {before} pictures, and now there are {dataset_size}, of which it "
            "would have other epochs; train into another folder, or with the pictures that there were"
        )


def _go_on(run: Run, state: dict[str, Any]) -> None:
    """Have a run be where it was left."""
    run.network.load_state_dict(state["network"])
    run.average.network.load_state_dict(state["average"])
    run.optimiser.load_state_dict(state["optimiser"])
    run.scaler.load_state_dict(state["scaler"])
    run.step = state["step"]
    _set_random_state(state["random"])


def check_same_step(steps: Sequence[int], folder: Path) -> None:
    """Check that all processes go on from the same step; else some would wait for others for ever.

    Args:
        steps: that the processes start from, by rank.
        folder: in which each looked for the run.

    Raises:
        DopeError: they differ.
    """
    if len(set(steps)) == 1:
        return
    found = ", ".join(f"rank {rank} from step {step}" for rank, step in enumerate(steps))
    raise DopeError(
        f"{folder}: the processes would not start from the same step: {found}; "
        "train into a folder that all machines share"
    )


def save_run(run: Run, config: TrainingConfig, folder: Path) -> None:
    """Write the run's state, its model so far, and its configuration; each file whole or not at all."""
    state = {
        "config": plain(config),
        "pictures": run.dataset_size,
        "step": run.step,
        "network": run.network.state_dict(),
        "average": run.average.network.state_dict(),
        "optimiser": run.optimiser.state_dict(),
        "scaler": run.scaler.state_dict(),
        "random": _random_state(),
    }
    write_checkpoint(folder / MODEL_NAME, run.trained.network, run.trained.ppi)
    with replaced_whole(folder / CONFIG_NAME) as partial:
        partial.write_text(yaml.safe_dump(plain(config), sort_keys=False), encoding="utf-8")
    with replaced_durably(folder / STATE_NAME) as partial:  # last, for the run goes on with all three
        torch.save(state, partial)


FREE_TO_CHANGE = {"data.workers", "save_every", "log_every", "network.checkpoint", "schedule.epochs"}
"""What may differ when a run goes on: it changes nothing that was, or is read at the beginning alone."""


def memory_format_of(device: torch.device) -> torch.memory_format:
    """How features lie in memory; depthwise convolutions are what it matters for.

    A CPU takes a fifth less time for a step with channels last; an H200 took 13 times as long.
    """
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


def _run_from(checkpoint: Checkpoint, config: TrainingConfig, dataset_size: int, device: torch.device) -> Run:
    network = checkpoint.network.to(device, memory_format=memory_format_of(device)).train()
    average = MovingAverage(deepcopy(network), config.average)
    freeze(network, config.optimiser.frozen)
    half = precision_named(config.precision) is torch.float16
    scaler = torch.amp.GradScaler(device.type, enabled=half)
    return Run(checkpoint, make_optimiser(network, config.optimiser), scaler, average, dataset_size)


def _read_state(path: Path, device: torch.device) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise DopeError(f"{path}: cannot be read: {error}; delete it to begin anew") from error
    return state


def _config_of(state: dict[str, Any], folder: Path) -> TrainingConfig:
    """What the run began with; entries that are newer than the run have what stands for them if unsaid."""
    try:
        return parse_config(state["config"])
    except (KeyError, dacite.DaciteError, TypeError, ValueError) as error:
        raise DopeError(_cannot_go_on(folder, error)) from error


def _cannot_go_on(folder: Path, error: Exception) -> str:
    return f"{folder} holds a run that this release cannot go on with: {error}; train into another folder"


def _differences(old: TrainingConfig, new: TrainingConfig) -> list[str]:
    before, after = _flat(plain(old)), _flat(plain(new))
    names = sorted(before.keys() | after.keys())
    return [name for name in names if before.get(name) != after.get(name) and name not in FREE_TO_CHANGE]


def _flat(values: dict[str, Any], room: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{room}{name}.") if isinstance(value, dict) else {room + name: value}
    return flat


def _random_state() -> dict[str, Any]:
    """PyTorch's; nothing else draws from a state that lasts."""
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": devices}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if torch.cuda.is_available():
        there = state["cuda"][: torch.cuda.device_count()]  # a run may go on with fewer GPUs
        torch.cuda.set_rng_state_all([of_device.cpu() for of_device in there])
