# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several test files share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from gpus import asks_for_gpus, hide_gpus
from hypothesis import settings

# On a machine that has other work an example takes as long as it takes.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it is in is not there
        return False


LACKING = [name for name in ("rclpy", "dope_ros.msg") if not is_there(name)]
"""Of what ROS 2 and the build of this package give."""

HAS_ROS = not LACKING

NEED_ROS = [
    *("node_*", "camera_topics", "depth_messages", "messages", "markers", "images", "package", "readme"),
    *("launch", "demo"),
]

collect_ignore_glob = [] if HAS_ROS else [f"test_{name}.py" for name in NEED_ROS]


def pytest_report_header() -> str:
    if HAS_ROS:
        return "ROS 2 found"
    return (
        f"no {' and no '.join(LACKING)} here: the tests of the node and its messages are left out; "
        "for them, run `make build` and `source tools/ros_env.sh`"
    )


LONGEST_FIRST = (
    *("training_overfit", "training_runs", "export", "engine_build", "node_lifecycle"),
    *("training_distillation", "node_frames", "node_poses", "cli", "node_load", "node_parameters"),
    *("node_hri", "demo"),
)
"""Test files that take a minute or more: begun last, one would keep one core busy and the others idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {f"test_{name}": rank for rank, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


def pytest_configure(config: pytest.Config) -> None:
    """Before anything starts ROS or CUDA, or keeps an engine."""
    cache = TemporaryDirectory(prefix="dope_ros_cache_")
    config.add_cleanup(cache.cleanup)
    os.environ["XDG_CACHE_HOME"] = cache.name
    if not asks_for_gpus(config.option.markexpr):
        hide_gpus()
    if not HAS_ROS:
        return
    from robot import isolate_ros

    from dope_ros.ros.transport import use_large_shared_memory

    isolate_ros()
    use_large_shared_memory()


@pytest.fixture(scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Makes folders for what the tests of a module share, and deletes them after the last of these.

    pytest keeps them until all tests are done; models and checkpoints of all modules would be gigabytes.
    """
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(tmp_path_factory.mktemp(name))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def interfaces() -> None:
    """The messages of tf2_msgs and hri_msgs, built where they are not installed."""
    from interfaces import provide_interfaces

    provide_interfaces()


@pytest.fixture
def robot() -> Iterator[Robot]:  # noqa: F821 (there is no Robot without ROS)
    """The rest of the ROS graph around a node under test."""
    from robot import Robot

    robot = Robot()
    yield robot
    robot.close()
