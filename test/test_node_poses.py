# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node publishes for an image: a real node, real DDS traffic."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import qos_profile_sensor_data
from robot import camera_info, running_node
from scenes import CAMERA, seen, standing
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tiny_model import write_tiny_model
from visualization_msgs.msg import Marker, MarkerArray

from dope_ros.ros.messages import people_from_message
from dope_ros.skeleton import HEAD

HEIGHT, WIDTH = 480, 640
GREY = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


@pytest.fixture
def two_people():
    return [standing(at=(-0.5, 0.1, 3.0), score=0.9), standing(at=(0.6, 0.1, 4.0), score=0.8)]


@pytest.fixture
def model(tmp_path, two_people):
    return write_tiny_model(tmp_path / "two.onnx", [seen(p) for p in two_people], HEIGHT, WIDTH)


def assert_same_pixels(person, expected):
    assert set(person.parts()) == set(expected.parts())
    for name, pose in expected.parts().items():
        np.testing.assert_allclose(person.parts()[name].keypoints_2d, pose.keypoints_2d, atol=1e-3)


def test_the_people_in_an_image_are_published_under_its_own_header(robot, model, two_people):
    with running_node({"model": model}):
        image = robot.image(GREY)
        message = robot.show(image)
    assert message.header == image.header
    assert (message.image_width, message.image_height) == (WIDTH, HEIGHT)
    people = people_from_message(message)
    assert [person.id for person in people] == [0, 1]
    for person, expected in zip(people, two_people, strict=True):
        assert_same_pixels(person, expected)


def test_without_camera_info_positions_are_nominal_and_say_so(robot, model):
    with running_node({"model": model, "nominal_depth": 7.0}):
        people = people_from_message(robot.show(robot.image(GREY)))
    assert not any(person.metric for person in people)
    assert [person.body.keypoints_3d[:, 2].mean() for person in people] == pytest.approx([7.0, 7.0], abs=1e-4)


def test_with_camera_info_people_stand_where_they_are(robot, model, two_people):
    with running_node({"model": model}):
        info = camera_info(WIDTH, HEIGHT, CAMERA)

        def metric_people():
            robot.camera_infos.publish(info)
            people = people_from_message(robot.show(robot.image(GREY)))
            return people if all(person.metric for person in people) else None

        people = robot.wait_until(metric_people, "positions become metric")
    for person, expected in zip(people, two_people, strict=True):
        np.testing.assert_allclose(person.root, expected.root, atol=0.01)
        np.testing.assert_allclose(person.body.keypoints_3d, expected.body.keypoints_3d, atol=0.01)


@pytest.mark.parametrize(
    ("info", "fault"),
    [
        (CameraInfo(width=WIDTH, height=HEIGHT), "uncalibrated"),
        (camera_info(WIDTH * 2, HEIGHT * 2, CAMERA), f"{WIDTH * 2} x {HEIGHT * 2}"),
    ],
    ids=["all-zero K", "of another size"],
)
def test_a_camera_info_that_says_nothing_of_the_image_is_named(robot, model, info, fault):
    with running_node({"model": model}) as node:

        def people_beside_the_info():
            robot.camera_infos.publish(info)
            people = people_from_message(robot.show(robot.image(GREY)))
            return people if fault in node.log else None

        people = robot.wait_until(people_beside_the_info, "a warning of the CameraInfo")
        node.wait_for_log("WARN", "camera/image", fault)
    assert not any(person.metric for person in people)


def test_the_default_model_sees_an_astronaut_and_her_face(robot):
    with running_node({}):
        message = robot.show(robot.image(skimage.data.astronaut()))
    astronaut = people_from_message(message)[0]
    left, top, right, bottom = 160, 60, 280, 200
    landmarks = astronaut.face.keypoints_2d
    assert (landmarks > (left, top)).all()
    assert (landmarks < (right, bottom)).all()
    assert np.linalg.norm(astronaut.body.keypoints_2d[HEAD] - landmarks.mean(axis=0)) < 60


def test_compressed_images_are_taken_where_asked_for(robot, model, two_people):
    import cv2

    publisher = robot.node.create_publisher(
        CompressedImage, "camera/image/compressed", qos_profile_sensor_data
    )
    image = CompressedImage(header=robot.image(GREY).header, format="jpeg")
    image.data.frombytes(cv2.imencode(".jpg", GREY)[1].tobytes())
    with running_node({"model": model, "image_transport": "compressed"}):
        message = robot.show(image, publisher)
    assert message.header == image.header
    for person, expected in zip(people_from_message(message), two_people, strict=True):
        assert_same_pixels(person, expected)


