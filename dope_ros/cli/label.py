# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope label`: what experts say of pictures, as a set to train and measure on."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dope_ros.cli.requirements import needed_for
from dope_ros.errors import DatasetError, DopeError, ExpertError
from dope_ros.skeleton import Part

if TYPE_CHECKING:
    from dope_ros.training.labelling.label import Labelled

MEDIAPIPE = "DOPE_MEDIAPIPE_PYTHON"

LEAST_IOU = 0.05
"""Of a person's box with what MediaPipe finds in it, at least."""


def add_parser(verbs: Any) -> None:
    """Add the verb `label`."""
    parser = verbs.add_parser(
        "label",
        help="label pictures with MediaPipe's experts",
        description="Labels pictures that have no labels with what MediaPipe's models say of them, as a set "
        "that training and evaluation open as labelled:OUT. Each part is looked at three times; where that "
        "gives different poses, the picture is named and left out. With --data: completes a dataset's bodies "
        "in 2D by 3D, where MediaPipe sees the same pose, and by hands and faces.",
        epilog="Called again it goes on with the pictures that have no line yet. docs/datasets.md says how "
        "to make MediaPipe's environment.",
    )
    pictures = parser.add_mutually_exclusive_group(required=True)
    pictures.add_argument("--pictures", type=Path, metavar="FOLDER", help="pictures to label")
    pictures.add_argument(
        "--data", metavar="KIND[@SPLIT]:FOLDER", help="a dataset of bodies in 2D to complete, such as COCO"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the set")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=[part.value for part in Part],
        required=True,
        help="parts to label; without --boxes each picture shows one of each; with --data bodies are always "
        "labelled",
    )
    parser.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE.json",
        help='around the people in each picture: {"name.jpg": [[x1, y1, x2, y2], ...]}; hands and faces are '
        "then sought where the bodies have them",
    )
    parser.add_argument(
        "--new-person",
        type=_pattern,
        metavar="REGEX",
        help="pictures are sorted by the last number in their names, and one whose name matches is the first "
        "of another person; without it each picture shows another person. Nobody is in both splits",
    )
    parser.add_argument(
        "--mediapipe",
        type=Path,
        default=os.environ.get(MEDIAPIPE),
        metavar="PYTHON",
        help=f"interpreter of MediaPipe's environment (default: the environment variable {MEDIAPIPE})",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    with needed_for("label", "training"):
        from dope_ros.training.experts.mediapipe_client import MEND
    if arguments.mediapipe is None:
        raise ExpertError(f"neither --mediapipe nor {MEDIAPIPE} names a Python with MediaPipe. {MEND}")
    labelled = _label(arguments) if arguments.data is None else _complete(arguments)
    _tell(labelled, arguments.out)
    return 0


def _label(arguments: argparse.Namespace) -> Labelled:
    with needed_for("label", "training"):
        from dope_ros.cli.progress import over_pictures
        from dope_ros.training.experts.mediapipe_client import MediaPipeExpert
        from dope_ros.training.labelling.label import Task, label_pictures

    boxes = None if arguments.boxes is None else read_boxes(arguments.boxes)
    task = Task(arguments.pictures, _parts(arguments), boxes, arguments.new_person)
    with MediaPipeExpert(arguments.mediapipe, least_iou=0.0 if boxes is None else LEAST_IOU) as expert:
        return label_pictures(task, expert, arguments.out, over_pictures)


def _complete(arguments: argparse.Namespace) -> Labelled:
    with needed_for("label", "training"):
        from dope_ros.cli.progress import over_pictures
        from dope_ros.training.datasets import open_dataset
        from dope_ros.training.experts.mediapipe_client import MediaPipeExpert
        from dope_ros.training.labelling.completion import Completion, complete_dataset

    told = [name for name in ("boxes", "new_person") if getattr(arguments, name) is not None]
    if told:
        raise DopeError(f"--{told[0].replace('_', '-')} goes with --pictures, not with --data")
    task = Completion(open_dataset(arguments.data), arguments.data, _parts(arguments))
    with MediaPipeExpert(arguments.mediapipe, least_iou=LEAST_IOU) as expert:
        return complete_dataset(task, expert, arguments.out, over_pictures)


def _parts(arguments: argparse.Namespace) -> tuple[Part, ...]:
    return tuple(map(Part, arguments.parts))


def read_boxes(path: Path) -> dict[str, np.ndarray]:
    """The boxes of people by the name of the picture, [N, 4] float64 each.

    Raises:
        DatasetError: the file is missing, or holds something else.
    """
    try:
        values = json.loads(path.read_bytes())
        boxes = {str(name): np.array(of, np.float64).reshape(-1, 4) for name, of in values.items()}
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise DatasetError(f'{path}: not {{"name.jpg": [[x1, y1, x2, y2], ...], ...}}: {error}') from error
    empty = [name for name, of in boxes.items() if not (of[:, 2:] > of[:, :2]).all()]  # nor is NaN
    if empty:
        raise DatasetError(f"{path}: a box of {empty[0]} is empty; boxes are x1, y1, x2, y2")
    return boxes


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no regular expression: {error}") from error


def _tell(labelled: Labelled, out: Path) -> None:
    print(f"{labelled.clear} pictures labelled, {labelled.unclear.total()} unclear", file=sys.stderr)
    for reason, count in labelled.unclear.most_common():
        print(f"  {count}: {reason}", file=sys.stderr)
    print(f"labelled:{out}")
