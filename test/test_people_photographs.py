# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Photographs of people come out of clones by what they hold, with the boxes that were chosen for them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

TOOL = Path(__file__).parent.parent / "tools" / "people_photographs.py"
CHOSEN = Path(__file__).parent.parent / "docs" / "people_photographs.json"


@pytest.fixture
def clone(tmp_path):
    """A repository whose newest commit has neither the picture nor the film that an earlier one had."""
    folder = tmp_path / "clones" / "somebody" / "site"
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    grey = np.full((900, 1600, 3), 90, np.uint8)
    grey[:, :800] = 200
    cv2.imwrite(str(folder / "wide.png"), grey)
    film = cv2.VideoWriter(str(folder / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for number in range(5):
        film.write(np.full((48, 64, 3), 40 * number, np.uint8))
    film.release()
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "pictures")
    git(folder, "rm", "--quiet", "wide.png", "film.avi")
    git(folder, "commit", "--quiet", "--message", "no pictures")
    return folder


def git(folder, *arguments):
    who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def run(tmp_path, pictures):
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps({"repositories": {}, "pictures": pictures}))
    command = [sys.executable, TOOL, tmp_path / "clones", tmp_path / "out", "--chosen", chosen]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_picture_and_a_frame_are_taken_with_their_boxes(tmp_path, clone):
    picture, film = (git(clone, "rev-parse", f"HEAD~1:{name}") for name in ("wide.png", "film.avi"))
    scenes = {"somebody/site": {picture: [[1, 2, 30, 40]], f"{film}@3": [[5, 6, 7, 8], [1, 1, 9, 9]]}}

    done = run(tmp_path, {"portraits": {}, "scenes": scenes})

    assert done.returncode == 0, done.stderr
    boxes = {f"{picture}.jpg": [[1, 2, 30, 40]], f"{film}_3.jpg": [[5, 6, 7, 8], [1, 1, 9, 9]]}
    assert json.loads((tmp_path / "out" / "scenes.json").read_text()) == boxes
    assert json.loads((tmp_path / "out" / "portraits.json").read_text()) == {}
    taken = cv2.imread(str(tmp_path / "out" / "scenes" / f"{picture}.jpg"))
    assert taken.shape == (720, 1280, 3)
    assert abs(int(taken[300, 100, 0]) - 200) < 4
    assert abs(int(taken[300, 1100, 0]) - 90) < 4
    frame = cv2.imread(str(tmp_path / "out" / "scenes" / f"{film}_3.jpg"))
    assert frame.shape == (48, 64, 3)
    assert abs(float(frame.mean()) - 120) < 6


@pytest.mark.usefixtures("clone")
def test_what_is_missing_is_named(tmp_path):
    lacking = "0" * 40
    done = run(tmp_path, {"scenes": {"somebody/site": {lacking: [[1, 2, 3, 4]]}}})
    assert done.returncode == 1
    assert "somebody/site" in done.stderr
    assert lacking in done.stderr

    done = run(tmp_path, {"scenes": {"nobody/site": {lacking: [[1, 2, 3, 4]]}}})
    assert done.returncode == 1
    assert "nobody/site" in done.stderr


def test_a_frame_beyond_the_film_is_named(tmp_path, clone):
    film = git(clone, "rev-parse", "HEAD~1:film.avi")
    done = run(tmp_path, {"scenes": {"somebody/site": {f"{film}@9": [[1, 2, 3, 4]]}}})
    assert done.returncode == 1
    assert f"{film}@9" in done.stderr


def test_every_chosen_picture_has_boxes_and_a_repository_with_a_licence():
    chosen = json.loads(CHOSEN.read_text())
    seen = set()
    for kind, of_repositories in chosen["pictures"].items():
        for repository, pictures in of_repositories.items():
            assert chosen["repositories"][repository]["licence"]
            for place, boxes in pictures.items():
                assert re.fullmatch(r"[0-9a-f]{40}(@\d+)?", place)
                assert place not in seen
                seen.add(place)
                assert bool(boxes) == (kind != "nobody")
                for x1, y1, x2, y2 in boxes:
                    assert 0 <= x1 < x2 < 1280
                    assert 0 <= y1 < y2 < 1280
    assert seen
