# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
from scenes import seen, standing
from tiny_model import constant_outputs, film_picture, write_film_model, write_tiny_model

from dope_ros.engine import DEFAULT_MODEL, ENGINES, load_engine
from dope_ros.engine.contract import OverflowedError
from dope_ros.engine.onnx import PREFERRED_PROVIDERS, runs_on_cpu
from dope_ros.engine.packaged import DEFAULT_MODEL_INT8, model_for_cpu
from dope_ros.errors import EngineError, ModelError
from dope_ros.pipeline import Pipeline
from dope_ros.skeleton import SKELETONS, Part


@pytest.fixture(scope="module", params=[DEFAULT_MODEL, DEFAULT_MODEL_INT8], ids=["float", "int8"])
def shipped(request):
    engine = load_engine(request.param, "onnx", threads=1)
    yield engine
    engine.close()


@pytest.fixture
def tiny(tmp_path):
    return load_engine(write_tiny_model(tmp_path / "tiny.onnx", height=96, width=128))


def grey(engine):
    return np.full((engine.spec.height, engine.spec.width, 3), 114, np.uint8)


# The model in the package


def test_the_model_in_the_package_is_small_and_says_what_it_is(shipped):
    spec = shipped.spec
    assert spec.height % 32 == spec.width % 32 == 0
    assert 0.5 < spec.height / spec.width <= 1
    assert set(spec.anchors) == set(spec.ppi) == set(Part)
    assert 0 < spec.anchors[Part.HAND].left_from < spec.anchors[Part.HAND].count
    for settings in spec.ppi.values():
        assert 0 < settings.score_th < 1
        assert 0 < settings.th_iou < 1
        assert settings.th_pose3D > 0
    assert DEFAULT_MODEL.stat().st_size < 14e6
    assert DEFAULT_MODEL_INT8.stat().st_size < 1.5e6


def test_the_engine_says_what_runs_the_network(shipped):
    assert "ONNX Runtime" in shipped.description
    assert "CPU" in shipped.description or "CUDA" in shipped.description


def test_proposals_of_the_model_in_the_package_are_whole(shipped):
    picture = np.random.default_rng(0).integers(0, 256, grey(shipped).shape, np.uint8)
    proposals = shipped.run(picture)
    assert set(proposals) == set(Part)
    for part, of_part in proposals.items():
        count, classes = len(of_part.boxes), shipped.spec.anchors[part].count
        assert count > 0
        assert of_part.scores.shape == (count, classes + 1)
        assert of_part.poses_2d.shape == (count, classes, len(SKELETONS[part]), 2)
        assert of_part.poses_3d.shape == (count, classes, len(SKELETONS[part]), 3)
        np.testing.assert_allclose(of_part.scores.sum(axis=1), 1, atol=1e-4)
        assert (of_part.boxes[:, :2] <= of_part.boxes[:, 2:]).all()
        assert (of_part.boxes >= 0).all()
        assert (of_part.boxes <= np.tile([shipped.spec.width, shipped.spec.height], 2)).all()
        for values in (of_part.boxes, of_part.scores, of_part.poses_2d, of_part.poses_3d):
            assert values.dtype == np.float32
            assert np.isfinite(values).all()


def test_the_same_picture_gives_the_same_proposals_whatever_was_before(shipped):
    picture = np.random.default_rng(1).integers(0, 256, grey(shipped).shape, np.uint8)
    first = shipped.run(picture)[Part.BODY].scores.copy()
    other = shipped.run(grey(shipped))[Part.BODY].scores
    assert first.shape != other.shape or not np.array_equal(first, other)
    np.testing.assert_array_equal(shipped.run(picture)[Part.BODY].scores, first)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_vnni\n", DEFAULT_MODEL_INT8),
        ("flags\t\t: fpu avx2 avx_vnni\n", DEFAULT_MODEL_INT8),
        ("flags\t\t: fpu avx2 avx512f\n", DEFAULT_MODEL),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp\n", DEFAULT_MODEL_INT8),
        ("processor\t: 0\nFeatures\t: fp asimd\n", DEFAULT_MODEL),
        ("model name\t: avx_vnni\n", DEFAULT_MODEL),
    ],
    ids=["x86 with VNNI", "x86 with VNNI in AVX", "x86 without", "Arm with", "Arm without", "unknown"],
)
def test_a_cpu_gets_the_model_in_integers_if_it_has_instructions_for_them(tmp_path, listed, expected):
    description = tmp_path / "cpuinfo"
    description.write_text(listed)
    model, reason = model_for_cpu(description)
    assert model == expected
    assert "dot products" in reason


