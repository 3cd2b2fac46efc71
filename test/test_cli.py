# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `dope` command, run as a user runs it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from scenes import seen, standing
from tiny_model import write_tiny_model

from dope_ros import __version__
from dope_ros.cli import main
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import SKELETONS
from dope_ros.training.datasets import open_dataset

GREY = np.full((480, 640, 3), 90, np.uint8)


def dope(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["dope", *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.fixture
def person():
    return standing(at=(0.1, 0.1, 3.0), score=0.9)


@pytest.fixture
def model(tmp_path, person):
    return write_tiny_model(tmp_path / "one.onnx", [seen(person)], 480, 640)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), GREY)
    return path


def test_infer_writes_an_overlay_and_a_line_of_json_for_each_picture(tmp_path, model, picture, person):
    other = tmp_path / "wide.jpg"
    cv2.imwrite(str(other), np.full((480, 1280, 3), 90, np.uint8))
    lines = tmp_path / "people.jsonl"
    done = dope("infer", picture, other, "--model", model, "--out", tmp_path / "out", "--json", lines)
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "out" / "grey.png")).shape == (480, 640, 3)
    assert cv2.imread(str(tmp_path / "out" / "wide.png")).shape == (480, 1280, 3)
    first, second = map(json.loads, lines.read_text().splitlines())
    assert (first["source"], first["width"], first["height"]) == (str(picture), 640, 480)
    assert (second["source"], second["width"], second["height"]) == (str(other), 1280, 480)
    (found,) = first["people"]
    assert (found["id"], found["score"], found["metric"]) == (0, pytest.approx(0.9, abs=1e-3), False)
    for name, part in PART_NAMES.items():
        expected = person.parts()[name].keypoints_2d
        np.testing.assert_allclose(found[name]["keypoints_2d"], expected, atol=0.01)
        assert np.shape(found[name]["keypoints_3d"]) == (len(SKELETONS[part]), 3)


def test_parts_that_were_not_seen_are_null_in_json(tmp_path, picture, person):
    from dataclasses import replace

    lone_hand = replace(seen(person), body=None, face=None, right_hand=None)
    model = write_tiny_model(tmp_path / "hand.onnx", [lone_hand], 480, 640)
    done = dope("infer", picture, "--model", model, "--out", tmp_path, "--json", "-")
    (found,) = json.loads(done.stdout)["people"]
    assert found["body"] is found["right_hand"] is found["face"] is None
    assert len(found["left_hand"]["keypoints_2d"]) == 21


def test_infer_with_intrinsics_gives_metric_positions(tmp_path, model, picture, person):
    from scenes import CAMERA

    done = dope(
        "infer",
        picture,
        "--model",
        model,
        "--out",
        tmp_path,
        "--json",
        "-",
        "--intrinsics",
        CAMERA.fx,
        CAMERA.fy,
        CAMERA.cx,
        CAMERA.cy,
    )
    (found,) = json.loads(done.stdout)["people"]
    assert found["metric"]
    assert found["root"] == pytest.approx(list(person.root), abs=0.01)


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_done(tmp_path, model, picture):
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    done = dope(
        "infer", tmp_path / "missing.jpg", text, picture, "--model", model, "--out", tmp_path, "--json", "-"
    )
    assert done.returncode == 1
    assert "missing.jpg: No such file" in done.stderr
    assert "text.jpg: not a picture" in done.stderr
    assert json.loads(done.stdout)["source"] == str(picture)


def test_pictures_of_one_name_get_overlays_of_their_own(tmp_path, model, picture):
    (tmp_path / "other").mkdir()
    namesake = tmp_path / "other" / "grey.png"
    namesake.write_bytes(picture.read_bytes())
    done = dope("infer", picture, namesake, "--model", model, "--out", tmp_path / "out")
    assert done.returncode == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"grey.png", "grey-2.png", "people.jsonl"}


def test_an_overlay_takes_the_place_of_no_picture(tmp_path, model, picture):
    before = picture.read_bytes()
    assert dope("infer", picture, "--model", model, "--out", tmp_path).returncode == 0
    assert picture.read_bytes() == before
    assert (tmp_path / "grey-overlay.png").is_file()


