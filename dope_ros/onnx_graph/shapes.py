# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The shapes of a graph's values."""

from __future__ import annotations

import onnx


def shapes_of(model: onnx.ModelProto) -> dict[str, list[int]]:
    """The shape of each value and constant that follows from the graph; 0 where a size is not fixed."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values}
    return shapes | {tensor.name: list(tensor.dims) for tensor in graph.initializer}
