#!/usr/bin/env python3
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Splits assets and backgrounds of rendered people: a model is measured on others than it learnt from.

    tools/held_out_assets.py ASSETS WALLPAPERS OUT

makes OUT/assets-train and OUT/assets-heldout for `dope synth --assets`, and OUT/backgrounds-train and
OUT/backgrounds-heldout for `--backgrounds`, of links to the files of both folders (docs/default_model.md).
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HELD_OUT = {
    *("female_casualsuit02", "male_casualsuit04", "male_worksuit01", "shoes06"),
    *("bob02", "short04"),
    *("gym01", "standing04", "fight03"),
    "middleage_darkskinned_female_diffuse",
    *("young_lightskinned_male_diffuse3", "young_lightskinned_female_diffuse3"),
}
"""Suits, shoes, hairs, postures and skins, by the name of their folder or file."""

CHOSEN = ("clothes", "hair", "skins", "poses")
"""The folders of makehuman/ that are split; brows, lashes and teeth are too few, both sides have them."""

ON_BOTH_SIDES = {"fedora01"}
"""The only hat."""

HELD_OUT_CLIPS = ("01_06", "02_06", "02_07", "02_04", "03_04")
"""Of the motion capture: postures of a clip are alike."""

EVERY = 10
"""One in so many photographs of garments is held out."""

WALLPAPERS_HELD_OUT = 1 / 8
PICTURES = (".jpg", ".jpeg", ".png", ".webp")


def main() -> None:
    """Split what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("assets", type=Path)
    parser.add_argument("wallpapers", type=Path, help="/usr/share, or where packages were unpacked")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    for source, held_out in split_assets(arguments.assets):
        link(source, arguments.out / side("assets", held_out) / source.relative_to(arguments.assets))
    split_postures(arguments.assets / "poses" / "cmu_mocap.npz", arguments.out)
    for source, held_out in split_wallpapers(arguments.wallpapers):
        name = "_".join(source.relative_to(arguments.wallpapers).parts)
        link(source, arguments.out / side("backgrounds", held_out) / name)


def side(what: str, held_out: bool) -> str:
    """The folder that something goes to."""
    return f"{what}-{'heldout' if held_out else 'train'}"


def split_assets(assets: Path) -> Iterator[tuple[Path, bool]]:
    """Each file with whether it is held out; files of both sides come twice."""
    for path in sorted((assets / "makehuman").rglob("*")):
        if not path.is_file():
            continue
        group, *rest = path.relative_to(assets / "makehuman").parts
        if group in CHOSEN and ON_BOTH_SIDES.isdisjoint(rest):
            yield path, bool(HELD_OUT & {*rest, path.stem})
            continue
        yield path, False
        yield path, True
    for number, path in enumerate(sorted((assets / "photos" / "garments").glob("*.jpg"))):
        yield path, number % EVERY == 0


def split_postures(archive: Path, out: Path) -> None:
    """Write the captured postures of the clips of each side."""
    with np.load(archive) as captured:
        held_out = np.isin(captured["clip"], HELD_OUT_CLIPS)
        a_posture = ("positions", "rotations", "clip")
        arrays = dict(captured)
    for rows, is_held_out in ((held_out, True), (~held_out, False)):
        path = out / side("assets", is_held_out) / "poses" / archive.name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{name: of[rows] if name in a_posture else of for name, of in arrays.items()})


def split_wallpapers(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Each wallpaper with whether it is held out; the sizes of one wallpaper go to the same side."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in PICTURES or path.is_symlink() or "screenshot" in path.name:
            continue
        parts = path.relative_to(folder).parts
        if not {"backgrounds", "wallpapers"} & set(parts):
            continue
        key = parts[parts.index("wallpapers") + 1] if "wallpapers" in parts else "/".join(parts)
        yield path, int(hashlib.md5(key.encode()).hexdigest(), 16) % round(1 / WALLPAPERS_HELD_OUT) == 0


def link(source: Path, target: Path) -> None:
    """Link to a file, unless that is done."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.symlink_to(source.resolve())


if __name__ == "__main__":
    main()
