# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E402 (the demo is a folder of scripts: importable once its place is on the path)
"""The demo: its pictures, its drawing, its recording, and all of it together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

for module in ("rclpy", "dope_ros.msg", "rosbags"):
    pytest.importorskip(module, reason="the demo needs ROS 2, the package's messages and rosbags")

DEMO = Path(__file__).parent.parent / "demo"
sys.path.insert(0, str(DEMO))

from camera import RENDERED_PICTURES, camera_info_message, demo_pictures, read_picture
from geometry_msgs.msg import Point
from rclpy.serialization import serialize_message
from recorder import Bag
from rosbags.highlevel import AnyReader
from run import RECORDED
from sheet import contact_sheet
from std_msgs.msg import ColorRGBA
from view3d import draw_markers
from visualization_msgs.msg import Marker, MarkerArray

from dope_ros.msg import PartPose3D, WholeBodyPose3D, WholeBodyPose3DArray

RED, BLUE = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
CAMERAS = json.loads((RENDERED_PICTURES / "cameras.json").read_text())


def marker(kind, colour, *points):
    made = Marker(type=kind, action=Marker.ADD, points=[Point(x=x, y=y, z=z) for x, y, z in points])
    made.color = ColorRGBA(r=colour[0], g=colour[1], b=colour[2], a=1.0)
    made.scale.x = made.scale.y = made.scale.z = 0.1
    made.pose.orientation.w = 1.0
    return made


def dot(colour, *point):
    return marker(Marker.SPHERE_LIST, colour, point)


def pixels_of(colour, *markers):
    """Rows and columns of the pixels drawn in a colour: int [N, 2]."""
    picture = draw_markers(MarkerArray(markers=markers))
    close = np.abs(picture.astype(int) - np.array(colour) * 255).max(axis=2) < 60
    return np.argwhere(close)


def middle(colour, *markers):
    return pixels_of(colour, *markers).mean(axis=0)


# Pictures


@pytest.mark.parametrize("name", CAMERAS)
def test_the_true_joints_of_a_rendered_picture_project_onto_its_true_pixels(name):
    camera = CAMERAS[name]
    for person in camera["people"]:
        x, y, z = np.array(person["keypoints_3d"]).T
        projected = np.stack(
            [camera["fx"] * x / z + camera["cx"], camera["fy"] * y / z + camera["cy"]], axis=1
        )
        np.testing.assert_allclose(person["keypoints_2d"], projected, atol=0.5)  # 3D is rounded to 1 mm


def test_every_rendered_picture_has_a_camera_of_its_size():
    pictures = {path.name: cv2.imread(str(path)).shape[1::-1] for path in RENDERED_PICTURES.glob("*.jpg")}
    assert pictures == {name: (camera["width"], camera["height"]) for name, camera in CAMERAS.items()}


def test_a_rendered_picture_comes_with_its_intrinsics():
    info = camera_info_message(read_picture(RENDERED_PICTURES / "hands.jpg"))
    assert info.k.tolist() == [620.0, 0.0, 319.5, 0.0, 620.0, 239.5, 0.0, 0.0, 1.0]


def test_a_photograph_comes_from_an_uncalibrated_camera():
    photographs = [picture for picture in demo_pictures() if f"{picture.name}.jpg" not in CAMERAS]
    assert photographs
    assert all(not camera_info_message(photograph).k.any() for photograph in photographs)


def test_a_file_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"text\.jpg"):
        read_picture(tmp_path / "text.jpg")


# The view in space


def test_what_is_higher_is_drawn_higher():
    scene = dot(RED, 0.0, -1.0, 3.0), dot(BLUE, 0.0, 0.0, 3.0)
    assert middle(RED, *scene)[0] < middle(BLUE, *scene)[0]


def test_what_is_further_right_is_drawn_further_right():
    scene = dot(RED, 1.0, 0.0, 3.0), dot(BLUE, 0.0, 0.0, 3.0)
    assert middle(RED, *scene)[1] > middle(BLUE, *scene)[1]


def test_what_is_further_away_is_drawn_smaller():
    near, far = (
        marker(Marker.LINE_LIST, colour, (0.0, -1.0, z), (0.0, 1.0, z)) for colour, z in ((RED, 1), (BLUE, 4))
    )
    assert np.ptp(pixels_of(RED, near, far)[:, 0]) > np.ptp(pixels_of(BLUE, near, far)[:, 0])


def test_a_metre_is_as_long_across_as_upwards():
    across = marker(Marker.LINE_LIST, RED, (-0.5, 0.0, 3.0), (0.5, 0.0, 3.0))
    upwards = marker(Marker.LINE_LIST, BLUE, (0.0, -1.0, 3.0), (0.0, 0.0, 3.0))
    width = np.ptp(pixels_of(RED, across, upwards)[:, 1])
    height = np.ptp(pixels_of(BLUE, across, upwards)[:, 0])
    assert width == pytest.approx(height, rel=0.15)  # the view is turned by 18 degrees and tilted by 14


def test_a_line_strip_is_drawn_as_the_same_line_list():
    a, b, c = (0.0, 0.0, 3.0), (0.5, 0.0, 3.0), (0.5, -1.0, 3.0)
    strip, pairs = marker(Marker.LINE_STRIP, RED, a, b, c), marker(Marker.LINE_LIST, RED, a, b, b, c)
    np.testing.assert_array_equal(
        draw_markers(MarkerArray(markers=[strip])), draw_markers(MarkerArray(markers=[pairs]))
    )


def test_colours_of_points_come_before_the_colour_of_the_marker():
    line = marker(Marker.LINE_LIST, RED, (0.0, -1.0, 3.0), (0.0, 0.0, 3.0))
    line.colors = [ColorRGBA(b=1.0, a=1.0)] * 2
    assert len(pixels_of(BLUE, line))
    assert not len(pixels_of(RED, line))


def test_the_pose_of_a_marker_moves_and_turns_its_points():
    placed = marker(Marker.LINE_LIST, RED, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0))
    placed.pose.position.z = 3.0
    placed.pose.orientation.z, placed.pose.orientation.w = -np.sqrt(0.5), np.sqrt(0.5)  # x becomes up
    same = marker(Marker.LINE_LIST, RED, (0.0, 0.0, 3.0), (0.0, -1.0, 3.0))
    np.testing.assert_array_equal(pixels_of(RED, placed), pixels_of(RED, same))


def test_a_deleted_marker_is_not_drawn():
    deleted = dot(RED, 0.0, 0.0, 3.0)
    deleted.action = Marker.DELETE
    assert not len(pixels_of(RED, deleted))


def test_a_marker_that_cannot_be_drawn_is_refused():
    mesh = marker(Marker.MESH_RESOURCE, RED)
    mesh.ns = "body/mesh"
    with pytest.raises(ValueError, match="body/mesh"):
        draw_markers(MarkerArray(markers=[mesh]))


def test_a_contact_sheet_shows_whole_pictures_undistorted():
    tall, wide = np.full((400, 100, 3), 255, np.uint8), np.full((100, 400, 3), 255, np.uint8)
    sheet = contact_sheet([tall, wide], columns=2)
    halves = np.split(sheet[:, : sheet.shape[1] // 2 * 2] == 255, 2, axis=1)
    for half, aspect in zip(halves, (1 / 4, 4), strict=True):
        rows, columns = np.nonzero(half.all(axis=2))
        assert (np.ptp(columns) + 1) / (np.ptp(rows) + 1) == pytest.approx(aspect, rel=0.02)


# The recording


def read_bag(folder):
    """Messages by topic, decoded with nothing but what the bag itself holds."""
    with AnyReader([folder]) as reader:
        return {c.topic: reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages()}


def test_a_recorded_pose_can_be_read_without_the_package(tmp_path):
    body = PartPose3D(score=0.5, keypoints_2d=[float(n) for n in range(26)], keypoints_3d=[0.25] * 39)
    person = WholeBodyPose3D(id=7, score=0.5, body=body, metric=True)
    poses = WholeBodyPose3DArray(people=[person], image_width=640, image_height=480)
    poses.header.frame_id = "camera_optical_frame"
    with Bag(tmp_path / "bag", {"/poses": WholeBodyPose3DArray}) as bag:
        bag.write("/poses", 1_000_000_000, serialize_message(poses))
    read = read_bag(tmp_path / "bag")["/poses"]
    assert (read.header.frame_id, read.image_width, read.image_height) == ("camera_optical_frame", 640, 480)
    assert (read.people[0].id, read.people[0].metric) == (7, True)
    assert read.people[0].body.keypoints_2d.tolist() == list(range(26))
    assert len(read.people[0].left_hand.keypoints_3d) == 0


def test_every_recorded_topic_brings_its_definition_along(tmp_path):
    with Bag(tmp_path / "bag", {name: topic.message for name, topic in RECORDED.items()}) as bag:
        for name, topic in RECORDED.items():
            bag.write(name, 1, serialize_message(topic.message()))
    assert read_bag(tmp_path / "bag").keys() == RECORDED.keys()


def test_a_recording_keeps_the_time_of_receipt(tmp_path):
    with Bag(tmp_path / "bag", {"/markers": MarkerArray}) as bag:
        for received in (5_000_000_001, 5_000_000_002):
            bag.write("/markers", received, serialize_message(MarkerArray()))
    with AnyReader([tmp_path / "bag"]) as reader:
        assert [received for _, received, _ in reader.messages()] == [5_000_000_001, 5_000_000_002]


# All together


def run_demo(*arguments):
    environment = dict(os.environ)
    environment.pop("PYTHONSAFEPATH", None)  # run.py imports its neighbours
    command = [sys.executable, str(DEMO / "run.py"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_the_demo_shows_a_picture_and_keeps_what_the_node_says(tmp_path):
    with Bag(tmp_path / "bag", {"/of_an_earlier_run": MarkerArray}) as earlier:
        earlier.write("/of_an_earlier_run", 1, serialize_message(MarkerArray()))
    demo = run_demo("--out", tmp_path, "--pictures", RENDERED_PICTURES / "standing.jpg")
    assert demo.returncode == 0, demo.stderr
    assert any(
        "standing" in line and ", metric;" in line and "body" in line for line in demo.stdout.splitlines()
    )

    picture = cv2.imread(str(RENDERED_PICTURES / "standing.jpg"))
    overlay = cv2.imread(str(tmp_path / "standing_overlay.png"))
    assert overlay.shape == picture.shape
    changed = (overlay != picture).any(axis=2).mean()
    assert 0.001 < changed < 0.2  # drawn over, and still the picture
    assert cv2.imread(str(tmp_path / "standing_3d.png")).shape == (480, 640, 3)
    assert cv2.imread(str(tmp_path / "contact_sheet.png")) is not None

    recorded = read_bag(tmp_path / "bag")
    assert recorded.keys() >= RECORDED.keys() - {"/diagnostics"}  # that one comes once a second
    assert "/of_an_earlier_run" not in recorded
    truth = np.array(CAMERAS["standing.jpg"]["people"][0]["keypoints_3d"])
    root = recorded["/dope/poses"].people[0].root
    middle_of_hips = truth[[4, 5]].mean(axis=0)
    np.testing.assert_allclose(
        (root.x, root.y, root.z), middle_of_hips, atol=0.15 * np.linalg.norm(middle_of_hips)
    )


def test_the_demo_deletes_no_bag_of_somebody_else(tmp_path):
    own = tmp_path / "bag" / "kitchen_0.mcap"
    own.parent.mkdir()
    own.write_text("of an hour in the kitchen")
    demo = run_demo("--out", tmp_path, "--pictures", RENDERED_PICTURES / "standing.jpg")
    assert demo.returncode == 1
    assert f"{own.parent} holds more than a bag of the demo" in demo.stderr
    assert own.read_text() == "of an hour in the kitchen"


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    demo = run_demo("--out", tmp_path / "file", "--pictures", RENDERED_PICTURES / "standing.jpg")
    assert (demo.returncode, "Traceback" in demo.stderr) == (1, False)
    assert str(tmp_path / "file") in demo.stderr


def test_the_demo_fails_and_shows_the_log_when_the_node_is_not_there_in_time(tmp_path):
    demo = run_demo("--out", tmp_path, "--timeout", 0.001, "--pictures", RENDERED_PICTURES / "standing.jpg")
    assert demo.returncode == 1
    assert "did not become active" in demo.stderr
    assert str(tmp_path / "node.log") in demo.stderr
