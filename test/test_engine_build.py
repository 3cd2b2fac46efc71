# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT compiles the networks, and engines are kept, checked and built again."""

import os
import re
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("onnx", reason="models are built with onnx")
pytest.importorskip("tensorrt_rtx", reason="building ahead needs tensorrt-rtx, which is for x86-64")

import onnx
from onnx import TensorProto, helper
from tiny_model import write_tiny_model

from dope_ros.cli import main
from dope_ros.cli.interruption import given_up_on_interrupt
from dope_ros.engine import DEFAULT_MODEL, first_that_opens, load_engine
from dope_ros.engine.model_file import read_model
from dope_ros.engine.packaged import DEFAULT_MODEL_INT8
from dope_ros.engine.protocol import GivenUpError
from dope_ros.engine.shared_weights import WEIGHTS_KEY
from dope_ros.engine.tensorrt.api import find_tensorrt, find_tensorrt_of, make_logger, require_driver
from dope_ros.engine.tensorrt.builder import (
    BuildError,
    BuildOptions,
    _described,
    _keep_precisions,
    _Stoppable,
)
from dope_ros.engine.tensorrt.gpus import TARGETS, check_target, target_named
from dope_ros.engine.tensorrt.plan import PlanKey, cache_folder, read_plan, write_plan
from dope_ros.engine.tensorrt.plan_cache import CachedEngine, build_engine, key_of
from dope_ros.errors import EngineError, ModelError
from dope_ros.files import ABANDONED_SECONDS
from dope_ros.onnx_graph.half import Precision

T4 = TARGETS["t4"]
AHEAD = BuildOptions(ahead=True)


@pytest.fixture(scope="module")
def tensorrt():
    return find_tensorrt(ahead=True)


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "tiny.onnx")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache_folder()


def silent(_):
    pass


# What compiles


@pytest.fixture(scope="module")
def exported(make_folder):
    """The networks of the package as models, by name."""
    for module in ("torch", "torchvision", "onnxslim"):
        pytest.importorskip(module, reason=f"export needs {module}")
    from networks import random_checkpoint

    from dope_ros.export.write import ExportOptions, export_model
    from dope_ros.network.config import COMPACT, PUBLISHED

    folder = make_folder("exported")
    real_time = replace(PUBLISHED, min_size=400)
    wanted = {"compact": (COMPACT, 50), "real-time": (real_time, 50), "paper": (PUBLISHED, 1000)}
    for name, (config, proposals) in wanted.items():
        export_model(random_checkpoint(config), folder / f"{name}.onnx", ExportOptions(proposals=proposals))
    of_half = ExportOptions(proposals=50, half=True)
    export_model(random_checkpoint(COMPACT), folder / "half.onnx", of_half)
    return folder


@pytest.mark.parametrize("precision", [Precision.HALF, Precision.ALL_HALF], ids=lambda p: p.value)
@pytest.mark.parametrize("target", ["t4", "rtx30"])
@pytest.mark.parametrize("network", ["compact", "real-time", "paper"])
def test_tensorrt_compiles_the_networks_in_half_precision(exported, tensorrt, network, target, precision):
    result = check_target(exported / f"{network}.onnx", tensorrt, target_named(target), precision)
    assert not result.failed, str(result)
    assert result.size > 1e6


@pytest.mark.parametrize("precision", [Precision.HALF, Precision.ALL_HALF], ids=lambda p: p.value)
def test_tensorrt_compiles_a_model_that_was_exported_in_half_precision(exported, tensorrt, precision):
    result = check_target(exported / "half.onnx", tensorrt, T4, precision)
    assert not result.failed, str(result)


def test_a_model_in_half_precision_gives_no_engine_in_float(exported, tensorrt):
    result = check_target(exported / "half.onnx", tensorrt, T4, Precision.FLOAT)
    assert "the model is in half precision; export it without --half" in result.fault


def test_the_model_in_the_package_compiles_for_a_t4(tensorrt):
    from dope_ros.engine import DEFAULT_MODEL

    result = check_target(DEFAULT_MODEL, tensorrt, T4, Precision.HALF)
    assert not result.failed, str(result)