def test_an_overlay_is_drawn_while_somebody_looks(robot, model, two_people):
    overlays = robot.listen(Image, "dope/overlay")
    with running_node({"model": model}):
        image = robot.image(GREY)
        robot.wait_until(lambda: robot.show(image) and overlays, "an overlay")
    overlay = overlays[-1]
    assert overlay.header == image.header
    pixels = np.frombuffer(overlay.data, np.uint8).reshape(HEIGHT, WIDTH, 3)
    x, y = two_people[0].body.keypoints_2d[HEAD].round().astype(int)
    assert (pixels[y, x] != GREY[y, x]).any()
    assert (pixels != GREY).any(axis=2).mean() < 0.2


def test_markers_of_people_who_left_are_deleted_and_of_others_kept(robot, tmp_path, two_people):
    one = write_tiny_model(tmp_path / "one.onnx", [seen(two_people[0])], HEIGHT, WIDTH)
    markers = robot.listen(MarkerArray, "dope/markers")
    with running_node({"model": one}):
        robot.wait_until(lambda: robot.show(robot.image(GREY)) and markers, "markers")
        added = {(marker.ns, marker.id): marker for marker in markers[-1].markers}
        assert {marker.action for marker in added.values()} == {Marker.ADD}
        assert {("body/bones", 0), ("body/joints", 0), ("face/bones", 0)} <= set(added)
        assert robot.set_parameter("body_min_score", 50.0).successful

        def deleting():
            """The markers that delete some; those of an image that was shown before may come late."""
            robot.show(robot.image(GREY))
            return next((m for m in markers if Marker.DELETE in {each.action for each in m.markers}), None)

        array = robot.wait_until(deleting, "markers without the body")
        actions = {(marker.ns, marker.id): marker.action for marker in array.markers}
    assert actions[("body/bones", 0)] == actions[("body/joints", 0)] == Marker.DELETE
    left = {key for key, action in actions.items() if action == Marker.ADD and key[0].endswith("/bones")}
    assert left == {("right_hand/bones", 0), ("left_hand/bones", 1), ("face/bones", 2)}


def test_quality_of_service_can_be_overridden(robot, model):
    overrides = {
        "qos_overrides./dope/poses.publisher.reliability": "best_effort",
        "qos_overrides./camera/image.subscription.depth": 1,
    }
    with running_node({"model": model, **overrides}):
        robot.wait_for_active()
        infos = robot.node.get_publishers_info_by_topic("/dope/poses")
        assert [info.qos_profile.reliability.name for info in infos] == ["BEST_EFFORT"]


def test_diagnostics_tell_frames_and_times(robot, model):
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    info = camera_info(WIDTH, HEIGHT, CAMERA)

    def is_metric():
        robot.camera_infos.publish(info)
        return all(person.metric for person in people_from_message(robot.show(robot.image(GREY))))

    def report():
        statuses = [status for message in diagnostics for status in message.status]
        keys = [[entry.key for entry in status.values] for status in statuses]
        return next(
            (status for status, of in zip(statuses, keys, strict=True) if "frames processed" in of), None
        )

    with running_node({"model": model}):
        robot.wait_until(is_metric, "positions become metric")
        reported = len(diagnostics)
        robot.wait_until(lambda: len(diagnostics) > reported, "a report on all that was till then")
        diagnostics.clear()
        robot.show(robot.image(GREY))
        status = robot.wait_until(report, "a report on a processed frame")
    values = {entry.key: entry.value for entry in status.values}
    assert status.level == DiagnosticStatus.OK
    assert status.hardware_id.startswith("ONNX Runtime")
    assert int(values["frames processed"]) >= 1
    assert float(values["latency median ms"]) > float(values["network median ms"]) > 0


def test_a_topic_that_nobody_publishes_is_named(model):
    with running_node({"model": model}, remaps={"image": "nothing/here"}) as node:
        node.wait_for_log("WARN", "/nothing/here", "nobody publishes it")


def test_an_image_of_the_other_transport_is_named(robot, model):
    publisher = robot.node.create_publisher(CompressedImage, "camera/jpeg", qos_profile_sensor_data)
    with running_node({"model": model}, remaps={"image": "camera/jpeg"}) as node:
        publisher.publish(CompressedImage())
        node.wait_for_log("WARN", "/camera/jpeg", "CompressedImage", "image_transport")
