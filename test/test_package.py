# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is said in more than one place agrees, and the installed package is complete."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import get_package_prefix, get_package_share_directory
from catkin_pkg.package import Package, parse_package

import dope_ros
from dope_ros.engine import DEFAULT_MODEL, ENGINES
from dope_ros.geometry import BODY_SIZES
from dope_ros.msg import PartPose3D
from dope_ros.ros.parameters import IMAGE_TRANSPORTS, PARAMETERS
from dope_ros.ros.transport import PROFILES_VARIABLES, use_large_shared_memory
from dope_ros.skeleton import FACE_FEATURES, SKELETONS, Part
from dope_ros.tracking import TRACKINGS

ROOT = Path(__file__).parent.parent

ROSDEP_KEYS = {
    "numpy": "python3-numpy",
    "onnxruntime": "python3-onnxruntime-pip",
    "opencv-python-headless": "python3-opencv",
    "scipy": "python3-scipy",
    "simplejpeg": "python3-simplejpeg-pip",
}

LACKING = """
import sys

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Lacking())
"""
"""A plugin of pytest: this Python lacks some modules."""

LACKED_BY_A_ROBOT = {
    *("anny", "cdflib", "dacite", "numba", "onnx", "onnxslim", "tensorrt_rtx", "torch", "torchvision"),
}
"""What the manifest does not name, for there is no rosdep key of it or a robot has no use for it."""


@pytest.fixture(scope="module")
def manifest() -> Package:
    return parse_package(ROOT / "package.xml")


def from_setup_py(option: str) -> str:
    command = [sys.executable, "setup.py", "--quiet", option]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    return done.stdout.strip()


def message_constants() -> dict[str, int]:
    return {name: getattr(PartPose3D, name) for name in dir(type(PartPose3D)) if name.isupper()}


def constants_of(part: str) -> dict[str, int]:
    """The constants of a part of a person, without its name and without the count."""
    of_part = {name: value for name, value in message_constants().items() if name.startswith(f"{part}_")}
    return {
        name.removeprefix(f"{part}_").lower(): value
        for name, value in of_part.items()
        if not name.endswith("_COUNT")
    }


