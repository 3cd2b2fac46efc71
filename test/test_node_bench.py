# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `dope bench --node` makes of nodes that are slow, and of others on the robot."""

from __future__ import annotations

import subprocess
import threading

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from dope_ros.msg import WholeBodyPose3DArray
from dope_ros.ros.bench import _Client


@pytest.fixture(autouse=True)
def ros():
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def client():
    """Of a node of which nothing is to be seen but its messages."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    yield _Client(np.full((48, 64, 3), 90, np.uint8), process)
    process.communicate()


@pytest.fixture
def others():
    """Another node, handled in a thread of its own."""
    node = rclpy.create_node("others")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()


def report_of(milliseconds):
    values = [KeyValue(key=f"overhead {of} ms", value=str(milliseconds)) for of in ("median", "p95")]
    return DiagnosticArray(status=[DiagnosticStatus(name="dope: frames", values=values)])


def test_an_answer_that_comes_after_the_next_image_counts(client, others):
    poses = others.create_publisher(WholeBodyPose3DArray, "bench/poses", 10)
    waiting = []

    def answer_the_one_before(image):
        for before in waiting:
            poses.publish(WholeBodyPose3DArray(header=before.header))
        waiting[:] = [image]

    others.create_subscription(Image, "bench/image", answer_the_one_before, qos_profile_sensor_data)
    assert client.round_trip() > 0


def test_what_another_node_reports_is_no_part_of_the_times(client, others):
    of_another = others.create_publisher(DiagnosticArray, "/diagnostics", 10)
    own = others.create_publisher(DiagnosticArray, "bench/diagnostics", 10)

    def report():
        of_another.publish(report_of(905.0))
        own.publish(report_of(5.0))

    others.create_timer(0.05, report)
    for _ in range(3):
        client.wait_for_report()
    assert client.node_milliseconds() == {"overhead": (5.0, 5.0)}