def test_a_system_that_does_not_tell_what_its_cpu_can_do_gets_the_model_in_float(tmp_path):
    model, reason = model_for_cpu(tmp_path / "no such file")
    assert model == DEFAULT_MODEL
    assert "not known" in reason


@pytest.mark.skipif(
    not runs_on_cpu(), reason="ONNX Runtime has CUDA here, where the model in float is faster"
)
def test_which_of_the_two_models_runs_is_said():
    told = []
    load_engine(None, "onnx", threads=1, progress=told.append).close()
    assert told == [f"ONNX Runtime takes {model_for_cpu()[0].name}: {model_for_cpu()[1]}"]


# Files that are no model


def test_a_missing_file_is_refused_by_its_path(tmp_path):
    with pytest.raises(ModelError, match="no such model file") as refusal:
        load_engine(tmp_path / "nowhere.onnx")
    assert str(tmp_path / "nowhere.onnx") in str(refusal.value)


def test_a_folder_is_no_model_file(tmp_path):
    with pytest.raises(ModelError, match=tmp_path.name):
        load_engine(tmp_path)


def truncated(path, keep):
    write_tiny_model(path)
    path.write_bytes(path.read_bytes()[: keep or path.stat().st_size // 2])


def flipped_bits(path):
    write_tiny_model(path)
    content = np.frombuffer(path.read_bytes(), np.uint8)
    path.write_bytes((content ^ 0xFF).tobytes())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_text("this is no model\n"),
        lambda path: path.write_bytes(b""),
        lambda path: truncated(path, None),
        lambda path: truncated(path, 40),
        flipped_bits,
    ],
    ids=["text", "empty", "half", "head", "garbage"],
)
def test_a_file_that_is_no_onnx_model_is_refused_by_its_path(tmp_path, spoil):
    path = tmp_path / "spoiled.onnx"
    spoil(path)
    with pytest.raises(ModelError, match="cannot load") as refusal:
        load_engine(path)
    assert str(path) in str(refusal.value)


def test_a_truncated_download_of_the_model_in_the_package_is_refused(tmp_path):
    path = tmp_path / "download.onnx"
    with DEFAULT_MODEL.open("rb") as whole:
        path.write_bytes(whole.read(2**20))
    with pytest.raises(ModelError, match=r"download\.onnx"):
        load_engine(path)


# Running


@pytest.mark.parametrize("name", ["tensorflow", "", "ONNX"])
def test_an_unknown_engine_is_refused_with_those_there_are(name):
    with pytest.raises(EngineError) as refusal:
        load_engine(engine=name)
    assert f"'{name}'" in str(refusal.value)
    assert all(known in str(refusal.value) for known in ENGINES)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((128, 96, 3), np.uint8),
        np.zeros((96, 128, 4), np.uint8),
        np.zeros((96, 128), np.uint8),
        np.zeros((96, 128, 3), np.float32),
    ],
    ids=lambda pixels: f"{pixels.dtype}{list(pixels.shape)}",
)
def test_pixels_of_the_wrong_size_or_type_are_an_error_that_names_the_model(tiny, pixels):
    with pytest.raises(EngineError, match=r"tiny\.onnx"):
        tiny.run(pixels)


def test_an_engine_runs_on_after_an_error(tiny):
    with pytest.raises(EngineError):
        tiny.run(np.zeros((1, 1, 3), np.uint8))
    assert set(tiny.run(grey(tiny))) == set(Part)


