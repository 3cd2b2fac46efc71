# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's lifecycle: every transition and back, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from time import monotonic

import numpy as np
import pytest
import scenes
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from robot import PATIENCE, running_node
from scenes import seen, standing
from sensor_msgs.msg import Image
from tiny_model import write_hanging_model, write_tiny_model
from visualization_msgs.msg import Marker, MarkerArray

from dope_ros.msg import WholeBodyPose3DArray
from dope_ros.ros.installed import node_command

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
    ("before", "impossible", "words", "after"),
    [
        (
            [],
            Transition.TRANSITION_ACTIVATE,
            ("'activate'", "'unconfigured'"),
            Transition.TRANSITION_CONFIGURE,
        ),
        (
            [Transition.TRANSITION_CONFIGURE],
            Transition.TRANSITION_CONFIGURE,
            ("'configure'", "'inactive'"),
            Transition.TRANSITION_ACTIVATE,
        ),
        (
            [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE],
            Transition.TRANSITION_ACTIVATE,
            ("'activate'", "'active'"),
            Transition.TRANSITION_DEACTIVATE,
        ),
        ([], 99, ("'99'", "'unconfigured'"), Transition.TRANSITION_CONFIGURE),
    ],
    ids=["activate too early", "configure twice", "activate twice", "unknown"],
)
def test_a_transition_that_the_state_does_not_have_is_refused_and_logged(
    robot, model, before, impossible, words, after
):
    with running_node({"model": model, "autostart": False}) as node:
        assert all(robot.transition(step) for step in before)
        state = robot.state()
        assert not robot.transition(impossible)
        node.wait_for_log("WARN", "is not possible from state", *words)
        assert robot.state() == state
        assert robot.transition(after)
        assert node.interrupt() == 0


OVERTAKEN = """
import rclpy
from dope_ros.ros.node import DopeNode
rclpy.init()
node = DopeNode()
node.trigger_configure()
rclpy.spin_once(node)  # the timer that starts it is due
print(node.trigger_activate().name)
node.destroy_node()
"""
"""A node that is configured before it could start itself; prints what became of activating it then."""


def test_a_node_that_starts_itself_leaves_the_start_to_a_manager_that_came_first(tmp_path, model):
    script = tmp_path / "overtaken.py"
    script.write_text(OVERTAKEN)
    command = [sys.executable, script, "--ros-args", "-p", f"model:={model}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout.split()) == (0, ["SUCCESS"]), ended.stderr
    assert "is not possible" not in ended.stderr


TOGETHER = """
import logging
import sys
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from dope_ros.ros.node import DopeNode

def node(namespace, **options):
    overrides = [Parameter("model", value=sys.argv[1])]
    return DopeNode(namespace=namespace, parameter_overrides=overrides, **options)

rclpy.init()
executor = SingleThreadedExecutor()
gone, front, back = node("gone"), node("front"), node("back", node_name="eyes")
logging.getLogger("dope_ros.engine").warning("there are three")
gone.destroy_node()
logging.getLogger("dope_ros.engine").warning("there are two")
executor.add_node(front)
executor.add_node(back)
executor.spin()
"""
"""Nodes in one process, of which one is destroyed; the package itself says something, too."""


def test_nodes_in_one_process_each_see_their_images_and_the_log_says_each_thing_once(robot, model, tmp_path):
    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    cameras = [robot.node.create_publisher(Image, f"/{name}/image", 5) for name in ("front", "back")]
    answers = [robot.listen(WholeBodyPose3DArray, f"/{name}/poses") for name in ("front/dope", "back/eyes")]
    command = [sys.executable, script, model]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def all_answered():
        for camera in cameras:
            camera.publish(robot.image(PICTURE))
        return all(answers)

    try:
        robot.wait_until(all_answered, "poses of both")
    finally:
        process.kill()
        _, log = process.communicate()
    said = [line.rpartition("[")[2] for line in log.splitlines() if "there are" in line]
    assert said == ["gone.dope]: there are three", "front.dope]: there are two"]


FAULTY = """
import sys
import rclpy
from rclpy.lifecycle import SimpleManagedEntity
from dope_ros.ros.node import DopeNode

def cut(self, state):
    if not broken:
        broken.append(self)
        raise OSError("a wire is cut")
    return SimpleManagedEntity.on_configure(self, state)

broken = []
fault, steps = sys.argv[1], sys.argv[2].split(",")
Faulty = type("Faulty", (SimpleManagedEntity,), {f"on_{fault}": cut})
rclpy.init()
node = DopeNode()
node.add_managed_entity(Faulty())
for step in steps:
    print(getattr(node, f"trigger_{step}")().name, flush=True)
rclpy.spin(node)
"""
"""A node with a device that fails in the first transition of a kind; prints what became of each of some."""


@pytest.fixture
def faulty(tmp_path, model):
    """Starts FAULTY: which transition fails, and which are gone through; ended after the test."""
    script = tmp_path / "faulty.py"
    script.write_text(FAULTY)
    running = []

    def start(fault, steps):
        ros = ["--ros-args", "-p", f"model:={model}", "-p", "autostart:=false"]
        command = [sys.executable, script, fault, ",".join(steps), *ros]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("fault", "steps", "outcomes"),
    [
        ("configure", ["configure", "configure"], ["FAILURE", "SUCCESS"]),
        ("activate", ["configure", "activate", "activate"], ["SUCCESS", "FAILURE", "SUCCESS"]),
        (
            "deactivate",
            ["configure", "activate", "deactivate", "configure"],
            ["SUCCESS", "SUCCESS", "ERROR", "SUCCESS"],
        ),
        ("cleanup", ["configure", "cleanup", "configure"], ["SUCCESS", "ERROR", "SUCCESS"]),
        ("shutdown", ["configure", "shutdown", "configure"], ["SUCCESS", "FAILURE", "FAILURE"]),
    ],
)
def test_a_fault_that_nobody_thought_of_is_logged_in_each_transition(faulty, fault, steps, outcomes):
    process = faulty(fault, steps)
    assert [process.stdout.readline().strip() for _ in steps] == outcomes
    process.terminate()
    _, log = process.communicate(timeout=PATIENCE)
    words = {"cleanup": "clean up", "shutdown": "shut down"}.get(fault, fault)
    assert f"cannot {words}: please report this" in log
    assert "OSError: a wire is cut" in log


