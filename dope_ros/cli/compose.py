# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope compose`: new pictures of labelled hands and portraits, of things, or of whole photographs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dope_ros.cli.argument_types import not_negative, picture_side, positive
from dope_ros.cli.requirements import check_folders, needed_for
from dope_ros.errors import DatasetError

if TYPE_CHECKING:
    from dope_ros.training.composing.compose import PictureComposer
    from dope_ros.training.datasets.records import Dataset
    from dope_ros.training.synthetic.background import BackgroundSource


def add_parser(verbs: Any) -> None:
    """Add the verb `compose`."""
    parser = verbs.add_parser(
        "compose",
        help="put labelled hands and portraits, things, or whole photographs together",
        description="With --data: cuts hands and portraits out of photographs that show one each before a "
        "plain background, and composes pictures of several, turned and scaled. Hands and faces are "
        "labelled, bodies are not. With --things: composes pictures that show nobody, of which a "
        "network learns what is no body, no hand and no face. With --mosaic: puts whole labelled photographs "
        "together in rows, which makes most people in them smaller. Training and evaluation open the set as "
        "labelled:OUT.",
        epilog="Picture i of a seed is the same whatever --count; what is there is kept.",
    )
    _add_sources(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the set")
    parser.add_argument("--count", type=positive, required=True, help="pictures in the set")
    parser.add_argument(
        "--size", type=picture_side, default=400, help="pixels along a side (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=not_negative, default=0, help="seed of all that is random (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def _add_sources(parser: argparse.ArgumentParser) -> None:
    """What is put together, and before which backgrounds."""
    shown = parser.add_mutually_exclusive_group(required=True)
    shown.add_argument(
        "--data",
        action="append",
        metavar="KIND[@SPLIT]:FOLDER",
        help="photographs with labels, such as `dope label` makes; may be repeated",
    )
    shown.add_argument(
        "--things",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="pictures of things without people, pasted where they are opaque; may be repeated, and each "
        "folder is drawn from equally often",
    )
    shown.add_argument(
        "--mosaic",
        action="append",
        metavar="KIND[@SPLIT]:FOLDER",
        help="photographs with labels; may be repeated, and each set is drawn from equally often",
    )
    parser.add_argument(
        "--backgrounds",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="pictures without people, for all but mosaics; may be repeated (default: backgrounds are drawn)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    with needed_for("compose", "training"):
        from dope_ros.cli.progress import over_pictures
        from dope_ros.training.composing.compose import compose_pictures
    composer, made = _composer(arguments)
    compose_pictures(
        composer,
        arguments.out,
        arguments.count,
        arguments.seed,
        {**made, "size": arguments.size},
        over_pictures,
    )
    print(f"labelled:{arguments.out}")
    return 0


def _composer(arguments: argparse.Namespace) -> tuple[PictureComposer, dict[str, Any]]:
    """What composes, and what the set's file says of it."""
    if arguments.mosaic:
        return _mosaic_composer(arguments)
    with needed_for("compose", "training"):
        from dope_ros.training.composing.hands_and_faces import Composition, HandsAndFacesComposer
        from dope_ros.training.composing.things import Arrangement, ThingsComposer
    backgrounds = _backgrounds(arguments.backgrounds)
    if arguments.things:
        check_folders("things", arguments.things)
        composer = ThingsComposer(arguments.things, backgrounds, Arrangement(size=arguments.size))
        made = {
            "things": [str(folder) for folder in arguments.things],
            "sizes": composer.sizes,
            "backgrounds": len(backgrounds),
        }
        return composer, made
    sources = _photographs(arguments.data)
    composition = Composition(size=arguments.size)
    made = {
        "sources": [source.name for source in sources],
        "sizes": [len(source) for source in sources],
        "backgrounds": len(backgrounds),
    }
    return HandsAndFacesComposer(sources, backgrounds, composition), made


def _mosaic_composer(arguments: argparse.Namespace) -> tuple[PictureComposer, dict[str, Any]]:
    with needed_for("compose", "training"):
        from dope_ros.training.composing.mosaic import Layout, MosaicComposer
    if arguments.backgrounds:
        raise DatasetError("--backgrounds: a mosaic has none, photographs fill it")
    sources = _photographs(arguments.mosaic)
    layout = Layout(size=arguments.size)
    made = {"mosaic": [source.name for source in sources], "sizes": [len(source) for source in sources]}
    return MosaicComposer(sources, layout), made


def _photographs(specifications: list[str]) -> list[Dataset]:
    with needed_for("compose", "training"):
        from dope_ros.training.datasets import open_dataset

        sources = [open_dataset(specification) for specification in specifications]
    print(f"{sum(map(len, sources))} photographs", file=sys.stderr)
    return sources


def _backgrounds(folders: list[Path]) -> BackgroundSource:
    from dope_ros.training.synthetic.background import BackgroundSource, find_pictures
    from dope_ros.training.synthetic.cloth import ClothSource

    check_folders("backgrounds", folders)
    backgrounds = BackgroundSource(find_pictures(folders), ClothSource())
    print(f"{len(backgrounds)} backgrounds", file=sys.stderr)
    return backgrounds
