# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT on a real GPU: `pytest -m gpu`.  Elsewhere these tests are skipped."""

import gc
import weakref
from dataclasses import replace
from itertools import cycle
from time import perf_counter

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="TensorRT's buffers need torch")

from gpus import missing_gpu
from networks import SMALL_COMPACT, pictures, random_checkpoint

from dope_ros.engine import DEFAULT_MODEL, load_engine
from dope_ros.engine.model_file import read_model
from dope_ros.engine.tensorrt.api import find_tensorrt
from dope_ros.engine.tensorrt.builder import BuildOptions
from dope_ros.engine.tensorrt.plan import cache_folder, read_plan, write_plan
from dope_ros.engine.tensorrt.plan_cache import key_of
from dope_ros.errors import EngineError, ModelError
from dope_ros.onnx_graph.half import Precision
from dope_ros.skeleton import Part


def missing():
    """What these tests lack here; empty where there is a GPU with TensorRT."""
    if gpu := missing_gpu():
        return gpu
    try:
        find_tensorrt()
    except EngineError as error:
        return str(error)
    return ""


pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(missing()), reason=missing() or "a GPU is there")]


def tensorrt_engine(model, **options):
    from dope_ros.engine.tensorrt.engine import TensorRtEngine

    return TensorRtEngine(model, **options)


@pytest.fixture(scope="module")
def cache(make_folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(make_folder("cache")))
        yield cache_folder()


@pytest.fixture(scope="module")
def engine(cache):
    engine = tensorrt_engine(DEFAULT_MODEL)
    assert list(cache.glob("*.engine"))
    yield engine
    engine.close()


def frames(engine, count):
    return pictures(count, engine.spec.height, engine.spec.width)


def key_here():
    """Of the engine in the fixture."""
    from dope_ros.engine.tensorrt.engine import this_gpu

    return key_of(read_model(DEFAULT_MODEL), find_tensorrt(), this_gpu(), BuildOptions())


def assert_alike(one, other, boxes=0.25):
    """Proposals of the same boxes say nearly the same; near ties may choose other boxes.

    The graph rounded to half precision on ONNX Runtime is off by up to 0.006 px, 1.3 px and 4.4 mm.
    """
    from dope_ros.export.compare import differences

    found = differences(one, other)
    assert found.matched > 0
    assert found.matched >= 4 * found.unmatched
    assert found.boxes < boxes
    assert found.scores < 0.02
    assert found.poses_2d < 4
    assert found.poses_3d < 0.015


def skip_if_float_is_refused():
    """TensorRT-RTX has no float matrix products for a T4 (docs/tensorrt.md)."""
    from dope_ros.engine.tensorrt.engine import this_gpu

    tensorrt = find_tensorrt()
    if tensorrt.builds_ahead and this_gpu().compute_capability == (7, 5):
        pytest.skip(f"{tensorrt} builds nothing in float for {this_gpu()}")


@pytest.mark.usefixtures("cache")
def test_auto_takes_tensorrt():
    told = []
    engine = load_engine(DEFAULT_MODEL, "auto", progress=told.append)
    assert engine.description.startswith("TensorRT")
    engine.close()


@pytest.mark.usefixtures("engine")
def test_the_engine_is_built_once(cache):
    before = {path: path.stat().st_mtime_ns for path in cache.glob("*.engine")}
    told = []
    tensorrt_engine(DEFAULT_MODEL, progress=told.append).close()
    assert told == []
    assert {path: path.stat().st_mtime_ns for path in cache.glob("*.engine")} == before


def test_half_precision_says_what_onnx_runtime_says(engine):
    reference = load_engine(DEFAULT_MODEL, "onnx")
    for picture in frames(engine, 5):
        assert_alike(engine.run(picture), reference.run(picture))


@pytest.mark.usefixtures("cache")
def test_float_says_what_onnx_runtime_says():
    skip_if_float_is_refused()
    reference = load_engine(DEFAULT_MODEL, "onnx")
    engine = tensorrt_engine(DEFAULT_MODEL, options=BuildOptions(Precision.FLOAT))
    for picture in frames(engine, 3):
        assert_alike(engine.run(picture), reference.run(picture), boxes=0.1)
    engine.close()


