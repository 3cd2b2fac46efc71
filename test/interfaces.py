# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Message packages that the node uses where they are installed, for tests where they are not.

The definitions are the public interfaces of tf2_msgs and of REP-155, as far as the node speaks them. They are
built once, into build/, and made known to this process and those that it starts.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from processes import one_at_a_time

ROOT = Path(__file__).parent.parent
WORKSPACE = ROOT / "build" / "test_interfaces"

SKELETON_POINTS = (
    *("NOSE", "NECK", "RIGHT_SHOULDER", "RIGHT_ELBOW", "RIGHT_WRIST", "LEFT_SHOULDER", "LEFT_ELBOW"),
    *("LEFT_WRIST", "RIGHT_HIP", "RIGHT_KNEE", "RIGHT_ANKLE", "LEFT_HIP", "LEFT_KNEE", "LEFT_ANKLE"),
    *("LEFT_EYE", "RIGHT_EYE", "LEFT_EAR", "RIGHT_EAR"),
)

DEFINITIONS = {
    "tf2_msgs": {"TFMessage": "geometry_msgs/TransformStamped[] transforms"},
    "hri_msgs": {
        "IdsList": "std_msgs/Header header\nstring[] ids",
        "IdsMatch": "int8 UNSET=0\nint8 PERSON=1\nint8 FACE=2\nint8 BODY=3\nint8 VOICE=4\n"
        "string id1\nint8 id1_type\nstring id2\nint8 id2_type\nfloat32 confidence",
        "NormalizedPointOfInterest2D": "float32 x\nfloat32 y\nfloat32 c",
        "NormalizedRegionOfInterest2D": "std_msgs/Header header\n"
        "float32 xmin\nfloat32 ymin\nfloat32 xmax\nfloat32 ymax\nfloat32 c",
        "Skeleton2D": "std_msgs/Header header\n"
        + "".join(f"uint8 {name}={index}\n" for index, name in enumerate(SKELETON_POINTS))
        + "NormalizedPointOfInterest2D[18] skeleton",
        "FacialLandmarks": "std_msgs/Header header\nNormalizedPointOfInterest2D[70] landmarks\n"
        "uint32 height\nuint32 width",
    },
}

MANIFEST = """<?xml version="1.0"?>
<package format="3">
  <name>{name}</name>
  <version>0.0.0</version>
  <description>For tests.</description>
  <maintainer email="dope_ros@users.noreply.github.com">dope_ros authors</maintainer>
  <license>Apache-2.0</license>
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
  <depend>geometry_msgs</depend>
  <depend>std_msgs</depend>
  <member_of_group>rosidl_interface_packages</member_of_group>
  <export><build_type>ament_cmake</build_type></export>
</package>
"""

CMAKE = """cmake_minimum_required(VERSION 3.16)
project({name})
find_package(ament_cmake REQUIRED)
find_package(geometry_msgs REQUIRED)
find_package(std_msgs REQUIRED)
find_package(rosidl_default_generators REQUIRED)
rosidl_generate_interfaces(${{PROJECT_NAME}} {files} DEPENDENCIES geometry_msgs std_msgs)
ament_package()
"""


def provide_interfaces() -> None:
    """Make all packages of `DEFINITIONS` importable, here and in child processes; builds what is missing."""
    missing = [name for name in DEFINITIONS if find_spec(name) is None]
    if not missing:
        return
    with one_at_a_time(WORKSPACE / "lock"):
        if not _is_built(missing):
            _build(missing)
    for name in missing:
        _use(WORKSPACE / "install" / name)


def environment_without() -> dict[str, str]:
    """The environment of a machine that lacks what is built here."""
    return {
        name: os.pathsep.join(path for path in value.split(os.pathsep) if str(WORKSPACE) not in path)
        for name, value in os.environ.items()
    }


def _mark(names: list[str]) -> str:
    return hashlib.sha256(repr((names, DEFINITIONS, MANIFEST, CMAKE, sys.prefix)).encode()).hexdigest()


def _is_built(names: list[str]) -> bool:
    mark = WORKSPACE / "mark"
    return mark.is_file() and mark.read_text() == _mark(names)


def _build(names: list[str]) -> None:
    for name in names:
        folder = WORKSPACE / "src" / name
        (folder / "msg").mkdir(parents=True, exist_ok=True)
        (folder / "package.xml").write_text(MANIFEST.format(name=name))
        files = [f"msg/{message}.msg" for message in DEFINITIONS[name]]
        (folder / "CMakeLists.txt").write_text(CMAKE.format(name=name, files=" ".join(files)))
        for message, definition in DEFINITIONS[name].items():
            (folder / "msg" / f"{message}.msg").write_text(definition + "\n")
    command = [sys.executable, "-m", "colcon", "build", "--packages-select", *names]
    options = ["--cmake-args", f"-DPython3_EXECUTABLE={sys.executable}"]
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "")
    environment = os.environ | {"CMAKE_PREFIX_PATH": prefixes, "COLCON_LOG_LEVEL": "error"}
    done = subprocess.run(
        [*command, *options],
        cwd=WORKSPACE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, (
        f"the test's messages do not build:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    (WORKSPACE / "mark").write_text(_mark(names))


def _use(prefix: Path) -> None:
    (packages,) = prefix.glob("lib/python3*/site-packages")
    sys.path.append(str(packages))
    for variable, path in (
        ("AMENT_PREFIX_PATH", prefix),
        ("PYTHONPATH", packages),
        ("LD_LIBRARY_PATH", prefix / "lib"),
    ):
        os.environ[variable] = os.pathsep.join(filter(None, (str(path), os.environ.get(variable, ""))))
    _preload(sorted((prefix / "lib").glob("*.so")))


def _preload(libraries: list[Path]) -> None:
    """Load libraries that depend on each other; the loader reads LD_LIBRARY_PATH at the start alone."""
    for _ in range(len(libraries)):
        failed = []
        for library in libraries:
            try:
                ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
            except OSError:
                failed.append(library)
        if not failed:
            return
        libraries = failed
    raise AssertionError(f"cannot load {', '.join(map(str, libraries))}")
