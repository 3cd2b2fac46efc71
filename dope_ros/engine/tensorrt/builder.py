# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Builds TensorRT plans from ONNX graphs, with TensorRT 8.5 to 11 and TensorRT-RTX.

The precision of every layer is that of the file (see `half`): TensorRT 11 knows nothing else, TensorRT 9
and 10 are told so with one flag, TensorRT 8 layer by layer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import onnx

from dope_ros.engine.protocol import GivenUpError, Progress
from dope_ros.engine.tensorrt.api import TensorRt, make_logger, started
from dope_ros.engine.tensorrt.plan import WORKSPACE_MB
from dope_ros.errors import EngineError, ModelError
from dope_ros.files import replaced_whole
from dope_ros.onnx_graph.half import Precision, computes_in_half, in_precision
from dope_ros.onnx_graph.lowering import without_roi_align

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0


class BuildError(EngineError):
    """TensorRT cannot build a model; the message says what stops it."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU to build for.

    name: as its driver calls it.
    compute_capability: such as (7, 5).
    """

    name: str
    compute_capability: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.name} (compute capability {self.capability})"

    @property
    def capability(self) -> str:
        """Such as 7.5."""
        return ".".join(map(str, self.compute_capability))

    @property
    def sm(self) -> str:
        """Such as SM75."""
        return "SM" + "".join(map(str, self.compute_capability))


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build.

    precision: of the heavy layers.
    workspace_mb: scratch memory that layers may use, MiB; 0 sets no limit.
    ahead: build for a GPU that is not there (TensorRT-RTX).
    timings: file in which the builder keeps what it measured, so that the next build is faster.
    """

    precision: Precision = Precision.HALF
    workspace_mb: int = WORKSPACE_MB
    ahead: bool = False
    timings: Path | None = None


def build_plan(
    model: onnx.ModelProto, tensorrt: TensorRt, gpu: Gpu, options: BuildOptions, progress: Progress
) -> bytes:
    """What TensorRT makes of a model for a GPU.

    Raises:
        BuildError: it cannot, and the message names the node where TensorRT does.
        GivenUpError: `progress` gave it up.
        EngineError: TensorRT cannot start.
    """
    trt = tensorrt.module
    progress = _Stoppable(progress)
    log = make_logger(tensorrt)
    builder = started(trt.Builder, log)
    network = builder.create_network(_network_flags(trt))
    _parse(trt.OnnxParser(network, log), graph_for_tensorrt(model, options.precision))
    config = builder.create_builder_config()
    # A float convolution on tensor cores would round its inputs as half precision does.
    config.clear_flag(trt.BuilderFlag.TF32)
    if options.workspace_mb:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mb << 20)
    if options.ahead:
        _aim_at(tensorrt, config, gpu)
    if not tensorrt.strongly_typed:
        _keep_precisions(trt, network, config)
    monitor = _monitor(trt, progress)  # must outlive the build
    if monitor is not None:
        config.progress_monitor = monitor
    _read_timings(config, options.timings)
    with _heartbeat(progress):
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        if progress.given_up:
            raise GivenUpError("the build was given up")
        raise BuildError(log.reason)
    _write_timings(config, options.timings)
    return bytes(plan)


def graph_for_tensorrt(model: onnx.ModelProto, precision: Precision) -> onnx.ModelProto:
    """The model in operators that TensorRT compiles, in the precision that is wanted.

    Raises:
        BuildError: it is in 8-bit integers, in half precision though float is wanted, or has a RoIAlign that
            cannot be written otherwise.
    """
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise BuildError("the model is in 8-bit integers, for CPUs; export it without --int8 for a GPU")
    if precision is Precision.FLOAT and computes_in_half(model):
        raise BuildError("the model is in half precision; export it without --half for an engine in float")
    try:
        return in_precision(without_roi_align(model), precision)
    except ModelError as error:
        raise BuildError(str(error)) from error


def _network_flags(trt: Any) -> int:
    """Explicit batch where that is a choice (up to 10), strong typing where it is one (9 and later)."""
    flags = trt.NetworkDefinitionCreationFlag
    known = [getattr(flags, name, None) for name in ("EXPLICIT_BATCH", "STRONGLY_TYPED")]
    return sum(1 << int(flag) for flag in known if flag is not None)


def _parse(parser: Any, graph: onnx.ModelProto) -> None:
    if parser.parse(graph.SerializeToString()):
        return
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    raise BuildError("; ".join(_described(error) for error in errors) or "the ONNX parser gives no reason")


def _described(error: Any) -> str:
    """A parser's error with its node; TensorRT 8 gives only a place, later ones names where known."""
    name, operator = (getattr(error, f"node_{kind}", str)() for kind in ("name", "operator"))
    kind = f" ({operator})" if operator else ""
    return f"node {name or f'number {error.node()}'}{kind}: {error.desc()}"


