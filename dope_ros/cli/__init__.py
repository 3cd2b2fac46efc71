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
    code = 1
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
    except SystemExit:
        if _all_is_written():
            raise
    except DopeError as error:
        print(f"dope: {error}", file=sys.stderr)
    except OSError as error:
        _tell(error, error.filename)
    return code if _all_is_written() else 1


def _run(arguments: Sequence[str]) -> int:
    parser = _parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    parsed = parser.parse_args(arguments)
    return parsed.run(parsed)


def _tell(error: OSError, where: str | None) -> None:
    """Say what failed; nothing where whoever read standard output, such as `head`, has had enough."""
    if isinstance(error, BrokenPipeError):
        return
    place = "" if where is None else f"{where}: "
    print(f"dope: {place}{error.strerror or error}", file=sys.stderr)


def _all_is_written() -> bool:
    """Whether standard output takes what was printed; Python would tell of it at its end with a traceback."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _tell(error, "standard output")
    else:
        return True
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left
    return False


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
