# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A camera that is faster than what becomes of its images: latency and memory stay, and the node says so."""

from __future__ import annotations

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import qos_profile_sensor_data
from robot import running_node
from sensor_msgs.msg import Image
from tiny_model import write_tiny_model

PICTURE = np.full((480, 640, 3), 90, np.uint8)
CAMERA_PERIOD = 0.01


def numbers_of_reports(diagnostics):
    """The numbers of each report on processed frames."""
    reports = [{e.key: e.value for e in status.values} for m in diagnostics for status in m.status]
    return [
        {key: float(value) for key, value in report.items()}
        for report in reports
        if "frames processed" in report
    ]


@pytest.fixture
def camera(robot):
    """Takes an image every 10 ms while the robot handles messages."""
    image = robot.image(PICTURE)
    taken = []

    def take():
        taken.append(image)
        image.header.stamp = robot.node.get_clock().now().to_msg()
        robot.images.publish(image)

    timer = robot.node.create_timer(CAMERA_PERIOD, take)
    yield taken
    robot.node.destroy_timer(timer)


def test_the_newest_frame_wins_over_a_camera_at_100_hertz(robot, tmp_path, camera):
    slow = write_tiny_model(tmp_path / "slow.onnx", [], 96, 128, slow=True)
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    with running_node({"model": slow, "threads": 1}):
        robot.wait_until(lambda: len(numbers_of_reports(diagnostics)) >= 6, "six reports")
    reports = numbers_of_reports(diagnostics)[1:]  # the first has the start in it
    assert sum(report.get("frames replaced", 0) for report in reports) > 0
    assert len(camera) > 300
    # A frame that was taken waited for the one before it at most: no queue grows, in the node or before it.
    for report in reports:
        frame_time = report["latency median ms"] - report["wait median ms"]
        assert report["latency median ms"] < 2 * frame_time
    first, last = reports[0], reports[-1]
    assert last["latency median ms"] < 2 * first["latency p95 ms"]


def test_memory_is_flat_over_2000_frames(robot, tmp_path, camera):
    fast = write_tiny_model(tmp_path / "fast.onnx", [], 96, 128)
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")

    def processed():
        return sum(report["frames processed"] for report in numbers_of_reports(diagnostics))

    with running_node({"model": fast, "threads": 1}) as node:
        robot.wait_until(lambda: processed() > 500, "500 frames to warm up", patience=120)
        warm = node.resident_mb()
        robot.wait_until(lambda: processed() > 2500, "2,000 frames more", patience=240)
        assert node.resident_mb() < warm + 10  # one image of 2,000 that is not freed would take 1,800
    assert len(camera) > 2000


@pytest.mark.usefixtures("interfaces")
def test_images_of_which_none_is_done_for_long_are_warned_of(robot, tmp_path):
    """Each image waits 5 s for a transform that never comes, and those of two cameras take turns."""
    model = write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)
    topics = ["/front/image", "/back/image"]
    publishers = [robot.node.create_publisher(Image, topic, qos_profile_sensor_data) for topic in topics]
    image = robot.image(np.full((48, 64, 3), 90, np.uint8))

    def take():
        for publisher in publishers:
            publisher.publish(image)

    timer = robot.node.create_timer(0.1, take)
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")

    def warned():
        statuses = [status for message in diagnostics for status in message.status]
        return [s for s in statuses if s.level == DiagnosticStatus.WARN and "no frame done for" in s.message]

    waits = {"target_frame": "nowhere", "transform_timeout": 5.0}
    with running_node({"model": model, "image_topics": topics, **waits}):
        robot.wait_until(warned, "a warning")
    robot.node.destroy_timer(timer)
    assert "while images come in" in warned()[0].message
