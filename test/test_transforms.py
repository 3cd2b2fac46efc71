# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms, and the frames of people (REP-155)."""

from dataclasses import replace

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenes import CAMERA, seen, standing

from dope_ros.geometry import (
    Transform,
    body_frame,
    face_frame,
    gaze_frame,
    hand_frame,
    place,
    transformed,
)
from dope_ros.skeleton import (
    FACE_FEATURES,
    HAND_WRIST,
    LEFT_HIP,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    Side,
)

UPWARDS = np.array([0.0, -1.0, 0.0])
"""In a camera frame."""

transforms = st.builds(
    Transform.from_quaternion,
    arrays(float, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1),
    arrays(float, 3, elements=st.floats(-5, 5)),
)
points = arrays(float, (4, 3), elements=st.floats(-10, 10))


# Transforms


@scenes.light
@given(transforms, points)
def test_the_way_back_leads_back(transform, places):
    back = transform.inverse().apply(transform.apply(places))
    np.testing.assert_allclose(back, places, atol=1e-9)


@scenes.light
@given(transforms, transforms, points)
def test_one_after_the_other_is_both(first, second, places):
    both = second.after(first).apply(places)
    np.testing.assert_allclose(both, second.apply(first.apply(places)), atol=1e-9)


@scenes.light
@given(transforms)
def test_a_quaternion_says_the_same_rotation(transform):
    again = Transform.from_quaternion(transform.quaternion(), transform.translation)
    np.testing.assert_allclose(again.rotation, transform.rotation, atol=1e-9)


@scenes.light
@given(transforms)
def test_people_in_another_frame_keep_their_shape_and_their_pixels(transform):
    (person,) = place([seen(standing((0.3, 0.1, 3.0)))], CAMERA, 3.0)
    (found,) = transformed([person], transform)
    np.testing.assert_allclose(found.root, transform.apply(person.root), atol=1e-4)
    for name, pose in person.parts().items():
        other = found.parts()[name]
        np.testing.assert_array_equal(other.keypoints_2d, pose.keypoints_2d)
        np.testing.assert_allclose(other.keypoints_3d, transform.apply(pose.keypoints_3d), atol=1e-4)
    assert found.root.dtype == np.float32
    back = transform.inverse().rotation
    np.testing.assert_allclose(back @ found.root_covariance @ back.T, person.root_covariance, atol=1e-9)


# Frames of people


@pytest.mark.parametrize("turn", [-2.0, 0.0, 0.7])
def test_a_body_looks_along_x_with_z_up_from_between_its_hips(turn):
    joints = standing((0.3, 0.1, 3.0), turn=turn).body.keypoints_3d
    frame = body_frame(joints)
    np.testing.assert_allclose(frame.translation, joints[[RIGHT_HIP, LEFT_HIP]].mean(axis=0), atol=1e-6)
    _forward, left, up = frame.rotation.T
    assert up @ UPWARDS > 0.95
    assert left @ (joints[LEFT_HIP] - joints[RIGHT_HIP]) > 0
    np.testing.assert_allclose(frame.rotation.T @ frame.rotation, np.eye(3), atol=1e-9)
    assert np.linalg.det(frame.rotation) == pytest.approx(1.0)


def test_a_body_that_twists_looks_between_where_its_hips_and_its_shoulders_do():
    joints = np.zeros((13, 3))  # x forward, y left, z up
    joints[[LEFT_HIP, RIGHT_HIP]] = (0.0, 0.1, 0.0), (0.0, -0.1, 0.0)
    turned = 0.1 * np.array([-np.sin(1.0), np.cos(1.0), 0.0])
    up = np.array([0.0, 0.0, 0.5])
    joints[[LEFT_SHOULDER, RIGHT_SHOULDER]] = up + turned, up - turned
    np.testing.assert_allclose(body_frame(joints).rotation[:, 0], (np.cos(0.5), np.sin(0.5), 0), atol=1e-9)


