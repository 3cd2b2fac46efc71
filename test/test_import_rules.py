# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rooms of the package, and which of them may import which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dope_ros

LAYERS = (
    {"skeleton", "errors", "stopwatch", "boxes"},
    {"files", "jpeg", "poses", "settings", "palette", "pictures"},
    {"joint_arrays"},
    {"preprocess", "geometry", "postprocess", "draw", "network", "onnx_graph"},
    {"tracking", "transform_tree", "engine"},
    {"pipeline", "export"},
    {"ros", "training"},
    {"cli"},
)
"""From the bottom to the top: a room imports itself and rooms of lower layers."""

TRAINING_LAYERS = (
    {"synthetic", "part_names"},
    {"datasets"},
    {"experts", "evaluation", "loading"},
    {"labelling", "composing", "anchor_poses", "losses"},
    {"anchor_picture", "distillation"},
    {"runs"},
)
"""The same within `training`, which is half of the package."""

ROS_PACKAGES = {
    *("rclpy", "rosbags", "cv_bridge", "launch", "launch_ros", "ament_index_python", "rosidl_runtime_py"),
    *(f"{kind}_msgs" for kind in ("builtin_interfaces", "diagnostic", "geometry", "lifecycle", "rosgraph")),
    *("sensor_msgs", "std_msgs", "visualization_msgs", "rcl_interfaces", "dope_ros.msg"),
    *("tf2_msgs", "tf2_ros", "hri_msgs"),
}
TORCH_PACKAGES = {"torch", "torchvision"}

TORCH_FILES = {"engine/torch.py", "engine/tensorrt/engine.py"}
"""Outside the rooms for training: what runs a checkpoint, and what needs CUDA; imported only for that."""

RUNTIME_FILES = {"engine/torch.py", "engine/tensorrt/engine.py"}
"""They need a runtime that not every machine has."""


def sources():
    package = Path(dope_ros.__file__).resolve().parent
    return {path.relative_to(package).as_posix(): path for path in sorted(package.rglob("*.py"))}


def room_of(name):
    """`engine/onnx.py` and `dope_ros.engine.onnx` are in the room `engine`; `__init__.py` is in none."""
    parts = name.removesuffix(".py").removeprefix("dope_ros.").replace("/", ".").split(".")
    return None if parts[0] in {"__init__", "dope_ros"} else parts[0]


def imports_of(path):
    """The full names of all that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def training_room_of(name):
    """`training/losses/rois.py` and `dope_ros.training.losses.rois` are in its room `losses`."""
    parts = name.removesuffix(".py").removeprefix("dope_ros.").replace("/", ".").split(".")
    return parts[1] if parts[0] == "training" and parts[1:] not in ([], ["__init__"]) else None


def is_of(imported, packages):
    return any(imported == package or imported.startswith(package + ".") for package in packages)


FILES = sources()
every_file = pytest.mark.parametrize("name", FILES)


def allowed_rooms(room, layers=LAYERS):
    layer = next(index for index, rooms in enumerate(layers) if room in rooms)
    return {room}.union(*layers[:layer])


def test_every_room_has_a_layer():
    rooms = {room_of(name) for name in FILES} - {None}
    assert rooms <= set().union(*LAYERS), "a new room needs a layer in this test"
    assert {"skeleton", "engine", "pipeline", "ros", "cli"} <= rooms
    in_training = {training_room_of(name) for name in FILES} - {None}
    assert in_training == set().union(*TRAINING_LAYERS), "a new room of training needs a layer, too"


@every_file
def test_a_file_imports_its_own_room_and_lower_ones_alone(name):
    own = {imported for imported in imports_of(FILES[name]) if is_of(imported, {"dope_ros"})}
    if room_of(name) is None:
        assert not own
        return
    rooms = {room_of(imported) for imported in own if not is_of(imported, ROS_PACKAGES)}
    # `from dope_ros import geometry` names a room, `from dope_ros import __version__` does not.
    assert rooms - {None, "__version__"} <= allowed_rooms(room_of(name))


@pytest.mark.parametrize("name", [name for name in FILES if training_room_of(name)])
def test_a_file_of_the_training_imports_its_own_room_and_lower_ones_alone(name):
    own = {imported for imported in imports_of(FILES[name]) if is_of(imported, {"dope_ros.training"})}
    rooms = {training_room_of(imported) for imported in own}
    assert None not in rooms, "a room is imported from, not the training as a whole"
    assert rooms <= allowed_rooms(training_room_of(name), TRAINING_LAYERS)


@every_file
def test_ros_is_imported_in_its_room_alone(name):
    if room_of(name) == "ros":
        return
    assert not [imported for imported in imports_of(FILES[name]) if is_of(imported, ROS_PACKAGES)]


@every_file
def test_torch_is_imported_for_training_alone(name):
    if room_of(name) in {"network", "training"} or name in TORCH_FILES:
        return
    assert not [imported for imported in imports_of(FILES[name]) if is_of(imported, TORCH_PACKAGES)]


def test_a_robot_without_training_loads_neither_torch_nor_ros_for_the_pipeline_and_the_command():
    modules = [
        "dope_ros." + name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for name in FILES
        if room_of(name) not in {None, "ros", "network", "export", "training"} and name not in RUNTIME_FILES
    ]
    assert {"dope_ros.pipeline", "dope_ros.cli", "dope_ros.engine.onnx"} <= set(modules)
    unwanted = sorted(ROS_PACKAGES | TORCH_PACKAGES | {"tensorrt", "tensorrt_rtx"})
    rooms = ["dope_ros.ros", "dope_ros.network", "dope_ros.export", "dope_ros.training"]
    program = f"""
import importlib, sys
for module in {modules}:
    importlib.import_module(module)
print(*[name for name in {unwanted + rooms} if name in sys.modules])
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
