# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The launch file as `ros2 launch` runs it, in a process of its own, against the real node."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import pytest
import rclpy
import yaml
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from processes import ros_domains
from rcl_interfaces.srv import GetParameters
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python
from rclpy.task import Future

pytest.importorskip("launch_ros", reason="launch_ros is not installed: it comes with ROS 2, and is no wheel")
if shutil.which("ros2") is None:
    pytest.skip("the ros2 command is not installed: it comes with ROS 2", allow_module_level=True)

LAUNCH = ["ros2", "launch", "dope_ros", "dope.launch.py"]

OF_A_ROBOT = """
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import PushRosNamespace
from launch_ros.substitutions import FindPackageShare

def generate_launch_description():
    dope = PathJoinSubstitution([FindPackageShare("dope_ros"), "launch", "dope.launch.py"])
    return LaunchDescription([GroupAction([PushRosNamespace("robot"), IncludeLaunchDescription(dope)])])
"""
"""A launch file that includes ours in a namespace."""

ANSWER_SECONDS = 60.0
"""Within these a starting node answers; loading the network on a busy machine takes some of them."""

REPLY_SECONDS = 2.0
"""After these a request counts as lost, and is sent again."""

DOMAINS = cycle(ros_domains())
"""ROS domains, so that no test sees what another one left."""

T = TypeVar("T")