def can_aim_at(tensorrt: TensorRt, gpu: Gpu) -> bool:
    """Whether this TensorRT can build for a GPU that is not there."""
    return tensorrt.builds_ahead and hasattr(tensorrt.module.ComputeCapability, gpu.sm)


def _aim_at(tensorrt: TensorRt, config: Any, gpu: Gpu) -> None:
    if not can_aim_at(tensorrt, gpu):
        raise BuildError(f"{tensorrt} cannot build ahead for {gpu}")
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(tensorrt.module.ComputeCapability, gpu.sm), 0)


_WITHOUT_PRECISION = ("CONSTANT", "SHAPE", "CAST", "IDENTITY")


def _keep_precisions(trt: Any, network: Any, config: Any) -> None:
    """Hold each layer to the precision that the file gives it (TensorRT 8)."""
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    # Types follow from what is set, so all of them are read before anything is.
    kinds = [(_kinds_made(layer), _kinds_read(layer)) for layer in layers]
    for layer, (made, read) in zip(layers, kinds, strict=True):
        _hold(trt, layer, made, read)
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    if any(trt.float16 in (*made, *read) for made, read in kinds):
        config.set_flag(trt.BuilderFlag.FP16)


def _kinds_made(layer: Any) -> list[Any]:
    """Of a layer's outputs.  `get_output_type` says float of each whose type nobody has set."""
    return [layer.get_output(index).dtype for index in range(layer.num_outputs)]


def _kinds_read(layer: Any) -> list[Any]:
    tensors = [layer.get_input(index) for index in range(layer.num_inputs)]
    return [tensor.dtype for tensor in tensors if tensor is not None]


def _hold(trt: Any, layer: Any, made: list[Any], read: list[Any]) -> None:
    """Hold a layer to the floats that it makes, or to those it reads where it compares or picks them."""
    free = {getattr(trt.LayerType, name) for name in _WITHOUT_PRECISION if hasattr(trt.LayerType, name)}
    floats = [kind for kind in (*made, *read) if kind in (trt.float32, trt.float16)]
    if layer.type in free or not floats:
        return
    layer.precision = floats[0]
    for index, kind in enumerate(made):
        if kind in floats:
            layer.set_output_type(index, kind)


class _Stoppable:
    """Passes on what goes on, and remembers being told to give it up."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self.given_up = progress, False

    def __call__(self, step: str) -> None:
        if self._progress(step) is False:  # asked first: another thread may be told so meanwhile
            self.given_up = True


def _monitor(trt: Any, progress: _Stoppable) -> Any:
    """Tells of the builder's outer phases, and ends it if told to, where TensorRT can (9 and later)."""
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            if not parent_phase:
                self._steps[phase_name] = num_steps

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name in self._steps:
                progress(f"{phase_name}: {step + 1} of {self._steps[phase_name]}")
            return not progress.given_up

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()


@contextmanager
def _heartbeat(progress: Progress) -> Iterator[None]:
    """Say every few seconds that the build goes on."""
    start, done = monotonic(), threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            progress(f"building the engine, {monotonic() - start:.0f} s so far")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _read_timings(config: Any, path: Path | None) -> None:
    """Give the builder what it measured before, if it can use that."""
    if path is None or not hasattr(config, "create_timing_cache"):
        return
    cache = config.create_timing_cache(_stored(path))
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        logger.warning("%s: timings of another TensorRT or GPU; measured anew", path)
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)


def _write_timings(config: Any, path: Path | None) -> None:
    if path is None or not hasattr(config, "get_timing_cache"):
        return
    cache = config.get_timing_cache()
    if cache is None:
        return
    try:
        with replaced_whole(path) as partial:
            partial.write_bytes(bytes(cache.serialize()))
    except OSError as error:  # a build is no worse for it, the next one only slower
        logger.warning("%s: timings of layers cannot be kept: %s", path, error.strerror)


def _stored(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.exists() else b""
    except OSError as error:
        logger.warning("%s: timings of layers cannot be read: %s", path, error.strerror)
        return b""
