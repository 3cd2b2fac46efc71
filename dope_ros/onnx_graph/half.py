# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model in half precision, written into the file and not left to a runtime.

TensorRT 8 chooses precisions by itself, TensorRT 11 takes them from the file alone; with half precision in
the file both do the same.  What is heavy runs in half precision: convolutions, matrix products and what lies
between them.  Boxes, scores and poses stay in float, where half precision would cost half a pixel, and so do
the positions that RoIAlign samples.

Which boxes are proposals is a choice: whether a box is among the best, or overlaps a better one by too much.
Rounding of a thousandth turns some of these choices in every other picture, and a pose that is averaged over
other proposals moves by pixels.  So the convolutions that such a choice depends on stay in float too, unless
speed is worth more.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dope_ros.onnx_graph.storage import HEAVY, widened

LIGHT = {
    *("Add", "AveragePool", "Clip", "Flatten", "MaxPool", "Pad", "ReduceMean", "Relu"),
    *("Reshape", "Resize", "Transpose"),
}
"""These run in half precision where they lie between heavy nodes."""

ONLY_FIRST_INPUT = {"ReduceMean", "Reshape", "Resize", "Transpose"}
"""Their other inputs are no values of the feature map."""

CHOOSES = "TopK"
"""The operator whose result is not a little different, but another one, after a little rounding."""

LARGEST_HALF = float(np.finfo(np.float16).max)


class Precision(Enum):
    """How an engine computes."""

    FLOAT = "float"
    HALF = "half"
    """Proposals are chosen in float, so that they are those of the float model."""
    ALL_HALF = "all-half"
    """Proposals are chosen in half precision as well: faster, and some are others."""


def in_precision(model: onnx.ModelProto, precision: Precision) -> onnx.ModelProto:
    """The model in that precision, with its weights in it, however the file stores them."""
    if precision is Precision.FLOAT:
        return widened(model)
    return in_half(model) if precision is Precision.HALF else all_in_half(model)


def computes_in_half(model: onnx.ModelProto) -> bool:
    """Whether a model computes in half precision as it is; how its weights are stored is no matter."""
    return bool(_already_half(widened(model).graph))


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with heavy nodes, and light ones between them, in half precision once proposals are chosen.

    Matrix products are in half precision wherever they are, for TensorRT-RTX has no others for a T4; those of
    the non-maximum suppression count boxes, which is exact.  Inputs and outputs keep their types.  Weights
    too large for half precision are limited to its range.  What is in half precision already stays as it is.
    """
    model = widened(model)
    return _in_half(model, _convolutions_before_choice(model.graph))


def all_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same, with proposals chosen in half precision as well."""
    return _in_half(widened(model), set())


def _in_half(model: onnx.ModelProto, in_float: set[int]) -> onnx.ModelProto:
    """The model itself, changed; `in_float` counts its nodes."""
    nodes = _half_nodes(model.graph, in_float)
    if nodes:
        _Rewriter(model.graph, nodes).rewrite()
    return model


def _convolutions_before_choice(graph: onnx.GraphProto) -> set[int]:
    """The places of the convolutions that a choice depends on."""
    wanted: set[str] = set()
    places = set()
    for place, node in reversed(list(enumerate(graph.node))):
        if node.op_type == CHOOSES or not wanted.isdisjoint(node.output):
            wanted |= set(node.input)
            places.add(place)
    return {place for place in places if graph.node[place].op_type == "Conv"}


def _half_nodes(graph: onnx.GraphProto, in_float: set[int]) -> set[int]:
    """The places in the graph of the nodes that run in half precision; those of `in_float` do not."""
    constants = {tensor.name for tensor in graph.initializer}
    constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    heavy = {place for place, node in enumerate(graph.node) if node.op_type in HEAVY}
    heavy -= in_float | _already_half(graph)
    between = _leading_to(heavy, graph.node)
    half: set[int] = set()
    half_values: set[str] = set()
    for place, node in enumerate(graph.node):
        fed = [name for name in _values_of(node) if name not in constants]
        if place in heavy or (place in between and half_values.issuperset(fed) and fed):
            half.add(place)
            half_values |= set(node.output)
    return half


def _already_half(graph: onnx.GraphProto) -> set[int]:
    """The places of the nodes that compute in half precision already, as `dope export --half` writes."""
    halves = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16}
    places = set()
    for place, node in enumerate(graph.node):
        computes = node.op_type in HEAVY | LIGHT and not halves.isdisjoint(_values_of(node))
        if computes:
            places.add(place)
        if computes or _makes_half(node):
            halves |= set(node.output)
    return places


def _makes_half(node: onnx.NodeProto) -> bool:
    kinds = [attribute.i for attribute in node.attribute if attribute.name == "to"]
    return node.op_type == "Cast" and kinds == [TensorProto.FLOAT16]


def _leading_to(heavy: set[int], nodes: Iterable[onnx.NodeProto]) -> set[int]:
    """The places of light nodes whose output reaches a heavy node through light ones alone."""
    wanted: set[str] = set()
    places = set()
    for place, node in reversed(list(enumerate(nodes))):
        leads = node.op_type in LIGHT and not wanted.isdisjoint(node.output)
        if place in heavy or leads:
            wanted |= set(_values_of(node))
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
        self._made_in_half = {name for place in half for name in graph.node[place].output}
        self._nodes: list[onnx.NodeProto] = []
        self._cast: dict[tuple[str, int], str] = {}
        self._taken = {*self._weights, *(name for node in graph.node for name in node.output)}

    def rewrite(self) -> None:
        """Change the graph in place."""
        outputs = {value.name for value in self._graph.output}
        for place, node in enumerate(self._graph.node):
            in_half = place in self._half
            if node.op_type != "Cast":  # which takes both
                self._feed(node, in_half)
            self._nodes.append(node)
            if in_half and outputs.intersection(node.output):
                self._restore_output(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        self._drop_unused()
        del self._graph.value_info[:]

    def _feed(self, node: onnx.NodeProto, in_half: bool) -> None:
        values = set(_values_of(node)) if in_half else set(node.input)
        for index, name in enumerate(node.input):
            if name in values:
                node.input[index] = self._half_of(name) if in_half else self._float_of(name)

    def _half_of(self, name: str) -> str:
        if name in self._made_in_half:
            return name
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
            self._cast[key] = self._free(f"{name}_{suffix}")
            self._nodes.append(helper.make_node("Cast", [name], [self._cast[key]], self._cast[key], to=kind))
        return self._cast[key]

    def _free(self, name: str) -> str:
        """The name, or one like it if it is taken: a model in half precision has such casts already."""
        while name in self._taken:
            name += "_again"
        self._taken.add(name)
        return name

    def _restore_output(self, node: onnx.NodeProto) -> None:
        for index, name in enumerate(node.output):
            node.output[index] = f"{name}_half"
            self._nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
            self._made_in_half.discard(name)

    def _drop_unused(self) -> None:
        used = {name for node in self._graph.node for name in node.input}
        kept = [tensor for tensor in self._graph.initializer if tensor.name in used]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)
