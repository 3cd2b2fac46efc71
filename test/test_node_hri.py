# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS4HRI over DDS (REP-155), by the names of its fields."""

from __future__ import annotations

import signal
from dataclasses import replace
from importlib.util import find_spec
from itertools import count
from time import monotonic

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from interfaces import WORKSPACE, environment_without
from lifecycle_msgs.msg import Transition
from rclpy.context import Context
from rclpy.qos import qos_profile_sensor_data
from robot import running_node
from scenes import HEIGHT, WIDTH, light, seen, standing
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tiny_model import film_picture, write_film_model, write_tiny_model

from dope_ros.ros.hri import GRACE_SECONDS, KEPT_SECONDS, HumansPublisher, grace_seconds, last_seen
from dope_ros.skeleton import BODY, LEFT_WRIST
from dope_ros.tracking import TrackingSettings

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
def heard_lists(robot, interfaces):  # noqa: ARG001 (the messages must be there)
    """All lists of bodies and of faces that were heard."""
    from hri_msgs.msg import IdsList

    return [robot.listen(IdsList, f"/humans/{kind}/tracked") for kind in ("bodies", "faces")]


@pytest.fixture
def lists(heard_lists):
    """The newest ids of bodies and of faces that the node tracks."""
    return lambda: [list(messages[-1].ids) if messages else None for messages in heard_lists]


@pytest.fixture
def lists_at(heard_lists):
    """The ids of bodies and of faces after an image of that stamp; None where they have not come."""

    def of_stamp(stamp):
        found = [[each for each in messages if each.header.stamp == stamp] for messages in heard_lists]
        return [list(messages[-1].ids) for messages in found] if all(found) else None

    return of_stamp


def shown(robot, lists, index, milliseconds):
    """The lists that follow from a picture of a film, taken at that time."""
    image = robot.image(film_picture(index, HEIGHT, WIDTH))
    image.header.stamp = at(milliseconds)
    robot.show(image)
    return robot.wait_until(lambda: lists(image.header.stamp), "the lists of an image")


def at(milliseconds):
    return Time(sec=milliseconds // 1000, nanosec=milliseconds % 1000 * 1_000_000)


@pytest.fixture
def film(tmp_path):
    """A model that sees two people in the first picture, and nobody in the second."""
    two = [seen(standing((-0.5, 0.1, 3.0))), seen(standing((0.6, 0.1, 4.0), 0.8, parts=["body"]))]
    return write_film_model(tmp_path / "film.onnx", [two, []], HEIGHT, WIDTH)


def test_whom_the_tracker_remembers_stays_on_the_lists_for_a_moment(robot, film, lists_at):
    times = count(1000, 3000)
    with running_node({"model": film, "hri": True, "tracking": "ids"}):

        def seen_and_missed_at_once():
            """The lists of two images; None where the camera must have seemed to have died in between."""
            now = next(times)
            of_first, began = shown(robot, lists_at, 0, now), monotonic()
            of_second = shown(robot, lists_at, 1, now + 400)
            return (of_first, of_second) if monotonic() - began < KEPT_SECONDS else None

        before, after = robot.wait_until(seen_and_missed_at_once, "two images are dealt with in time")
        assert [len(ids) for ids in before] == [2, 1]
        assert after == before


def test_without_tracking_who_is_not_seen_leaves_the_lists_at_once(robot, film, lists_at):
    with running_node({"model": film, "hri": True}):
        assert shown(robot, lists_at, 0, 1000) == [["b0", "b1"], ["f0"]]
        assert shown(robot, lists_at, 1, 1001) == [[], []]


def test_who_is_missing_leaves_the_lists_after_the_grace(robot, lists_at):
    publisher = HumansPublisher(robot.node)
    other = replace(PERSON, id=PERSON.id + 1)
    first, second = f"b{PERSON.id}", f"b{other.id}"

    def listed(milliseconds, people, grace=0.5):
        header = Header(stamp=at(milliseconds))
        publisher.publish(header, people, WIDTH, HEIGHT, grace=grace)
        bodies, faces = robot.wait_until(lambda: lists_at(header.stamp), "the lists of an image")
        assert [name.replace("f", "b") for name in faces] == bodies
        return bodies

    robot.wait_until(lambda: robot.node.count_subscribers("/humans/faces/tracked"), "who listens is found")
    assert listed(1000, [PERSON, other]) == [first, second]
    assert listed(1300, [other]) == [second, first]
    assert listed(1500, [other]) == [second, first]
    assert listed(1501, [other]) == [second]
    assert listed(1700, [PERSON]) == [first, second]
    assert listed(1710, [PERSON], grace=0.0) == [first]
    publisher.forget_all()
    assert listed(1720, []) == []
    publisher.close()


ids_of_an_image = st.lists(st.sampled_from(["b0", "b1", "b2", "b3"]), unique=True)


@light
@given(st.lists(st.tuples(ids_of_an_image, st.integers(-300, 300)), max_size=20), st.floats(0, 1))
def test_on_a_list_is_who_was_seen_within_the_grace(images, grace):
    stamp, known = 10_000, {}
    for ids, step in images:
        stamp += step
        before, known = known, last_seen(known, ids, stamp * 1_000_000, grace)
        assert list(known)[: len(ids)] == ids
        assert all(known[name] == stamp * 1_000_000 for name in ids)
        for name in set(before) - set(ids):
            missing = stamp * 1_000_000 - before[name]
            assert (name in known) == (0 < missing <= grace * 1e9)
        assert set(known) <= set(before) | set(ids)


@pytest.mark.parametrize(
    ("tracking", "seconds"),
    [
        (TrackingSettings("ids"), GRACE_SECONDS),
        (TrackingSettings("smooth", memory=60.0), GRACE_SECONDS),
        (TrackingSettings("ids", memory=0.2), 0.2),
        (TrackingSettings("off"), 0.0),
    ],
)
def test_nobody_is_listed_for_longer_than_the_id_is_kept(tracking, seconds):
    assert grace_seconds(tracking) == seconds


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


@pytest.mark.usefixtures("interfaces")
def test_frames_without_tracking_are_warned_of_and_those_with_it_are_not(model):
    with running_node({"model": model, "broadcast_tf": True}) as node:
        node.wait_for_log("WARN", "broadcast_tf without tracking")
    with running_node({"model": model, "broadcast_tf": True, "tracking": "ids"}) as node:
        node.wait_for_log("active")
    assert "without tracking" not in node.log


def test_a_robot_without_hri_msgs_is_told_what_to_install(model):
    spec = find_spec("hri_msgs")
    if spec is not None and str(WORKSPACE) not in str(spec.origin):
        pytest.skip("hri_msgs is installed here, so its absence cannot be shown")
    with running_node({"model": model, "hri": True}, environment=environment_without()) as node:
        node.wait_for_log("cannot configure", "is not installed", "apt install")
        assert node.is_alive()