def test_a_cuda_graph_and_launches_one_by_one_say_the_same(engine):
    eager = tensorrt_engine(DEFAULT_MODEL, cuda_graph=False)
    assert engine.captured
    assert not eager.captured
    for picture in frames(engine, 5):
        replayed, launched = engine.run(picture), eager.run(picture)
        for part in Part:
            np.testing.assert_array_equal(replayed[part].scores, launched[part].scores)
    eager.close()


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("cuda_graph", [True, False], ids=["graph", "eager"])
def test_a_closed_engine_holds_nothing_until_garbage_is_collected(cuda_graph):
    engine = tensorrt_engine(DEFAULT_MODEL, cuda_graph=cuda_graph)
    runner = weakref.ref(engine._runner)
    gc.disable()
    try:
        engine.close()
        assert runner() is None
    finally:
        gc.enable()


def test_the_outputs_of_a_frame_stay_when_the_next_one_comes(engine):
    first, second = frames(engine, 2)
    kept = engine.run(first)
    copy = kept[Part.BODY].scores.copy()
    engine.run(second)
    np.testing.assert_array_equal(kept[Part.BODY].scores, copy)


@pytest.mark.usefixtures("engine")
def test_an_engine_that_tensorrt_cannot_load_is_an_error(cache, tmp_path):
    plan = read_plan(cache / key_here().file_name())
    broken = tmp_path / "broken.engine"
    write_plan(broken, replace(plan, data=plan.data[: len(plan.data) // 2]))
    with pytest.raises(EngineError, match="cannot load the engine"):
        tensorrt_engine(broken)
    other = replace(plan.key, gpu="another GPU", compute_capability="1.0")
    write_plan(broken, replace(plan, key=other))
    with pytest.raises(ModelError, match=r"for another GPU \(compute capability 1\.0\)"):
        tensorrt_engine(broken)


@pytest.mark.usefixtures("engine")
def test_an_engine_in_the_cache_that_tensorrt_cannot_load_is_built_again(cache):
    path = cache / key_here().file_name()
    plan = read_plan(path)
    write_plan(path, replace(plan, data=plan.data[: len(plan.data) // 2]))
    told = []
    tensorrt_engine(DEFAULT_MODEL, progress=told.append).close()
    assert any("built again" in line for line in told)
    assert len(read_plan(path).data) > len(plan.data) // 2


def test_memory_stays_flat_over_ten_thousand_frames(engine):
    seen = frames(engine, 8)
    for picture in seen:
        engine.run(picture)
    before = torch.cuda.mem_get_info()[0]
    for _, picture in zip(range(10_000), cycle(seen), strict=False):
        engine.run(picture)
    assert before - torch.cuda.mem_get_info()[0] < 2 << 20


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("half", [True, False], ids=["half", "float"])
@pytest.mark.parametrize("cuda_graph", [True, False], ids=["graph", "eager"])
def test_the_same_frame_gets_the_same_answer_and_how_long_it_takes_is_printed(capsys, half, cuda_graph):
    if not half:
        skip_if_float_is_refused()
    options = BuildOptions(Precision.HALF if half else Precision.FLOAT)
    engine = tensorrt_engine(DEFAULT_MODEL, options=options, cuda_graph=cuda_graph)
    (picture,) = frames(engine, 1)
    first, times = engine.run(picture), []
    for _ in range(300):
        start = perf_counter()
        last = engine.run(picture)
        times.append(1e3 * (perf_counter() - start))
    assert engine.captured == cuda_graph
    launches = "CUDA graph" if engine.captured else "one by one"
    engine.close()
    with capsys.disabled():
        median, slow = np.percentile(times, (50, 95))
        print(f"\n{engine.description}, {launches}: median {median:.2f} ms, 95 of 100 below {slow:.2f} ms")
    for part in Part:
        np.testing.assert_array_equal(first[part].scores, last[part].scores)


@pytest.mark.usefixtures("cache")
def test_a_network_of_random_weights_runs_in_half_precision(tmp_path):
    from dope_ros.export.write import ExportOptions, export_model

    path = tmp_path / "random.onnx"
    export_model(random_checkpoint(SMALL_COMPACT), path, ExportOptions(half=True, proposals=50))
    engine, reference = tensorrt_engine(path), load_engine(path, "onnx")
    (picture,) = frames(engine, 1)
    assert_alike(engine.run(picture), reference.run(picture))
    engine.close()