class Launched:
    """The launch file, running as in a terminal, and a node that looks at what it starts."""

    def __init__(self, command: list[str], domain: int, log: Path) -> None:
        environment = os.environ | {
            "ROS_DOMAIN_ID": str(domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        }
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.observer = Node("observer", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.observer)
        self._clients: dict[str, Client] = {}

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for(self, value: Callable[[], T | None]) -> T:
        """The first value that is not None; fails with the output where none comes."""
        deadline = monotonic() + ANSWER_SECONDS
        while (found := value()) is None:
            assert self.process.poll() is None, self.output
            assert monotonic() < deadline, self.output
            self._executor.spin_once(timeout_sec=0.1)
        return found

    def ask(self, kind: Any, name: str, request: Any) -> Any:
        """The answer of a service."""
        client = self._clients.get(name) or self.observer.create_client(kind, name)
        self._clients[name] = client
        self.wait_for(lambda: client.service_is_ready() or None)
        return self.wait_for(lambda: self._answer(client.call_async(request)))

    def _answer(self, future: Future) -> Any | None:
        """What a request brings; None where it is lost, as while the service does not know us yet."""
        self._executor.spin_until_future_complete(future, timeout_sec=REPLY_SECONDS)
        return future.result() if future.done() else None

    def state(self, node: str = "/dope") -> int:
        """The lifecycle state of the node now."""
        return self.ask(GetState, f"{node}/get_state", GetState.Request()).current_state.id

    def wait_until_started(self, processes: int) -> None:
        """Wait until so many processes are; launch hangs if it is interrupted while it starts some."""
        self.wait_for(lambda: self.output.count("process started with pid") >= processes or None)

    def wait_until_active(self, node: str = "/dope") -> None:
        """Wait until the node is active."""
        self.wait_for(lambda: self.state(node) == State.PRIMARY_STATE_ACTIVE or None)

    def parameters(self, *names: str) -> dict[str, Any]:
        """Values of the node's parameters."""
        response = self.ask(GetParameters, "/dope/get_parameters", GetParameters.Request(names=names))
        return dict(zip(names, map(parameter_value_to_python, response.values), strict=True))

    def press_ctrl_c(self) -> int:
        """What a terminal does on Ctrl-C: interrupts every process in it. Returns the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=30)

    def close(self) -> None:
        """End all that is left, by force what does not go by itself."""
        self._executor.shutdown()
        self.observer.destroy_node()
        self._context.try_shutdown()
        if self.process.poll() is not None:
            return
        try:
            self.press_ctrl_c()
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError(f"launch did not end when interrupted:\n{self.output}") from None


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    """Starts the launch file, or another, with arguments; ends it after the test."""
    running = []

    def launch(*arguments: str, command: list[str] = LAUNCH) -> Launched:
        running.append(Launched([*command, *arguments], next(DOMAINS), tmp_path / "launch.log"))
        return running[-1]

    yield launch
    for each in running:
        each.close()


@pytest.fixture
def of_a_robot(tmp_path: Path) -> list[str]:
    """The command that starts OF_A_ROBOT."""
    file = tmp_path / "robot.launch.py"
    file.write_text(OF_A_ROBOT)
    return ["ros2", "launch", str(file)]


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    """A parameter file that differs from the defaults."""
    parameters = {"integration": "nms", "image_transport": "compressed", "autostart": False}
    file = tmp_path / "params.yaml"
    file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}))
    return file


def test_the_node_becomes_active_and_ctrl_c_ends_everything_cleanly(launched):
    launch = launched()
    launch.wait_until_active()
    assert launch.press_ctrl_c() == 0
    assert "process has finished cleanly" in launch.output
    assert "process has died" not in launch.output


def test_the_node_waits_for_a_lifecycle_manager_where_autostart_is_false(launched):
    launch = launched("autostart:=false")
    assert launch.state() == State.PRIMARY_STATE_UNCONFIGURED


def test_arguments_beat_the_parameter_file(launched, params_file):
    launch = launched(f"params_file:={params_file}", "image_transport:=raw", "autostart:=true")
    assert launch.parameters("image_transport", "autostart") == {"image_transport": "raw", "autostart": True}


def test_the_parameter_file_decides_where_no_argument_is_given(launched, params_file):
    launch = launched(f"params_file:={params_file}")
    expected = {"integration": "nms", "image_transport": "compressed", "autostart": False}
    assert launch.parameters(*expected) == expected


def test_what_a_parameter_file_does_not_name_is_as_in_that_of_the_package(launched, params_file):
    launch = launched(f"params_file:={params_file}")
    assert launch.parameters("tracking") == {"tracking": "smooth"}


def test_the_node_subscribes_to_the_topics_that_are_named(launched):
    launch = launched("image:=/head/image_color", "camera_info:=/head/info", "image_transport:=compressed")

    def topics() -> set[str] | None:
        if ("dope", "/") not in launch.observer.get_node_names_and_namespaces():
            return None
        found = {name for name, _ in launch.observer.get_subscriber_names_and_types_by_node("dope", "/")}
        return found if "/head/info" in found else None

    assert launch.wait_for(topics) >= {"/head/image_color/compressed", "/head/info"}


def test_a_namespace_holds_the_node_and_its_topics(launched):
    launch = launched("namespace:=robot")
    launch.wait_until_active("/robot/dope")
    published = {name for name, _ in launch.observer.get_publisher_names_and_types_by_node("dope", "/robot")}
    assert "/robot/dope/poses" in published


def test_the_log_level_is_the_nodes_in_a_namespace_too(launched):
    launch = launched("namespace:=robot", "log_level:=error")
    launch.wait_until_active("/robot/dope")
    assert launch.press_ctrl_c() == 0
    assert "[robot.dope]" not in launch.output


def test_the_log_level_is_the_nodes_in_the_namespace_of_a_robot_too(launched, of_a_robot):
    launch = launched("log_level:=error", command=of_a_robot)
    launch.wait_until_active("/robot/dope")
    assert launch.press_ctrl_c() == 0
    assert "[robot.dope]" not in launch.output


@pytest.fixture
def rviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the arguments are that RViz is started with; it is one that needs no screen."""
    prefix = tmp_path / "rviz"
    index, program = (
        prefix / "share" / "ament_index" / "resource_index" / "packages",
        prefix / "lib" / "rviz2",
    )
    for folder in (index, program):
        folder.mkdir(parents=True)
    (index / "rviz2").touch()
    arguments = tmp_path / "rviz_arguments"
    script = f'#!/bin/sh\nprintf "%s\\n" "$@" > {arguments}.new && mv {arguments}.new {arguments}\n'
    (program / "rviz2").write_text(script)
    (program / "rviz2").chmod(0o755)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{prefix}:{os.environ['AMENT_PREFIX_PATH']}")
    return arguments


@pytest.mark.parametrize(
    ("arguments", "fixed_frame", "topics"),
    [
        ([], None, {"/image": "/image", "/dope/markers": "/dope/markers"}),
        (["image:=/camera/image_raw", "target_frame:=map"], "map", {"/image": "/camera/image_raw"}),
        (["target_frame:=/map"], "map", {"/image": "/image"}),
        (["target_frame:=map", "fixed_frame:=camera_link"], "camera_link", {"/image": "/image"}),
        (
            ["namespace:=/robot", "image:=front/image"],
            None,
            {
                "/image": "/robot/front/image",
                "/dope/markers": "/robot/dope/markers",
                "/dope/overlay": "/robot/dope/overlay",
            },
        ),
        (["namespace:=robot", "image:=~/image"], None, {"/image": "/robot/dope/image"}),
    ],
)
def test_rviz_shows_the_topics_of_the_node_in_a_frame_that_is_known(
    launched, rviz, arguments, fixed_frame, topics
):
    launch = launched("rviz:=true", "autostart:=false", *arguments)
    launch.wait_until_started(2)
    words = launch.wait_for(lambda: rviz.read_text().splitlines() if rviz.is_file() else None)
    assert words[words.index("-d") + 1].endswith("config/dope.rviz")
    assert (words[words.index("-f") + 1] if "-f" in words else None) == fixed_frame
    remaps = dict(word.split(":=") for word in words if ":=" in word and word.startswith("/"))
    assert topics.items() <= remaps.items()


def test_rviz_shows_the_topics_of_a_node_in_the_namespace_of_a_robot(launched, rviz, of_a_robot):
    launch = launched("rviz:=true", "autostart:=false", "image:=front/image", command=of_a_robot)
    launch.wait_until_started(2)
    words = launch.wait_for(lambda: rviz.read_text().splitlines() if rviz.is_file() else None)
    assert {"/image:=/robot/front/image", "/dope/markers:=/robot/dope/markers"} <= set(words)


@pytest.mark.parametrize(
    ("arguments", "expected"), [([], set()), (["use_sim_time:=True"], {"use_sim_time: true"})]
)
def test_node_and_rviz_take_the_time_from_the_same_clock(launched, rviz, arguments, expected):
    launch = launched("rviz:=true", "autostart:=false", *arguments)
    launch.wait_until_started(2)
    words = launch.wait_for(lambda: rviz.read_text().splitlines() if rviz.is_file() else None)
    files = [Path(words[index + 1]) for index, word in enumerate(words) if word == "--params-file"]
    told = {line.strip() for file in files for line in file.read_text().splitlines()}
    assert {line for line in told if line.startswith("use_sim_time")} == expected
    assert launch.parameters("use_sim_time") == {"use_sim_time": bool(expected)}


def test_rviz_is_not_started_where_nobody_asks_for_it(launched, rviz):
    launch = launched()
    launch.wait_until_active()
    assert not rviz.exists()


def test_a_wrong_choice_is_refused():
    result = subprocess.run([*LAUNCH, "engine:=abacus"], capture_output=True, text=True, timeout=60)
    assert result.returncode != 0
    assert '"abacus" is not valid' in result.stdout + result.stderr


def test_every_argument_is_described():
    command = [*LAUNCH, "--show-args"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    for name in ("image", "camera_info", "image_transport", "model", "engine", "autostart", "params_file"):
        assert f"'{name}':" in shown
    for name in ("depth", "depth_camera_info", "rectified", "use_depth", "body_size", "tracking"):
        assert f"'{name}':" in shown
    for name in ("target_frame", "broadcast_tf", "hri", "namespace", "log_level", "rviz", "fixed_frame"):
        assert f"'{name}':" in shown
    assert "'use_sim_time':" in shown
    assert "no description given" not in shown
