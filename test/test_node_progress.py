# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node tells while it opens the network, which can take minutes where an engine is built."""

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from robot import running_node
from tiny_model import write_tiny_model

TOLD = "runs nobody.onnx"
"""By either runtime, with or without a GPU here."""


def test_the_log_and_the_diagnostics_say_what_the_node_does_while_it_is_configured(robot, tmp_path):
    model = write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")

    def messages():
        return [status.message for message in diagnostics for status in message.status]

    with running_node({"model": model, "autostart": False}) as node:
        robot.wait_until(lambda: any("unconfigured" in text for text in messages()), "diagnostics")
        assert robot.transition(Transition.TRANSITION_CONFIGURE)
        robot.wait_until(
            lambda: any("configuring" in text and TOLD in text for text in messages()), "a word of progress"
        )
        node.wait_for_log(TOLD)
