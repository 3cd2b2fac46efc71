# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope compose`: labelled hands and portraits before other backgrounds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from dope_ros.cli.requirements import needed_for
from dope_ros.errors import DatasetError


def add_parser(verbs: Any) -> None:
    """Add the verb `compose`."""
    parser = verbs.add_parser(
        "compose",
        help="put labelled hands and portraits before other backgrounds",
        description="Cuts hands and portraits out of photographs that show one each before a plain "
        "background, and composes pictures of several, turned and scaled, as a set that training and "
        "evaluation open as labelled:OUT. Hands and faces are labelled, bodies are not.",
        epilog="Picture i of a seed is the same whatever --count; what is there is kept.",
    )
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="KIND[@SPLIT]:FOLDER",
        help="photographs with labels, such as `dope label` makes; may be repeated",
    )
    parser.add_argument(
        "--backgrounds",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="pictures without people; may be repeated (default: backgrounds are drawn)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the set")
    parser.add_argument("--count", type=int, required=True, help="pictures in the set")
    parser.add_argument("--size", type=int, default=400, help="of their sides, pixels (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    with needed_for("compose", "training"):
        from dope_ros.cli.progress import over_pictures
        from dope_ros.training.datasets import open_dataset
        from dope_ros.training.labelling.compose import Composition, compose_pictures
        from dope_ros.training.synthetic.background import BackgroundSource, find_pictures
        from dope_ros.training.synthetic.cloth import ClothSource
    missing = [str(folder) for folder in arguments.backgrounds if not folder.is_dir()]
    if missing:
        raise DatasetError(f"{missing[0]}: there is no such folder of backgrounds")
    sources = [open_dataset(specification) for specification in arguments.data]
    backgrounds = BackgroundSource(find_pictures(arguments.backgrounds), ClothSource())
    print(f"{sum(map(len, sources))} photographs, {len(backgrounds)} backgrounds", file=sys.stderr)

    compose_pictures(
        sources,
        backgrounds,
        arguments.out,
        arguments.count,
        arguments.seed,
        Composition(size=arguments.size),
        over_pictures,
    )
    print(f"labelled:{arguments.out}")
    return 0