def test_a_gpu_that_cannot_be_compiled_for_is_said_to_be_unchecked(model, tensorrt):
    result = check_target(model, tensorrt, TARGETS["orin"], Precision.HALF)
    assert not result.failed
    assert "unchecked" in str(result)


def test_what_stops_tensorrt_is_named(tmp_path, tensorrt):
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, 8, 8, 3])
    out = helper.make_tensor_value_info("out", TensorProto.INT64, [4, None])
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], name="first", to=TensorProto.FLOAT),
        helper.make_node("Unique", ["floats"], ["out"], name="the_culprit"),
    ]
    graph = helper.make_graph(nodes, "graph", [image], [out])
    stuck = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(stuck, {"dope": "{}"})
    onnx.save(stuck, tmp_path / "stuck.onnx")
    result = check_target(tmp_path / "stuck.onnx", tensorrt, T4, Precision.HALF)
    assert result.failed
    assert "the_culprit" in str(result) or "Unique" in str(result)


def parser_error(**said):
    return SimpleNamespace(**{name: lambda value=value: value for name, value in said.items()})


def test_a_node_without_a_name_is_told_by_its_place():
    known = parser_error(node=7, node_name="roi", node_operator="RoiAlign", desc="no")
    nameless = parser_error(node=7, node_name="", node_operator="", desc="no")
    of_tensorrt_8 = parser_error(node=7, desc="no")
    said = [_described(error) for error in (known, nameless, of_tensorrt_8)]
    assert said == ["node roi (RoiAlign): no", "node number 7: no", "node number 7: no"]


def test_of_several_errors_the_first_is_the_reason(tensorrt):
    log = make_logger(tensorrt)
    assert log.reason == "TensorRT gives no reason"
    severities = tensorrt.module.ILogger.Severity
    log.log(severities.WARNING, "slow")
    log.log(severities.ERROR, "could not find any implementation for node {conv}")
    log.log(severities.ERROR, "assertion engine != nullptr failed")
    assert log.reason == "could not find any implementation for node {conv}"


def test_without_errors_the_last_warning_is_the_reason(tensorrt):
    log = make_logger(tensorrt)
    warning = tensorrt.module.ILogger.Severity.WARNING
    log.log(warning, "unable to determine GPU memory usage")
    log.log(warning, "CUDA does not start")
    assert log.reason == "it only warns: CUDA does not start"


def test_a_file_that_is_no_model_is_said_to_be_none(tmp_path, tensorrt):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        build_engine(broken, tensorrt, T4, AHEAD, silent)
    with pytest.raises(ModelError, match="cannot be read"):
        build_engine(tmp_path / "none.onnx", tensorrt, T4, AHEAD, silent)


def test_a_model_that_follows_no_contract_is_refused(tmp_path, tensorrt):
    stranger = write_tiny_model(tmp_path / "stranger.onnx", metadata="")
    with pytest.raises(ModelError, match="not a model of this package"):
        build_engine(stranger, tensorrt, T4, AHEAD, silent)


def test_building_ahead_for_a_gpu_that_is_not_known_is_an_error(model, tensorrt):
    with pytest.raises(BuildError, match="cannot build ahead for Jetson Orin"):
        build_engine(model, tensorrt, TARGETS["orin"], AHEAD, silent)
    with pytest.raises(EngineError, match="unknown target 'abacus'; there are: t4"):
        target_named("abacus")


def test_the_build_tells_of_its_progress(model, tensorrt):
    told = []
    build_engine(model, tensorrt, T4, AHEAD, told.append)
    assert any("tiny.onnx" in line and "half" in line for line in told)
    assert any(" of " in line for line in told)


def given_up(step):
    """What whoever opens a model answers when the process is told to end."""
    assert step
    return False


def test_a_build_that_is_given_up_ends(model, tensorrt):
    if not hasattr(tensorrt.module, "IProgressMonitor"):
        pytest.skip("this TensorRT cannot be interrupted")
    with pytest.raises(GivenUpError, match="given up"):
        build_engine(model, tensorrt, T4, AHEAD, given_up)


def test_giving_up_is_not_forgotten_where_another_thread_is_told_to_go_on():
    def progress(step):
        if step == "slow":
            told("meanwhile")
        return step == "slow"

    told = _Stoppable(progress)
    told("slow")
    assert told.given_up


