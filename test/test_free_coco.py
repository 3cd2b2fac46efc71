# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tool that takes the pictures of COCO that anybody may use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_datasets import coco_person, write_coco

from dope_ros.skeleton import Part
from dope_ros.training.datasets import open_dataset

TOOL = Path(__file__).parent.parent / "tools" / "free_coco.py"

LICENCES = [
    {"id": 1, "url": "http://creativecommons.org/licenses/by-nc-sa/2.0/"},
    {"id": 4, "url": "http://creativecommons.org/licenses/by/2.0/"},
    {"id": 6, "url": "http://creativecommons.org/licenses/by-nd/2.0/"},
    {"id": 7, "url": "http://flickr.com/commons/usage/"},
]


def take(coco, out):
    return subprocess.run(
        [sys.executable, str(TOOL), str(coco), str(out)], capture_output=True, text=True, timeout=60
    )


def coco_of(folder, seventh, eighth, **changes):
    """Pictures 7 and 8 of val2017 under these licences, a person in each."""
    people = [coco_person(), coco_person(image_id=8)]
    write_coco(folder, "person_keypoints_val2017.json", people)
    path = folder / "annotations" / "person_keypoints_val2017.json"
    content = json.loads(path.read_text())
    for image, licence in zip(content["images"], (seventh, eighth), strict=True):
        image["license"] = licence
    path.write_text(json.dumps(content | {"licenses": LICENCES} | changes))
    return folder


def names(out):
    return [sample.name for sample in open_dataset(f"coco@free:{out}")]


@pytest.mark.parametrize(("licence", "said"), [(4, "CC BY 2.0"), (7, "no known restrictions")])
@pytest.mark.parametrize("other", [1, 6])
def test_only_pictures_under_free_licences_are_taken(tmp_path, licence, said, other):
    done = take(coco_of(tmp_path / "coco", other, licence), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"1 pictures: {said}\n"
    (sample,) = open_dataset(f"coco@free:{tmp_path / 'out'}")
    assert sample.name == "000000000008.jpg"
    assert len(list(sample.instances(Part.BODY))) == 1
    assert sample.source.read().any()


def test_pictures_that_are_not_there_are_left_out_and_it_may_be_called_again(tmp_path):
    coco = coco_of(tmp_path / "coco", 4, 4)
    take(coco, tmp_path / "out")
    assert names(tmp_path / "out") == ["000000000007.jpg", "000000000008.jpg"]
    (coco / "val2017" / "000000000007.jpg").unlink()
    assert take(coco, tmp_path / "out").returncode == 0
    assert names(tmp_path / "out") == ["000000000008.jpg"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licenses": []}, "names no licences"),
        ({"images": None}, "annotates nothing"),
        ({}, "none of its annotated pictures is there and free"),
    ],
)
def test_what_holds_no_free_pictures_says_why(tmp_path, changes, said):
    done = take(coco_of(tmp_path / "coco", 1, 6, **changes), tmp_path / "out")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_annotations_is_named(tmp_path):
    done = take(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert f"{tmp_path}: there is neither person_keypoints_train2017.json nor" in done.stderr
