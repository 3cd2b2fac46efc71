# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model in half precision, written into the file and not left to a runtime.

TensorRT 8 chooses precisions by itself, TensorRT 11 takes them from the file alone; with half precision in
the file both do the same.  What is heavy runs in half precision: convolutions, matrix products and what lies
between them.  Boxes, scores and poses stay in float, where half precision would cost half a pixel.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEAVY = {"Conv", "Gemm", "MatMul"}

LIGHT = {
    *("Add", "AveragePool", "Clip", "Flatten", "GridSample", "MaxPool", "Pad", "ReduceMean", "Relu"),
    *("Reshape", "Resize", "Transpose"),
}
"""These run in half precision where they lie between heavy nodes."""

ONLY_FIRST_INPUT = {"ReduceMean", "Reshape", "Resize", "Transpose"}
"""Their other inputs are no values of the feature map."""

LARGEST_HALF = float(np.finfo(np.float16).max)


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with heavy nodes, and light ones between them, in half precision.

    Inputs and outputs keep their types.  Weights too large for half precision are limited to its range.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    nodes = _half_nodes(halved.graph)
    if nodes:
        _Rewriter(halved.graph, nodes).rewrite()
    return halved


def _half_nodes(graph: onnx.GraphProto) -> set[int]:
    """The places in the graph of the nodes that run in half precision."""
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"} | set(_widened(graph))
    downstream = _leading_to_heavy(graph.node)
    half: set[int] = set()
    half_values: set[str] = set()
    for place, node in enumerate(graph.node):
        fed = [name for name in _values_of(node) if name not in constants]
        if node.op_type == "GridSample":
            fed = fed[:1]
        between = node.op_type in LIGHT and place in downstream and half_values.issuperset(fed) and fed
        if node.op_type in HEAVY or between:
            half.add(place)
            half_values |= set(node.output)
    return half


def _widened(graph: onnx.GraphProto) -> dict[str, str]:
    """Float weights that the file stores in half precision: their name to that of what is stored."""
    stored = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    return {node.output[0]: node.input[0] for node in graph.node if _is_cast_of(node, stored)}


def _is_cast_of(node: onnx.NodeProto, names: set[str]) -> bool:
    return node.op_type == "Cast" and node.input[0] in names


def _leading_to_heavy(nodes: Iterable[onnx.NodeProto]) -> set[int]:
    """The places of light nodes whose output reaches a heavy node through light ones alone."""
    wanted: set[str] = set()
    places = set()
    for place, node in reversed(list(enumerate(nodes))):
        leads = node.op_type in LIGHT and not wanted.isdisjoint(node.output)
        if node.op_type in HEAVY or leads:
            wanted |= set(_values_of(node)[:1] if node.op_type == "GridSample" else _values_of(node))
        if leads:
            places.add(place)
    return places


def _values_of(node: onnx.NodeProto) -> list[str]:
    """The inputs of a node that change their type with it."""
    if node.op_type in ONLY_FIRST_INPUT:
        return [node.input[0]]
    if node.op_type == "Pad":
        return [node.input[0], *node.input[2:3]]
    return [name for name in node.input if name]


class _Rewriter:
    """Puts casts where half precision begins and ends, and halves weights."""

    def __init__(self, graph: onnx.GraphProto, half: set[int]) -> None:
        self._graph, self._half = graph, half
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._widened = _widened(graph)
        self._made_in_half = {name for place in half for name in graph.node[place].output}
        self._nodes: list[onnx.NodeProto] = []
        self._cast: dict[tuple[str, int], str] = {}

    def rewrite(self) -> None:
        """Change the graph in place."""
        outputs = {value.name for value in self._graph.output}
        for place, node in enumerate(self._graph.node):
            in_half = place in self._half
            values = set(_values_of(node)) if in_half else set(node.input)
            for index, name in enumerate(node.input):
                if name in values:
                    node.input[index] = self._half_of(name) if in_half else self._float_of(name)
            self._nodes.append(node)
            if in_half and outputs.intersection(node.output):
                self._restore_output(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        self._drop_unused()
        del self._graph.value_info[:]

    def _half_of(self, name: str) -> str:
        if name in self._made_in_half:
            return name
        if name in self._widened:
            return self._widened[name]
        if name in self._weights:
            return self._half_weight(name)
        return self._cast_to(name, TensorProto.FLOAT16, "as_half")

    def _float_of(self, name: str) -> str:
        return self._cast_to(name, TensorProto.FLOAT, "as_float") if name in self._made_in_half else name

    def _half_weight(self, name: str) -> str:
        halved = f"{name}_in_half"
        if halved not in self._weights:
            values = numpy_helper.to_array(self._weights[name])
            limited = np.clip(values, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
            self._weights[halved] = numpy_helper.from_array(limited, halved)
            self._graph.initializer.append(self._weights[halved])
        return halved

    def _cast_to(self, name: str, kind: int, suffix: str) -> str:
        key = (name, kind)
        if key not in self._cast:
            self._cast[key] = f"{name}_{suffix}"
            self._nodes.append(helper.make_node("Cast", [name], [self._cast[key]], self._cast[key], to=kind))
        return self._cast[key]

    def _restore_output(self, node: onnx.NodeProto) -> None:
        for index, name in enumerate(node.output):
            node.output[index] = f"{name}_half"
            self._nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
            self._made_in_half.discard(name)

    def _drop_unused(self) -> None:
        used = {name for node in self._graph.node for name in node.input}
        nodes = [
            n for n in self._graph.node if not (n.output[0] in self._widened and n.output[0] not in used)
        ]
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        used = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)
