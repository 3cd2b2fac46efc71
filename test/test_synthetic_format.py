# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered sets on disk."""

import numpy as np
import pytest

from dope_ros.errors import DatasetError
from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import Side
from dope_ros.training.synthetic.format import (
    PictureLabels,
    RenderedPartLabels,
    complete_pictures,
    labels_path,
    read_labels,
    write_labels,
)


def part(people, joints, seed=0):
    rng = np.random.default_rng(seed)
    return RenderedPartLabels(
        rng.normal(size=(people, joints, 2)).astype(np.float32),
        rng.normal(size=(people, joints, 3)).astype(np.float32),
        rng.integers(0, 3, (people, joints), np.uint8),
        rng.normal(size=(people, 4)).astype(np.float32),
    )


def labels_of(people, face_joints=84):
    hands = {Side.RIGHT: part(people, 21, 1), Side.LEFT: part(people, 21, 2)}
    return PictureLabels(
        64, 48, Intrinsics(70.5, 71.5, 32.25, 24.0), part(people, 13), hands, part(people, face_joints, 3)
    )


@pytest.mark.parametrize("people", [0, 1, 3])
def test_labels_are_read_as_they_were_written(tmp_path, people):
    written = labels_of(people)
    write_labels(tmp_path / "0.npz", written)
    read = read_labels(tmp_path / "0.npz")
    assert (read.width, read.height, read.intrinsics) == (64, 48, written.intrinsics)
    assert len(read) == people
    pairs = [(read.bodies, written.bodies), (read.faces, written.faces)]
    pairs += [(read.hands[side], written.hands[side]) for side in Side]
    for one, other in pairs:
        for field in RenderedPartLabels.__slots__:
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def test_the_same_labels_make_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_labels(tmp_path / name, labels_of(2))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_picture_is_complete_once_its_labels_are_there(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0000004.123.tmp").touch()
    for index in (12, 3):
        write_labels(labels_path(tmp_path, index), labels_of(1))
    assert complete_pictures(tmp_path) == [3, 12]


def test_a_missing_labels_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"absent\.npz: No such file"):
        read_labels(tmp_path / "absent.npz")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut"])
def test_a_broken_labels_file_is_named(tmp_path, content):
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(DatasetError, match=r"broken\.npz: not the labels"):
        read_labels(tmp_path / "broken.npz")


def test_labels_of_other_skeletons_are_refused(tmp_path):
    write_labels(tmp_path / "0.npz", labels_of(1, face_joints=68))
    with pytest.raises(DatasetError, match=r"face_keypoints_2d is \(1, 68, 2\), not \(1, 84, 2\)"):
        read_labels(tmp_path / "0.npz")
