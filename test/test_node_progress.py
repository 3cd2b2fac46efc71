# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node tells while it is not active: opening the network can take minutes."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.qos import qos_profile_sensor_data
from robot import camera_info, running_node
from scenes import CAMERA, HEIGHT, WIDTH, seen, standing
from sensor_msgs.msg import Image
from tiny_model import write_tiny_model

from dope_ros.ros.diagnostics import NETWORK, FrameStatistics

TOLD = "runs nobody.onnx"
"""By either runtime, with or without a GPU here."""


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)


@pytest.fixture
def messages(robot):
    """All that the diagnostics have said so far."""
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    return lambda: [status.message for message in diagnostics for status in message.status]


def test_the_log_and_the_diagnostics_say_what_the_node_does_while_it_is_configured(robot, model, messages):
    with running_node({"model": model, "autostart": False}) as node:
        robot.wait_until(lambda: any("unconfigured" in text for text in messages()), "diagnostics")
        assert robot.transition(Transition.TRANSITION_CONFIGURE)
        robot.wait_until(
            lambda: any("configuring" in text and TOLD in text for text in messages()), "a word of progress"
        )
        node.wait_for_log(TOLD)


def test_the_diagnostics_of_an_inactive_node_say_so(robot, model, messages):
    with running_node({"model": model, "autostart": False}):
        assert robot.transition(Transition.TRANSITION_CONFIGURE)
        robot.wait_until(lambda: "not active (inactive)" in messages(), "diagnostics while inactive")
        assert not any("processed" in text for text in messages())
        assert robot.transition(Transition.TRANSITION_ACTIVATE)
        robot.show(robot.image(np.full((48, 64, 3), 90, np.uint8)))
        robot.wait_until(lambda: any("processed" in text for text in messages()), "diagnostics while active")
        assert robot.transition(Transition.TRANSITION_DEACTIVATE)
        earlier = len(messages())
        robot.wait_until(
            lambda: "not active (inactive)" in messages()[earlier:], "diagnostics after it was active"
        )


def test_the_diagnostics_of_a_node_that_was_shut_down_say_so_and_blame_nothing(robot, tmp_path, messages):
    with running_node({"model": tmp_path / "missing.onnx"}):
        robot.wait_until(lambda: any("unconfigured): cannot" in text for text in messages()), "a failure")
        assert robot.transition(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
        robot.wait_until(lambda: messages()[-1] == "not active (finalized)", "diagnostics after the end")


def test_the_diagnostics_tell_of_a_dropped_image_until_one_is_processed(robot, model, messages):
    with running_node({"model": model}):
        robot.wait_for_active()
        bad, good = (robot.image(np.full((48, 64, 3), 90, np.uint8)) for _ in range(2))
        bad.encoding = "smell"
        told = robot.wait_until(lambda: robot.images.publish(bad) or dropped(messages()), "a dropped image")
        robot.wait_until(lambda: len(messages()) >= told + 3, "more reports, without an image")
        assert all("'smell'" in text for text in messages()[told:])
        robot.show(good)
        robot.wait_until(lambda: "'smell'" not in messages()[-1], "reports that have forgotten it")


def test_a_lost_frame_is_what_there_is_to_report_until_one_is_processed():
    statistics = FrameStatistics()
    statistics.count("failed", "the network is broken")
    for _ in range(2):
        report = statistics.report()
        assert (report.outcome, report.last_fault) == ("failed", "the network is broken")
    statistics.processed(0.1, {NETWORK: 0.05})
    assert statistics.report().outcome == ""
    assert statistics.report().last_fault == ""


def dropped(texts):
    """How many reports there are, once the last tells of a dropped image."""
    return texts and "frames dropped" in texts[-1] and len(texts)


def test_the_diagnostics_warn_while_positions_are_not_metric_and_the_log_says_when_they_are(robot, model):
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    image, info = robot.image(np.full((48, 64, 3), 90, np.uint8)), camera_info(64, 48, CAMERA)

    def newest(level, *words):
        status = diagnostics[-1].status[0] if diagnostics else None
        return status and status.level == level and all(word in status.message for word in words)

    with running_node({"model": model}) as node:
        robot.show(image)
        missing = "no camera info on '/camera/camera_info'"
        robot.wait_until(lambda: newest(DiagnosticStatus.WARN, "frames processed", missing), "a warning")
        robot.wait_until(
            lambda: (
                robot.camera_infos.publish(info)
                or robot.images.publish(image)
                or newest(DiagnosticStatus.OK, "frames processed")
            ),
            "reports without a warning",
        )
        node.wait_for_log("INFO", "'/camera/image'", "positions are metric")


def test_the_diagnostics_warn_while_depth_is_of_no_use_and_the_log_says_when_it_is(robot, tmp_path, messages):
    model = write_tiny_model(tmp_path / "one.onnx", [seen(standing())], HEIGHT, WIDTH)
    depths = robot.node.create_publisher(Image, "depth", qos_profile_sensor_data)
    info = camera_info(WIDTH, HEIGHT, CAMERA)
    flat = np.full((HEIGHT, WIDTH), 3000, np.uint16)

    def show(with_depth):
        image = robot.image(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
        depth = Image(header=image.header, height=HEIGHT, width=WIDTH, encoding="16UC1", step=2 * WIDTH)
        depth.data = flat.tobytes()
        robot.camera_infos.publish(info)
        if with_depth:
            depths.publish(depth)
        robot.show(image)
        return messages()[-1] if messages() else ""

    with running_node({"model": model, "use_depth": True, "depth_timeout": 1.0}) as node:
        robot.wait_until(lambda: "processed; no depth on '/depth'" in show(with_depth=False), "a warning")
        robot.wait_until(lambda: show(with_depth=True).endswith("frames processed"), "no warning")
        node.wait_for_log("INFO", "depth on '/depth' is of use")
