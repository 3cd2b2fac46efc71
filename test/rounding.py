# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Half precision as a GPU computes it, for ONNX Runtime on a CPU.

ONNX Runtime computes a half-precision graph in float there, and leaves out the roundings between its nodes.
A GPU sums in float and stores every node's result in half precision.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper


def rounded_after_every_node(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with each half-precision node in float, between casts that ONNX Runtime keeps."""
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    halves = _half_values(model)
    nodes: list[onnx.NodeProto] = []
    widened: set[str] = set()
    for node in rounded.graph.node:
        if node.op_type in {"Cast", "Constant"}:
            nodes.append(node)
            continue
        read, made = halves.intersection(node.input), halves.intersection(node.output)
        nodes += [_cast(name, f"{name}_read", TensorProto.FLOAT) for name in sorted(read - widened)]
        widened |= read
        node.input[:] = [f"{name}_read" if name in read else name for name in node.input]
        node.output[:] = [f"{name}_made" if name in made else name for name in node.output]
        nodes.append(node)
        nodes += [_cast(f"{name}_made", name, TensorProto.FLOAT16) for name in sorted(made)]
    del rounded.graph.node[:]
    rounded.graph.node.extend(nodes)
    del rounded.graph.value_info[:]
    return rounded


def _half_values(model: onnx.ModelProto) -> set[str]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in graph.value_info}
    kinds |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    return {name for name, kind in kinds.items() if kind == TensorProto.FLOAT16}


def _cast(name: str, to: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [name], [to], f"cast_to_{to}", to=kind)
