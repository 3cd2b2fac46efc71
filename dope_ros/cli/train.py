# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope train`: a part expert, or a student of part experts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dope_ros.cli.argument_types import thread_count
from dope_ros.cli.requirements import needed_for


def add_parser(verbs: Any) -> None:
    """Add the verb `train`."""
    parser = verbs.add_parser(
        "train",
        help="train a part expert, or a student of part experts",
        description="Trains a network as a configuration says. Called again for the same folder it goes on "
        "from where it was. With torchrun it trains in several processes.",
        epilog="dope_ros/training/runs/config.py tells what a configuration holds; docs/training.md and "
        "config/training/ have examples.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE.yaml", help="what to train")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="for the model, the state and the log"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="change the configuration, for instance data.batch=4; may be repeated",
    )
    parser.add_argument(
        "--threads", type=thread_count, default=0, help="CPU threads (default: one for each core)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    with needed_for("train", "training"):
        from dope_ros.training.runs.config import read_config
        from dope_ros.training.runs.parallel import use_threads
        from dope_ros.training.runs.train import train
        from dope_ros.training.runs.training_data import open_training_set
    config = read_config(arguments.config, arguments.set)
    use_threads(arguments.threads)
    with needed_for("train", "training"):  # some kinds of datasets import what others do not
        pictures = open_training_set(config)
    print(train(config, pictures, arguments.out))
    return 0
