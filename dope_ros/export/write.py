# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint as a model file that follows the model contract."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import onnx
from onnx import helper

from dope_ros.engine.contract import (
    INPUT_NAME,
    METADATA_KEY,
    PAD_VALUE,
    metadata_of,
    output_names,
)
from dope_ros.engine.shared_weights import WEIGHTS_KEY, weights_entry
from dope_ros.engine.torch import input_size, spec_of
from dope_ros.errors import ModelError
from dope_ros.export.trained import NETWORK_KEY
from dope_ros.files import replaced_durably
from dope_ros.network.checkpoint import Checkpoint, plain_config
from dope_ros.network.config import NetworkConfig
from dope_ros.network.dope import DopeNetwork
from dope_ros.network.static_graph import StaticGraph
from dope_ros.network.to_onnx import to_onnx
from dope_ros.onnx_graph.half import in_half
from dope_ros.onnx_graph.int8 import in_int8
from dope_ros.onnx_graph.lowering import with_cells_gathered, without_roi_align
from dope_ros.onnx_graph.storage import share, store, widened
from dope_ros.pictures import read_picture
from dope_ros.preprocess import fit
from dope_ros.settings import Storage
from dope_ros.skeleton import Part


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How a checkpoint becomes a model file.

    height, width: of the input, pixels; 0 takes the checkpoint's own.
    proposals: N of the model contract; 0 takes the checkpoint's own, or what its candidates allow.
    half: compute in half precision, for TensorRT; boxes, scores and poses stay in float.
    storage: what the file keeps weights in that compute in float.
    bits: how many of 8-bit integers' bits such weights use.
    calibration: pictures, of any size, to find the scales of 8-bit integers on; empty computes in float.
    weights_of: a model file in the same folder, from which weights that it holds as well are read.
    """

    height: int = 0
    width: int = 0
    proposals: int = 0
    half: bool = False
    storage: Storage = Storage.FLOAT
    bits: int = 8
    calibration: tuple[Path, ...] = ()
    weights_of: Path | None = None


def export_model(checkpoint: Checkpoint, path: Path, options: ExportOptions) -> None:
    """Write a checkpoint as an ONNX model of fixed shapes, opset 17.

    A model in half precision is for GPUs, and has RoIAlign written as GridSample; see `half` and `lowering`.
    One in 8-bit integers is for CPUs, and gathers where RoIAlign takes one sample a bin; see `int8`.

    Raises:
        ImageError: one of the pictures cannot be read.
        ModelError: the checkpoint lacks a part or has no candidates for so many proposals, weights cannot be
            read from the other model, or what would be written is not valid ONNX.
        OSError: the file cannot be written.
    """
    missing = [part.value for part in Part if part not in checkpoint.network.parts]
    if missing:
        raise ModelError(
            f"{path.name}: this checkpoint is a part expert's and does not find: {', '.join(missing)}; "
            "a model finds all parts: train a student with `dope train`"
        )
    height, width = input_size(checkpoint, options.height, options.width)
    model = to_onnx(_graph(checkpoint.network, height, width, options.proposals), INPUT_NAME, output_names())
    if options.half:
        model = in_half(without_roi_align(model))
    if options.calibration:
        pictures = (fit(read_picture(file), height, width, PAD_VALUE).pixels for file in options.calibration)
        # What computes in integers has the stored values, too.
        store(model, options.storage, options.bits)
        model = with_cells_gathered(in_int8(widened(model), pictures))
    store(model, options.storage, options.bits)
    entries = {
        METADATA_KEY: metadata_of(spec_of(checkpoint, height, width)),
        NETWORK_KEY: json.dumps(plain_config(_config_of(checkpoint.network, options.proposals))),
    }
    helper.set_model_props(model, entries)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"{path.name}: the export made a graph that is not valid: {error}") from error
    if options.weights_of is not None:
        _share(model, path, options.weights_of)
    with replaced_durably(path) as partial:
        onnx.save(model, partial)


def _graph(network: DopeNetwork, height: int, width: int, proposals: int) -> StaticGraph:
    """The graph of a network; `proposals` as in `ExportOptions`."""
    graph = StaticGraph(network, height, width, proposals or network.config.proposals.count)
    if proposals > graph.count:
        raise ModelError(
            f"{proposals} proposals were asked for, and of an input of {height}x{width} this network gives "
            f"{graph.count} at most"
        )
    return graph


def _config_of(network: DopeNetwork, proposals: int) -> NetworkConfig:
    """What the network that is read from the model is like: it proposes as many boxes as the model does."""
    own = network.config.proposals
    return replace(network.config, proposals=replace(own, count=proposals or own.count))


def _share(model: onnx.ModelProto, path: Path, other: Path) -> None:
    if path.parent.resolve() != other.parent.resolve():
        raise ModelError(
            f"{path}: weights can be read from a model in the same folder alone, not from {other}"
        )
    if not other.is_file():
        raise ModelError(f"{other}: no such model to read weights from")
    if path.resolve() == other.resolve():
        raise ModelError(f"{path}: cannot read its weights from itself; give the model another name")
    size = model.ByteSize()
    if share(model, other) < size / 2:
        raise ModelError(
            f"{other} holds too few weights of this model: export both with the same --storage and --bits"
        )
    model.metadata_props.add(key=WEIGHTS_KEY, value=weights_entry(other))