@pytest.mark.parametrize("name", ["boxes", "valid", "body_scores", "face_scores"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_model_that_gives_no_numbers_is_refused_even_if_it_calls_no_row_valid(tmp_path, name, value):
    spoiled = constant_outputs([])[name]
    spoiled.flat[-1] = value
    path = write_tiny_model(tmp_path / "tiny.onnx", outputs={name: spoiled})
    with pytest.raises(ModelError, match=rf"tiny\.onnx: infinite or not a number: {name}\."):
        load_engine(path)


def test_a_picture_in_which_the_network_overflows_is_an_error_and_not_one_of_nobody(tmp_path):
    person = seen(standing())
    overflown = replace(person, body=replace(person.body, keypoints_2d=np.full((13, 2), np.inf, np.float32)))
    engine = load_engine(write_film_model(tmp_path / "film.onnx", [[overflown], [person]]))
    with pytest.raises(OverflowedError, match=r"film\.onnx: infinite or not a number: boxes\."):
        engine.run(film_picture(0))
    assert len(engine.run(film_picture(1))[Part.BODY].boxes) == 4


def test_a_pose_that_overflows_costs_no_other_one(tmp_path):
    person = seen(standing())
    overflown = replace(person, body=replace(person.body, keypoints_3d=np.full((13, 3), np.inf, np.float32)))
    pipeline = Pipeline(load_engine(write_tiny_model(tmp_path / "tiny.onnx", [overflown])))
    found = pipeline(np.zeros((96, 128, 3), np.uint8))
    assert {name for person in found for name in person.parts()} == {"left_hand", "right_hand", "face"}


@pytest.mark.parametrize("engine", ["auto", "onnx"])
@pytest.mark.parametrize("threads", [0, 1])
def test_a_model_opens_with_every_engine_and_number_of_threads(tmp_path, engine, threads):
    path = write_tiny_model(tmp_path / "tiny.onnx")
    opened = load_engine(path, engine, threads)
    assert set(opened.run(grey(opened))) == set(Part)
    opened.close()


# With a GPU: what ONNX Runtime is asked for, and a stand-in for one that does not start


@pytest.fixture
def gpu_is_listed(monkeypatch):
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(PREFERRED_PROVIDERS))


@pytest.mark.usefixtures("gpu_is_listed")
def test_a_gpu_that_does_not_start_is_told_where_no_results_are_written(
    tmp_path, monkeypatch, capsys, caplog
):
    start = ort.InferenceSession._create_inference_session

    def start_on_cpu(session, providers, *others):
        if "CUDAExecutionProvider" in providers:
            raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")
        start(session, providers, *others)

    monkeypatch.setattr(ort.InferenceSession, "_create_inference_session", start_on_cpu)
    engine = load_engine(write_tiny_model(tmp_path / "tiny.onnx"), "onnx")
    assert engine.description.endswith("on CPU")
    assert "CUDA failure 100" in caplog.text
    assert "the network runs on CPUExecutionProvider" in caplog.text
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("gpu_is_listed")
@pytest.mark.parametrize(("release", "asked"), [("1.18.0", {"use_tf32": "0"}), ("1.17.3", {})])
def test_on_a_gpu_float_is_not_rounded_where_onnx_runtime_can_leave_that(
    tmp_path, monkeypatch, release, asked
):
    opened, given = ort.InferenceSession, []

    def recorded(model, options, providers, provider_options, **others):
        given.extend(zip(providers, provider_options, strict=True))
        return opened(model, options, providers[-1:], provider_options[-1:], **others)

    monkeypatch.setattr(ort, "__version__", release)
    monkeypatch.setattr(ort, "InferenceSession", recorded)
    load_engine(write_tiny_model(tmp_path / "tiny.onnx"), "onnx")
    assert given == [("CUDAExecutionProvider", asked), ("CPUExecutionProvider", {})]
