# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes a static graph as ONNX."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import onnx
import onnxslim
import torch

from dope_ros.errors import ModelError
from dope_ros.network.exported import lost_tensors, name_weights
from dope_ros.network.static_graph import StaticGraph

OPSET = 17
"""The highest that TensorRT 8.5, JetPack 5's, reads."""


def to_onnx(graph: StaticGraph, input_name: str, output_names: Sequence[str]) -> onnx.ModelProto:
    """The graph as an ONNX model: shapes are constants, and what can be computed beforehand is.

    The network's tensors have their names in it, so that `exported.state_of` finds them.

    Raises:
        ModelError: layers of one input have learnt the same, and only one of them would be in the model.
    """
    height, width = graph.size
    image = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    written = io.BytesIO()
    with warnings.catch_warnings():
        # The newer exporter writes no opset below 18; and shapes are meant to be constants.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)  # onnxslim folds what is left
        torch.onnx.export(
            graph,
            (image,),
            written,
            input_names=[input_name],
            output_names=list(output_names),
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnxslim.slim(
        onnx.load_from_string(written.getvalue()),
        # Two layers that have learnt the same stay two, but for those of the same input.
        skip_optimizations=["weight_tying"],
    )
    name_weights(model, graph.tensors)
    lost = lost_tensors(model, graph.tensors)
    if lost:
        raise ModelError(f"these have learnt the very same as others of the same input: {', '.join(lost)}")
    return model
