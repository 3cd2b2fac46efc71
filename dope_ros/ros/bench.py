# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Times the way between messages: in this process, and through a node of its own over DDS."""

from __future__ import annotations

import logging
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from dope_ros.errors import DopeError
from dope_ros.msg import WholeBodyPose3DArray
from dope_ros.pipeline import Pipeline
from dope_ros.ros.images import decode_image, encode_image
from dope_ros.ros.installed import node_command
from dope_ros.ros.messages import people_to_message
from dope_ros.ros.transport import use_large_shared_memory

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
"""A node that gives no answer for so long has failed; loading the model is within it."""

LOST_SECONDS, LOST_SHARE = 2.0, 3.0
"""An image without an answer for so long, and for so many times as long as the last answer took, is lost."""

ROUND_TRIP = "round trip"


@dataclass(frozen=True, slots=True)
class NodeTimes:
    """What was measured of a node.

    milliseconds: median and 95th percentile of each stage. The stages, `latency` and `overhead` are the
        node's own figures (median of its reports' medians, and the largest of their 95th percentiles);
        `round trip` is measured here, from publishing an image to receiving its poses.
    """

    description: str
    people: int
    frames: int
    milliseconds: Mapping[str, tuple[float, float]]
    resident_mb: float


def run_between_messages(picture: np.ndarray, pipeline: Pipeline) -> dict[str, float]:
    """Run the pipeline on an image message and make the pose message; seconds by stage."""
    data = serialize_message(encode_image(picture))
    with pipeline.stopwatch.stage("decode"):
        message = deserialize_message(data, Image)
        decoded = decode_image(message)
    people = pipeline(decoded)
    with pipeline.stopwatch.stage("messages"):
        serialize_message(people_to_message(message.header, people, message.width, message.height))
    return dict(pipeline.stopwatch.seconds)


def bench_node(
    picture: np.ndarray, warm_up: int, runs: int, parameters: Mapping[str, str | int]
) -> NodeTimes:
    """Start a node, send it the picture again and again, one at a time, and take its times.

    Raises:
        DopeError: the node gave no answer.
    """
    with _ros_context(), _node_process(parameters) as process:
        client = _Client(picture, process)
        for _ in range(warm_up):
            client.round_trip()
        client.forget()
        round_trips = [client.round_trip() for _ in range(runs)]
        client.wait_for_report()
        resident_mb = _resident_mb(process.pid)
        times = client.node_milliseconds()
        times[ROUND_TRIP] = (float(np.median(round_trips)), float(np.percentile(round_trips, 95)))
        return NodeTimes(client.description, client.people, runs, times, resident_mb)


class _Client:
    """Sends images, receives poses, and reads the node's diagnostics."""

    def __init__(self, picture: np.ndarray, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._node = Node("dope_bench")
        self._image = encode_image(picture)
        self._images = self._node.create_publisher(Image, "bench/image", qos_profile_sensor_data)
        self._node.create_subscription(WholeBodyPose3DArray, "bench/poses", self._on_poses, 10)
        self._node.create_subscription(DiagnosticArray, "bench/diagnostics", self._on_diagnostics, 10)
        self._answered = 0
        self._sent = 0
        self._patience = LOST_SECONDS
        self._reports: list[dict[str, float]] = []
        self.description = ""
        self.people = 0

    def round_trip(self) -> float:
        """Milliseconds from publishing an image to receiving its poses; publishes again if one is lost.

        An answer to an image that was taken for lost counts too, from when that one was published.
        """
        deadline = monotonic() + ANSWER_SECONDS
        published: dict[int, float] = {}
        while (left := deadline - monotonic()) > 0:
            self._sent += 1
            self._image.header.stamp.nanosec = self._sent
            published[self._sent] = perf_counter()
            self._images.publish(self._image)
            if self._spin_until(lambda: self._answered in published, min(self._patience, left)):
                seconds = perf_counter() - published[self._answered]
                self._patience = max(LOST_SECONDS, LOST_SHARE * seconds)
                return seconds * 1e3
        raise DopeError(f"the node gave no poses within {ANSWER_SECONDS:.0f} seconds")

    def wait_for_report(self) -> None:
        """Wait until the node has reported on the last frame."""
        seen = len(self._reports)
        if not self._spin_until(lambda: len(self._reports) > seen, ANSWER_SECONDS):
            raise DopeError("the node publishes no diagnostics")

    def forget(self) -> None:
        """Leave out what was reported so far."""
        self.wait_for_report()
        self._reports.clear()

    def node_milliseconds(self) -> dict[str, tuple[float, float]]:
        """Median of the reported medians, and the largest reported 95th percentile, of each stage."""
        stages = [key.removesuffix(" median ms") for key in self._reports[0] if key.endswith(" median ms")]
        return {
            stage: (
                float(np.median([report[f"{stage} median ms"] for report in self._reports])),
                max(report[f"{stage} p95 ms"] for report in self._reports),
            )
            for stage in stages
        }

    def _on_poses(self, message: WholeBodyPose3DArray) -> None:
        self._answered = message.header.stamp.nanosec
        self.people = len(message.people)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {entry.key: entry.value for entry in status.values}
            if "overhead median ms" in values:
                self.description = status.hardware_id
                self._reports.append({k: float(v) for k, v in values.items() if k.endswith(" ms")})

    def _spin_until(self, done: Callable[[], bool], timeout: float) -> bool:
        deadline = monotonic() + timeout
        while not done():
            if self._process.poll() is not None:
                raise DopeError(f"the node ended with exit code {self._process.returncode}")
            if monotonic() > deadline:
                return False
            rclpy.spin_once(self._node, timeout_sec=0.1)
        return True


@contextmanager
def _ros_context() -> Iterator[None]:
    use_large_shared_memory()
    rclpy.init()
    try:
        yield
    finally:
        rclpy.try_shutdown()


@contextmanager
def _node_process(parameters: Mapping[str, str | int]) -> Iterator[subprocess.Popen[bytes]]:
    """A node of its own process between the topics bench/image and bench/poses.

    Its diagnostics are on bench/diagnostics: others on the robot report on /diagnostics.
    """
    settings = [
        word for name, value in parameters.items() if value != "" for word in ("-p", f"{name}:={value}")
    ]
    remaps = [
        "-r",
        "image:=bench/image",
        "-r",
        "~/poses:=bench/poses",
        "-r",
        "camera_info:=bench/camera_info",
        "-r",
        "/diagnostics:=bench/diagnostics",
    ]
    process = subprocess.Popen([*node_command(), "--ros-args", *remaps, *settings])
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        _await_end(process)


def _await_end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a node to end, and end it if it does not."""
    try:
        process.wait(timeout=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        logger.warning("the node did not end within %.0f s of SIGINT and was killed", ANSWER_SECONDS)
        process.kill()
        process.wait()


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
