# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope synth`: rendered people with exact labels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from dope_ros.cli.argument_types import not_negative, positive
from dope_ros.cli.requirements import check_folders, needed_for

SCENES = ("everything", "everyday", "portraits")
"""The names in `scene_mix`, which is not imported before it is needed."""


def add_parser(verbs: Any) -> None:
    """Add the verb `synth`."""
    parser = verbs.add_parser(
        "synth",
        help="render people to train on",
        description="Renders people with exact labels of their bodies, hands and faces, in 2D and metres.",
        epilog="Picture i of a seed is the same whatever --count and --workers; what is there is kept. "
        "docs/synthetic.md tells what the assets are and where to get them.",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the set")
    parser.add_argument("--count", type=not_negative, required=True, help="pictures in the set")
    parser.add_argument("--seed", type=not_negative, default=0, help="(default: %(default)s)")
    parser.add_argument(
        "--size", type=positive, default=400, help="pixels along a side (default: %(default)s)"
    )
    parser.add_argument("--workers", type=positive, default=1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--assets",
        type=Path,
        help="folder of clothes, hair, postures and cloth (default: clothes are painted)",
    )
    parser.add_argument(
        "--backgrounds",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="pictures without people (default: the wallpapers of Debian packages, or drawn ones)",
    )
    parser.add_argument(
        "--bodies", type=Path, help="file of bodies, made if missing (default: in the user's cache)"
    )
    parser.add_argument(
        "--scenes",
        choices=SCENES,
        default=SCENES[0],
        help="every posture at every roll, people who stand, walk and sit before a level camera, or their "
        "heads and shoulders (default: %(default)s)",
    )
    parser.add_argument("--no-contact-sheet", action="store_true", help="do not write OUT/contact_sheet.jpg")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    with needed_for("synth", "synthetic"):
        from dope_ros.training.synthetic.bodies import default_bodies_file, ensure_bodies
        from dope_ros.training.synthetic.contact_sheet import write_contact_sheet
        from dope_ros.training.synthetic.generate import SetSettings, generate
        from dope_ros.training.synthetic.render import Sources
        from dope_ros.training.synthetic.scene_mix import SCENE_MIXES
    check_folders("backgrounds", arguments.backgrounds)
    bodies = arguments.bodies or default_bodies_file()
    mix = SCENE_MIXES[arguments.scenes]
    sources = Sources(bodies, arguments.assets, tuple(arguments.backgrounds), mix)
    settings = SetSettings(sources, arguments.count, arguments.seed, arguments.size)
    ensure_bodies(bodies)
    made = generate(arguments.out, settings, arguments.workers)
    print(f"{made} pictures rendered, {arguments.count} in {arguments.out}", file=sys.stderr)
    if arguments.count and not arguments.no_contact_sheet:
        write_contact_sheet(arguments.out, arguments.out / "contact_sheet.jpg")
    return 0
