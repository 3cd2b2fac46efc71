# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads ONNX files whole: the graph, the weights that lie in other files, and what tells them from others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from dope_ros.errors import ModelError


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An ONNX file.

    name: of the file.
    proto: the model, with all of its weights.
    sha256: of the file and of those that hold its weights.
    """

    name: str
    proto: onnx.ModelProto
    sha256: str


def read_model(path: Path) -> ModelFile:
    """An ONNX file.

    Raises:
        ModelError: it or a file that holds its weights is missing, or it is none.
    """
    content = _content(path)
    digest = hashlib.sha256(content)
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelError(f"{path.name}: not an ONNX model: {error}") from error
    for weights in _weights_files(proto, path.parent):
        if not weights.is_file():
            raise ModelError(f"{path.name}: its weights are in {weights}, which is not there")
        digest.update(_content(weights))
    onnx.load_external_data_for_model(proto, str(path.parent))
    return ModelFile(path.name, proto, digest.hexdigest())


def _weights_files(proto: onnx.ModelProto, folder: Path) -> list[Path]:
    """The files beside a model that hold weights of it; most models hold theirs themselves."""
    places = {
        entry.value
        for tensor in proto.graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [folder / place for place in sorted(places)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
