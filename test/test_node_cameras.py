# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Several cameras on one node and one network."""

from __future__ import annotations

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import qos_profile_sensor_data
from robot import camera_info, running_node
from scenes import CAMERA, HEIGHT, WIDTH, seen, standing
from sensor_msgs.msg import CameraInfo, Image
from tiny_model import film_picture, write_film_model, write_tiny_model

from dope_ros.msg import WholeBodyPose3DArray
from dope_ros.ros.messages import people_from_message

NAMES = ("front", "left", "right", "back")
TOPICS = [f"/{name}/image_raw" for name in NAMES]
PERIOD = 1 / 15


def diagnostics_of(messages, name):
    """The figures of each report on frames of a camera."""
    reports = [
        {entry.key: entry.value for entry in status.values}
        for message in messages
        for status in message.status
        if status.name.endswith(f"frames of {name}")
    ]
    return [report for report in reports if "frames processed" in report]


def test_four_cameras_at_15_hertz_each_keep_their_newest_frame(robot, tmp_path):
    slow = write_tiny_model(tmp_path / "slow.onnx", [], 96, 128, slow=True)
    publishers = [robot.node.create_publisher(Image, topic, qos_profile_sensor_data) for topic in TOPICS]
    answers = {name: robot.listen(WholeBodyPose3DArray, f"dope/{name}/poses") for name in NAMES}
    diagnostics = robot.listen(DiagnosticArray, "/diagnostics")
    image = robot.image(np.full((480, 640, 3), 90, np.uint8))

    def take():
        for publisher in publishers:
            image.header.stamp = robot.node.get_clock().now().to_msg()
            publisher.publish(image)

    timer = robot.node.create_timer(PERIOD, take)
    with running_node({"model": slow, "threads": 1, "image_topics": TOPICS}):
        robot.wait_until(
            lambda: all(len(diagnostics_of(diagnostics, name)) >= 6 for name in NAMES), "six reports of each"
        )
    robot.node.destroy_timer(timer)
    processed = [len(answers[name]) for name in NAMES]
    assert max(processed) - min(processed) <= 3, "cameras take turns"
    for name in NAMES:
        for report in diagnostics_of(diagnostics, name)[1:]:  # the first has the start in it
            frame_time = float(report["latency median ms"]) - float(report["wait median ms"])
            assert float(report["latency median ms"]) < (len(NAMES) + 1) * frame_time
        assert sum(int(report.get("frames replaced", 0)) for report in diagnostics_of(diagnostics, name)) > 0


def test_each_camera_has_its_own_people_ids_and_camera_info(robot, tmp_path):
    people = [[standing((0.0, 0.1, 3.0))], [standing((0.5, 0.1, 4.0)), standing((-0.5, 0.1, 3.0))]]
    frames = [[seen(person) for person in each] for each in people]
    model = write_film_model(tmp_path / "two.onnx", frames, HEIGHT, WIDTH)
    topics = ["/front/image_raw", "/left/image_raw"]
    images = [robot.node.create_publisher(Image, topic, qos_profile_sensor_data) for topic in topics]
    infos = robot.node.create_publisher(CameraInfo, "/left/camera_info", qos_profile_sensor_data)
    heard = [robot.listen(WholeBodyPose3DArray, f"dope/{name}/poses") for name in ("front", "left")]
    # Pictures are dropped where the machine is busy: ids outlast that.
    parameters = {"model": model, "image_topics": topics, "tracking": "ids", "tracking_memory": 60.0}
    pictures = [robot.image(film_picture(index, HEIGHT, WIDTH)) for index in range(2)]
    with running_node(parameters):

        def both():
            infos.publish(camera_info(WIDTH, HEIGHT, CAMERA))
            for publisher, picture in zip(images, pictures, strict=True):
                picture.header.stamp = robot.node.get_clock().now().to_msg()
                publisher.publish(picture)
            return all(heard) and heard[1][-1].people[0].metric

        robot.wait_until(both, "both cameras see their people")
    front, left = (people_from_message(messages[-1]) for messages in heard)
    assert [person.id for person in front] == [0]
    assert sorted(person.id for person in left) == [0, 1]
    assert not front[0].metric
    roots = sorted(round(float(person.root[2]), 1) for person in left)
    assert roots == [3.0, 4.0]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"image_topics": ["/a/image", "/a/image"]}, "names a topic twice"),
        ({"image_topics": ["/a/image"], "depth_topics": ["/a/d", "/b/d"]}, "2 depth_topics are more"),
        ({"image_topics": [f"/a{i}/image" for i in range(27)]}, "27 cameras, but a node has letters for 26"),
    ],
)
def test_topics_that_contradict_each_other_are_named(parameters, words):
    with running_node(parameters) as node:
        node.wait_for_log("cannot configure", words)


def test_depth_topics_that_are_not_used_are_said_to_be(tmp_path):
    model = write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)
    parameters = {"image_topics": ["/front/image"], "depth_topics": ["/front/depth"], "use_depth": False}
    with running_node({"model": model, **parameters}) as node:
        node.wait_for_log("WARN", "depth_topics are not used, because use_depth is false")


def test_each_silent_camera_is_named_although_their_topics_differ_by_a_number_alone(tmp_path):
    model = write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)
    with running_node({"model": model, "image_topics": ["/cam0/image_raw", "/cam1/image_raw"]}) as node:
        node.wait_for_log("no image on '/cam0/image_raw'")
        node.wait_for_log("no image on '/cam1/image_raw'")


def test_a_topic_that_is_remapped_in_vain_is_said_to_be(tmp_path):
    model = write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)
    with running_node({"model": model, "image_topics": ["/front/image"]}, {"depth": "depth"}) as node:
        line = node.wait_for_log(
            "WARN", "image:=/camera/image", "camera_info:=/camera/camera_info", "not used"
        )
        assert "depth" not in line
