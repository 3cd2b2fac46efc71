# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arguments that choose the network, the same for every verb that runs it."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from dope_ros.cli.argument_types import thread_count
from dope_ros.cli.interruption import given_up_on_interrupt
from dope_ros.engine import ENGINES, Engine, load_engine

logger = logging.getLogger(__name__)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--model`, `--engine` and `--threads`."""
    parser.add_argument(
        "--model",
        type=Path,
        help="ONNX model, checkpoint (.pt) or TensorRT engine (.engine) (default: the one in the package)",
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto", help="what runs the network (default: %(default)s)"
    )
    parser.add_argument(
        "--threads",
        type=thread_count,
        default=0,
        help="CPU threads of the network (default: the runtime's choice)",
    )


def engine_from(arguments: argparse.Namespace) -> Engine:
    """The engine that the arguments ask for; raises ModelError or EngineError."""
    with given_up_on_interrupt(logger.info) as progress:
        return load_engine(arguments.model, arguments.engine, arguments.threads, progress)
