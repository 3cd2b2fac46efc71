# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node tells while it is not active: opening the network can take minutes."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from robot import running_node
from tiny_model import write_tiny_model

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
