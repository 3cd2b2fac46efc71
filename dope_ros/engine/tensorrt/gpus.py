# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""GPUs of robots and desktops by name, and whether a model compiles for them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from dope_ros.engine.protocol import Progress
from dope_ros.engine.tensorrt.api import TensorRt
from dope_ros.engine.tensorrt.builder import BuildError, BuildOptions, Gpu, can_aim_at
from dope_ros.engine.tensorrt.plan_cache import build_engine
from dope_ros.errors import EngineError
from dope_ros.onnx_graph.half import Precision

logger = logging.getLogger(__name__)

TARGETS = {
    "t4": Gpu("Tesla T4", (7, 5)),
    "a100": Gpu("NVIDIA A100", (8, 0)),
    "rtx30": Gpu("NVIDIA GeForce RTX 30", (8, 6)),
    "rtx40": Gpu("NVIDIA GeForce RTX 40", (8, 9)),
    "rtx50": Gpu("NVIDIA GeForce RTX 50", (12, 0)),
    "xavier": Gpu("Jetson Xavier", (7, 2)),
    "orin": Gpu("Jetson Orin", (8, 7)),
    "thor": Gpu("Jetson Thor", (11, 0)),
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Whether a model compiles for a GPU.

    size: of the engine, bytes; None where it was not built.
    fault: what stops TensorRT; empty where nothing does, or where nothing was tried.
    """

    gpu: Gpu
    size: int | None = None
    fault: str = ""

    @property
    def failed(self) -> bool:
        """Whether it was tried in vain."""
        return bool(self.fault)

    def __str__(self) -> str:
        if self.fault:
            return f"does not compile for {self.gpu}: {self.fault}"
        if self.size is None:
            return f"unchecked: this TensorRT cannot compile ahead for {self.gpu}"
        return f"compiles for {self.gpu}, {self.size / 1e6:.1f} MB"


def target_named(name: str) -> Gpu:
    """The GPU of that name.

    Raises:
        EngineError: there is none.
    """
    if name not in TARGETS:
        raise EngineError(f"unknown target '{name}'; there are: {', '.join(TARGETS)}")
    return TARGETS[name]


def check_target(
    model: Path, tensorrt: TensorRt, gpu: Gpu, precision: Precision, progress: Progress = logger.debug
) -> CheckResult:
    """Compile a model for a GPU that need not be there.

    Raises:
        ModelError: the model cannot be read, or follows no contract.
        GivenUpError: `progress` gave it up.
        EngineError: TensorRT cannot start.
    """
    if not can_aim_at(tensorrt, gpu):
        return CheckResult(gpu)
    try:
        plan = build_engine(model, tensorrt, gpu, BuildOptions(precision, ahead=True), progress)
    except BuildError as error:
        return CheckResult(gpu, fault=str(error))
    return CheckResult(gpu, size=len(plan.data))
