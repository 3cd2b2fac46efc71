# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The TensorRT that is installed: TensorRT 8.5 to 11, or TensorRT-RTX, told apart by what they have."""

from __future__ import annotations

import ctypes
import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dope_ros.errors import EngineError

logger = logging.getLogger(__name__)

MODULES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT-RTX"}
"""Python modules with TensorRT's interface, the preferred one first."""


@dataclass(frozen=True, slots=True)
class TensorRt:
    """An installed TensorRT.

    module: the Python module.
    name: of the product.
    """

    module: Any
    name: str

    def __str__(self) -> str:
        return f"{self.name} {self.module.__version__}"

    @property
    def strongly_typed(self) -> bool:
        """Whether it can take the precision of each layer from the file (TensorRT 9 and later)."""
        flags = self.module.NetworkDefinitionCreationFlag
        return hasattr(flags, "STRONGLY_TYPED") or not hasattr(self.module.BuilderFlag, "FP16")

    @property
    def builds_ahead(self) -> bool:
        """Whether it can build for a GPU that is not there (TensorRT-RTX)."""
        return hasattr(self.module.IBuilderConfig, "set_compute_capability")

    @property
    def times_layers(self) -> bool:
        """Whether it measures layers as it builds, which a timing cache shortens; TensorRT-RTX does not."""
        return not self.builds_ahead


def find_tensorrt(ahead: bool = False) -> TensorRt:
    """The TensorRT on this machine.

    Args:
        ahead: one that can build for other GPUs.

    Raises:
        EngineError: there is none.
    """
    missing = []
    for module_name in MODULES:
        found = _found(module_name)
        if isinstance(found, str):
            missing.append(f"{module_name}: {found}")
        elif not ahead or found.builds_ahead:
            return found
    if ahead:
        raise EngineError(
            "building for other GPUs needs TensorRT-RTX, which is for x86-64: pip install tensorrt-rtx"
        )
    raise EngineError(
        f"TensorRT is not installed ({'; '.join(missing)}); docs/tensorrt.md says how to get it"
    )


def _found(module_name: str) -> TensorRt | str:
    """A TensorRT, or why there is none."""
    try:
        module = importlib.import_module(module_name)
    except (ImportError, OSError, RuntimeError) as error:
        return str(error)
    if not hasattr(module, "Builder"):  # any folder of that name can be imported
        return "what is imported by that name is something else"
    return TensorRt(module, MODULES[module_name])


def find_tensorrt_of(runtime: str) -> TensorRt:
    """The TensorRT on this machine that an engine was built with.

    Args:
        runtime: its name and version, such as `TensorRT 10.3.0`.

    Raises:
        EngineError: there is no such one.
    """
    here = [found for found in map(_found, MODULES) if isinstance(found, TensorRt)]
    for tensorrt in here:
        if str(tensorrt) == runtime:
            return tensorrt
    installed = ", ".join(map(str, here)) or "no TensorRT"
    raise EngineError(f"it was built with {runtime}; here is {installed}: build it here with `dope build`")


def require_driver() -> None:
    """Make sure that there is an NVIDIA driver, before anything large is imported.

    Raises:
        EngineError: there is none.
    """
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise EngineError("there is no NVIDIA driver on this machine") from error


def started(kind: Callable[[Any], Any], log: Any) -> Any:
    """A builder or a runtime of TensorRT.

    Args:
        kind: makes it of a logger of `make_logger`.

    Raises:
        EngineError: TensorRT cannot start, as where the driver is too old for its CUDA.
    """
    try:
        return kind(log)
    except TypeError as error:  # all that the binding says of TensorRT making none; the log has the reason
        raise EngineError(f"TensorRT cannot start: {log.reason}") from error


def make_logger(tensorrt: TensorRt) -> Any:
    """A logger for TensorRT that keeps the errors in `errors`, and says in `reason` which of them matters.

    The log has them where it is set to debug.
    """
    trt: Any = tensorrt.module

    class Logger(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []
            self._warning = ""

        @property
        def reason(self) -> str:
            """The error that matters; without errors, the last warning."""
            # What follows the first one comes of it: "Assertion engine != nullptr failed".
            if self.errors:
                return self.errors[0]
            # TensorRT 8 only warns that CUDA does not start.
            return f"it only warns: {self._warning}" if self._warning else "TensorRT gives no reason"

        def log(self, severity: Any, message: str) -> None:
            """What TensorRT calls with each of its messages."""
            if severity in (trt.ILogger.Severity.VERBOSE, trt.ILogger.Severity.INFO):
                return
            logger.debug("TensorRT: %s", message)
            if severity == trt.ILogger.Severity.WARNING:
                self._warning = message
            else:
                self.errors.append(message)

    return Logger()
