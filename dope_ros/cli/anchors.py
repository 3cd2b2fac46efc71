# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope anchors`: the poses that the classes of a network stand for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dope_ros.cli.argument_types import not_negative, positive
from dope_ros.cli.requirements import needed_for
from dope_ros.errors import DopeError
from dope_ros.pictures import write_picture

if TYPE_CHECKING:
    from dope_ros.training.datasets.labels import Sample


def add_parser(verbs: Any) -> None:
    """Add the verb `anchors`."""
    parser = verbs.add_parser(
        "anchors",
        help="find anchor poses in datasets",
        description="Clusters the 3D poses of datasets into anchor poses: ten whole bodies, ten upper "
        "bodies, five hands a side and ten faces. Writes them and a picture of them.",
        epilog="docs/datasets.md lists the kinds of datasets. Together they need 3D labels of every part.",
    )
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="KIND[@SPLIT]:FOLDER",
        help="a dataset; may be repeated",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("anchors.npz"), help="file to write (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=positive,
        default=20_000,
        help="poses of each kind to use, at most (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="seed of all that is random (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    picture = arguments.out.with_suffix(".png")
    if picture == arguments.out:
        raise DopeError(f"--out {picture}: their picture goes there; give a name such as {picture.stem}.npz")
    from dope_ros.training.anchor_picture import draw_anchor_poses
    from dope_ros.training.anchor_poses import collect, find_anchor_poses

    collected = collect(_shuffled(arguments.data, arguments.seed), arguments.limit)
    print(", ".join(f"{len(poses)} x {kind}" for kind, poses in collected.items()), file=sys.stderr)
    anchors = find_anchor_poses(collected, arguments.seed)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    anchors.save(arguments.out)
    write_picture(picture, draw_anchor_poses(anchors))
    print(f"{arguments.out}, {picture}", file=sys.stderr)
    return 0


def _shuffled(specifications: list[str], seed: int) -> Iterator[Sample]:
    """The samples of all datasets in random order; broken records are skipped."""
    with needed_for("anchors", "training"):
        from dope_ros.training.datasets import open_dataset
        from dope_ros.training.datasets.records import BrokenRecord, Faults

        datasets = [open_dataset(specification) for specification in specifications]
    faults = [Faults(dataset.name, len(dataset)) for dataset in datasets]
    every = [(which, index) for which, dataset in enumerate(datasets) for index in range(len(dataset))]
    for which, index in np.random.default_rng(seed).permutation(every):
        try:
            yield datasets[which][index]
        except BrokenRecord as error:
            faults[which].skip(f"record {index}", error)
