# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Makes TensorRT engines of models, and keeps them in the user's cache."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from dope_ros.engine.builder import BuildOptions, Gpu, build_plan
from dope_ros.engine.contract import INPUT_NAME, METADATA_KEY
from dope_ros.engine.plan import Plan, PlanKey, cache_folder, read_plan, write_plan
from dope_ros.engine.protocol import Progress
from dope_ros.engine.tensorrt_api import TensorRt
from dope_ros.errors import ModelError


def cached_engine(
    model: Path, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions, progress: Progress
) -> Plan:
    """The engine of a model for a GPU: the one in the user's cache, or built and put there.

    An engine in the cache that is truncated, damaged or for something else is built again.

    Raises:
        ModelError: the model cannot be read.
        BuildError: TensorRT cannot build it.
    """
    key = key_of(model, tensorrt, gpu, options)
    path = cache_folder() / key.file_name()
    fault = unusable(path, key) if path.exists() else "there is none yet"
    if not fault:
        return read_plan(path)
    progress(f"building an engine for {gpu}: {fault}")
    if tensorrt.times_layers:
        name = f"{_plain(str(tensorrt))}-{_plain(gpu.name)}.timings"
        options = replace(options, timings=cache_folder() / name)
    plan = build_engine(model, tensorrt, gpu, options, progress)
    try:
        write_plan(path, plan)
    except OSError as error:  # it runs all the same; only the next start has to build it again
        progress(f"engine not kept, {path} cannot be written: {error.strerror}")
    else:
        progress(f"engine kept as {path}")
    return plan


def forget_engine(plan: Plan) -> bool:
    """Take an engine out of the user's cache, and say whether it was there."""
    path = cache_folder() / plan.key.file_name()
    kept = path.exists()
    path.unlink(missing_ok=True)
    return kept


def unusable(path: Path, key: PlanKey) -> str:
    """Why an engine file cannot be used for `key`; empty if it can."""
    try:
        plan = read_plan(path)
    except ModelError as error:
        return str(error)
    difference = key.difference(plan.key)
    return f"{path.name}: made for something else: {difference}" if difference else ""


def build_engine(
    model: Path, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions, progress: Progress
) -> Plan:
    """Build the engine of a model for a GPU; raises as `cached_engine` does."""
    graph = read_model(model)
    metadata = {entry.key: entry.value for entry in graph.metadata_props}
    if METADATA_KEY not in metadata or [value.name for value in graph.graph.input] != [INPUT_NAME]:
        raise ModelError(f"{model.name}: not a model of this package; `dope export` writes such")
    shape = tuple(size.dim_value for size in graph.graph.input[0].type.tensor_type.shape.dim)
    progress(f"{model.name}: {tensorrt} builds a {options.precision.value} engine; this can take minutes")
    data = build_plan(graph, tensorrt, gpu, options, progress)
    return Plan(key_of(model, tensorrt, gpu, options), shape, metadata[METADATA_KEY], data)


def key_of(model: Path, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions) -> PlanKey:
    """What the engine of a model depends on.

    Raises:
        ModelError: the model cannot be read.
    """
    digest = hashlib.sha256()
    for path in (model, *weights_files(model)):
        digest.update(_content(path))
    return PlanKey(digest.hexdigest(), str(tensorrt), gpu.name, gpu.capability, options.precision.value)


def weights_files(model: Path) -> list[Path]:
    """The files beside a model that hold weights of it; most models hold theirs themselves.

    Raises:
        ModelError: the model cannot be read.
    """
    graph = _parsed(model).graph
    places = {
        entry.value
        for tensor in graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [model.parent / place for place in sorted(places)]


def read_model(path: Path) -> onnx.ModelProto:
    """An ONNX file.

    Raises:
        ModelError: it or a file that holds its weights is missing, or it is none.
    """
    model = _parsed(path)
    for weights in weights_files(path):
        if not weights.is_file():
            raise ModelError(f"{path.name}: its weights are in {weights}, which is not there")
    onnx.load_external_data_for_model(model, str(path.parent))
    return model


def _parsed(path: Path) -> onnx.ModelProto:
    """An ONNX file without what other files hold."""
    try:
        return onnx.load_model_from_string(_content(path))
    except DecodeError as error:
        raise ModelError(f"{path.name}: not an ONNX model: {error}") from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _plain(text: str) -> str:
    """Text for a file name."""
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in text)
