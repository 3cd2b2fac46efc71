# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People to messages and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from scenes import standing
from std_msgs.msg import Header

from dope_ros.draw import draw_people
from dope_ros.msg import PartPose3D, WholeBodyPose3DArray
from dope_ros.ros.messages import keypoints_2d, keypoints_3d, people_from_message, people_to_message


@pytest.fixture
def people():
    whole, lone = standing(at=(0.2, 0.1, 3.0)), standing(at=(1.0, 0.0, 5.0))
    known = {"metric": True, "depth_measured": True, "root_covariance": np.arange(1.0, 10.0).reshape(3, 3)}
    return [replace(whole, id=3, **known), replace(lone, id=7, body=None, face=None, right_hand=None)]


def over_the_wire(people) -> WholeBodyPose3DArray:
    message = people_to_message(Header(frame_id="camera"), people, 640, 480)
    return deserialize_message(serialize_message(message), WholeBodyPose3DArray)


def test_people_survive_the_way_over_the_wire(people):
    received = people_from_message(over_the_wire(people))
    assert len(received) == 2
    for person, expected in zip(received, people, strict=True):
        assert (person.id, person.metric) == (expected.id, expected.metric)
        assert person.depth_measured == expected.depth_measured
        assert (person.root_covariance is None) == (expected.root_covariance is None)
        if expected.root_covariance is not None:
            np.testing.assert_array_equal(person.root_covariance, expected.root_covariance)
        assert person.score == pytest.approx(expected.score)
        np.testing.assert_allclose(person.root, expected.root, rtol=1e-6)
        assert set(person.parts()) == set(expected.parts())
        for name, pose in expected.parts().items():
            np.testing.assert_array_equal(person.parts()[name].keypoints_2d, pose.keypoints_2d)
            np.testing.assert_array_equal(person.parts()[name].keypoints_3d, pose.keypoints_3d)
            assert person.parts()[name].side == pose.side


def test_people_of_a_message_can_be_drawn_as_those_that_were_sent(people):
    picture = np.full((480, 640, 3), 90, np.uint8)
    overlay = draw_people(picture, people_from_message(over_the_wire(people)))
    assert (overlay != picture).any()
    np.testing.assert_array_equal(overlay, draw_people(picture, people))


def test_a_part_that_was_not_seen_is_empty(people):
    lone_hand = over_the_wire(people).people[1]
    assert (lone_hand.body.score, len(lone_hand.body.keypoints_2d), len(lone_hand.face.keypoints_3d)) == (
        0,
        0,
        0,
    )
    assert len(lone_hand.left_hand.keypoints_2d) == 2 * 21


def test_keypoints_are_views_of_the_message():
    part = PartPose3D(keypoints_2d=[1.0, 2.0, 3.0, 4.0], keypoints_3d=[1.0, 2.0, 3.0])
    pixels, metres = keypoints_2d(part), keypoints_3d(part)
    part.keypoints_2d[3] = 9.0
    assert pixels.tolist() == [[1, 2], [3, 9]]
    assert metres.tolist() == [[1, 2, 3]]
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 5


def test_an_empty_part_has_keypoint_arrays_without_rows():
    assert keypoints_2d(PartPose3D()).shape == (0, 2)
    assert keypoints_3d(PartPose3D()).shape == (0, 3)
