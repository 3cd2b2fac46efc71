# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a node's markers look like, drawn as RViz would: the picture in docs/space_and_time.md.

`DOPE_ROS_VIEW=docs/images/people_in_space.jpg pytest test/test_node_view.py` draws that anew.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from robot import camera_info, running_node
from scenes import CAMERA, HEIGHT, WIDTH, seen, standing
from tiny_model import write_tiny_model
from visualization_msgs.msg import Marker, MarkerArray

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from view3d import draw_markers

from dope_ros.palette import PART_COLOURS, SIDE_COLOURS
from dope_ros.skeleton import Side

PEOPLE = [
    standing((-1.5, 0.1, 4.2), 0.95, turn=0.5),
    standing((-0.4, 0.1, 3.0), 0.9, turn=-0.3),
    standing((0.6, 0.1, 3.6), 0.85, turn=0.9),
    standing((1.7, 0.1, 4.8), 0.8, turn=-0.8),
]


def published_markers(robot, tmp_path):
    model = write_tiny_model(tmp_path / "four.onnx", [seen(person) for person in PEOPLE], HEIGHT, WIDTH)
    markers = robot.listen(MarkerArray, "dope/markers")
    with running_node({"model": model, "tracking": "smooth"}):

        def metric():
            robot.camera_infos.publish(camera_info(WIDTH, HEIGHT, CAMERA))
            poses = robot.show(robot.image(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)))
            return all(person.metric for person in poses.people) and [len(markers)]

        (before,) = robot.wait_until(metric, "positions in metres")
        robot.wait_until(lambda: metric() and len(markers) > before + 1, "markers in metres")
    return markers[-1]


def drawn(array):
    return draw_markers(array, "markers of a node: bodies, hands, faces and ids", (960, 540))


def pixels_of(colour, picture):
    return (np.abs(picture.astype(int) - colour).max(axis=2) <= 3).sum()


SHOWN = [
    ("body/bones", SIDE_COLOURS[Side.LEFT]),
    ("body/bones", SIDE_COLOURS[Side.RIGHT]),
    ("left_hand", PART_COLOURS["left_hand"]),
    ("right_hand", PART_COLOURS["right_hand"]),
    ("face", PART_COLOURS["face"]),
]
"""How the namespaces of markers begin, and a colour that nothing else has."""


def test_a_picture_of_the_markers_shows_everybody_with_hands_face_and_id(robot, tmp_path):
    array = published_markers(robot, tmp_path)
    kinds = {(marker.ns, marker.id) for marker in array.markers if marker.action == Marker.ADD}
    for person in range(len(PEOPLE)):
        assert {("body/bones", person), ("left_hand/bones", person), ("face/bones", person)} <= kinds
        assert {("id", person), ("face/attachment", person)} <= kinds
    roots = sorted(marker.pose.position.z for marker in array.markers if marker.ns == "id")
    np.testing.assert_allclose(roots, sorted(person.root[2] for person in PEOPLE), atol=0.15)
    picture = drawn(array)
    assert picture.shape == (540, 960, 3)
    for namespace, colour in SHOWN:
        without = drawn(MarkerArray(markers=[m for m in array.markers if not m.ns.startswith(namespace)]))
        assert pixels_of(colour, picture) > 50 > 2 * pixels_of(colour, without), namespace
    without = drawn(MarkerArray(markers=[m for m in array.markers if m.ns != "id"]))
    assert (picture != without).any()
    if path := os.environ.get("DOPE_ROS_VIEW"):
        assert cv2.imwrite(path, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
