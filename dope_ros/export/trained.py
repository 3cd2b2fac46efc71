# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a trained network, of a checkpoint or of a model file: what training and exporting begin with."""

from __future__ import annotations

import json
from pathlib import Path

from onnx import numpy_helper

from dope_ros.engine.contract import METADATA_KEY
from dope_ros.engine.model_file import read_model
from dope_ros.engine.onnx import OnnxEngine
from dope_ros.errors import ModelError
from dope_ros.network.checkpoint import BAD_SETTINGS, Checkpoint, config_of, read_checkpoint
from dope_ros.network.dope import DopeNetwork
from dope_ros.network.exported import state_of
from dope_ros.network.layout import Layout, check_tensors
from dope_ros.onnx_graph.half import computes_in_half
from dope_ros.onnx_graph.storage import widened

NETWORK_KEY = f"{METADATA_KEY}_network"
"""The metadata entry of a model file that holds the configuration of its network."""

MODEL_SUFFIX = ".onnx"


def read_trained(path: Path) -> Checkpoint:
    """Read a checkpoint, or a model file that `dope export` made of one.

    Raises:
        ModelError: as `read_checkpoint`; or the model file cannot be turned back into a network.
    """
    if path.suffix == MODEL_SUFFIX:
        return checkpoint_of(path)
    return read_checkpoint(path)


def checkpoint_of(path: Path) -> Checkpoint:
    """The network of a model file, with weights as the file keeps them.

    Batch norms, which the file has folded into convolutions, add a bias alone.

    Raises:
        ModelError: the file is missing or broken, follows no contract, does not say what shape its network
            is of, as those of earlier releases, or computes in 8-bit integers or in half precision.
    """
    engine = OnnxEngine(path)
    spec = engine.spec
    engine.close()
    model = read_model(path).proto
    integers = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    if integers or computes_in_half(model):
        kind = "8-bit integers" if integers else "half precision"
        raise ModelError(f"{path.name} computes in {kind}; take the model in float that it was made of")
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if NETWORK_KEY not in entries:
        raise ModelError(
            f"{path.name}: no network can be made of this model, for it does not say what shape it is of "
            f"(metadata entry '{NETWORK_KEY}'); take its checkpoint, or export it anew"
        )
    network = _network(path.name, entries[NETWORK_KEY])
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in widened(model).graph.initializer}
    tensors = state_of(network, weights)
    check_tensors(path.name, Layout(network.config, spec.ppi, tensors), network.state_dict())
    network.load_state_dict(tensors)
    return Checkpoint(network.eval(), spec.ppi)


def _network(source: str, entry: str) -> DopeNetwork:
    """A network of the shape that a model file says its own is of, without its weights."""
    try:
        return DopeNetwork(config_of(json.loads(entry)))
    except BAD_SETTINGS as error:
        raise ModelError(f"{source}: its metadata entry '{NETWORK_KEY}' cannot be read: {error!r}") from error