def opened_after_building(model, tensorrt, progress):
    """The engine that `auto` takes where the building of TensorRT's is all that can fail."""

    def open_tensorrt():
        build_engine(model, tensorrt, T4, AHEAD, progress)
        pytest.fail("TensorRT was to refuse it")

    return first_that_opens(open_tensorrt, lambda: load_engine(model, "onnx"), model.name, progress)


def test_after_a_build_that_is_given_up_nothing_else_is_tried(model, tensorrt):
    if not hasattr(tensorrt.module, "IProgressMonitor"):
        pytest.skip("this TensorRT cannot be interrupted")
    with pytest.raises(GivenUpError):
        opened_after_building(model, tensorrt, given_up)


class OnTheGpu:
    """Stands for what TensorRT has taken of the GPU when it fails."""


def test_what_tensorrt_has_taken_is_free_when_onnx_runtime_starts():
    taken = []

    def open_tensorrt():
        memory = OnTheGpu()
        taken.append(weakref.ref(memory))
        raise EngineError("no memory")

    def open_onnx():
        assert taken[0]() is None
        return "of ONNX Runtime"

    assert first_that_opens(open_tensorrt, open_onnx, "a model", silent) == "of ONNX Runtime"


def test_a_model_that_cannot_be_lowered_for_tensorrt_runs_on_onnx_runtime(tmp_path, tensorrt):
    model, told = onnx.load(write_tiny_model(tmp_path / "odd.onnx")), []
    adaptive = {"output_height": 2, "output_width": 2}  # as many samples as fit: ONNX's default
    model.graph.node.extend(
        [
            helper.make_node("Transpose", ["floats"], ["channels_first"], perm=[0, 3, 1, 2]),
            helper.make_node("RoiAlign", ["channels_first", "roi", "of"], ["cut"], "adaptive", **adaptive),
        ]
    )
    model.graph.initializer.extend(
        [
            helper.make_tensor("roi", TensorProto.FLOAT, [1, 4], [0, 0, 9, 9]),
            helper.make_tensor("of", TensorProto.INT64, [1], [0]),
        ]
    )
    onnx.save(model, tmp_path / "odd.onnx")
    engine = opened_after_building(tmp_path / "odd.onnx", tensorrt, told.append)
    assert "ONNX Runtime" in engine.description
    assert any("TensorRT cannot: adaptive: only square RoiAlign" in line for line in told)


# Engine files


def test_an_engine_file_holds_what_it_was_built_of_and_for(model, tensorrt, tmp_path):
    plan = build_engine(model, tensorrt, T4, AHEAD, silent)
    write_plan(tmp_path / "tiny.engine", plan)
    assert read_plan(tmp_path / "tiny.engine") == plan
    assert plan.key == key_of(read_model(model), tensorrt, T4, AHEAD)
    assert plan.input_shape == (1, 96, 128, 3)
    assert plan.key.runtime.startswith("TensorRT-RTX ")


def test_keys_tell_models_gpus_precisions_and_tensorrt_apart():
    key = PlanKey("a" * 64, "TensorRT 10.3.0", "Orin", "8.7", "half")
    others = [
        replace(key, model="b" * 64),
        replace(key, runtime="TensorRT 10.4.0"),
        replace(key, gpu="Orin Nano"),
        replace(key, compute_capability="7.5"),
        replace(key, precision="float"),
        replace(key, graph=key.graph + 1),
    ]
    assert len({key.file_name(), *(other.file_name() for other in others)}) == 7
    assert key.difference(key) == ""
    assert key.difference(others[1]) == "runtime is TensorRT 10.4.0, not TensorRT 10.3.0"


@pytest.mark.parametrize("damage", ["truncated", "a bit flipped", "empty", "foreign", "header"])
def test_a_damaged_engine_file_is_refused(model, tensorrt, tmp_path, damage):
    path = tmp_path / "tiny.engine"
    write_plan(path, build_engine(model, tensorrt, T4, AHEAD, silent))
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[:-100]
    if damage == "a bit flipped":
        content[-50] ^= 1
    if damage == "empty":
        content = b""
    if damage == "foreign":
        content = b"ftrt" + content[20:]
    if damage == "header":
        content = content.replace(b'"sha256"', b'"sha257"')
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"tiny\.engine"):
        read_plan(path)


