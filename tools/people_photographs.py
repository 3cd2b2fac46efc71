#!/usr/bin/env python3
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Takes photographs of people out of clones of public repositories, with boxes for `dope label`.

    tools/people_photographs.py CLONES OUT

CLONES holds a clone of each repository that docs/people_photographs.json names, as OWNER/NAME, bare or not;
git finds a picture by the hash of what it holds, wherever it lay and whatever the newest commit is. For each
kind of pictures (docs/datasets.md tells which, and how they were chosen) it makes OUT/KIND, whose pictures
are at most 1280 pixels wide and high, and OUT/KIND.json, the boxes around the people in them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

CHOSEN = Path(__file__).parents[1] / "docs" / "people_photographs.json"

LONGEST = 1280
"""Pixels of a picture's longer side, at most."""

QUALITY = 90
"""Of JPEG."""

Boxes = Sequence[Sequence[float]]


class MissingError(Exception):
    """A clone, or a picture in it, is missing or cannot be read, or a picture cannot be written."""


def main() -> int:
    """Take what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clones", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--chosen", type=Path, default=CHOSEN, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    chosen = json.loads(arguments.chosen.read_text())
    try:
        for kind, of_repositories in chosen["pictures"].items():
            boxes = take(of_repositories, arguments.clones, arguments.out / kind)
            (arguments.out / f"{kind}.json").write_text(json.dumps(boxes))
            print(f"{len(boxes)} pictures in {arguments.out / kind}")
    except MissingError as error:
        print(f"people_photographs.py: {error}", file=sys.stderr)
        return 1
    return 0


def take(of_repositories: Mapping[str, Mapping[str, Boxes]], clones: Path, out: Path) -> dict[str, Boxes]:
    """Write the pictures of each repository, named by their hash, or HASH@FRAME of a film.

    Returns:
        The boxes by the names of the pictures.

    Raises:
        MissingError: a clone is not there, or lacks a picture, or one cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    boxes = {}
    for repository, pictures in of_repositories.items():
        for place, of_picture in pictures.items():
            name = f"{place.replace('@', '_')}.jpg"
            picture = read(clones / repository, place)
            if not cv2.imwrite(str(out / name), shrunk(picture), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
                raise MissingError(f"{out / name} cannot be written: is the disk full?")
            boxes[name] = of_picture
    return boxes


def read(clone: Path, place: str) -> np.ndarray:
    """uint8 [H, W, 3], BGR: the picture, or frame of a film, that a clone holds.

    Raises:
        MissingError: it does not hold it.
    """
    hashed, _, frame = place.partition("@")
    found = subprocess.run(["git", "-C", str(clone), "cat-file", "blob", hashed], capture_output=True)
    if found.returncode:
        raise MissingError(f"{clone}: {found.stderr.decode(errors='replace').strip()} ({hashed})")
    picture = _frame(found.stdout, int(frame)) if frame else _picture(found.stdout)
    if picture is None:
        raise MissingError(f"{clone}: {place} is no picture that can be read")
    return picture


def shrunk(picture: np.ndarray) -> np.ndarray:
    """The picture, no larger than `LONGEST`."""
    scale = LONGEST / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _picture(encoded: bytes) -> np.ndarray | None:
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)


def _frame(encoded: bytes, number: int) -> np.ndarray | None:
    """Films are read from the start: not all can be told to go to a frame."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(encoded)
        file.flush()
        film = cv2.VideoCapture(file.name)
        skipped = all(film.grab() for _ in range(number))
        read, picture = film.read() if skipped else (False, None)
        film.release()
    return picture if read else None


if __name__ == "__main__":
    sys.exit(main())
