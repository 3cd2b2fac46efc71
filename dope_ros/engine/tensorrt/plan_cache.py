# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Makes TensorRT engines of models, and keeps them in the user's cache."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dope_ros.engine.contract import INPUT_NAME, METADATA_KEY
from dope_ros.engine.model_file import ModelFile, read_model
from dope_ros.engine.protocol import Progress
from dope_ros.engine.tensorrt.api import TensorRt
from dope_ros.engine.tensorrt.builder import BuildOptions, Gpu, build_plan
from dope_ros.engine.tensorrt.plan import Plan, PlanKey, cache_folder, read_plan, write_plan
from dope_ros.errors import ModelError
from dope_ros.files import delete_abandoned


class CachedEngine:
    """A model's engine for a GPU, and its place in the user's cache.

    Args:
        model: an ONNX model of this package.
        tensorrt: what builds it.
        gpu: to build for.
        options: how to build.
        progress: is told why an engine is built, how far that is, and where it is kept.

    Raises:
        ModelError: the model cannot be read.
        EngineError: there is no place for a cache.
    """

    def __init__(
        self, model: Path, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions, progress: Progress
    ) -> None:
        self._model = read_model(model)
        self._tensorrt, self._gpu, self._options, self._progress = tensorrt, gpu, options, progress
        self._key = key_of(self._model, tensorrt, gpu, options)
        self._path = cache_folder() / self._key.file_name()

    def stored(self) -> Plan | None:
        """The one in the cache; None where there is none, or one that is damaged or for something else."""
        if not _is_there(self._path):
            self._tell_why("there is none yet")
            return None
        try:
            plan = read_plan(self._path)
        except ModelError as error:
            self._tell_why(str(error))
            return None
        difference = self._key.difference(plan.key)
        if difference:
            self._tell_why(f"{self._path.name}: made for something else: {difference}")
            return None
        return plan

    def build(self) -> Plan:
        """One that is built now, and takes its place in the cache.

        Raises:
            ModelError: the model follows no contract.
            BuildError: TensorRT cannot build it.
            GivenUpError: `progress` gave it up.
            EngineError: TensorRT cannot start.
        """
        plan = _built(self._model, self._tensorrt, self._gpu, self._timed(), self._progress)
        try:
            delete_abandoned(self._path.parent)
            write_plan(self._path, plan)
        except OSError as error:  # it runs all the same; only the next start has to build it again
            self._progress(f"engine not kept, {self._path} cannot be written: {error.strerror}")
        else:
            self._progress(f"engine kept as {self._path}")
        return plan

    def _timed(self) -> BuildOptions:
        if not self._tensorrt.times_layers:
            return self._options
        name = f"{_plain(str(self._tensorrt))}-{_plain(self._gpu.name)}.timings"
        return replace(self._options, timings=self._path.parent / name)

    def _tell_why(self, fault: str) -> None:
        self._progress(f"building an engine for {self._gpu}: {fault}")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that cannot be searched holds nothing for us
        return False


def build_engine(
    model: Path, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions, progress: Progress
) -> Plan:
    """Build the engine of a model for a GPU.

    Raises:
        ModelError: the model cannot be read, or follows no contract.
        BuildError: TensorRT cannot build it.
        GivenUpError: `progress` gave it up.
        EngineError: TensorRT cannot start.
    """
    return _built(read_model(model), tensorrt, gpu, options, progress)


def key_of(model: ModelFile, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions) -> PlanKey:
    """What the engine of a model depends on."""
    return PlanKey(
        model.sha256,
        str(tensorrt),
        gpu.name,
        gpu.capability,
        options.precision.value,
        workspace_mb=options.workspace_mb,
    )


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
