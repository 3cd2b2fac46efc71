# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS4HRI over DDS (REP-155), by the names of its fields."""

from __future__ import annotations

import signal
from importlib.util import find_spec

import numpy as np
import pytest
import rclpy
from interfaces import WORKSPACE, environment_without
from lifecycle_msgs.msg import Transition
from rclpy.context import Context
from rclpy.qos import qos_profile_sensor_data
from robot import running_node
from scenes import HEIGHT, WIDTH, seen, standing
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tiny_model import write_tiny_model

from dope_ros.ros.hri import HumansPublisher
from dope_ros.skeleton import BODY, LEFT_WRIST

GREY = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


@pytest.fixture
def model(tmp_path):
    people = [standing((-0.5, 0.1, 3.0), 0.9), standing((0.6, 0.1, 4.0), 0.8, parts=["body"])]
    return write_tiny_model(tmp_path / "two.onnx", [seen(person) for person in people], HEIGHT, WIDTH)


@pytest.fixture
def humans(robot, model, interfaces):  # noqa: ARG001 (the messages must be there)
    """What a node publishes under /humans of one person with all parts and one without a face."""
    from hri_msgs import msg

    topics = {
        "/humans/bodies/tracked": msg.IdsList,
        "/humans/faces/tracked": msg.IdsList,
        "/humans/candidate_matches": msg.IdsMatch,
        "/humans/bodies/b0/skeleton2d": msg.Skeleton2D,
        "/humans/bodies/b0/roi": msg.NormalizedRegionOfInterest2D,
        "/humans/bodies/b1/skeleton2d": msg.Skeleton2D,
        "/humans/faces/f0/roi": msg.NormalizedRegionOfInterest2D,
        "/humans/faces/f0/landmarks": msg.FacialLandmarks,
    }
    heard = {topic: robot.listen(kind, topic) for topic, kind in topics.items()}
    with running_node({"model": model, "hri": True, "tracking": "ids"}):
        robot.wait_until(
            lambda: robot.show(robot.image(GREY)) and all(heard.values()), "all topics under /humans"
        )
    return {topic: messages[-1] for topic, messages in heard.items()}


def test_bodies_and_faces_are_listed_and_matched(humans):
    assert humans["/humans/bodies/tracked"].ids == ["b0", "b1"]
    assert humans["/humans/faces/tracked"].ids == ["f0"]
    assert humans["/humans/bodies/tracked"].header.frame_id == "camera_optical_frame"
    match = humans["/humans/candidate_matches"]
    assert (match.id1, match.id1_type) == ("f0", match.FACE)
    assert (match.id2, match.id2_type) == ("b0", match.BODY)
    assert match.confidence == 1.0


PERSON = standing((-0.5, 0.1, 3.0))
SIZE = (WIDTH, HEIGHT)


def test_a_skeleton_has_the_points_that_are_known_and_the_others_empty(humans):
    person = PERSON
    skeleton = humans["/humans/bodies/b0/skeleton2d"]
    wrist = skeleton.skeleton[skeleton.LEFT_WRIST]
    expected = person.body.keypoints_2d[LEFT_WRIST] / SIZE
    assert (wrist.x, wrist.y) == pytest.approx(tuple(expected), abs=1e-4)
    assert wrist.c == pytest.approx(0.9, abs=1e-4)
    assert all(getattr(skeleton, joint.upper()) >= 0 for joint in BODY.joints if joint != "head")
    for unknown in ("LEFT_EAR", "RIGHT_EAR"):
        point = skeleton.skeleton[getattr(skeleton, unknown)]
        assert (point.x, point.y, point.c) == (0, 0, 0)
    nose = skeleton.skeleton[skeleton.NOSE]
    assert nose.c > 0
    assert abs(nose.x - person.face.keypoints_2d[46, 0] / WIDTH) < 1e-4


def test_without_a_face_there_is_no_nose_but_a_neck(humans):
    faceless = humans["/humans/bodies/b1/skeleton2d"]
    assert faceless.skeleton[faceless.NOSE].c == 0
    assert faceless.skeleton[faceless.NECK].c > 0