# The cache


def cached_engine(model, tensorrt, gpu, options, progress):
    """What the node starts with where TensorRT loads it."""
    engine = CachedEngine(model, tensorrt, gpu, options, progress)
    return engine.stored() or engine.build()


def test_a_model_is_built_once_and_then_taken_from_the_cache(model, tensorrt, cache):
    first, second = [], []
    built = cached_engine(model, tensorrt, T4, AHEAD, first.append)
    again = cached_engine(model, tensorrt, T4, AHEAD, second.append)
    assert again == built
    assert any(str(cache) in line for line in first)
    assert second == []


def test_an_engine_in_the_cache_that_was_truncated_is_built_again(model, tensorrt, cache):
    built = cached_engine(model, tensorrt, T4, AHEAD, silent)
    path = cache / built.key.file_name()
    path.write_bytes(path.read_bytes()[:-10])
    told = []
    cached_engine(model, tensorrt, T4, AHEAD, told.append)
    assert any("truncated or damaged" in line for line in told)
    assert read_plan(path).key == built.key


def test_an_engine_in_the_cache_for_something_else_is_built_again(model, tensorrt, cache):
    built = cached_engine(model, tensorrt, T4, AHEAD, silent)
    path = cache / built.key.file_name()
    write_plan(path, replace(built, key=replace(built.key, runtime="TensorRT 8.5.2")))
    told = []
    assert cached_engine(model, tensorrt, T4, AHEAD, told.append).key == built.key
    assert any("runtime is TensorRT 8.5.2, not TensorRT-RTX" in line for line in told)


def test_another_model_of_the_same_name_gets_an_engine_of_its_own(model, tensorrt, cache):
    one = cached_engine(model, tensorrt, T4, AHEAD, silent)
    write_tiny_model(model, proposals=3)
    other = cached_engine(model, tensorrt, T4, AHEAD, silent)
    assert one.key.model != other.key.model
    assert len(list(cache.glob("*.engine"))) == 2


def test_the_cache_holds_no_half_written_files(model, tensorrt, cache):
    cached_engine(model, tensorrt, T4, AHEAD, silent)
    assert {path.suffix for path in cache.iterdir()} <= {".engine", ".timings"}


def test_a_build_deletes_what_builds_that_were_killed_left_in_the_cache(model, tensorrt, cache):
    cache.mkdir(parents=True)
    left = cache / ".0123.engine.abcdef01"
    left.write_bytes(b"half an engine")
    long_ago = time.time() - ABANDONED_SECONDS - 1
    os.utime(left, (long_ago, long_ago))
    cached_engine(model, tensorrt, T4, AHEAD, silent)
    assert not left.exists()


def test_an_engine_with_another_limit_of_scratch_memory_is_another_one(model, tensorrt, cache):
    cached_engine(model, tensorrt, T4, AHEAD, silent)
    cached_engine(model, tensorrt, T4, replace(AHEAD, workspace_mb=256), silent)
    assert len(list(cache.glob("*.engine"))) == 2


def test_an_engine_file_from_before_keys_had_the_scratch_memory_is_read(model, tensorrt, tmp_path):
    path = tmp_path / "tiny.engine"
    plan = build_engine(model, tensorrt, T4, AHEAD, silent)
    write_plan(path, plan)
    path.write_bytes(path.read_bytes().replace(b', "workspace_mb": 1024', b""))
    assert read_plan(path) == plan


@pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX")
def test_timings_of_another_tensorrt_are_measured_anew(model, tensorrt, tmp_path):
    timings = tmp_path / "timings"
    timings.write_bytes(b"of something else")
    build_engine(model, tensorrt, T4, replace(AHEAD, timings=timings), silent)
    assert timings.read_bytes() != b"of something else"


def test_an_engine_that_cannot_be_kept_is_used_all_the_same(model, tensorrt, tmp_path, monkeypatch):
    (tmp_path / "shelf").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shelf"))
    told = []
    assert cached_engine(model, tensorrt, T4, AHEAD, told.append).data
    assert any("engine not kept" in line for line in told)


