# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a model as a TensorRT engine: buffers made once, pinned staging, its own stream, a CUDA graph.

PyTorch is here for its CUDA memory, streams and graphs alone.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dope_ros.engine.contract import (
    INPUT_NAME,
    METADATA_KEY,
    ModelSpec,
    check_finite,
    check_outputs,
    output_names,
    parse_spec,
    proposals_from_outputs,
)
from dope_ros.engine.protocol import ENGINE_SUFFIX, Progress
from dope_ros.engine.tensorrt.api import TensorRt, find_tensorrt, find_tensorrt_of, make_logger, started
from dope_ros.engine.tensorrt.builder import BuildOptions, Gpu
from dope_ros.engine.tensorrt.plan import Plan, read_plan
from dope_ros.engine.tensorrt.plan_cache import CachedEngine
from dope_ros.errors import EngineError, ModelError
from dope_ros.poses import Proposals
from dope_ros.skeleton import Part

logger = logging.getLogger(__name__)

WARM_UP_RUNS = 3

_OF_THE_MACHINE = re.compile(
    r"out ?of ?memory|could not be allocated|cuda (runtime|driver|failure|error|init)", re.IGNORECASE
)
"""In TensorRT's errors: it is the GPU's memory or the GPU that fails, and the engine is none the worse."""


def this_gpu() -> Gpu:
    """The GPU of this machine.

    Raises:
        EngineError: there is none that PyTorch can use.
    """
    if not torch.cuda.is_available():
        raise EngineError("there is no CUDA GPU that this PyTorch can use")
    try:
        return Gpu(torch.cuda.get_device_name(), torch.cuda.get_device_capability())
    except RuntimeError as error:  # it is listed, but busy, lost, or without memory for another process
        raise EngineError(f"there is a GPU, but PyTorch cannot use it: {error}") from error


class TensorRtEngine:
    """An `Engine` on TensorRT.

    Opening a model builds its engine first, unless the cache has it; `progress` tells of those minutes.
    Opening an engine file builds nothing: it has to be for this GPU and TensorRT.

    Args:
        model: an ONNX model, or an engine file of `dope build`.
        options: how to build.
        progress: is told what goes on.
        cuda_graph: replay the launches as one; off for debugging.

    Raises:
        ModelError: the file is missing or broken, breaks the model contract, or is for another GPU.
        EngineError: there is no TensorRT or no GPU, they fail, or what they give is not finite.
    """

    def __init__(
        self,
        model: Path,
        options: BuildOptions | None = None,
        progress: Progress = logger.info,
        *,
        cuda_graph: bool = True,
    ) -> None:
        options = options or BuildOptions()
        gpu = this_gpu()
        if model.suffix == ENGINE_SUFFIX:
            plan, self._runner = _loaded(model, gpu)
        else:
            plan, self._runner = _built(model, find_tensorrt(), gpu, options, progress)
        self.spec: ModelSpec = parse_spec(
            model.name, list(plan.input_shape), "uint8", {METADATA_KEY: plan.metadata}
        )
        self.description = f"{plan.key.runtime} ({plan.key.precision}) on {gpu.name}"
        blank = np.full((self.spec.height, self.spec.width, 3), self.spec.pad_value, np.uint8)
        for _ in range(WARM_UP_RUNS):
            outputs = self._runner.run(blank)
        self._source = model.name
        check_outputs(self._source, self.spec, outputs)
        check_finite(self._source, outputs)
        if cuda_graph:
            self._runner.capture()

    def run(self, pixels: np.ndarray) -> dict[Part, Proposals]:
        """Run the network on `pixels`, uint8 [H, W, 3], RGB, of the size that `spec` names.

        Raises:
            EngineError: the launch failed, the device is lost, or what it gives is not finite.
        """
        return proposals_from_outputs(self._source, self._runner.run(pixels))

    @property
    def captured(self) -> bool:
        """Whether its launches are replayed as a CUDA graph."""
        return self._runner.captured

    def close(self) -> None:
        """Free the GPU's memory; the engine cannot run after that."""
        del self._runner


def _loaded(engine_file: Path, gpu: Gpu) -> tuple[Plan, _Runner]:
    """What an engine file holds, loaded, if it is for a GPU.

    TensorRT-RTX compiles for every GPU of a compute capability, TensorRT for that which it measured on.
    """
    plan = read_plan(engine_file)
    key = plan.key
    tensorrt = find_tensorrt_of(key.runtime)
    of_this_kind = tensorrt.builds_ahead or key.gpu == gpu.name
    if key.compute_capability != gpu.capability or not of_this_kind:
        raise ModelError(
            f"{engine_file.name}: built for {key.gpu} (compute capability {key.compute_capability}); "
            f"this is {gpu}: build it here with `dope build`"
        )
    return plan, _Runner(engine_file.name, tensorrt, plan)


