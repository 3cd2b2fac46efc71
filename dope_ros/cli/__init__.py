# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `dope` command, a file a verb."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from dope_ros import __version__
from dope_ros.cli import (
    anchors,
    bench,
    build,
    check,
    compose,
    evaluate,
    export,
    fetch,
    infer,
    label,
    synth,
    train,
)
from dope_ros.errors import DopeError

VERBS = (infer, bench, fetch, export, build, check, evaluate, anchors, label, compose, synth, train)
"""Modules with `add_parser(verbs)`, which adds a subparser whose default `run` takes the parsed arguments and
returns the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 if all went well, 1 if something failed (said on standard error), 2 for wrong arguments.
    """
    logging.basicConfig(level=logging.INFO, format="dope: %(message)s", stream=sys.stderr)
    parser, given = _parser(), sys.argv[1:] if arguments is None else list(arguments)
    if not given:
        parser.print_help(sys.stderr)
        return 2
    parsed = parser.parse_args(given)
    try:
        return parsed.run(parsed)
    except DopeError as error:
        print(f"dope: {error}", file=sys.stderr)
    except BrokenPipeError:
        _write_no_more()
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        print(f"dope: {where}{error.strerror or error}", file=sys.stderr)
    return 1


def _write_no_more() -> None:
    """Whoever read standard output, such as `head`, has had enough; at its end Python would flush again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dope",
        description="Whole-body human pose from one camera: bodies, hands and faces, 2D and metres.",
    )
    parser.add_argument("--version", action="version", version=f"dope {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    for verb in VERBS:
        verb.add_parser(verbs)
    return parser