def test_the_diagnostics_tell_of_a_fault_that_nobody_thought_of(robot, faulty):
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    faulty("deactivate", ["configure", "activate", "deactivate"])
    robot.wait_until(lambda: failure_in(diagnostics, "cannot deactivate: please report"), "the fault")


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
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    with running_node({"model": missing}) as node:
        node.wait_for_log("ERROR", "cannot configure", str(missing), "no such model file")
        robot.wait_until(
            lambda: failure_in(diagnostics, str(missing)), "diagnostics that tell of the failure"
        )
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        assert robot.set_parameter("model", str(model)).successful
        assert robot.transition(Transition.TRANSITION_CONFIGURE)
        diagnostics.clear()
        robot.wait_until(lambda: diagnostics, "a report of the configured node")
        assert not failure_in(diagnostics, "")
        assert robot.transition(Transition.TRANSITION_ACTIVATE)
        assert robot.show(robot.image(PICTURE)).people == []


def test_while_simulated_time_stands_still_the_node_tells_of_its_state(robot, model):
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    with running_node({"model": model, "use_sim_time": True}) as node:
        node.wait_for_log("no image on '/camera/image'")
        robot.wait_until(lambda: len(diagnostics) >= 2, "reports without a clock")


def test_markers_that_never_expire_go_when_the_node_is_deactivated(robot, tmp_path):
    person = seen(standing((0, 0, 3)))
    model = write_tiny_model(tmp_path / "one.onnx", [person], scenes.HEIGHT, scenes.WIDTH)
    arrays = robot.listen(MarkerArray, "dope/markers")
    picture = np.full((scenes.HEIGHT, scenes.WIDTH, 3), 90, np.uint8)
    with running_node({"model": model, "marker_lifetime": 0.0}):
        robot.wait_for_active()
        robot.wait_until(lambda: robot.show(robot.image(picture)) and arrays, "markers")
        assert robot.transition(Transition.TRANSITION_DEACTIVATE)
        robot.wait_until(lambda: not remaining(arrays), "deletion of every marker")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_markers_that_never_expire_go_when_the_node_is_interrupted(robot, tmp_path, ending):
    person = seen(standing((0, 0, 3)))
    model = write_tiny_model(tmp_path / "one.onnx", [person], scenes.HEIGHT, scenes.WIDTH)
    arrays = robot.listen(MarkerArray, "dope/markers")
    picture = np.full((scenes.HEIGHT, scenes.WIDTH, 3), 90, np.uint8)
    with running_node({"model": model, "marker_lifetime": 0.0}) as node:
        robot.wait_for_active()
        robot.wait_until(lambda: robot.show(robot.image(picture)) and remaining(arrays), "markers")
        assert node.interrupt(ending) == 0
    robot.wait_until(lambda: not remaining(arrays), "deletion of every marker")


def remaining(arrays):
    """The markers that a viewer would show."""
    shown = set()
    for marker in (marker for array in arrays for marker in array.markers):
        key = (marker.ns, marker.id)
        shown = shown | {key} if marker.action == Marker.ADD else shown - {key}
    return shown


def failure_in(diagnostics, words):
    """Whether an error in the diagnostics holds the words."""
    statuses = [status for message in diagnostics for status in message.status]
    return any(of.level == DiagnosticStatus.ERROR and words in of.message for of in statuses)


def test_a_bad_topic_name_fails_configure_and_can_be_mended(robot, model):
    with running_node({"model": model, "image_topics": ["/2cam/image"]}) as node:
        node.wait_for_log("ERROR", "cannot configure", "image_topics", "'/2cam/image'", "number")
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        assert robot.set_parameter("image_topics", ["/cam2/image"]).successful
        assert robot.transition(Transition.TRANSITION_CONFIGURE)


