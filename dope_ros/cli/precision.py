# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The precision of an engine as arguments of a verb; they have the values of `onnx_graph.half.Precision`."""

from __future__ import annotations

import argparse


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add `--float` and `--all-half`; `precision` is "half" where neither is given."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--float", dest="precision", action="store_const", const="float", help="no half precision"
    )
    choice.add_argument(
        "--all-half",
        dest="precision",
        action="store_const",
        const="all-half",
        help="choose proposals in half precision as well: faster, but some differ from those in float",
    )
    parser.set_defaults(precision="half")