def launch_choices(argument: str) -> list[str]:
    """The choices of an argument of the launch file, which is read here where `launch` is not installed."""
    tree = ast.parse((ROOT / "launch" / "dope.launch.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    (call,) = [call for call in calls if getattr(call.args[0], "value", None) == argument]
    return next(ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "choices")


def source_files() -> list[Path]:
    folders = ("config", "demo", "dope_ros", "launch", "msg", "scripts", "test", "tools", ".ci")
    suffixes = {".py", ".sh", ".msg", ".yaml", ".rviz", ".xml"}
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
    files = [file for file in files if ROOT / "demo" / "out" not in file.parents]  # what `make demo` wrote
    named = [file for file in files if file.suffix in suffixes or file.parent.name in ("scripts", ".ci")]
    return [*named, *(ROOT / name for name in ("CMakeLists.txt", "Makefile", "package.xml", "setup.py"))]


def test_the_manifest_and_setup_py_and_the_package_name_one_version(manifest):
    assert manifest.version == from_setup_py("--version") == dope_ros.__version__


def test_the_manifest_keeps_the_rules_of_its_format(manifest):
    warnings: list[str] = []
    manifest.validate(warnings=warnings)
    assert not warnings
    assert manifest.package_format == 3


def test_each_requirement_of_the_python_package_is_a_dependency_in_the_manifest(manifest):
    lines = (ROOT / "requirements" / "runtime.txt").read_text().splitlines()
    requirements = [line.split(">=")[0] for line in lines if not line.startswith("#")]
    assert requirements
    dependencies = {dependency.name for dependency in manifest.exec_depends}
    assert {ROSDEP_KEYS.get(name, f"no rosdep key known for {name}") for name in requirements} <= dependencies


def test_each_ros_package_that_is_imported_is_a_dependency_in_the_manifest(manifest):
    files = [*(ROOT / "dope_ros" / "ros").rglob("*.py"), *(ROOT / "launch").glob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    packages = {module.split(".")[0] for module in modules}
    of_ros = {
        name for name in packages if name.endswith("_msgs") or name in ("cv_bridge", "launch", "launch_ros")
    }
    dependencies = {dependency.name for dependency in manifest.exec_depends}
    assert of_ros | {"rclpy"} <= dependencies


@pytest.mark.parametrize(("prefix", "part"), [("BODY", Part.BODY), ("HAND", Part.HAND)])
def test_the_joints_of_the_message_are_those_of_the_skeleton(prefix, part):
    assert constants_of(prefix) == {name: index for index, name in enumerate(SKELETONS[part].joints)}


def test_the_ranges_of_the_face_in_the_message_are_those_of_the_skeleton():
    begins = {f"{name}_begin": feature.start for name, feature in FACE_FEATURES.items()}
    ends = {f"{name}_end": feature.stop for name, feature in FACE_FEATURES.items()}
    assert constants_of("FACE") == begins | ends


def test_the_message_counts_the_joints_as_the_skeleton_does():
    counts = (PartPose3D.BODY_JOINT_COUNT, PartPose3D.HAND_JOINT_COUNT, PartPose3D.FACE_LANDMARK_COUNT)
    assert counts == tuple(len(SKELETONS[part]) for part in (Part.BODY, Part.HAND, Part.FACE))


def test_the_parameter_file_holds_each_parameter_of_the_node_at_its_default_but_for_tracking():
    document = yaml.safe_load((ROOT / "config" / "dope.yaml").read_text())
    expected = {spec.name: spec.default for spec in PARAMETERS} | {"tracking": "smooth"}
    assert document == {"/**": {"ros__parameters": expected}}


def test_the_launch_file_offers_the_values_that_the_node_takes():
    assert launch_choices("engine") == list(ENGINES)
    assert launch_choices("image_transport") == list(IMAGE_TRANSPORTS)
    assert launch_choices("tracking") == list(TRACKINGS)
    assert launch_choices("body_size") == list(BODY_SIZES)


def test_the_install_space_has_the_launch_file_the_configuration_and_the_model():
    share = Path(get_package_share_directory("dope_ros"))
    for path in ("launch/dope.launch.py", "config/dope.yaml", "config/dope.rviz"):
        assert (share / path).is_file(), path
    assert DEFAULT_MODEL.is_file()


def test_large_shared_memory_is_asked_of_each_version_of_fast_dds_and_leaves_a_users_profile_alone(
    monkeypatch,
):
    for variable in PROFILES_VARIABLES:
        monkeypatch.setenv(variable, "as it was")
        monkeypatch.delenv(variable)
    use_large_shared_memory()
    assert all(Path(os.environ[variable]).name == "fastdds.xml" for variable in PROFILES_VARIABLES)
    for variable in PROFILES_VARIABLES:
        monkeypatch.delenv(variable)
    monkeypatch.setenv(PROFILES_VARIABLES[1], "mine.xml")
    use_large_shared_memory()
    assert [os.environ.get(variable) for variable in PROFILES_VARIABLES] == [None, "mine.xml"]


def test_the_executables_are_where_ros2_run_looks_for_them():
    libexec = Path(get_package_prefix("dope_ros"), "lib", "dope_ros")
    for name in ("dope", "dope_node"):
        assert os.access(libexec / name, os.X_OK), name


def test_the_dope_command_is_on_the_path_and_says_its_version():
    command = shutil.which("dope")
    assert command is not None
    result = subprocess.run([command, "--version"], check=True, capture_output=True, text=True, timeout=120)
    assert dope_ros.__version__ in result.stdout


def test_every_source_file_names_its_licence():
    without = [
        str(file.relative_to(ROOT))
        for file in source_files()
        if "SPDX-License-Identifier: Apache-2.0" not in file.read_text()[:400]
    ]
    assert not without


def test_colcon_test_finds_its_way_on_a_robot_that_lacks_what_only_training_needs(tmp_path):
    (tmp_path / "lacking.py").write_text(LACKING.format(names=LACKED_BY_A_ROBOT))
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "lacking",
        "-p",
        "no:cacheprovider",
    ]
    environment = os.environ | {"PYTHONPATH": paths}
    found = subprocess.run(
        [*command, ROOT / "test"], env=environment, capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stdout[-3000:]
