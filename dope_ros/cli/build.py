# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope build`: a model as a TensorRT engine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dope_ros.cli.argument_types import positive
from dope_ros.cli.interruption import given_up_on_interrupt
from dope_ros.cli.precision import add_precision
from dope_ros.cli.requirements import needed_for
from dope_ros.engine import require_model_file
from dope_ros.engine.protocol import ENGINE_SUFFIX
from dope_ros.errors import EngineError


def add_parser(verbs: Any) -> None:
    """Add the verb `build`."""
    parser = verbs.add_parser(
        "build",
        help="make a TensorRT engine of a model",
        description="Makes a TensorRT engine of an ONNX model, for the GPU here unless another is named. "
        "The node does the same when it first starts, and keeps the engine in the user's cache.",
    )
    parser.add_argument("model", type=Path, help="ONNX model")
    parser.add_argument("--out", type=engine_file, required=True, metavar="MODEL.engine", help="where to")
    add_precision(parser)
    parser.add_argument(
        "--workspace-mb",
        type=positive,
        default=1024,
        help="scratch memory of the layers (default: %(default)s)",
    )
    parser.add_argument("--target", help="build for another GPU, with TensorRT-RTX: see `dope check`")
    parser.set_defaults(run=run)


def engine_file(text: str) -> Path:
    """The path of an engine file, which engines are known by the name of.

    Raises:
        argparse.ArgumentTypeError: it has another suffix.
    """
    path = Path(text)
    if path.suffix != ENGINE_SUFFIX:
        raise argparse.ArgumentTypeError(f"'{text}' does not end in {ENGINE_SUFFIX}, as engines have to")
    return path


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    require_model_file(arguments.model)  # before anything is asked to be installed for it
    with needed_for("build", "tensorrt"):
        from dope_ros.engine.tensorrt.api import find_tensorrt
        from dope_ros.engine.tensorrt.builder import BuildOptions
        from dope_ros.engine.tensorrt.gpus import target_named
        from dope_ros.engine.tensorrt.plan import write_plan
        from dope_ros.engine.tensorrt.plan_cache import build_engine
        from dope_ros.onnx_graph.half import Precision
    ahead = arguments.target is not None
    gpu = target_named(arguments.target) if ahead else _this_gpu()
    options = BuildOptions(Precision(arguments.precision), arguments.workspace_mb, ahead)
    with given_up_on_interrupt(print) as progress:
        plan = build_engine(arguments.model, find_tensorrt(ahead), gpu, options, progress)
    write_plan(arguments.out, plan)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")
    return 0


def _this_gpu() -> Any:
    try:
        from dope_ros.engine.tensorrt.engine import this_gpu
    except ImportError as error:
        raise EngineError(
            f"building for the GPU here needs {error.name}, for its CUDA memory (docs/tensorrt.md); "
            "--target builds for another GPU without"
        ) from error
    return this_gpu()
