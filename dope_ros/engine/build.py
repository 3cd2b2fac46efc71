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
    write_plan(path, plan)
    progress(f"engine kept as {path}")
    return plan


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
    try:
        digest = hashlib.sha256(model.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{model}: cannot be read: {error.strerror}") from error
    return PlanKey(digest, str(tensorrt), gpu.name, gpu.capability, options.precision.value)


def read_model(path: Path) -> onnx.ModelProto:
    """An ONNX file.

    Raises:
        ModelError: it is missing or none.
    """
    try:
        return onnx.load(path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise ModelError(f"{path.name}: not an ONNX model: {error}") from error


def _plain(text: str) -> str:
    """Text for a file name."""
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in text)