def _built(
    model: Path, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions, progress: Progress
) -> tuple[Plan, _Runner]:
    """A model's engine, loaded. One of the cache that TensorRT refuses is built again."""
    engine = CachedEngine(model, tensorrt, gpu, options, progress)
    plan = engine.stored()
    if plan is not None:
        try:
            return plan, _Runner(model.name, tensorrt, plan)
        except PlanRefusedError as error:
            progress(f"the engine in the cache is built again: {error}")
    plan = engine.build()
    return plan, _Runner(model.name, tensorrt, plan)


class PlanRefusedError(EngineError):
    """TensorRT refuses an engine: whatever the machine's state, it is of no use."""


class _Runner:
    """A deserialised engine with its memory."""

    def __init__(self, source: str, tensorrt: TensorRt, plan: Plan) -> None:
        trt = tensorrt.module
        self._source = source
        self._log = make_logger(tensorrt)  # must outlive the rest
        self._runtime = started(trt.Runtime, self._log)
        self._engine = self._runtime.deserialize_cuda_engine(plan.data)
        if self._engine is None:
            of_the_machine = any(map(_OF_THE_MACHINE.search, self._log.errors))
            kind = EngineError if of_the_machine else PlanRefusedError
            raise kind(f"{source}: TensorRT cannot load the engine: {self._log.reason}")
        self._context: Any = self._engine.create_execution_context()
        if self._context is None:
            raise EngineError(f"{source}: TensorRT cannot prepare the engine to run: {self._log.reason}")
        try:
            self._allocate(trt)
        except RuntimeError as error:
            raise EngineError(f"{source}: its buffers on the GPU cannot be made: {error}") from error
        self._graph: torch.cuda.CUDAGraph | None = None

    def _allocate(self, trt: Any) -> None:
        """Make the stream and the buffers, and tell TensorRT of them."""
        self._stream = torch.cuda.Stream()
        self._on_device = {name: _buffer(trt, self._engine, name) for name in [INPUT_NAME, *output_names()]}
        self._on_host = {
            name: torch.empty_like(buffer, device="cpu").pin_memory()
            for name, buffer in self._on_device.items()
        }
        torch.cuda.synchronize()  # buffers are zeroed on another stream than that of the first run
        for name, buffer in self._on_device.items():
            if self._context.set_tensor_address(name, buffer.data_ptr()) is False:
                raise EngineError(f"{self._source}: no buffer for '{name}': {self._log.reason}")

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs of the contract; they belong to the caller."""
        try:
            self._on_host[INPUT_NAME].numpy()[0] = pixels
            with torch.cuda.stream(self._stream):
                self._on_device[INPUT_NAME].copy_(self._on_host[INPUT_NAME], non_blocking=True)
                self._launch()
                for name in output_names():
                    self._on_host[name].copy_(self._on_device[name], non_blocking=True)
            self._stream.synchronize()
        except RuntimeError as error:  # torch's CUDA errors are RuntimeErrors
            raise EngineError(f"{self._source}: the GPU failed: {error}") from error
        return {name: self._on_host[name].numpy().copy() for name in output_names()}

    @property
    def captured(self) -> bool:
        """Whether launches are replayed as a CUDA graph."""
        return self._graph is not None

    def capture(self) -> None:
        """Record the launches as a CUDA graph, and replay that from now on."""
        graph = torch.cuda.CUDAGraph()
        try:
            # The outer one: a capture that cannot be ended leaves this thread on the graph's stream.
            with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph, stream=self._stream):
                self._enqueue()
        except (RuntimeError, EngineError) as error:
            logger.warning("%s: no CUDA graph, its layers are launched one by one: %s", self._source, error)
            self._log.errors.clear()
            return
        self._graph = graph

    def _launch(self) -> None:
        if self._graph is None:
            self._enqueue()
        else:
            self._graph.replay()

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(self._stream.cuda_stream):
            raise EngineError(f"{self._source}: the launch failed: {self._log.reason}")


def _buffer(trt: Any, engine: Any, name: str) -> Tensor:
    """Memory on the GPU for an input or output of fixed shape."""
    known = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    if name not in known:
        raise ModelError(f"the engine has no tensor '{name}'; it has: {', '.join(known)}")
    kinds = {trt.float32: torch.float32, trt.float16: torch.float16}
    if hasattr(trt, "uint8"):
        kinds[trt.uint8] = torch.uint8
    kind = engine.get_tensor_dtype(name)
    if kind not in kinds:
        raise ModelError(f"the engine's tensor '{name}' is {kind}")
    return torch.zeros(tuple(engine.get_tensor_shape(name)), dtype=kinds[kind], device="cuda")
