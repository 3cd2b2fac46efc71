# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the network: one small interface, one file a runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from dope_ros.engine.contract import ModelSpec
from dope_ros.errors import EngineError
from dope_ros.poses import Proposals
from dope_ros.skeleton import Part

DEFAULT_MODEL = Path(__file__).parent.parent / "models" / "dope-lite.onnx"

ENGINES = ("auto", "onnx")


class Engine(Protocol):
    """Runs the network on one picture of a fixed size.

    spec: what the model file says of itself.
    description: runtime and device, for people.
    """

    spec: ModelSpec
    description: str

    def run(self, pixels: np.ndarray) -> dict[Part, Proposals]:
        """Proposals of each part for `pixels`, uint8 [H, W, 3], RGB, of the size in `spec`."""
        ...

    def close(self) -> None:
        """Free what the engine holds; it cannot run after that."""
        ...


def load_engine(model: Path | None = None, engine: str = "auto", threads: int = 0) -> Engine:
    """Open a model with a runtime.

    Args:
        model: an ONNX file that follows the model contract; None is the model in this package.
        engine: one of `ENGINES`; `auto` takes the fastest runtime that can run the model here.
        threads: of the CPU, for one run of the network; 0 leaves it to the runtime.

    Raises:
        ModelError: the model is missing, broken, or breaks the contract.
        EngineError: the engine is unknown.
    """
    if engine not in ENGINES:
        raise EngineError(f"unknown engine '{engine}'; there are: {', '.join(ENGINES)}")
    from dope_ros.engine.onnx import OnnxEngine  # a runtime is imported only when it is used

    return OnnxEngine(model or DEFAULT_MODEL, threads)