def test_a_face_looks_out_of_its_sellion():
    landmarks = standing((0.0, 0.0, 3.0)).face.keypoints_3d
    frame = face_frame(landmarks)
    forward, left, up = frame.rotation.T
    assert forward @ (0, 0, -1) > 0.95  # at the camera
    assert up @ UPWARDS > 0.95
    assert left @ (1, 0, 0) > 0.95  # the person's left is on the right of the picture
    np.testing.assert_allclose(frame.translation, landmarks[43], atol=1e-6)


def test_a_gaze_is_the_optical_frame_of_a_face():
    face = face_frame(standing((0.0, 0.0, 3.0), turn=0.4).face.keypoints_3d)
    right, down, forward = gaze_frame(face).rotation.T
    np.testing.assert_allclose(forward, face.rotation[:, 0], atol=1e-12)
    np.testing.assert_allclose(right, -face.rotation[:, 1], atol=1e-12)
    np.testing.assert_allclose(down, -face.rotation[:, 2], atol=1e-12)


@pytest.mark.parametrize("side", Side)
def test_a_hand_points_along_x_with_its_back_up(side):
    # Palms down, fingers ahead (+x), z up: the thumb of a right hand is on its left (+y).
    thumbwards = 1.0 if side is Side.RIGHT else -1.0
    joints = np.zeros((21, 3))
    for finger in range(5):
        joints[1 + finger] = (0.09, thumbwards * 0.02 * (2 - finger), 0.0)
    frame = hand_frame(joints, side)
    np.testing.assert_allclose(frame.rotation, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(frame.translation, joints[HAND_WRIST])


def frames_of(person):
    return [
        body_frame(person.body.keypoints_3d),
        face_frame(person.face.keypoints_3d),
        hand_frame(person.left_hand.keypoints_3d, Side.LEFT),
        hand_frame(person.right_hand.keypoints_3d, Side.RIGHT),
    ]


@scenes.light
@given(transforms)
def test_frames_move_and_turn_with_the_person(transform):
    (person,) = place([seen(standing((0.0, 0.0, 3.0)))], CAMERA, 3.0)
    (turned,) = transformed([person], transform)
    for before, found in zip(frames_of(person), frames_of(turned), strict=True):
        expected = transform.after(before)
        np.testing.assert_allclose(found.translation, expected.translation, atol=1e-4)
        np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_z_is_along_the_trunk_of_a_crooked_body_and_y_along_the_eyes_of_a_crooked_face(seed):
    rng = np.random.default_rng(seed)
    person = standing((0.0, 0.0, 3.0))
    body, face = (
        pose.keypoints_3d + rng.normal(0, deviation, pose.keypoints_3d.shape)
        for pose, deviation in ((person.body, 0.1), (person.face, 0.02))
    )
    trunk = body[[LEFT_SHOULDER, RIGHT_SHOULDER]].mean(axis=0) - body[[LEFT_HIP, RIGHT_HIP]].mean(axis=0)
    right_eye, left_eye = (
        face[list(FACE_FEATURES[f"{side}_eye"])].mean(axis=0) for side in ("right", "left")
    )
    eyes = left_eye - right_eye
    np.testing.assert_allclose(body_frame(body).rotation[:, 2], trunk / np.linalg.norm(trunk))
    np.testing.assert_allclose(face_frame(face).rotation[:, 1], eyes / np.linalg.norm(eyes))


def test_joints_at_one_point_or_on_one_line_have_no_frame():
    for count, frame_of in ((13, body_frame), (84, face_frame), (21, lambda j: hand_frame(j, Side.LEFT))):
        assert frame_of(np.ones((count, 3))) is None
        assert frame_of(np.arange(count)[:, None] * np.array([0.1, 0.2, 0.3])) is None


def test_a_person_without_a_place_stays_without_one():
    (found,) = transformed([replace(standing(), root=None)], Transform(np.eye(3), np.ones(3)))
    assert found.root is None
