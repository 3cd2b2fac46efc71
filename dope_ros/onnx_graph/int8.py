# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model whose convolutions and linear layers compute in 8-bit integers, for CPUs.

It is ONNX Runtime's static quantisation: each output channel of a weight has a scale of its own, and each
feature map one that covers its values on calibration pictures.  What becomes integers are the features;
where boxes and joints lie is still said in float, and so are the compact backbone's first stages computed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from dope_ros.errors import ModelError

SAYS_WHERE = (
    *("rpn.head.cls_logits", "rpn.head.bbox_pred"),
    *("refinement.", "spatial.joints", "spatial.depth", "spatial.scale"),
    "predictor.",
)
"""Modules whose results are read as positions and scores."""

FIRST_STAGES = ("backbone.stem", "backbone.stages.0", "backbone.stages.1", "backbone.stages.2")
"""Modules whose channels differ too much in size for one scale: in integers they alone do half the harm."""

WEIGHTED = {"Conv", "Gemm"}
"""What a convolution and a linear layer are in ONNX; their second input is the weight."""

BETWEEN = {"Add", "Clip", "MaxPool", "Relu", "Resize"}
"""These run in integers where all that they read is in integers, so that nothing is widened in between."""


def in_int8(model: onnx.ModelProto, pictures: Iterable[np.ndarray]) -> onnx.ModelProto:
    """The model with its features in 8-bit integers.

    Args:
        model: in float, as `export` makes it.
        pictures: uint8 [H, W, 3], RGB, of the model's input size; such as the camera will see. A hundred do.

    Raises:
        ModelError: there are no pictures.
    """
    names = integer_nodes(model.graph)
    reader = _Reader(model.graph.input[0].name, pictures)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize_static(
            model,
            path,
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=names,
            op_types_to_quantize=[*WEIGHTED, *BETWEEN],
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(path)


def integer_nodes(graph: onnx.GraphProto) -> list[str]:
    """The names of the nodes that `in_int8` turns to integers."""
    constants = {tensor.name for tensor in graph.initializer}
    names, values = [], set[str]()
    for node in graph.node:
        if node.op_type in WEIGHTED:
            chosen = not stays_in_float(node.input[1])
        else:
            read = {name for name in node.input if name and name not in constants}
            chosen = node.op_type in BETWEEN and bool(read) and read <= values
        if chosen:
            names.append(node.name)
            values.update(node.output)
    return names


def stays_in_float(weight: str) -> bool:
    """Whether a weight of that name belongs to what stays in float."""
    return any(module in weight for module in (*SAYS_WHERE, *FIRST_STAGES))


class _Reader(CalibrationDataReader):
    """Gives pictures to the calibration."""

    def __init__(self, input_name: str, pictures: Iterable[np.ndarray]) -> None:
        self._input_name = input_name
        self._pictures: Iterator[np.ndarray] = iter(pictures)
        self._first: np.ndarray | None = next(self._pictures, None)
        if self._first is None:
            raise ModelError("8-bit integers need pictures to find their scales on, and there are none")

    def get_next(self) -> dict[str, np.ndarray] | None:
        """A picture as the model's input; None after the last."""
        picture, self._first = self._first, next(self._pictures, None)
        return None if picture is None else {self._input_name: picture[None]}
