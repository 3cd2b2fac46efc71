# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tensors of a network in a model file: what they are called there, and how a network gets them back.

A model file holds all that a network has learnt.  Batch norms are folded into the convolutions before them,
which loses nothing: they become ones that only add a bias.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor

from dope_ros.network.dope import DopeNetwork
from dope_ros.network.static_graph import batch_norms, without_batch_norm

PREFIX = "_network."
"""Before the names of a network's tensors in a model file."""

TRANSPOSED = ".transposed"
"""After the name of a weight [outputs, inputs] that is stored as [inputs, outputs]."""

HALVES = (".2d", ".3d")
"""After the name of anchor poses [K, J, 5], which are stored in two: [K, J, 2] and [K, J, 3]."""


def name_weights(model: onnx.ModelProto, tensors: Mapping[str, Tensor]) -> None:
    """Give constants that an exporter made of a network's tensors those tensors' names, in place.

    Args:
        tensors: of the network without its batch norms, by their names in it.
    """
    names = defaultdict(list)  # several of one content, where layers have learnt the same
    for name, values in _as_exported(tensors):
        names[_content(values)].append(name)
    graph = model.graph
    new = {
        tensor.name: PREFIX + of_content.pop()
        for tensor in graph.initializer
        if tensor.data_type == TensorProto.FLOAT and not tensor.name.startswith(PREFIX)
        if (of_content := names[_content(numpy_helper.to_array(tensor))])
    }
    for tensor in graph.initializer:
        tensor.name = new.get(tensor.name, tensor.name)
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = new.get(name, name)


def lost_tensors(model: onnx.ModelProto, tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of a network's tensors, without its batch norms, that a model with named weights lacks."""
    there = {tensor.name.removeprefix(PREFIX) for tensor in model.graph.initializer}
    return [name for name in tensors if there.isdisjoint(_forms(name))]


def _forms(name: str) -> list[str]:
    """What a tensor is called in a model file, in whichever form it is there."""
    return [name, name + TRANSPOSED, *(name + half for half in HALVES)]


def state_of(network: DopeNetwork, weights: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """The tensors of a network, of the names and shapes of its own, out of a model file's constants.

    Args:
        network: of the configuration that was exported.
        weights: in float, by their name in the model file.

    Returns:
        Those that are there: a state dict if the model file is whole.
    """
    found = {name.removeprefix(PREFIX): of for name, of in weights.items() if name.startswith(PREFIX)}
    wanted = without_batch_norm(network).state_dict()
    tensors = {name: torch.tensor(of) for name in wanted if (of := _whole(name, found)) is not None}
    for conv, norm in batch_norms(network):
        if f"{conv}.bias" in tensors:
            tensors |= _adding(norm, network.get_submodule(norm).eps, tensors.pop(f"{conv}.bias"))
    counters = {name: of for name, of in network.state_dict().items() if not of.is_floating_point()}
    return tensors | counters


def _as_exported(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, np.ndarray]]:
    """What an exporter makes of tensors that it does not keep as they are."""
    for name, tensor in tensors.items():
        values = tensor.numpy()
        if name.endswith(".weight") and values.ndim == 2:
            yield name + TRANSPOSED, values.T
        if name.endswith("_anchor_poses"):
            yield from zip((name + half for half in HALVES), np.split(values, [2], axis=2), strict=True)


def _content(values: np.ndarray) -> tuple[tuple[int, ...], bytes]:
    return values.shape, np.ascontiguousarray(values, np.float32).tobytes()


def _whole(name: str, found: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """The values of a tensor, float32, in whichever form they are there; None if they are not."""
    if name in found:
        return found[name].astype(np.float32)
    if name + TRANSPOSED in found:
        return found[name + TRANSPOSED].T.astype(np.float32)
    if all(name + half in found for half in HALVES):
        return np.concatenate([found[name + half] for half in HALVES], axis=2, dtype=np.float32)
    return None


def _adding(norm: str, eps: float, bias: Tensor) -> dict[str, Tensor]:
    """The tensors of a batch norm that adds a bias and does nothing else."""
    ones = torch.ones_like(bias)
    return {
        f"{norm}.weight": ones * math.sqrt(1 + eps),
        f"{norm}.bias": bias,
        f"{norm}.running_mean": torch.zeros_like(bias),
        f"{norm}.running_var": ones,
    }
