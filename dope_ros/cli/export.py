# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope export`: a checkpoint as a model file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.cli.argument_types import not_negative
from dope_ros.cli.bench import SAMPLE_PICTURE
from dope_ros.cli.requirements import needed_for
from dope_ros.errors import ModelError
from dope_ros.pictures import picture_files, read_picture
from dope_ros.preprocess import fit
from dope_ros.settings import PpiSettings, Storage
from dope_ros.skeleton import Part


def add_parser(verbs: Any) -> None:
    """Add the verb `export`."""
    parser = verbs.add_parser(
        "export",
        help="write a checkpoint as an ONNX model",
        description="Writes a checkpoint as an ONNX model of fixed shapes, and compares the two.",
    )
    parser.add_argument(
        "checkpoint",
        type=Path,
        help="of this package, or of the published layout, or a model that was exported in float",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL.onnx", help="where to")
    parser.add_argument(
        "--height", type=not_negative, default=0, help="of the input (default: the checkpoint's shorter side)"
    )
    parser.add_argument(
        "--width", type=not_negative, default=0, help="of the input (default: 4/3 of its height)"
    )
    parser.add_argument(
        "--proposals", type=not_negative, default=0, help="boxes a picture (default: the checkpoint's)"
    )
    _add_precision(parser)
    parser.add_argument(
        "--picture", type=Path, default=SAMPLE_PICTURE, help="to compare on (default: one with three people)"
    )
    parser.add_argument(
        "--ppi",
        action="append",
        default=[],
        metavar="PART.NAME=VALUE",
        help="a setting of pose proposals integration other than the checkpoint's: body.th_persondetect=0.7 "
        "(docs/models.md; may be given several times)",
    )
    parser.set_defaults(run=run)


def _add_precision(parser: argparse.ArgumentParser) -> None:
    """What the model computes in, and what its file keeps weights in."""
    precision = parser.add_mutually_exclusive_group()
    precision.add_argument("--half", action="store_true", help="compute in half precision, for TensorRT")
    precision.add_argument(
        "--int8",
        type=Path,
        metavar="FOLDER",
        help="compute in 8-bit integers, for CPUs; scales are found on the folder's pictures (a hundred are "
        "enough)",
    )
    parser.add_argument(
        "--storage",
        choices=[storage.value for storage in Storage],
        default=Storage.FLOAT.value,
        help="what the file keeps weights in (they compute in float all the same): half or int8 make it half "
        "or a quarter as large (default: float)",
    )
    parser.add_argument(
        "--bits",
        type=int,
        choices=range(2, 9),
        default=8,
        help="that --storage int8 uses of 8; with fewer the file is as large, but compresses better "
        "(default: 8)",
    )
    parser.add_argument(
        "--weights-of",
        type=Path,
        metavar="OTHER.onnx",
        help="read weights from this model where it holds the same, and do not keep them again; "
        "it stays in the same folder as MODEL.onnx",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    with needed_for("export", "network"):
        from dope_ros.engine.contract import PAD_VALUE
        from dope_ros.engine.torch import input_size
        from dope_ros.export.compare import compare_with_network
        from dope_ros.export.trained import read_trained
        from dope_ros.export.write import ExportOptions, export_model
        from dope_ros.onnx_graph.storage import LARGEST_BITS
    if arguments.bits != LARGEST_BITS and arguments.storage != Storage.INT8.value:
        raise ModelError(f"--bits {arguments.bits} goes with --storage int8 alone")
    checkpoint = read_trained(arguments.checkpoint)
    checkpoint = replace(checkpoint, ppi=changed_ppi(checkpoint.ppi, arguments.ppi))
    options = ExportOptions(
        height=arguments.height,
        width=arguments.width,
        proposals=arguments.proposals,
        half=arguments.half,
        storage=Storage(arguments.storage),
        bits=arguments.bits,
        calibration=() if arguments.int8 is None else pictures_in(arguments.int8),
        weights_of=arguments.weights_of,
    )
    export_model(checkpoint, arguments.out, options)
    size = input_size(checkpoint, arguments.height, arguments.width)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB, input {size[0]}x{size[1]}")
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    picture = fit(read_picture(arguments.picture), *size, PAD_VALUE).pixels
    for name, pixels in (("noise", noise), (arguments.picture.name, picture)):
        print(
            f"ONNX Runtime and PyTorch on {name}: {compare_with_network(arguments.out, checkpoint, pixels)}"
        )
    return 0


def pictures_in(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder and those below it, by name.

    Raises:
        ModelError: there are none.
    """
    found = tuple(picture_files(folder))
    if not found:
        raise ModelError(f"--int8 {folder}: no pictures there")
    return found


def changed_ppi(ppi: Mapping[Part, PpiSettings], changes: Sequence[str]) -> dict[Part, PpiSettings]:
    """Settings with changes such as `body.th_persondetect=0.7`.

    Raises:
        ModelError: a change names no part or setting that there is, or its value does not fit.
    """
    changed = dict(ppi)
    for change in changes:
        name, equals, value = change.partition("=")
        part_name, dot, setting = name.partition(".")
        parts = {part.value: part for part in changed}
        if not equals or not dot or part_name not in parts:
            raise ModelError(f"--ppi {change}: not PART.NAME=VALUE with a part of {', '.join(parts)}")
        part = parts[part_name]
        values = asdict(changed[part]) | {setting: _number_or_name(value)}
        try:
            changed[part] = PpiSettings.from_metadata(values, part)
        except ValueError as error:
            raise ModelError(f"--ppi {change}: {error}") from error
    return changed


def _number_or_name(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value
