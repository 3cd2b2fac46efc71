# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope synth`: sets on disk, resumed, by several processes."""

import json
import os

import cv2
import numpy as np
import pytest

for package in ("numba", "anny", "tqdm"):
    pytest.importorskip(package, reason=f"{package} is not installed (pip install '.[synthetic]')")

from dataclasses import replace
from pathlib import Path

from synthetic_tools import SIZE, bodies_file

from dope_ros.cli import main
from dope_ros.cli.synth import SCENES
from dope_ros.errors import DatasetError
from dope_ros.training.synthetic.format import (
    complete_pictures,
    labels_path,
    mask_path,
    picture_path,
    read_labels,
)
from dope_ros.training.synthetic.generate import SetSettings, generate
from dope_ros.training.synthetic.render import Sources
from dope_ros.training.synthetic.scene_mix import EVERYTHING, SCENE_MIXES, SceneMix

SOURCES = Sources(bodies_file(), None, (Path("/nowhere"),))
FILES = (picture_path, labels_path, mask_path)


def settings(count=4, seed=3, size=SIZE):
    return SetSettings(SOURCES, count, seed, size)


def contents(folder, index):
    return [path(folder, index).read_bytes() for path in FILES]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "a"
    assert generate(folder, settings(), workers=1) == 4
    return folder


def test_the_command_knows_every_mix_of_scenes():
    assert set(SCENES) == set(SCENE_MIXES)


def test_a_set_has_a_picture_labels_and_a_mask_for_each_number(finished):
    assert complete_pictures(finished) == [0, 1, 2, 3]
    for index in range(4):
        labels = read_labels(labels_path(finished, index))
        assert cv2.imread(str(picture_path(finished, index))).shape == (SIZE, SIZE, 3)
        mask = cv2.imread(str(mask_path(finished, index)), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (SIZE, SIZE)
        assert mask.max() <= len(labels)
    assert json.loads((finished / "set.json").read_text())["seed"] == 3


def test_pictures_are_the_same_whatever_the_count_and_the_number_of_processes(finished, tmp_path):
    generate(tmp_path / "b", settings(count=2), workers=2)
    for index in range(2):
        assert contents(tmp_path / "b", index) == contents(finished, index)


class Deadly(SceneMix):
    """Ends the process that draws a picture, as a machine without memory does."""

    def framing(self, rng):
        del rng
        os._exit(9)


def test_a_process_that_is_killed_ends_the_run_and_is_told_of(tmp_path):
    mix = Deadly("deadly", EVERYTHING.framings, EVERYTHING.postures, 0, 1, 1)
    deadly = SetSettings(replace(SOURCES, mix=mix), 3, 1, SIZE)
    with pytest.raises(DatasetError, match=r"a process that rendered was killed.*fewer --workers"):
        generate(tmp_path / "d", deadly, workers=2)


def test_a_set_goes_on_where_it_was_cut_off(finished, tmp_path):
    folder = tmp_path / "c"
    generate(folder, settings(count=2), workers=1)
    labels_path(folder, 1).unlink()  # as if killed while picture 1 was written
    kept = picture_path(folder, 0).stat().st_mtime_ns
    assert generate(folder, settings(), workers=1) == 3
    assert picture_path(folder, 0).stat().st_mtime_ns == kept
    assert [contents(folder, index) for index in range(4)] == [
        contents(finished, index) for index in range(4)
    ]
    assert generate(folder, settings(), workers=1) == 0


def test_a_set_goes_on_that_was_cut_off_before_it_had_any_folder(finished, tmp_path):
    (tmp_path / "set.json").write_bytes((finished / "set.json").read_bytes())
    assert generate(tmp_path, settings(count=1), workers=1) == 1
    assert contents(tmp_path, 0) == contents(finished, 0)


@pytest.mark.parametrize(
    ("other", "told"), [({"seed": 9}, "seed was 3, is 9"), ({"size": 64}, "size was 96")]
)
def test_another_set_in_the_folder_is_left_alone(finished, other, told):
    before = contents(finished, 0)
    with pytest.raises(DatasetError, match=f"holds another set.*{told}"):
        generate(finished, settings(**other), workers=1)
    assert contents(finished, 0) == before


def test_a_description_that_is_none_is_named(tmp_path):
    (tmp_path / "set.json").write_text("[1]")
    with pytest.raises(DatasetError, match=r"set\.json: not the description of a rendered set"):
        generate(tmp_path, settings(), workers=1)


def test_a_file_that_holds_no_bodies_is_named(tmp_path):
    np.savez(tmp_path / "poses.npz", rotations=np.zeros((1, 3, 3)), heads=np.zeros((1, 3)))
    other = SetSettings(replace(SOURCES, bodies=tmp_path / "poses.npz"), 1, 0, SIZE)
    with pytest.raises(DatasetError, match=r"poses\.npz: not a file of bodies: it has no mean, deltas, sex"):
        generate(tmp_path / "d", other, workers=1)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DatasetError, match="holds something else"):
        generate(tmp_path, settings(), workers=1)


@pytest.mark.parametrize("wrong", [{"count": -1}, {"size": 8}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(DatasetError, match="a set needs"):
        settings(**wrong)


def test_a_size_that_is_too_small_is_refused_before_bodies_are_made(tmp_path, capsys):
    bodies = tmp_path / "bodies.npz"
    arguments = ["--count", "1", "--size", "30", "--bodies", str(bodies)]
    assert main(["synth", "--out", str(tmp_path / "d"), *arguments]) == 1
    assert "64 to 2048 pixels along a side, not 1 and 30" in capsys.readouterr().err
    assert not bodies.exists()


def test_the_command_renders_a_set_and_a_contact_sheet(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    common = ["--size", str(SIZE), "--bodies", str(bodies_file()), "--backgrounds", str(tmp_path / "empty")]
    assert main(["synth", "--out", str(tmp_path / "e"), "--count", "2", *common]) == 0
    assert "2 pictures rendered, 2 in" in capsys.readouterr().err
    sheet = cv2.imread(str(tmp_path / "e" / "contact_sheet.jpg"))
    assert sheet.shape == (2 * SIZE, 6 * SIZE, 3)
    assert np.ptp(sheet) > 50


def test_the_command_says_which_folder_is_missing(tmp_path, capsys):
    common = ["--count", "1", "--bodies", str(bodies_file()), "--assets", str(tmp_path / "absent")]
    assert main(["synth", "--out", str(tmp_path / "f"), *common]) == 1
    assert "absent: no such folder of assets" in capsys.readouterr().err


def test_a_folder_of_backgrounds_that_is_missing_is_named_before_anything_is_rendered(tmp_path, capsys):
    common = ["--count", "1", "--bodies", str(bodies_file()), "--backgrounds", str(tmp_path / "absent")]
    assert main(["synth", "--out", str(tmp_path / "f"), *common]) == 1
    assert "absent: there is no such folder of backgrounds" in capsys.readouterr().err
    assert not (tmp_path / "f").exists()