def test_a_cache_that_cannot_be_searched_holds_nothing(model, tensorrt, tmp_path, monkeypatch):
    too_long = tmp_path / ("a" * 300)  # for which the system has an error, whoever asks
    monkeypatch.setenv("XDG_CACHE_HOME", str(too_long))
    told = []
    assert cached_engine(model, tensorrt, T4, AHEAD, told.append).data
    assert any("there is none yet" in line for line in told)


# Engines that TensorRT cannot load: its builder, and a stand-in for its runtime, which needs a GPU


def unable(tensorrt, error):
    """The TensorRT with a runtime that loads nothing and says why."""

    class Runtime:
        def __init__(self, log):
            self.log = log

        def deserialize_cuda_engine(self, _):
            self.log.log(tensorrt.module.ILogger.Severity.ERROR, error)

    module = SimpleNamespace(**vars(tensorrt.module) | {"Runtime": Runtime})
    return replace(tensorrt, module=module)


NO_CUDA = "CUDA initialization failure with error: 35. Please check your CUDA installation"


def without_cuda(tensorrt):
    """The TensorRT where the driver is too old for it: it makes nothing, and only warns why."""

    def nothing(log):
        log.log(tensorrt.module.ILogger.Severity.WARNING, NO_CUDA)
        raise TypeError("pybind11::init(): factory function returned nullptr")

    module = SimpleNamespace(**vars(tensorrt.module) | {"Builder": nothing, "Runtime": nothing})
    return replace(tensorrt, module=module)


REFUSED = "[stdArchiveReader.cpp] Error Code 1: Serialization (Version tag does not match)"
NO_MEMORY = "[runtime.cpp::deserializeCudaEngine] Error Code 2: OutOfMemory (no further information)"


def loaded(model, tensorrt, progress):
    pytest.importorskip("torch", reason="TensorRT's buffers need torch")
    from dope_ros.engine.tensorrt.engine import _built

    return _built(model, tensorrt, T4, AHEAD, progress)


def test_a_tensorrt_that_cannot_start_says_why_and_the_engine_in_the_cache_stays(model, tensorrt, cache):
    why = r"TensorRT cannot start: .*CUDA initialization failure with error: 35"
    with pytest.raises(EngineError, match=why):
        build_engine(model, without_cuda(tensorrt), T4, AHEAD, silent)
    plan = cached_engine(model, tensorrt, T4, AHEAD, silent)
    with pytest.raises(EngineError, match=why):
        loaded(model, without_cuda(tensorrt), silent)
    assert read_plan(cache / plan.key.file_name()) == plan


def test_a_gpu_that_is_listed_and_cannot_be_used_is_an_error_that_says_why(monkeypatch):
    torch = pytest.importorskip("torch", reason="TensorRT's buffers need torch")
    from dope_ros.engine.tensorrt.engine import this_gpu

    def busy():
        raise RuntimeError("CUDA-capable device(s) is/are busy or unavailable")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", busy)
    with pytest.raises(EngineError, match="busy or unavailable"):
        this_gpu()


def test_an_engine_in_the_cache_that_tensorrt_refuses_is_replaced_once(model, tensorrt, cache):
    plan = cached_engine(model, tensorrt, T4, AHEAD, silent)
    path = cache / plan.key.file_name()
    write_plan(path, replace(plan, data=plan.data[:-100]))
    told = []
    with pytest.raises(EngineError, match=r"cannot load the engine: .*Version tag does not match"):
        loaded(model, unable(tensorrt, REFUSED), told.append)
    assert len(read_plan(path).data) > len(plan.data) - 100
    assert sum("the engine in the cache is built again" in line for line in told) == 1
    assert sum("engine kept as" in line for line in told) == 1


@pytest.mark.usefixtures("cache")
def test_an_engine_just_built_that_tensorrt_refuses_is_not_built_again(model, tensorrt):
    told = []
    with pytest.raises(EngineError, match="Version tag"):
        loaded(model, unable(tensorrt, REFUSED), told.append)
    assert not any("in the cache" in line for line in told)
    assert sum("engine kept as" in line for line in told) == 1


def test_an_engine_in_the_cache_that_there_is_no_memory_for_stays(model, tensorrt, cache):
    plan = cached_engine(model, tensorrt, T4, AHEAD, silent)
    told = []
    with pytest.raises(EngineError, match="OutOfMemory"):
        loaded(model, unable(tensorrt, NO_MEMORY), told.append)
    assert told == []
    assert read_plan(cache / plan.key.file_name()) == plan


