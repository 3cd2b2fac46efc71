# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope infer`: people in picture files."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

from dope_ros.cli.model_arguments import add_model_arguments, engine_from
from dope_ros.cli.requirements import make_out_folder
from dope_ros.draw import draw_people
from dope_ros.engine import require_model_file
from dope_ros.errors import DopeError, ImageError
from dope_ros.geometry import Intrinsics
from dope_ros.pictures import read_picture, write_picture
from dope_ros.pipeline import Pipeline, PipelineSettings
from dope_ros.poses import PART_NAMES, PartPose, Person
from dope_ros.postprocess.integrations import INTEGRATIONS


def add_parser(verbs: Any) -> None:
    """Add the verb `infer`."""
    parser = verbs.add_parser(
        "infer",
        help="find the people in pictures",
        description="Finds the people in pictures; writes an overlay and a line of JSON for each picture.",
        epilog="A picture that cannot be read is named and left out, and the exit code is then 1.",
    )
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE", help="picture files")
    parser.add_argument(
        "--out", type=Path, default=Path("dope-out"), help="folder for the overlays (default: %(default)s)"
    )
    parser.add_argument(
        "--json", type=Path, help="file for the JSON lines, - for standard output (default: OUT/people.jsonl)"
    )
    parser.add_argument(
        "--intrinsics",
        nargs=4,
        type=float,
        metavar=("FX", "FY", "CX", "CY"),
        help="of the camera, in pixels; without them people are put at a nominal depth of 3 m",
    )
    parser.add_argument("--integration", choices=INTEGRATIONS, default="ppi", help="(default: %(default)s)")
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb; returns 1 if a picture could not be read."""
    intrinsics, overlays = _intrinsics(arguments.intrinsics), list(_overlay_paths(arguments))
    json_path = _json_path(arguments, overlays)
    if arguments.model is not None:
        require_model_file(arguments.model)
    make_out_folder(arguments.out)
    pipeline = Pipeline(engine_from(arguments), PipelineSettings(integration=arguments.integration))
    failed = 0
    with _json_lines(json_path) as lines:
        for source, overlay in zip(arguments.pictures, overlays, strict=True):
            try:
                _infer(source, overlay, pipeline, intrinsics, lines)
            except ImageError as error:
                print(f"dope: {error}", file=sys.stderr)
                failed += 1
    return 1 if failed else 0


def people_to_json(source: str, width: int, height: int, people: Iterable[Person]) -> dict[str, Any]:
    """A picture's people as what a JSON line holds.

    Each part is null or `{"score", "keypoints_2d", "keypoints_3d"}`, 2D in the picture's pixels, 3D in metres
    in the camera's optical frame.
    """
    return {
        "source": source,
        "width": width,
        "height": height,
        "people": [_person_to_json(person) for person in people],
    }


def _infer(
    source: Path, overlay: Path, pipeline: Pipeline, intrinsics: Intrinsics | None, lines: IO[str]
) -> None:
    picture = read_picture(source)
    people = pipeline(picture, intrinsics)
    height, width = picture.shape[:2]
    lines.write(json.dumps(people_to_json(str(source), width, height, people)) + "\n")
    write_picture(overlay, draw_people(picture, people))
    print(f"{source}: {_summary(people)} -> {overlay}", file=sys.stderr)


def _intrinsics(values: list[float] | None) -> Intrinsics | None:
    if values is None:
        return None
    fx, fy, cx, cy = values
    if not all(map(math.isfinite, values)):
        raise DopeError(f"--intrinsics: {fx:g}, {fy:g}, {cx:g}, {cy:g} are not all finite")
    if min(fx, fy) <= 0:
        raise DopeError(f"--intrinsics: focal lengths are above 0 pixels, not {fx:g} and {fy:g}")
    return Intrinsics(fx, fy, cx, cy)


def _summary(people: list[Person]) -> str:
    if not people:
        return "nobody"
    return "; ".join(f"person {person.id}: {', '.join(person.parts())}" for person in people)


def _person_to_json(person: Person) -> dict[str, Any]:
    parts = person.parts()
    return {
        "id": person.id,
        "score": round(person.score, 4),
        "root": _rounded(person.root, 4),
        "metric": person.metric,
        **{name: _part_to_json(parts.get(name)) for name in PART_NAMES},
    }


def _part_to_json(pose: PartPose | None) -> dict[str, Any] | None:
    if pose is None:
        return None
    return {
        "score": round(pose.score, 4),
        "keypoints_2d": _rounded(pose.keypoints_2d, 2),
        "keypoints_3d": _rounded(pose.keypoints_3d, 4),
    }


def _rounded(values: Any, digits: int) -> Any:
    return values.astype(float).round(digits).tolist()


def _json_path(arguments: argparse.Namespace, overlays: list[Path]) -> Path:
    """Where the JSON lines go: into no picture, and no overlay."""
    path = arguments.json or arguments.out / "people.jsonl"
    pictures = {other.resolve() for other in (*arguments.pictures, *overlays)}
    if str(path) != "-" and path.resolve() in pictures:
        raise DopeError(f"{path}: a picture is there, or goes there; name another file with --json")
    return path


def _json_lines(path: Path) -> AbstractContextManager[IO[str]]:
    if str(path) == "-":
        return nullcontext(sys.stdout)
    return path.open("w")


def _overlay_paths(arguments: argparse.Namespace) -> Iterator[Path]:
    """One path for each picture, none of them that of a picture.

    Pictures of the same name in different folders get a number, those in OUT itself a word.
    """
    pictures = {picture.resolve() for picture in arguments.pictures}
    taken: set[Path] = set()
    for picture in arguments.pictures:
        inside = picture.parent.resolve() == arguments.out.resolve()
        stem = f"{picture.stem}-overlay" if inside else picture.stem
        overlay, number = arguments.out / f"{stem}.png", 1
        while overlay in taken or overlay.resolve() in pictures:
            number += 1
            overlay = arguments.out / f"{stem}-{number}.png"
        taken.add(overlay)
        yield overlay
