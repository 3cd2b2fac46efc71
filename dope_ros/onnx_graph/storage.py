# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a model file keeps the weights that compute in float: in half precision, or in 8-bit integers.

Weights are widened by nodes that depend on constants alone, so that a runtime does it once, when it loads the
file.  In 8-bit integers each output channel of a weight has a scale of its own; a file is a quarter as large.
Where they use fewer of the bits, archives of the file are smaller still.  Matrix products, which sum over
hundreds of inputs and have two thirds of the weights, do with one bit less than convolutions then; depthwise
convolutions, which have few weights and suffer most, are in half precision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, StringStringEntryProto, TensorProto, helper, numpy_helper

from dope_ros.settings import Storage

HEAVY = {"Conv", "Gemm", "MatMul"}
"""The operators whose second input is a weight."""

LARGEST_BITS, LARGEST_INT8 = 8, 127

LEAST_FOR_INT8 = 2048
"""Values of a weight. Smaller ones, such as the positions of cells, are cheap to keep exactly."""

LEAST_SHARED = 2048
"""Bytes. What is smaller is not worth a place in another file."""

WIDENING = {"Cast", "Mul"}
"""The operators that make float weights of what is stored."""


def store(model: onnx.ModelProto, storage: Storage, bits: int = 8) -> None:
    """Keep the float weights of heavy nodes so, in place.

    Args:
        bits: of 8-bit integers that are used, from 2 to 8; those of matrix products use one less than that
            where it is below 8.
    """
    if storage is Storage.HALF:
        _store(model.graph, _in_half)
    if storage is Storage.INT8:
        _store(model.graph, partial(_in_int8, bits=bits))


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its weights in float in the file, as if they had been stored so."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    values: dict[str, np.ndarray] = {}
    kept = []
    for node in graph.node:
        if node.op_type in WIDENING and all(name in values or name in weights for name in node.input):
            values[node.output[0]] = _evaluated(node, [_value(name, values, weights) for name in node.input])
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    initializers = [tensor for tensor in graph.initializer if tensor.name in used]
    initializers += [numpy_helper.from_array(of, name) for name, of in values.items() if name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(initializers)
    return copy


def share(model: onnx.ModelProto, other: Path) -> int:
    """Have weights that another model's file holds as well read from there, in place.

    ONNX's external data, which may lie at any offset of any file in the model's folder.

    Args:
        model: its weights are stored in the file, not yet outside.
        other: the other model's file, in the folder that this model is going to be in.

    Returns:
        How many bytes are read from there.

    Raises:
        OSError: the other file cannot be read.
    """
    content = other.read_bytes()
    shared = 0
    for tensor in model.graph.initializer:
        length = len(tensor.raw_data)
        offset = content.find(tensor.raw_data) if length >= LEAST_SHARED else -1
        if offset < 0:
            continue
        place = {"location": other.name, "offset": str(offset), "length": str(length)}
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.extend(StringStringEntryProto(key=key, value=of) for key, of in place.items())
        shared += length
    return shared


def quantised(values: np.ndarray, axis: int, bits: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Weights in 8-bit integers, with a scale for each index along an axis.

    With fewer bits there are fewer values, spread over the whole range of int8: quantising the product again,
    as `int8` does, gives the same integers, which `share` relies on.

    Args:
        bits: that are used, from 2 to 8.

    Returns:
        int8 of the weights' shape, and float32 scales that broadcast with it: their product is the weights,
        each within half a step between two values and half a scale.
    """
    others = tuple(other for other in range(values.ndim) if other != axis)
    scales = np.abs(values).max(axis=others, keepdims=True) / LARGEST_INT8
    scales = np.where(scales > 0, scales, 1).astype(np.float32)
    step = LARGEST_INT8 / (2 ** (bits - 1) - 1)
    return np.rint(np.rint(values / scales / step) * step).astype(np.int8), scales


def _store(graph: onnx.GraphProto, keep: Callable[..., tuple[list[TensorProto], list[NodeProto]]]) -> None:
    axes = {node.input[1]: _channel_axis(node) for node in graph.node if node.op_type in HEAVY}
    initializers, nodes = [], []
    for tensor in graph.initializer:
        if tensor.name in axes and tensor.data_type == TensorProto.FLOAT:
            tensors, widening = keep(tensor, axes[tensor.name])
            initializers += tensors
            nodes += widening
        else:
            initializers.append(tensor)
    nodes += graph.node
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(initializers)


def _in_half(tensor: TensorProto, axis: int) -> tuple[list[TensorProto], list[NodeProto]]:
    del axis
    halved = numpy_helper.to_array(tensor).astype(np.float16)
    stored = numpy_helper.from_array(halved, f"{tensor.name}_in_half")
    return [stored], [_cast(stored.name, tensor.name)]


def _in_int8(tensor: TensorProto, axis: int, bits: int) -> tuple[list[TensorProto], list[NodeProto]]:
    values = numpy_helper.to_array(tensor)
    if values.size < LEAST_FOR_INT8:
        return [tensor], []
    if values.ndim == 4 and values.shape[1] == 1:
        return _in_half(tensor, axis)
    if values.ndim == 2 and 2 < bits < LARGEST_BITS:
        bits -= 1
    integers, scales = quantised(values, axis % values.ndim, bits)
    name = tensor.name
    tensors = [
        numpy_helper.from_array(integers, f"{name}_in_int8"),
        numpy_helper.from_array(scales, f"{name}_scales"),
    ]
    cast = _cast(tensors[0].name, f"{name}_unscaled")
    scaled = helper.make_node("Mul", [cast.output[0], tensors[1].name], [name], f"scale_{name}")
    return tensors, [cast, scaled]


def _channel_axis(node: NodeProto) -> int:
    """Along which axis of its weight a node's output channels are."""
    if node.op_type == "Conv":
        return 0
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if transposed else -1


def _cast(source: str, name: str) -> NodeProto:
    return helper.make_node("Cast", [source], [name], f"widen_{name}", to=TensorProto.FLOAT)


def _value(name: str, values: dict[str, np.ndarray], weights: dict[str, TensorProto]) -> np.ndarray:
    return values[name] if name in values else numpy_helper.to_array(weights[name])


def _evaluated(node: NodeProto, inputs: list[np.ndarray]) -> np.ndarray:
    if node.op_type == "Mul":
        return inputs[0] * inputs[1]
    return inputs[0].astype(helper.tensor_dtype_to_np_dtype(node.attribute[0].i))
