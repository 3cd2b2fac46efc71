# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a checkpoint file keeps the tensors of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dope_ros.errors import ModelError
from dope_ros.network.config import NetworkConfig
from dope_ros.network.dope import DopeNetwork
from dope_ros.settings import PpiSettings
from dope_ros.skeleton import Part


def same_name(name: str) -> str:
    """The name in the network: the file calls its tensors alike."""
    return name


def same_values(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of the file: they follow this package's conventions."""
    return tensors


@dataclass(frozen=True, slots=True)
class Layout:
    """A checkpoint file, read but not yet put into a network.

    config: the network it is for.
    ppi: settings of pose proposals integration.
    stored: its tensors by their name in the file.
    stored_name: gives the file's name of a tensor of `DopeNetwork`.
    unused: names in the file that the network has no use for.
    convert: changes values, not shapes or names, to this package's conventions; by the network's names.
    """

    config: NetworkConfig
    ppi: Mapping[Part, PpiSettings]
    stored: Mapping[str, Tensor]
    stored_name: Callable[[str], str] = same_name
    unused: frozenset[str] = frozenset()
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]] = same_values

    def tensors(self, names: Iterable[str]) -> dict[str, Tensor]:
        """The tensors of those names in the network, in float32."""
        return self.convert({name: self.stored[self.stored_name(name)].float() for name in names})


def check_tensors(source: str, layout: Layout, wanted: Mapping[str, Tensor]) -> None:
    """Check that a file holds what a network needs, all of it and nothing else.

    Args:
        source: the file's name, for the message.
        layout: of the file.
        wanted: the network's own state dict.

    Raises:
        ModelError: tensors are missing, extra, of the wrong shape, or hold what is no number; they are named
            as in the file.
    """
    shapes = {layout.stored_name(name): tensor.shape for name, tensor in wanted.items()}
    missing = [name for name in shapes if name not in layout.stored]
    extra = [name for name in layout.stored if name not in shapes and name not in layout.unused]
    misshapen = [
        f"{name} is {list(layout.stored[name].shape)}, not {list(shape)}"
        for name, shape in shapes.items()
        if name in layout.stored and layout.stored[name].shape != shape
    ]
    problems = [
        *_sentence("Missing", missing),
        *_sentence("Extra", extra),
        *_sentence("Of the wrong shape", misshapen),
    ]
    if problems:
        raise ModelError(f"{source}: its tensors do not fit the network. " + " ".join(problems))
    broken = [
        name
        for name, tensor in layout.stored.items()
        if name not in layout.unused and not tensor.isfinite().all()
    ]
    if broken:
        told = "".join(_sentence("NaN or infinity", broken))
        raise ModelError(
            f"{source}: its weights are no numbers, as after a run that diverged; "
            f"take an earlier checkpoint, or train again with a lower rate. {told}"
        )


def untrained(config: NetworkConfig, prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Tensors of a network as it starts, the same each time: for a file from before there were such.

    So completed, a spatial head finds joints as it did without them.

    Args:
        config: of a network with a spatial head.
        prefixes: of the tensors' names in the network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DopeNetwork(config)
    tensors = {name: of for name, of in network.state_dict().items() if name.startswith(prefixes)}
    had_no_prior = {name: torch.zeros_like(of) for name, of in tensors.items() if name == "spatial.prior"}
    return tensors | had_no_prior


def _sentence(what: str, names: Iterable[str], limit: int = 8) -> list[str]:
    """What is wrong with which tensors, in a sentence; nothing where nothing is."""
    names = list(names)
    if not names:
        return []
    more = f", and {len(names) - limit} more" if len(names) > limit else ""
    return [f"{what}: {', '.join(names[:limit])}{more}."]
