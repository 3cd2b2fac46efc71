# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a model is measured on is not what it learnt from: no asset and no wallpaper is on both sides."""

import subprocess
import sys
from pathlib import Path

import numpy as np

TOOL = Path(__file__).parent.parent / "tools" / "held_out_assets.py"


def test_assets_and_wallpapers_are_on_one_side_or_the_other(tmp_path):
    assets, share, out = tmp_path / "assets", tmp_path / "share", tmp_path / "out"
    files = ["clothes/male_worksuit01/a.obj", "clothes/shoes01/b.obj", "hair/bob02/c.obj", "eyebrows/d/d.obj"]
    for name in files:
        written(assets / "makehuman" / name)
    for number in range(20):
        written(assets / "photos" / "garments" / f"{number:02}.jpg")
    for number in range(40):
        for size in ("small", "large"):
            written(share / "wallpapers" / f"w{number}" / f"{size}.png")
    (assets / "poses").mkdir()
    clips = np.array(["01_06", "01_01", "03_04", "01_01"])
    np.savez(
        assets / "poses" / "cmu_mocap.npz",
        names=np.array(["root"]),
        clip=clips,
        positions=np.zeros((4, 1, 3)),
        rotations=np.zeros((4, 1, 3, 3)),
    )
    command = [sys.executable, str(TOOL), str(assets), str(share), str(out)]
    subprocess.run(command, check=True, timeout=120)
    train, held_out = (files_in(out / f"assets-{side}") for side in ("train", "heldout"))
    assert {path for path in train & held_out if path.suffix == ".obj"} == {
        Path("makehuman/eyebrows/d/d.obj")
    }
    assert Path("makehuman/hair/bob02/c.obj") in held_out
    assert Path("makehuman/clothes/shoes01/b.obj") in train
    assert len([path for path in held_out if path.suffix == ".jpg"]) == 2
    sides = [files_in(out / f"backgrounds-{side}") for side in ("train", "heldout")]
    assert len(sides[0] | sides[1]) == 80
    wallpapers = [{path.name.split("_")[1] for path in of} for of in sides]
    assert wallpapers[0].isdisjoint(wallpapers[1])
    assert all(wallpapers)
    with np.load(out / "assets-heldout" / "poses" / "cmu_mocap.npz") as captured:
        assert captured["clip"].tolist() == ["01_06", "03_04"]
        assert len(captured["rotations"]) == 2


def written(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")


def files_in(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
