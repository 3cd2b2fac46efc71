# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads ONNX files whole: the graph, the weights that lie in other files, and what tells them from others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from dope_ros.engine.shared_weights import check_weights
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
        ModelError: it or a file that holds its weights is missing, cut off or another one, or it is none.
    """
    content = _content(path)
    digest = hashlib.sha256(content)
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise ModelError(f"{path.name}: not an ONNX model: {error}") from error
    outside = [tensor for tensor in proto.graph.initializer if uses_external_data(tensor)]
    places = [_place(path.name, tensor) for tensor in outside]
    contents = {name: _weights(path, name) for name in sorted({place.location for place in places})}
    for content in contents.values():
        digest.update(content)
    for tensor, place in zip(outside, places, strict=True):
        _take_in(path.name, tensor, place, contents[place.location])
    check_weights(path, {entry.key: entry.value for entry in proto.metadata_props})
    return ModelFile(path.name, proto, digest.hexdigest())


def _place(source: str, tensor: onnx.TensorProto) -> ExternalDataInfo:
    try:
        return ExternalDataInfo(tensor)
    except ValueError as error:
        raise ModelError(f"{source}: it does not say where its weights are: {error}") from error


def _weights(model: Path, name: str) -> bytes:
    """What a file below a model's folder holds; unlike onnx's own reader, it takes links to other folders."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ModelError(f"{model.name}: its weights are in {name}, which is not below its own folder")
    weights = model.parent / name
    if not weights.is_file():
        raise ModelError(f"{model.name}: its weights are in {weights}, which is not there")
    return _content(weights)


def _take_in(source: str, tensor: onnx.TensorProto, place: ExternalDataInfo, content: bytes) -> None:
    """Put a tensor's values, which lie in another file, into the model itself."""
    start = place.offset or 0
    stop = start + place.length if place.length else len(content)
    if not start <= stop <= len(content):
        raise ModelError(f"{source}: its weights are in {place.location}, which is cut off")
    tensor.raw_data = content[start:stop]
    tensor.ClearField("external_data")
    tensor.data_location = onnx.TensorProto.DEFAULT


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
