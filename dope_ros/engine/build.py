# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Makes TensorRT engines of models, and keeps them in the user's cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dope_ros.engine.builder import BuildOptions, Gpu, build_plan
from dope_ros.engine.contract import INPUT_NAME, METADATA_KEY
from dope_ros.engine.model_file import ModelFile, read_model
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
    stored = read_model(model)
    key = key_of(stored, tensorrt, gpu, options)
    path = cache_folder() / key.file_name()
    fault = unusable(path, key) if path.exists() else "there is none yet"
    if not fault:
        return read_plan(path)
    progress(f"building an engine for {gpu}: {fault}")
    if tensorrt.times_layers:
        name = f"{_plain(str(tensorrt))}-{_plain(gpu.name)}.timings"
        options = replace(options, timings=cache_folder() / name)
    plan = _built(stored, tensorrt, gpu, options, progress)
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
    return _built(read_model(model), tensorrt, gpu, options, progress)


def key_of(model: ModelFile, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions) -> PlanKey:
    """What the engine of a model depends on."""
    return PlanKey(model.sha256, str(tensorrt), gpu.name, gpu.capability, options.precision.value)


def _built(model: ModelFile, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions, progress: Progress) -> Plan:
    graph = model.proto.graph
    metadata = {entry.key: entry.value for entry in model.proto.metadata_props}
    if METADATA_KEY not in metadata or [value.name for value in graph.input] != [INPUT_NAME]:
        raise ModelError(f"{model.name}: not a model of this package; `dope export` writes such")
    shape = tuple(size.dim_value for size in graph.input[0].type.tensor_type.shape.dim)
    progress(f"{model.name}: {tensorrt} builds a {options.precision.value} engine; this can take minutes")
    data = build_plan(model.proto, tensorrt, gpu, options, progress)
    return Plan(key_of(model, tensorrt, gpu, options), shape, metadata[METADATA_KEY], data)


def _plain(text: str) -> str:
    """Text for a file name."""
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in text)