def test_a_model_whose_weights_lie_in_another_file_is_another_one_with_other_weights(tensorrt, tmp_path):
    """The model is one of an earlier release, which names no hash of the other file."""
    model, weights = tmp_path / DEFAULT_MODEL_INT8.name, tmp_path / DEFAULT_MODEL.name
    earlier = onnx.load(DEFAULT_MODEL_INT8, load_external_data=False)
    helper.set_model_props(
        earlier, {entry.key: entry.value for entry in earlier.metadata_props if entry.key != WEIGHTS_KEY}
    )
    model.write_bytes(earlier.SerializeToString())
    weights.write_bytes(DEFAULT_MODEL.read_bytes())
    before = key_of(read_model(model), tensorrt, T4, AHEAD)
    weights.write_bytes(weights.read_bytes() + b" ")
    assert key_of(read_model(model), tensorrt, T4, AHEAD).model != before.model
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"its weights are in dope-lite\.onnx, which is cut off"):
        read_model(model)
    weights.unlink()
    with pytest.raises(ModelError, match=r"its weights are in .*dope-lite\.onnx, which is not there"):
        read_model(model)


def test_a_model_whose_weights_are_a_link_to_another_folder_is_read(tmp_path):
    for path in (DEFAULT_MODEL, DEFAULT_MODEL_INT8):
        (tmp_path / path.name).symlink_to(path)
    linked, own = (
        read_model(folder / DEFAULT_MODEL_INT8.name) for folder in (tmp_path, DEFAULT_MODEL.parent)
    )
    assert linked == own


