# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's lifecycle: every transition and back, and how it ends."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from lifecycle_msgs.msg import State, Transition
from robot import NodeProcess, running_node
from tiny_model import write_tiny_model

PICTURE = np.full((48, 64, 3), 90, np.uint8)


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)


def test_every_transition_and_back_twice(robot, model):
    with running_node({"model": model, "autostart": False}):
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        for _ in range(2):
            for transition, state in (
                (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_INACTIVE),
                (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
                (Transition.TRANSITION_DEACTIVATE, State.PRIMARY_STATE_INACTIVE),
                (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_ACTIVE),
            ):
                assert robot.transition(transition)
                assert robot.state() == state
            assert robot.show(robot.image(PICTURE)).people == []
            assert robot.transition(Transition.TRANSITION_DEACTIVATE)
            assert robot.transition(Transition.TRANSITION_CLEANUP)
            assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        assert robot.transition(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
        assert robot.state() == State.PRIMARY_STATE_FINALIZED


def test_an_inactive_node_subscribes_to_nothing(robot, model):
    with running_node({"model": model}):
        robot.wait_for_active()
        robot.wait_until(lambda: robot.images.get_subscription_count() == 1, "a subscription while active")
        assert robot.transition(Transition.TRANSITION_DEACTIVATE)
        robot.wait_until(lambda: robot.images.get_subscription_count() == 0, "no subscription while inactive")


@pytest.mark.parametrize(
    ("transition", "from_states"),
    [
        (
            Transition.TRANSITION_ACTIVE_SHUTDOWN,
            [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE],
        ),
        (Transition.TRANSITION_INACTIVE_SHUTDOWN, [Transition.TRANSITION_CONFIGURE]),
    ],
    ids=["from active", "from inactive"],
)
def test_shutdown_from_any_state_ends_in_finalized(robot, model, transition, from_states):
    with running_node({"model": model, "autostart": False}) as node:
        assert all(robot.transition(step) for step in from_states)
        assert robot.transition(transition)
        assert robot.state() == State.PRIMARY_STATE_FINALIZED
        assert node.interrupt() == 0


def test_a_missing_model_fails_configure_and_can_be_mended(robot, model, tmp_path):
    missing = tmp_path / "missing.onnx"
    with running_node({"model": missing}) as node:
        node.wait_for_log("ERROR", "cannot configure", str(missing), "no such model file")
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        assert robot.set_parameter("model", str(model)).successful
        assert robot.transition(Transition.TRANSITION_CONFIGURE)
        assert robot.transition(Transition.TRANSITION_ACTIVATE)
        assert robot.show(robot.image(PICTURE)).people == []


@pytest.mark.parametrize("content", [b"", b"no model", None], ids=["empty", "text", "truncated"])
def test_a_broken_model_fails_configure_and_names_the_file(robot, model, tmp_path, content):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(model.read_bytes()[:1000] if content is None else content)
    with running_node({"model": broken}) as node:
        node.wait_for_log("ERROR", "cannot configure", "broken.onnx")
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        assert not robot.transition(Transition.TRANSITION_CONFIGURE)
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED


def test_a_model_that_breaks_the_contract_fails_configure_with_the_reason(robot, tmp_path):
    model = write_tiny_model(tmp_path / "odd.onnx", [], outputs={"hand_pose2d": None})
    with running_node({"model": model}) as node:
        node.wait_for_log("ERROR", "odd.onnx", "hand_pose2d")
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_node_ends_with_exit_code_0(robot, model, ending):
    with running_node({"model": model}) as node:
        robot.show(robot.image(PICTURE))
        assert node.interrupt(ending) == 0
    assert "Traceback" not in node.log


def test_a_node_interrupted_while_the_network_runs_ends_with_exit_code_0(robot, tmp_path):
    slow = write_tiny_model(tmp_path / "slow.onnx", [], 48, 64, slow=True)
    with running_node({"model": slow}) as node:
        image = robot.image(PICTURE)
        robot.show(image)
        for _ in range(5):
            robot.images.publish(image)
        assert node.interrupt() == 0
    assert "Traceback" not in node.log


def test_interrupts_in_quick_succession_as_on_ctrl_c_under_launch_end_it_with_exit_code_0(robot, model):
    with running_node({"model": model}) as node:
        robot.wait_for_active()
        while node.is_alive():
            node.send(signal.SIGINT)
        assert node.wait() == 0


def test_an_interrupted_node_that_was_never_configured_ends_with_exit_code_0(robot, model):
    with running_node({"model": model, "autostart": False}) as node:
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        assert node.interrupt() == 0


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"image_transport": "pigeon"}, ("image_transport", "pigeon", "compressed")),
        ({"threads": -3}, ("threads", "-3")),
        ({"nominal_depth": "far"}, ("nominal_depth",)),
    ],
)
def test_a_bad_parameter_at_start_ends_the_node_with_the_reason(parameters, words):
    node = NodeProcess(parameters, {})
    assert node.wait() == 1
    assert all(word in node.log for word in ("cannot start", *words))
