# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope check`: whether TensorRT compiles a model for other GPUs."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from dope_ros.cli.interruption import given_up_on_interrupt
from dope_ros.cli.precision import add_precision
from dope_ros.cli.requirements import needed_for
from dope_ros.engine import require_model_file
from dope_ros.errors import DopeError

logger = logging.getLogger(__name__)


def add_parser(verbs: Any) -> None:
    """Add the verb `check`."""
    parser = verbs.add_parser(
        "check",
        help="compile a model for other GPUs",
        description="Compiles a model with TensorRT-RTX for GPUs that need not be there; says what stops it.",
        epilog="Targets: t4, a100, rtx30, rtx40, rtx50, xavier, orin, thor. "
        "TensorRT-RTX cannot compile for all of them; the output names those left unchecked.",
    )
    parser.add_argument("model", type=Path, help="ONNX model")
    parser.add_argument(
        "--target", default="t4,rtx30,orin", help="names, separated by commas (default: %(default)s)"
    )
    parser.add_argument(
        "--cost", action="store_true", help="only print what the model costs on paper, by stage"
    )
    add_precision(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; it fails if a target that can be checked does not compile."""
    require_model_file(arguments.model)  # before anything is asked to be installed for it
    if arguments.cost:
        return _print_cost(arguments.model)
    with needed_for("check", "tensorrt"):
        from dope_ros.engine.tensorrt.api import find_tensorrt
        from dope_ros.engine.tensorrt.gpus import check_target, target_named
        from dope_ros.onnx_graph.half import Precision
    targets = {name: target_named(name) for name in arguments.target.split(",")}
    tensorrt = find_tensorrt(ahead=True)
    print(f"{arguments.model.name}, {arguments.precision}, with {tensorrt}")
    precision = Precision(arguments.precision)
    with given_up_on_interrupt(logger.debug) as progress:
        results = [
            check_target(arguments.model, tensorrt, gpu, precision, progress) for gpu in targets.values()
        ]
    for name, result in zip(targets, results, strict=True):
        print(f"{name:8} {result}")
    return 1 if any(result.failed for result in results) else 0


def _print_cost(model: Path) -> int:
    try:
        from dope_ros.engine.model_file import read_model
        from dope_ros.onnx_graph.complexity import costs_by_stage, table
    except ImportError as error:  # less than what `needed_for` would ask for
        raise DopeError(f"`dope check --cost` needs {error.name}: pip install {error.name}") from error
    print(table(costs_by_stage(read_model(model).proto)))
    return 0