def test_a_region_is_the_box_around_the_joints(humans):
    region = humans["/humans/bodies/b0/roi"]
    person = PERSON
    lower, upper = person.body.keypoints_2d.min(axis=0), person.body.keypoints_2d.max(axis=0)
    assert (region.xmin, region.ymin) == pytest.approx(tuple(lower / SIZE), abs=1e-4)
    assert (region.xmax, region.ymax) == pytest.approx(tuple(upper / SIZE), abs=1e-4)


def test_landmarks_are_in_the_order_of_the_rep(humans):
    face = humans["/humans/faces/f0/landmarks"]
    menton, contour = face.landmarks[8], PERSON.face.keypoints_2d[16] / SIZE
    assert (menton.x, menton.y) == pytest.approx(tuple(contour), abs=1e-4)
    assert (face.width, face.height) == SIZE
    assert face.landmarks[68].c == face.landmarks[69].c == 0


@pytest.fixture
def lists(robot, interfaces):  # noqa: ARG001 (the messages must be there)
    """The newest ids of bodies and of faces that the node tracks."""
    from hri_msgs.msg import IdsList

    heard = [robot.listen(IdsList, f"/humans/{kind}/tracked") for kind in ("bodies", "faces")]
    return lambda: [list(messages[-1].ids) if messages else None for messages in heard]


def test_people_leave_the_lists_when_the_camera_dies(robot, model, lists):
    with running_node({"model": model, "hri": True, "tracking": "ids"}):
        robot.show(robot.image(GREY))
        robot.wait_until(lambda: lists() == [["b0", "b1"], ["f0"]], "people on the lists")
        robot.wait_until(lambda: lists() == [[], []], "empty lists")


def test_the_people_of_a_camera_that_lives_stay_when_another_dies(robot, model, lists):
    front, back = (
        robot.node.create_publisher(Image, f"/{name}/image", qos_profile_sensor_data)
        for name in ("front", "back")
    )
    topics = ["/front/image", "/back/image"]
    with running_node({"model": model, "hri": True, "tracking": "ids", "image_topics": topics}):

        def cameras():
            """The letters of the cameras whose faces are on the list."""
            _, faces = lists()
            return sorted(identifier[-1] for identifier in faces or [])

        def both():
            front.publish(robot.image(GREY))
            back.publish(robot.image(GREY))
            return cameras() == ["a", "b"]

        def front_alone():
            front.publish(robot.image(GREY))
            return cameras() == ["a"]

        robot.wait_until(both, "people of both cameras")
        robot.wait_until(front_alone, "people of the front camera")


def test_people_leave_the_lists_at_once_when_the_node_is_deactivated(robot, model, lists):
    """They are not only forgotten in time: the node ends before that."""
    with running_node({"model": model, "hri": True, "tracking": "ids"}) as node:
        robot.wait_for_active()
        robot.wait_until(
            lambda: robot.show(robot.image(GREY)) and lists() == [["b0", "b1"], ["f0"]], "people on the lists"
        )
        robot.show(robot.image(GREY))
        assert robot.transition(Transition.TRANSITION_DEACTIVATE)
        node.send(signal.SIGKILL)
        robot.wait_until(lambda: lists() == [[], []], "empty lists")


@pytest.mark.usefixtures("interfaces")
def test_the_topics_of_people_give_the_executor_nothing_to_wait_for():
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node("humans", context=context)
    publisher = HumansPublisher(node)
    waitables = list(node.waitables)
    publisher.publish(Header(), [PERSON], WIDTH, HEIGHT)
    assert node.count_publishers(f"/humans/bodies/b{PERSON.id}/roi") == 1
    assert list(node.waitables) == waitables
    publisher.close()
    node.destroy_node()
    context.try_shutdown()


@pytest.mark.usefixtures("interfaces")
def test_ids_without_tracking_are_warned_of(model):
    with running_node({"model": model, "hri": True}) as node:
        node.wait_for_log("WARN", "hri without tracking")


def test_a_robot_without_hri_msgs_is_told_what_to_install(model):
    spec = find_spec("hri_msgs")
    if spec is not None and str(WORKSPACE) not in str(spec.origin):
        pytest.skip("hri_msgs is installed here, so its absence cannot be shown")
    with running_node({"model": model, "hri": True}, environment=environment_without()) as node:
        node.wait_for_log("cannot configure", "is not installed", "apt install")
        assert node.is_alive()
