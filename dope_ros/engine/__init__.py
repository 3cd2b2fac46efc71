# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the network: one small interface, one file a runtime."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from dope_ros.engine.contract import require_model_file
from dope_ros.engine.packaged import DEFAULT_MODEL, model_for_cpu
from dope_ros.engine.protocol import ENGINE_SUFFIX, Engine, GivenUpError, Progress
from dope_ros.errors import DopeError, EngineError

logger = logging.getLogger(__name__)

__all__ = [
    "DEFAULT_MODEL",
    "ENGINES",
    "MOST_THREADS",
    "Engine",
    "Progress",
    "load_engine",
    "require_model_file",
]

ENGINES = ("auto", "onnx", "tensorrt", "torch")

MOST_THREADS = 256
"""More threads than these are a typing error, which brings a machine to a halt."""

CHECKPOINT_SUFFIXES = (".pt", ".pth")


def load_engine(
    model: Path | None = None, engine: str = "auto", threads: int = 0, progress: Progress = logger.info
) -> Engine:
    """Open a model with a runtime.

    Args:
        model: an ONNX file that follows the model contract, an engine file of TensorRT, or a checkpoint;
            None is the model in this package, of which there are two; see `packaged`.
        engine: one of `ENGINES`; `auto` takes TensorRT where it can, else ONNX Runtime, and says why.
        threads: of the CPU, for one run of the network; 0 leaves it to the runtime.
        progress: is told what goes on; building a TensorRT engine takes minutes.

    Raises:
        ModelError: the model is missing, broken, or breaks the contract.
        EngineError: the engine is unknown, or cannot be had on this machine; or `progress` gave it up.
    """
    if engine not in ENGINES:
        raise EngineError(f"unknown engine '{engine}'; there are: {', '.join(ENGINES)}")
    if model is not None:
        require_model_file(model)
    if engine == "auto":
        return _fastest(model, threads, progress)
    return _OPENERS[engine](model or _packaged_for(engine, progress), threads, progress)


def _packaged_for(engine: str, progress: Progress) -> Path:
    if engine != "onnx":
        return DEFAULT_MODEL
    from dope_ros.engine.onnx import runs_on_cpu

    if not runs_on_cpu():
        return DEFAULT_MODEL
    model, reason = model_for_cpu()
    progress(f"ONNX Runtime takes {model.name}: {reason}")
    return model


def _fastest(given: Path | None, threads: int, progress: Progress) -> Engine:
    model = given or DEFAULT_MODEL
    if model.suffix in CHECKPOINT_SUFFIXES:
        progress(f"PyTorch runs {model.name}: it is a checkpoint")
        return _open_torch(model, threads, progress)
    if model.suffix == ENGINE_SUFFIX:
        return _open_tensorrt(model, threads, progress)
    return first_that_opens(
        lambda: _open_tensorrt(model, threads, progress),
        lambda: load_engine(given, "onnx", threads, progress),
        model.name,
        progress,
    )


def first_that_opens(
    open_tensorrt: Callable[[], Engine], open_onnx: Callable[[], Engine], name: str, progress: Progress
) -> Engine:
    """A model's engine on TensorRT, or on ONNX Runtime if TensorRT cannot; `progress` is told which and why.

    Raises:
        GivenUpError: `progress` gave it up.
        ModelError: the model is broken, or breaks the contract.
        EngineError: ONNX Runtime cannot run it either.
    """
    try:
        fastest = open_tensorrt()
    except GivenUpError:
        raise
    except EngineError as error:
        progress(f"ONNX Runtime runs {name}, TensorRT cannot: {error}")
    else:
        progress(f"TensorRT runs {name}, for there is a GPU that it can use")
        return fastest
    return open_onnx()  # not where the error is held, which holds what TensorRT has taken of the GPU


# A runtime is imported only when it is used: not every machine has them all.


def _open_onnx(model: Path, threads: int, _: Progress) -> Engine:
    from dope_ros.engine.onnx import OnnxEngine

    return OnnxEngine(model, threads)


def _open_tensorrt(model: Path, _: int, progress: Progress) -> Engine:
    from dope_ros.engine.reloading import ReloadingEngine

    return ReloadingEngine(lambda: _tensorrt_engine(model, progress))


def _tensorrt_engine(model: Path, progress: Progress) -> Engine:
    from dope_ros.engine.tensorrt.api import require_driver

    require_driver()
    try:
        from dope_ros.engine.tensorrt.engine import TensorRtEngine

        return TensorRtEngine(model, progress=progress)
    except DopeError:
        raise
    except ModuleNotFoundError as error:
        raise EngineError(f"TensorRT needs the Python module '{error.name}' (docs/tensorrt.md)") from error
    except Exception as error:  # what does not fit together raises whatever it likes
        raise EngineError(f"TensorRT cannot start: {type(error).__name__}: {error}") from error


def _open_torch(model: Path, threads: int, _: Progress) -> Engine:
    try:
        from dope_ros.engine.torch import TorchEngine
    except ImportError as error:
        raise EngineError(
            f"checkpoints need the Python module '{error.name}': "
            "pip install '.[network]' in a checkout of dope_ros"
        ) from error
    return TorchEngine(model, threads)


_OPENERS: dict[str, Callable[[Path, int, Progress], Engine]] = {
    "onnx": _open_onnx,
    "tensorrt": _open_tensorrt,
    "torch": _open_torch,
}
