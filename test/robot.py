# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot for the node under test: the node as a process of its own, and what else is on the ROS graph."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import rclpy
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from processes import ros_domains
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

from dope_ros.geometry import Intrinsics
from dope_ros.msg import WholeBodyPose3DArray
from dope_ros.ros.images import encode_image
from dope_ros.ros.installed import node_command

PATIENCE = 30.0
"""Seconds after which something awaited counts as never coming."""


class NodeProcess:
    """The node `dope` in a process of its own, and its log."""

    def __init__(
        self,
        parameters: Mapping[str, Any],
        remaps: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        settings = [word for name, value in parameters.items() for word in ("-p", f"{name}:={_yaml(value)}")]
        renames = [word for name, other in remaps.items() for word in ("-r", f"{name}:={other}")]
        self._process = subprocess.Popen(
            [*node_command(), "--ros-args", *settings, *renames],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self._log: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        """All that the node has logged so far."""
        return "".join(self._log)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_for_log(self, *words: str) -> str:
        """Wait for a line that holds all the words, and return it."""
        with self._changed:
            self._changed.wait_for(lambda: self._line_with(words) or not self._reader.is_alive(), PATIENCE)
            line = self._line_with(words)
        assert line, f"the node never logged {words}; its log:\n{self.log}"
        return line

    def send(self, with_signal: int) -> None:
        self._process.send_signal(with_signal)

    def interrupt(self, with_signal: int = signal.SIGINT) -> int:
        """End the node as Ctrl-C does, and return its exit code."""
        self.send(with_signal)
        return self.wait()

    def wait(self) -> int:
        """Wait until the node has ended, and return its exit code."""
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def end(self) -> None:
        """End the node, by force if it will not go by itself."""
        if not self.is_alive():
            return
        try:
            self.interrupt()
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"the node did not end when interrupted; its log:\n{self.log}") from None

    def _line_with(self, words: tuple[str, ...]) -> str:
        return next((line for line in self._log if all(word in line for word in words)), "")

    def _read_log(self) -> None:
        for line in self._process.stdout:
            with self._changed:
                self._log.append(line)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class Robot:
    """The rest of the ROS graph: a camera, listeners, and clients of the node's services."""

    def __init__(self) -> None:
        self._context = Context()
        rclpy.init(context=self._context)
        self.node = rclpy.create_node("robot", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.images = self.node.create_publisher(Image, "camera/image", qos_profile_sensor_data)
        self.camera_infos = self.node.create_publisher(
            CameraInfo, "camera/camera_info", qos_profile_sensor_data
        )
        self.poses = self.listen(WholeBodyPose3DArray, "dope/poses")
        self._frames = 0

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def listen(self, kind: type, topic: str, qos: Any = 50) -> list[Any]:
        """A list to which the messages of a topic are appended while `wait_until` runs."""
        received: list[Any] = []
        self.node.create_subscription(kind, topic, received.append, qos)
        return received

    def wait_until(self, condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
        """Handle messages until the condition holds, and return its value."""
        deadline = monotonic() + patience
        while not (value := condition()):
            assert monotonic() < deadline, f"never happened: {what}"
            self._executor.spin_once(timeout_sec=0.05)
        return value

    def image(self, picture: np.ndarray) -> Image:
        """A picture as a message with a stamp of its own."""
        self._frames += 1
        message = encode_image(picture)
        message.header.stamp.sec = self._frames
        message.header.frame_id = "camera_optical_frame"
        return message

    def show(self, message: Any, publisher: Any = None) -> WholeBodyPose3DArray:
        """Publish an image until its poses come, as a camera on a still scene; return the poses."""
        publisher = publisher or self.images
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            publisher.publish(message)
            try:
                return self.wait_until(lambda: self.answer_to(message), "poses of an image", patience=1.0)
            except AssertionError:
                continue  # best effort: an image may be lost, so the camera shows the next
        raise AssertionError("no poses came for an image")

    def answer_to(self, message: Any) -> WholeBodyPose3DArray | None:
        """The poses that carry an image's stamp, if they came."""
        return next((poses for poses in self.poses if poses.header.stamp == message.header.stamp), None)

    def call(self, kind: type, service: str, request: Any) -> Any:
        """Call a service once and return its response."""
        return self._answer(kind, service, request, patience=PATIENCE)

    def ask(self, kind: type, service: str, request: Any) -> Any:
        """Call a service that changes nothing by being called twice, until it answers; return its response.

        A response is lost where the server finds the client's reader later than the client finds the server:
        https://github.com/ros2/rmw_fastrtps/issues/392.
        """
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            try:
                return self._answer(kind, service, request, patience=5.0)
            except AssertionError:
                continue
        raise AssertionError(f"never happened: an answer of {service}")

    def _answer(self, kind: type, service: str, request: Any, patience: float) -> Any:
        client = self.node.create_client(kind, service)
        try:
            self.wait_until(client.service_is_ready, f"service {service}")
            future = client.call_async(request)
            self.wait_until(future.done, f"an answer of {service}", patience)
            return future.result()
        finally:
            self.node.destroy_client(client)

    def transition(self, transition: int) -> bool:
        """Ask for a lifecycle transition; says whether it succeeded."""
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.call(ChangeState, "dope/change_state", request).success

    def state(self) -> int:
        """The node's lifecycle state."""
        return self.ask(GetState, "dope/get_state", GetState.Request()).current_state.id

    def wait_for_active(self) -> None:
        self.wait_until(lambda: self.state() == State.PRIMARY_STATE_ACTIVE, "the node becomes active")

    def set_parameter(self, name: str, value: Any) -> Any:
        """Set a parameter of the node; the result says whether it was taken, and why not."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        return self.ask(SetParameters, "dope/set_parameters", request).results[0]

    def describe_parameters(self, names: list[str]) -> list[Any]:
        request = DescribeParameters.Request(names=names)
        return self.ask(DescribeParameters, "dope/describe_parameters", request).descriptors


@contextmanager
def running_node(
    parameters: Mapping[str, Any],
    remaps: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[NodeProcess]:
    """A node between the robot's camera and its listeners; ended at the end, whatever happened.

    Args:
        environment: of the process; None for that of the tests.
    """
    topics = {"image": "camera/image", "camera_info": "camera/camera_info", **(remaps or {})}
    process = NodeProcess(parameters, topics, environment)
    try:
        yield process
    finally:
        process.end()


def camera_info(width: int, height: int, camera: Intrinsics) -> CameraInfo:
    """The CameraInfo of a pinhole camera."""
    k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
    return CameraInfo(width=width, height=height, k=k)


def isolate_ros() -> None:
    """Keep the tests' nodes on this machine and away from any other; before `rclpy.init`."""
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(ros_domains()[0])


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, (str, Path)) else str(value)