@pytest.mark.parametrize("place", ["../weights", "/dev/zero"])
def test_weights_outside_a_models_folder_are_not_read(tmp_path, place):
    model = onnx.load(write_tiny_model(tmp_path / "tiny.onnx"))
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, place)
    tensor.data_location = TensorProto.EXTERNAL
    (tmp_path / "tiny.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="not below its own folder"):
        read_model(tmp_path / "tiny.onnx")


def test_an_engine_is_run_by_the_tensorrt_that_built_it(tensorrt):
    assert find_tensorrt_of(str(tensorrt)).builds_ahead
    with pytest.raises(EngineError, match=r"built with TensorRT 8\.5\.2; here is TensorRT-RTX"):
        find_tensorrt_of("TensorRT 8.5.2")


def test_a_folder_called_tensorrt_is_none(tensorrt, tmp_path, monkeypatch):
    (tmp_path / "tensorrt").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    found = str(find_tensorrt())
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    assert found == str(tensorrt)


# What TensorRT 8 is told of precisions: a stand-in for the part of its interface that is used


@dataclass
class Layer8:
    """A layer of TensorRT 8 with the kinds of its inputs and outputs, as TensorRT infers them.

    `types` are the outputs' types that were set.  Of others `get_output_type` says float32, unless they are
    whole numbers by nature.
    """

    type: str
    inputs: list
    outputs: list
    types: dict = field(default_factory=dict)
    precision: str | None = None

    @property
    def num_inputs(self):
        return len(self.inputs)

    @property
    def num_outputs(self):
        return len(self.outputs)

    def get_input(self, index):
        return SimpleNamespace(dtype=self.inputs[index])

    def get_output(self, index):
        return SimpleNamespace(dtype=self.outputs[index])

    def get_output_type(self, index):
        return self.types.get(index, "int32" if self.outputs[index] == "int32" else "float32")

    def set_output_type(self, index, kind):
        self.types[index] = self.outputs[index] = kind


def held(*layers):
    """The flags that TensorRT 8 is given for these layers."""
    kinds = {kind: kind for kind in ("float32", "float16")}
    types = SimpleNamespace(CONSTANT="constant", SHAPE="shape", CAST="cast", IDENTITY="identity")
    flags = SimpleNamespace(FP16="fp16", OBEY_PRECISION_CONSTRAINTS="obey")
    network = SimpleNamespace(num_layers=len(layers), get_layer=lambda index: layers[index])
    given = []
    config = SimpleNamespace(set_flag=given.append)
    _keep_precisions(SimpleNamespace(LayerType=types, BuilderFlag=flags, **kinds), network, config)
    return given


def test_layers_that_choose_among_floats_are_held_to_float():
    half = Layer8("convolution", ["float16", "float16"], ["float16"])
    best = Layer8("topk", ["float32"], ["float32", "int32"])
    larger = Layer8("elementwise", ["float32", "float32"], ["bool"])
    cast = Layer8("cast", ["float32"], ["float16"], {0: "float16"})
    assert held(half, best, larger, cast) == ["obey", "fp16"]
    assert [layer.precision for layer in (half, best, larger, cast)] == [
        "float16",
        "float32",
        "float32",
        None,
    ]
    assert half.types == {0: "float16"}
    assert best.types == {0: "float32"}
    assert larger.types == {}


def test_a_model_whose_casts_alone_are_in_half_precision_may_use_it():
    cast = Layer8("identity", ["float32"], ["float16"], {0: "float16"})
    assert held(cast) == ["obey", "fp16"]


def test_a_float_model_has_no_half_precision():
    assert held(Layer8("convolution", ["float32"], ["float32"])) == ["obey"]


# The command, and what runs where there is no GPU


def test_the_command_builds_ahead(model, tmp_path, capsys):
    out = tmp_path / "tiny.engine"
    assert main(["build", str(model), "--out", str(out), "--target", "t4"]) == 0
    assert read_plan(out).key.gpu == "Tesla T4"
    assert "tiny.engine" in capsys.readouterr().out


def test_ctrl_c_ends_the_command_and_no_engine_is_written(tensorrt, tmp_path):
    if not hasattr(tensorrt.module, "IProgressMonitor"):
        pytest.skip("this TensorRT cannot be interrupted")
    out = tmp_path / "lite.engine"
    # What a shell starts in the background ignores Ctrl-C, and so does this test if it runs there.
    hears = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{hears}; from dope_ros.cli import main; sys.exit(main())"]
    arguments = ["build", str(DEFAULT_MODEL), "--out", str(out), "--target", "t4"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([*command, *arguments], env=unbuffered, **pipes) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if re.search(r": \d of \d", line))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said == "dope: the build was given up\n"
    assert not out.exists()


@pytest.fixture
def hears_ctrl_c():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_who_presses_ctrl_c_twice_does_not_wait():
    def interrupted():
        with given_up_on_interrupt(silent) as progress:
            signal.raise_signal(signal.SIGINT)
            assert not progress("one step")
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()


@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_that_nothing_asks_for_is_not_lost():
    def interrupted():
        with given_up_on_interrupt(silent) as progress:
            assert progress("one step")
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_engine_that_nothing_would_take_for_one_is_not_built(model, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["build", str(model), "--out", str(tmp_path / "tiny.plan"), "--target", "t4"])
    assert "tiny.plan' does not end in .engine" in capsys.readouterr().err
    assert not (tmp_path / "tiny.plan").exists()


def test_the_command_checks_targets(model, capsys):
    assert main(["check", str(model), "--target", "t4,orin"]) == 0
    printed = capsys.readouterr().out
    assert "compiles for Tesla T4" in printed
    assert "unchecked" in printed


def test_the_command_fails_if_a_target_does_not_compile(tmp_path, capsys):
    slow = write_tiny_model(tmp_path / "slow.onnx", slow=True)
    # TensorRT-RTX has no float matrix products on a T4.
    assert main(["check", str(slow), "--target", "t4", "--float"]) == 1
    assert "does not compile for Tesla T4" in capsys.readouterr().out


def without_driver():
    try:
        require_driver()
    except EngineError:
        return True
    return False


@pytest.mark.skipif(
    not without_driver(), reason="this machine has an NVIDIA driver: TensorRT may run the model"
)
def test_auto_says_why_tensorrt_does_not_run_the_model(model):
    told = []
    engine = load_engine(model, "auto", progress=told.append)
    assert "ONNX Runtime" in engine.description
    assert told == ["ONNX Runtime runs tiny.onnx, TensorRT cannot: there is no NVIDIA driver on this machine"]
    with pytest.raises(EngineError, match="no NVIDIA driver"):
        load_engine(model, "tensorrt")
    engine.run(np.zeros((96, 128, 3), np.uint8))