def test_an_overlay_takes_the_place_of_no_picture_that_comes_later(tmp_path, model, picture):
    later = tmp_path / "out" / "grey.png"
    later.parent.mkdir()
    cv2.imwrite(str(later), GREY // 2)
    before = later.read_bytes()
    done = dope("infer", picture, later, "--model", model, "--out", later.parent)
    assert done.returncode == 0, done.stderr
    assert later.read_bytes() == before
    overlays = {path.name for path in later.parent.glob("*.png")}
    assert overlays == {"grey.png", "grey-2.png", "grey-overlay.png"}


@pytest.mark.parametrize("name", ["grey.png", "out/grey.png"])
def test_json_lines_take_the_place_of_no_picture(tmp_path, model, picture, name):
    before, path = picture.read_bytes(), tmp_path / name
    done = dope("infer", picture, "--model", model, "--out", tmp_path / "out", "--json", path)
    assert done.returncode == 1
    assert f"{path}: a picture is there, or goes there; name another file" in done.stderr
    assert picture.read_bytes() == before


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "verb",
    [
        "infer PICTURE --model MODEL --engine onnx --json -",
        "bench --runs 1 --model MODEL --engine onnx",
        "--help",
    ],
)
def test_a_reader_that_stops_reading_ends_the_command_without_a_word(
    tmp_path, monkeypatch, model, picture, verb, unbuffered
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    words = {"PICTURE": str(picture), "MODEL": str(model)}
    reader, writer = os.pipe()
    os.close(reader)
    command = ["dope", *(words.get(word, word) for word in verb.split())]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(writer)
    done_before = verb.startswith("infer") and not unbuffered  # its lines wait to be written
    told = f"{picture}: person 0: body, left_hand, right_hand, face -> dope-out/grey.png\n"
    assert done.stderr == (told if done_before else "")
    if not unbuffered or verb != "--help":  # argparse says nothing of what it could not write
        assert done.returncode == 1


def test_a_full_standard_output_is_told(tmp_path, model, picture):
    command = ["dope", "infer", picture, "--model", model, "--out", tmp_path / "out", "--json", "-"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 1
    assert "dope: No space left on device" in done.stderr


def test_a_picture_of_more_pixels_than_opencv_reads_is_named_and_the_others_are_done(
    tmp_path, model, picture
):
    huge = tmp_path / "huge.png"
    huge.write_bytes(png_without_pixels(50_000, 50_000))
    done = dope("infer", huge, picture, "--model", model, "--out", tmp_path, "--json", "-")
    assert done.returncode == 1
    assert "huge.png: OpenCV refuses it" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["source"] == str(picture)


def png_without_pixels(width, height):
    """A PNG file of that size, as its header says, with no pixels in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(b""), b"IEND"]
    framed = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("infer", "PICTURE", "--out", "PICTURE"), "grey.png: that is a file; name a folder"),
        (("infer", "PICTURE", "--intrinsics", "0", "500", "320", "240"), "not 0 and 500"),
        (
            ("infer", "PICTURE", "--intrinsics", "nan", "500", "320", "240"),
            "nan, 500, 320, 240 are not all finite",
        ),
        (
            ("infer", "PICTURE", "--intrinsics", "500", "500", "320", "inf"),
            "500, 500, 320, inf are not all finite",
        ),
        (("fetch", "dope", "--accept-licence", "--server", "shelf"), "begins with http:// or https://"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_traceback(model, picture, arguments, said):
    words = [str(picture) if word == "PICTURE" else word for word in arguments]
    done = dope(*words, *(() if words[0] == "fetch" else ("--model", model)))
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("bench --runs 0", "--runs: 0 is too small; give 1 or more"),
        ("infer picture.jpg --threads -1", "--threads: -1 is too small; give 0 or more"),
        ("infer picture.jpg --threads 257", "--threads: 257 is too large; give 256 or less"),
        ("eval --data folder:x --limit -1", "--limit: -1 is too small; give 1 or more"),
        ("eval --data folder:x --seed -1", "--seed: -1 is too small; give 0 or more"),
        ("eval --data folder:x --worst -1", "--worst: -1 is too small; give 0 or more"),
        ("anchors --data folder:x --seed -1", "--seed: -1 is too small; give 0 or more"),
        ("anchors --data folder:x --limit 0", "--limit: 0 is too small; give 1 or more"),
        ("compose --things x --out y --count 0", "--count: 0 is too small; give 1 or more"),
        ("compose --things x --out y --count 1 --size 31", "--size: 31 is too small; give 32 or more"),
        ("compose --things x --out y --count 1 --seed -1", "--seed: -1 is too small; give 0 or more"),
        ("synth --out y --count 1 --seed -1", "--seed: -1 is too small; give 0 or more"),
        ("synth --out y --count -1", "--count: -1 is too small; give 0 or more"),
        ("synth --out y --count many", "--count: 'many' is no whole number"),
        ("synth --out y --count 1 --size 0", "--size: 0 is too small; give 1 or more"),
        ("synth --out y --count 1 --workers 0", "--workers: 0 is too small; give 1 or more"),
        ("train --config x --out y --threads -1", "--threads: -1 is too small; give 0 or more"),
        ("export x --out y --height -1", "--height: -1 is too small; give 0 or more"),
        ("export x --out y --width -1", "--width: -1 is too small; give 0 or more"),
        ("export x --out y --proposals -1", "--proposals: -1 is too small; give 0 or more"),
        ("build x --out y.engine --workspace-mb 0", "--workspace-mb: 0 is too small; give 1 or more"),
    ],
)
def test_a_number_out_of_range_is_a_wrong_argument(capsys, arguments, said):
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_anchor_poses_are_not_written_where_their_picture_goes(tmp_path, capsys):
    out = tmp_path / "anchors.png"
    assert main(["anchors", "--data", "folder:x", "--out", str(out)]) == 1
    assert f"--out {out}: their picture goes there; give a name such as anchors" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("eval", "--data", "DATASET"),
        ("anchors", "--data", "DATASET"),
        ("compose", "--data", "DATASET", "--out", "OUT", "--count", "1"),
        ("compose", "--mosaic", "DATASET", "--out", "OUT", "--count", "1"),
        ("train", "--config", "CONFIG", "--out", "OUT"),
    ],
)
def test_what_a_dataset_needs_and_is_not_installed_is_one_line(tmp_path, monkeypatch, capsys, arguments):
    if arguments[0] == "train":
        pytest.importorskip("torch", reason="training needs torch")
    monkeypatch.setitem(sys.modules, "cdflib", None)
    monkeypatch.delitem(sys.modules, "dope_ros.training.datasets.human36m", raising=False)
    config = tmp_path / "run.yaml"
    config.write_text(f"data: {{sets: [{{open: 'human36m:{tmp_path}'}}]}}")
    words = {"DATASET": f"human36m:{tmp_path}", "CONFIG": str(config), "OUT": str(tmp_path / "out")}
    assert main([words.get(word, word) for word in arguments]) == 1
    assert f"`dope {arguments[0]}` needs cdflib: pip install" in capsys.readouterr().err


def test_a_folder_in_place_of_a_picture_is_told(tmp_path, model):
    done = dope("infer", tmp_path, "--model", model, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert f"{tmp_path}: a folder; name the pictures in it" in done.stderr


@pytest.mark.parametrize(
    "arguments", ["check no.onnx", "check no.onnx --cost", "build no.onnx --out x.engine"]
)
def test_a_missing_model_is_said_before_anything_is_installed_for_it(capsys, arguments):
    assert main(arguments.split()) == 1
    assert capsys.readouterr().err.strip() == "dope: no.onnx: no such model file"


def test_without_a_verb_the_verbs_are_listed(capsys):
    assert main([]) == 2
    assert "infer" in capsys.readouterr().err


@pytest.mark.usefixtures("picture")
def test_a_set_in_the_folder_here_bears_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_dataset("folder:.").name == f"{tmp_path.name} all"


def test_a_missing_model_is_one_line_and_no_traceback(tmp_path, picture):
    done = dope("infer", picture, "--model", tmp_path / "no.onnx", "--out", tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == f"dope: {tmp_path / 'no.onnx'}: no such model file"


VERBS = "infer bench fetch export build check eval anchors label compose synth train"
OF_A_MODEL = "--model --engine --threads"


@pytest.mark.parametrize(
    ("arguments", "documented"),
    [
        (("--help",), f"--help --version {VERBS}"),
        (("infer", "--help"), f"PICTURE --out --json --intrinsics --integration {OF_A_MODEL}"),
        (("bench", "--help"), f"picture --runs --node {OF_A_MODEL}"),
    ],
)
def test_help_explains_each_verb_and_each_option(arguments, documented):
    done = dope(*arguments)
    assert done.returncode == 0
    explained = {line.split()[0].rstrip(",") for line in done.stdout.splitlines() if line.startswith("  ")}
    explained |= {word for line in done.stdout.splitlines() if "--help  " in line for word in line.split()}
    assert set(documented.split()) <= explained


def test_the_version_is_that_of_the_package():
    done = dope("--version")
    assert (done.returncode, done.stdout.split()) == (0, ["dope", __version__])


def test_bench_times_every_stage(model):
    done = dope("bench", "--model", model, "--runs", "3")
    assert done.returncode == 0, done.stderr
    for stage in ("preprocess", "network", "integrate", "assemble", "place", "all"):
        assert f"\n{stage} " in done.stdout
    assert "peak memory" in done.stdout


def test_bench_of_a_node_times_it_over_dds(model):
    pytest.importorskip("rclpy", reason="no ROS 2 here")
    done = dope("bench", "--node", "--model", model, "--runs", "5")
    assert done.returncode == 0, done.stderr
    for stage in ("decode", "overhead", "messages", "round trip"):
        assert f"\n{stage} " in done.stdout
    assert "resident memory" in done.stdout
