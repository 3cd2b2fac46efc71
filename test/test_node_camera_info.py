# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a CameraInfo says, and what a node does with it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scenes
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from robot import camera_info, running_node
from scenes import CAMERA, seen, standing
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from tiny_model import write_tiny_model

from dope_ros.geometry import Intrinsics, Lens
from dope_ros.ros.camera_info import CameraInfoError, conflicting_frame, intrinsics_for
from dope_ros.ros.messages import people_from_message

BARREL = [-0.28, 0.07, 0.0006, -0.0004, 0.0]
GREY = np.full((480, 640, 3), 90, np.uint8)


def calibrated(**fields):
    k = [520.0, 0.0, 322.0, 0.0, 510.0, 236.0, 0.0, 0.0, 1.0]
    p = [480.0, 0.0, 318.0, 0.0, 0.0, 470.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    return CameraInfo(**{"width": 640, "height": 480, "k": k, "p": p, **fields})


@pytest.mark.parametrize(
    ("model", "coefficients", "lens"),
    [
        ("plumb_bob", BARREL, Lens.RADIAL_TANGENTIAL),
        ("plumb_bob", [0.0] * 5, Lens.PINHOLE),
        ("plumb_bob", BARREL[:4], Lens.RADIAL_TANGENTIAL),
        *(("rational_polynomial", [0.1] * count, Lens.RADIAL_TANGENTIAL) for count in (8, 12, 14)),
        ("equidistant", [0.01] * 4, Lens.FISHEYE),
        ("fisheye", [0.01] * 4, Lens.FISHEYE),
        ("equidistant", [0.0] * 4, Lens.FISHEYE),
        ("", [], Lens.PINHOLE),
    ],
)
def test_the_distortion_model_is_that_of_the_lens(model, coefficients, lens):
    camera = intrinsics_for(calibrated(distortion_model=model, d=coefficients), 640, 480)
    assert camera.lens is lens
    assert camera.distortion == (() if lens is Lens.PINHOLE else tuple(coefficients))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (520, 510, 322, 236)


def test_a_rectified_image_has_the_projection_of_p_and_no_distortion():
    info = calibrated(distortion_model="plumb_bob", d=BARREL)
    assert intrinsics_for(info, 640, 480, rectified=True) == Intrinsics(480, 470, 318, 240)


def test_a_region_of_the_sensor_moves_the_middle():
    info = calibrated(roi=RegionOfInterest(x_offset=100, y_offset=40, width=320, height=200))
    camera = intrinsics_for(info, 320, 200)
    assert (camera.cx, camera.cy, camera.fx) == (222, 196, 520)


def test_binning_divides_all_by_the_pixels_in_one():
    info = calibrated(binning_x=2, binning_y=4)
    assert intrinsics_for(info, 320, 120) == Intrinsics(260, 127.5, 161, 59)


def test_a_binned_region_is_a_region_that_is_binned():
    roi = RegionOfInterest(x_offset=100, y_offset=40, width=320, height=200)
    camera = intrinsics_for(calibrated(roi=roi, binning_x=2, binning_y=2), 160, 100)
    assert camera == Intrinsics(260, 255, 111, 98)


@pytest.mark.parametrize(
    ("info", "rectified", "words"),
    [
        (CameraInfo(width=640, height=480), False, "uncalibrated"),
        (calibrated(p=[0.0] * 12), True, "P has fx 0"),
        (calibrated(k=[0.0, 0.0, 322.0, 0.0, 510.0, 236.0, 0.0, 0.0, 1.0]), False, "K has fx 0, fy 510"),
        (calibrated(k=[520.0, 0.0, 322.0, 0.0, 0.0, 236.0, 0.0, 0.0, 1.0]), False, "K has fx 520, fy 0"),
        (calibrated(k=[math.nan, 0.0, 322.0, 0.0, 510.0, 236.0, 0.0, 0.0, 1.0]), False, "K holds no numbers"),
        (calibrated(k=[520.0, 0.0, math.nan, 0.0, 510.0, 236.0, 0.0, 0.0, 1.0]), False, "K holds no numbers"),
        (calibrated(k=[math.inf, 0.0, 322.0, 0.0, 510.0, 236.0, 0.0, 0.0, 1.0]), False, "K holds no numbers"),
        (calibrated(d=[math.nan, 0.0, 0.0, 0.0, 0.0]), False, "D holds no numbers"),
        (calibrated(distortion_model="fish", d=[0.1]), False, "'fish' is not one of plumb_bob"),
        (calibrated(distortion_model="equidistant", d=[0.1]), False, "1 coefficients"),
        (calibrated(width=1280), False, "1280 x 480"),
        (calibrated(binning_x=2, binning_y=2), False, "320 x 240"),
    ],
)
def test_a_camera_info_that_says_nothing_of_the_image_says_why(info, rectified, words):
    with pytest.raises(CameraInfoError, match=words):
        intrinsics_for(info, 640, 480, rectified)


@pytest.mark.parametrize(
    ("infos", "images", "conflicting"),
    [
        ("infra_optical_frame", "color_optical_frame", "infra_optical_frame"),
        ("/infra_optical_frame", "color_optical_frame", "infra_optical_frame"),
        ("color_optical_frame", "color_optical_frame", ""),
        ("/color_optical_frame", "color_optical_frame", ""),
        ("", "color_optical_frame", ""),
        ("infra_optical_frame", "", ""),
        ("", "", ""),
    ],
)
def test_frames_conflict_where_both_are_set_and_differ_by_more_than_the_slash_of_ros_1(
    infos, images, conflicting
):
    info = calibrated()
    info.header.frame_id = infos
    assert conflicting_frame(info, images) == conflicting


@pytest.fixture
def bent_model(tmp_path):
    """Sees a person as through a lens, and says what lens that is and where the person stands."""
    camera = Intrinsics(520, 510, 322, 236, Lens.RADIAL_TANGENTIAL, tuple(BARREL))
    person = standing((0.8, 0.1, 3.0), parts=["body"])
    bent = scenes.with_pixels(seen(person), {"body": camera.project(person.body.keypoints_3d)})
    return write_tiny_model(tmp_path / "bent.onnx", [bent], 480, 640), person


def metric_root(robot, info):
    def now():
        robot.camera_infos.publish(info)
        (person,) = people_from_message(robot.show(robot.image(GREY)))
        return person.root if person.metric else None

    return robot.wait_until(lambda: now() is not None and [now()], "a metric position")[0]


def test_the_node_sees_through_a_lens(robot, bent_model):
    model, person = bent_model
    with running_node({"model": model}):
        root = metric_root(robot, calibrated(distortion_model="plumb_bob", d=BARREL))
    np.testing.assert_allclose(root, person.root, atol=0.02)


def test_the_node_takes_a_rectified_topic_by_p(robot, tmp_path):
    person = standing((0.5, 0.1, 3.0), parts=["body"])
    model = write_tiny_model(tmp_path / "one.onnx", [seen(person)], 480, 640)
    p = [CAMERA.fx, 0.0, CAMERA.cx, 0.0, 0.0, CAMERA.fy, CAMERA.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    info = calibrated(
        p=p, k=[900.0, 0, 1.0, 0, 900.0, 2.0, 0, 0, 1.0], distortion_model="plumb_bob", d=BARREL
    )
    with running_node({"model": model, "rectified": True}):
        root = metric_root(robot, info)
    np.testing.assert_allclose(root, person.root, atol=0.01)


def test_no_camera_info_and_an_uncalibrated_one_are_told_apart(robot, tmp_path):
    model = write_tiny_model(tmp_path / "one.onnx", [seen(standing())], 480, 640)
    with running_node({"model": model}) as node:
        robot.show(robot.image(GREY))
        node.wait_for_log("no camera info on '/camera/camera_info'", "not metric")
        assert "uncalibrated" not in node.log
        robot.camera_infos.publish(camera_info(640, 480, Intrinsics(0, 0, 0, 0)))
        robot.show(robot.image(GREY))
        node.wait_for_log("uncalibrated")


def test_a_camera_info_that_was_published_once_and_for_all_is_heard_with_overrides_of_qos(robot, tmp_path):
    model = write_tiny_model(tmp_path / "one.onnx", [seen(standing())], 480, 640)
    latched = QoSProfile(
        depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )
    publisher = robot.node.create_publisher(CameraInfo, "once/camera_info", latched)
    publisher.publish(calibrated())
    overrides = {
        "qos_overrides./once/camera_info.subscription.durability": "transient_local",
        "qos_overrides./once/camera_info.subscription.reliability": "reliable",
    }
    with running_node({"model": model, **overrides}, {"camera_info": "once/camera_info"}):
        robot.wait_until(
            lambda: people_from_message(robot.show(robot.image(GREY)))[0].metric, "a metric position"
        )


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "one.onnx", [seen(standing())], 480, 640)


def test_a_camera_info_in_another_frame_is_warned_of_and_taken_until_one_comes_that_is_not(robot, model):
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    foreign, own = calibrated(), calibrated()
    foreign.header.frame_id, own.header.frame_id = "infra_optical_frame", "camera_optical_frame"

    def reported(level, words, info):
        robot.camera_infos.publish(info)
        robot.images.publish(robot.image(GREY))
        status = diagnostics[-1].status[0] if diagnostics else None
        return status and status.level == level and words in status.message

    with running_node({"model": model}) as node:
        metric_root(robot, foreign)
        words = (
            "is in frame 'infra_optical_frame' and images on '/camera/image' are in 'camera_optical_frame'"
        )
        robot.wait_until(lambda: reported(DiagnosticStatus.WARN, words, foreign), "a report of it")
        node.wait_for_log("WARN", "camera info on '/camera/camera_info'", words)
        robot.wait_until(lambda: reported(DiagnosticStatus.OK, "frames processed", own), "no report of it")
        node.wait_for_log("INFO", "'/camera/image' are in one frame")
        assert node.log.count(words) == 1


def test_a_distortion_that_a_rectified_topic_should_not_have_is_warned_of_once(robot, model):
    bent = calibrated(distortion_model="plumb_bob", d=BARREL)
    images = robot.node.create_publisher(Image, "camera/image_rect", qos_profile_sensor_data)
    with running_node({"model": model}, {"image": "camera/image_rect"}) as node:

        def is_metric():
            robot.camera_infos.publish(bent)
            return people_from_message(robot.show(robot.image(GREY), images))[0].metric

        for _ in range(2):
            robot.wait_until(is_metric, "a metric position")
        node.wait_for_log("WARN", "'/camera/image_rect' are rectified", "set the parameter rectified")
        assert node.log.count("set the parameter rectified") == 1


@pytest.mark.parametrize(
    ("topic", "info", "parameters"),
    [
        ("image_rect", calibrated(), {}),
        ("image_direct", calibrated(distortion_model="plumb_bob", d=BARREL), {}),
        ("image_rect", calibrated(distortion_model="plumb_bob", d=BARREL), {"rectified": True}),
    ],
    ids=["no distortion", "not rectified by its name", "said to be rectified"],
)
def test_nothing_is_said_of_rectified_topics_where_nothing_contradicts(robot, model, topic, info, parameters):
    images = robot.node.create_publisher(Image, f"camera/{topic}", qos_profile_sensor_data)
    with running_node({"model": model, **parameters}, {"image": f"camera/{topic}"}) as node:

        def is_metric():
            robot.camera_infos.publish(info)
            return people_from_message(robot.show(robot.image(GREY), images))[0].metric

        robot.wait_until(is_metric, "a metric position")
        assert "set the parameter rectified" not in node.log


def test_a_camera_info_is_forgotten_when_the_node_is_deactivated(robot, model):
    with running_node({"model": model}):
        metric_root(robot, calibrated())
        assert robot.transition(Transition.TRANSITION_DEACTIVATE)
        assert robot.transition(Transition.TRANSITION_ACTIVATE)
        (person,) = people_from_message(robot.show(robot.image(GREY)))
        assert not person.metric
        metric_root(robot, calibrated())
