# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People as markers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import CAMERA, seen, standing
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from dope_ros.geometry import Transform, place, transformed
from dope_ros.ros.markers import MarkerState
from dope_ros.skeleton import HEAD, LEFT_WRIST, RIGHT_WRIST, SKELETONS, Part

HEADER = Header(frame_id="camera_optical_frame")


@pytest.fixture
def person():
    return replace(standing(at=(0.2, 0.1, 3.0)), id=4)


def by_key(array):
    return {(marker.ns, marker.id): marker for marker in array.markers}


def points(marker):
    return np.array([[point.x, point.y, point.z] for point in marker.points])


def test_bones_end_at_the_joints_they_join(person):
    markers = by_key(MarkerState().update(HEADER, [person], 0.5))
    for name, part in (("body", Part.BODY), ("left_hand", Part.HAND), ("face", Part.FACE)):
        joints = person.parts()[name].keypoints_3d
        bones, spheres = markers[(f"{name}/bones", 4)], markers[(f"{name}/joints", 4)]
        assert (bones.type, spheres.type) == (Marker.LINE_LIST, Marker.SPHERE_LIST)
        np.testing.assert_allclose(points(bones), joints[np.ravel(SKELETONS[part].bones)])
        np.testing.assert_allclose(points(spheres), joints)


def test_left_right_and_face_differ_in_colour(person):
    markers = by_key(MarkerState().update(HEADER, [person], 0.5))
    colours = {
        (m.color.r, m.color.g, m.color.b)
        for m in (markers[(f"{name}/bones", 4)] for name in ("left_hand", "right_hand", "face"))
    }
    assert len(colours) == 3
    bones = markers[("body/bones", 4)]
    assert len(bones.colors) == len(bones.points)


def test_markers_carry_header_lifetime_and_a_valid_pose(person):
    for marker in MarkerState().update(HEADER, [person], 0.25).markers:
        assert marker.header == HEADER
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (0, 250_000_000)
        assert marker.pose.orientation.w == 1.0


def test_only_what_vanished_is_deleted(person):
    state = MarkerState()
    other = replace(standing(at=(1.0, 0.0, 4.0)), id=5)
    state.update(HEADER, [person, other], 0.5)
    markers = by_key(state.update(HEADER, [replace(person, face=None)], 0.5))
    deleted = {key for key, marker in markers.items() if marker.action == Marker.DELETE}
    expected = {(f"{name}/{kind}", 5) for name in other.parts() for kind in ("bones", "joints")}
    expected |= {("face/attachment", 5), ("id", 5)}
    assert deleted == expected | {(f"face/{kind}", 4) for kind in ("bones", "joints", "attachment")}
    again = by_key(state.update(HEADER, [replace(person, face=None)], 0.5))
    assert not any(marker.action == Marker.DELETE for marker in again.values())


def test_all_that_is_shown_is_deleted_at_the_end(person):
    state = MarkerState()
    shown = by_key(state.update(HEADER, [person], 0.0))
    deletions = by_key(state.clear())
    assert deletions.keys() == shown.keys()
    assert all(marker.action == Marker.DELETE for marker in deletions.values())
    assert state.clear().markers == []


def test_a_picture_without_people_has_no_markers():
    assert MarkerState().update(HEADER, [], 0.5).markers == []


def test_hands_and_face_hang_on_the_body_without_a_gap(person):
    (placed,) = place([seen(person)], CAMERA, 3.0)
    markers = by_key(MarkerState().update(HEADER, [placed], 0.5))
    body = points(markers[("body/joints", 4)])
    for name, wrist in (("left_hand", LEFT_WRIST), ("right_hand", RIGHT_WRIST)):
        np.testing.assert_allclose(points(markers[(f"{name}/joints", 4)])[0], body[wrist], atol=1e-6)
    head, landmark = points(markers[("face/attachment", 4)])
    np.testing.assert_allclose(head, body[HEAD])
    assert (points(markers[("face/joints", 4)]) == landmark).all(axis=1).any()


def test_the_id_is_written_over_the_head_whichever_way_the_frame_lies(person):
    upright = Transform(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], float), np.array([0.0, 0.0, 1.0]))
    for people, up in (([person], (0, -1, 0)), (transformed([person], upright), (0, 0, 1))):
        text = by_key(MarkerState().update(HEADER, people, 0.5))[("id", 4)]
        assert (text.type, text.text) == (Marker.TEXT_VIEW_FACING, "4")
        over = np.array([text.pose.position.x, text.pose.position.y, text.pose.position.z])
        above = over - people[0].body.keypoints_3d[HEAD]
        assert above @ np.array(up) > 0.25
