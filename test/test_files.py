# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files are written whole or not at all."""

import os
import time
from contextlib import suppress

import pytest

from dope_ros.files import ABANDONED_SECONDS, delete_abandoned, replaced_durably, replaced_whole


@pytest.mark.parametrize("replaced", [replaced_whole, replaced_durably])
def test_a_file_is_replaced_by_what_was_written(tmp_path, replaced):
    path = tmp_path / "new" / "file"
    for content in ("one", "two"):
        with replaced(path) as partial:
            partial.write_text(content)
        assert path.read_text() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_file_stays_if_its_successor_fails(tmp_path):
    path = tmp_path / "file"
    path.write_text("one")
    with suppress(KeyError), replaced_whole(path) as partial:
        partial.write_text("half of it")
        raise KeyError
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    path, flushed = tmp_path / "file", []

    def fsync(handle):
        assert not path.exists()
        flushed.append((os.fstat(handle).st_ino, os.fstat(handle).st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    with replaced_durably(path) as partial:
        partial.write_text("whole")
    assert flushed == [(path.stat().st_ino, 5)]


@pytest.fixture
def private_files():
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("private_files")
def test_a_user_who_keeps_files_private_has_private_files(tmp_path):
    with replaced_whole(tmp_path / "file") as partial:
        partial.write_text("mine")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_what_a_process_that_was_killed_left_is_deleted_and_what_is_being_written_stays(tmp_path):
    (tmp_path / "file").write_text("whole")
    long_ago = time.time() - ABANDONED_SECONDS - 1
    with replaced_whole(tmp_path / "file") as abandoned, replaced_whole(tmp_path / "file") as written:
        os.utime(tmp_path / "file", (long_ago, long_ago))
        os.utime(abandoned, (long_ago, long_ago))
        delete_abandoned(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "file", written])
        abandoned.touch()
