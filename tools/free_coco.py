#!/usr/bin/env python3
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Takes those of COCO's pictures of people that anybody may use and change.

    tools/free_coco.py COCO OUT

COCO holds annotations/person_keypoints_SPLIT.json and SPLIT/, for train2017, val2017 or both. Its pictures
are Flickr's, each under its own licence, which the annotations name. Makes
OUT/annotations/person_keypoints_free.json of all that are under CC BY or CC BY-SA, without known
restrictions, or works of the US government, and OUT/free, links to their files: the dataset coco@free:OUT.
Pictures whose files are missing are left out, so a part of COCO will do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SPLITS = ("train2017", "val2017")

FREE = {
    "/licenses/by/2.0/": "CC BY 2.0",
    "/licenses/by-sa/2.0/": "CC BY-SA 2.0",
    "/commons/usage/": "no known restrictions",
    "/copyright.shtml": "US government work",
}
"""By the path of the address that COCO gives for a licence."""


class CocoError(Exception):
    """The folder does not hold what it should."""


def main() -> int:
    """Take what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("coco", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    try:
        counts = take(arguments.coco, arguments.out)
    except CocoError as error:
        print(f"free_coco.py: {error}", file=sys.stderr)
        return 1
    for licence, count in counts.most_common():
        print(f"{count} pictures: {licence}")
    return 0


def take(coco: Path, out: Path) -> Counter[str]:
    """Write the annotations of the free pictures, and link their files.

    Returns:
        How many pictures there are by their licence.

    Raises:
        CocoError: there are no annotations, they are something else, or none is of a free picture.
    """
    images: list[Mapping[str, Any]] = []
    annotations: list[Mapping[str, Any]] = []
    counts: Counter[str] = Counter()
    (out / "free").mkdir(parents=True, exist_ok=True)
    for path in _annotation_files(coco):
        pictures, content = coco / path.stem.rpartition("_")[2], _read(path)
        taken = set()
        for image, licence in _free(content, pictures):
            counts[licence] += 1
            images.append(image)
            taken.add(image["id"])
            _link(pictures / image["file_name"], out / "free" / image["file_name"])
        annotations += [each for each in content["annotations"] if each["image_id"] in taken]
    if not images:
        raise CocoError(f"{coco}: none of its annotated pictures is there and free")
    (out / "annotations").mkdir(exist_ok=True)
    file = out / "annotations" / "person_keypoints_free.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations}))
    return counts


def _annotation_files(coco: Path) -> list[Path]:
    paths = [coco / "annotations" / f"person_keypoints_{split}.json" for split in SPLITS]
    there = [path for path in paths if path.is_file()]
    if not there:
        raise CocoError(
            f"{coco}: there is neither {' nor '.join(path.name for path in paths)} in annotations/"
        )
    return there


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
        if content["images"] and content["licenses"] and content["annotations"]:
            return dict(content)
    except (KeyError, TypeError, ValueError) as error:
        raise CocoError(f"{path}: not annotations of COCO: {error!r}") from error
    raise CocoError(f"{path}: it annotates nothing, or names no licences")


def _free(content: Mapping[str, Any], pictures: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The free pictures whose files are there, with their licences."""
    paths = {each["id"]: urlsplit(each["url"]).path for each in content["licenses"]}
    licences = {number: FREE[path] for number, path in paths.items() if path in FREE}
    for image in content["images"]:
        if image["license"] in licences and (pictures / image["file_name"]).is_file():
            yield image, licences[image["license"]]


def _link(picture: Path, link: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(picture.resolve())


if __name__ == "__main__":
    sys.exit(main())