def test_a_bad_qos_override_of_a_publisher_fails_configure_and_leaves_no_publisher(robot, model):
    override = {"qos_overrides./dope/markers.publisher.reliability": "best-effort"}
    with running_node({"model": model, "autostart": False, **override}) as node:
        for _ in range(2):
            assert not robot.transition(Transition.TRANSITION_CONFIGURE)
        node.wait_for_log("ERROR", "cannot configure", "'/dope/markers'", "reliability", "best_effort")
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        robot.wait_until(lambda: robot.node.count_publishers("/dope/poses") == 0, "no publisher is left")


def test_a_bad_qos_override_of_a_subscription_fails_activate_and_leaves_no_subscription(robot, model):
    override = {"qos_overrides./camera/camera_info.subscription.reliability": "best-effort"}
    with running_node({"model": model, **override}) as node:
        node.wait_for_log("ERROR", "cannot activate", "'/camera/camera_info'", "reliability", "best_effort")
        for _ in range(2):
            assert not robot.transition(Transition.TRANSITION_ACTIVATE)
            assert robot.state() == State.PRIMARY_STATE_INACTIVE
        robot.wait_until(lambda: robot.images.get_subscription_count() == 0, "no subscription is left")
        assert robot.transition(Transition.TRANSITION_CLEANUP)
        assert node.interrupt() == 0


def test_a_fault_that_nobody_thought_of_fails_configure_and_is_logged(robot):
    too_long_for_a_file = "m" * 5000
    with running_node({"model": too_long_for_a_file}) as node:
        node.wait_for_log("ERROR", "cannot configure")
        assert robot.state() == State.PRIMARY_STATE_UNCONFIGURED
        assert not robot.transition(Transition.TRANSITION_CONFIGURE)
        assert node.interrupt() == 0


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
        deadline = monotonic() + PATIENCE
        while node.is_alive() and monotonic() < deadline:
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
        ({"threads": 2.0}, ("threads", "'INTEGER'")),
        ({"nominal_depth": "far"}, ("nominal_depth",)),
        ({"nominal_depth": 3}, ("nominal_depth", "decimal point")),
        ({"target_frame": []}, ("'target_frame' has no value",)),
        ({"tracking": 3}, ("'tracking' is 3", "off, ids, smooth")),
        ({"tracking": True}, ("'tracking' is True", "off, ids, smooth")),
    ],
)
def test_a_bad_parameter_at_start_ends_the_node_with_the_reason(parameters, words):
    with running_node(parameters) as node:
        assert node.wait() == 1
    assert all(word in node.log for word in ("cannot start", *words))
    assert ("decimal point" in node.log) == ("decimal point" in words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--params-file", "{blank}"], ("blank.yaml",)),
        (["--params-file", "{missing}"], ("missing.yaml",)),
        (["-p", "nothing"], ("nothing",)),
    ],
    ids=["a blank value", "no file", "no value"],
)
def test_arguments_that_ros_cannot_read_end_the_node_with_the_reason(tmp_path, arguments, words):
    blank, missing = tmp_path / "blank.yaml", tmp_path / "missing.yaml"
    blank.write_text("/**:\n  ros__parameters:\n    model:\n")
    given = [argument.format(blank=blank, missing=missing) for argument in arguments]
    command = [*node_command(), "--ros-args", *given]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 1
    assert all(word in ended.stderr for word in ("cannot start", *words))
    assert "Traceback" not in ended.stderr


INTERRUPTED = """
import signal
import sys
from rclpy.node import Node
from dope_ros.ros.node import main

def create_timer(self, *arguments, **options):
    signal.raise_signal(signal.SIGINT)
    return of_rclpy(self, *arguments, **options)

of_rclpy, Node.create_timer = Node.create_timer, create_timer
sys.exit(main())
"""
"""A node that is interrupted while it is made."""


def test_a_node_interrupted_while_it_is_made_ends_quietly_with_exit_code_0(tmp_path, model):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    command = [sys.executable, script, "--ros-args", "-p", f"model:={model}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_model_may_be_named_from_the_home_folder(model):
    home = {**os.environ, "HOME": str(model.parent)}
    with running_node({"model": f"~/{model.name}"}, environment=home) as node:
        node.wait_for_log("configured: ONNX Runtime")


@pytest.mark.parametrize("deactivates", [True, False], ids=["deactivated first", "interrupted"])
def test_a_network_that_hangs_keeps_the_node_neither_from_answering_nor_from_ending(
    robot, tmp_path, deactivates
):
    model = write_hanging_model(tmp_path / "hanging.onnx", 48, 64)
    white = robot.image(np.full((48, 64, 3), 255, np.uint8))
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")

    def hangs():
        robot.images.publish(white)
        return any("hangs" in status.message for message in diagnostics for status in message.status)

    with running_node({"model": model}) as node:
        assert robot.show(robot.image(PICTURE)).people == []
        robot.wait_until(hangs, "the network hangs")
        if deactivates:
            assert not robot.transition(Transition.TRANSITION_DEACTIVATE)
            assert robot.state() == State.PRIMARY_STATE_FINALIZED
        assert node.interrupt() == 1, "nobody takes it for a good end, nor for a crash"
        node.wait_for_log("ERROR", "the network hangs: it had 10 s", f"kill -9 {node.pid}")
