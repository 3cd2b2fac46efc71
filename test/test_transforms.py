# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms, the frames of people, and the tree that frames hang on."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import scenes
from clocks import Clock
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
from dope_ros.transforms import MISSES, FrameWatch, Patience, TransformError, TransformTree

SECOND = 1_000_000_000
UPWARDS = np.array([0.0, -1.0, 0.0])
"""In a camera frame."""

transforms = st.builds(
    Transform.from_quaternion,
    arrays(float, 4, elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 0.1),
    arrays(float, 3, elements=st.floats(-5, 5)),
)
points = arrays(float, (4, 3), elements=st.floats(-10, 10))


def moved(*translation):
    return Transform(np.eye(3), np.array(translation, float))


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


# Frames of people (REP-155)


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


# The tree


def test_a_frame_is_looked_up_over_its_common_ancestor():
    tree = TransformTree()
    tree.add("base", "camera", 5 * SECOND, moved(0, 0, 1))
    tree.add("map", "base", 5 * SECOND, moved(10, 0, 0))
    tree.add("map", "door", 0, moved(12, 0, 0), static=True)
    found = tree.lookup("door", "camera", 5 * SECOND)
    np.testing.assert_allclose(found.translation, (-2, 0, 1))
    np.testing.assert_allclose(tree.lookup("camera", "door", 5 * SECOND).translation, (2, 0, -1))


def test_between_two_stamps_a_frame_is_between_two_places():
    tree = TransformTree()
    quarter = Transform.from_quaternion(np.array([0, 0, 1, 1.0]), np.array([4.0, 0, 0]))
    tree.add("map", "base", 0, Transform.identity())
    tree.add("map", "base", SECOND, quarter)
    half = tree.lookup("map", "base", SECOND // 2)
    np.testing.assert_allclose(half.translation, (2, 0, 0))
    np.testing.assert_allclose(half.rotation[0, 0], np.cos(np.pi / 4))


@pytest.mark.parametrize(
    ("target", "source", "words"),
    [
        ("map", "camera", "nobody publishes a transform of 'camera'"),
        ("moon", "base", "'moon'"),
        ("map", "island", "not connected"),
        ("map", "base", "known from 1.000 to 2.000 s, not at 3.000 s"),
    ],
)
def test_what_is_missing_is_named(target, source, words):
    tree = TransformTree()
    tree.add("map", "base", SECOND, moved(1, 0, 0))
    tree.add("map", "base", 2 * SECOND, moved(1, 0, 0))
    tree.add("sea", "island", 0, moved(1, 0, 0), static=True)
    with pytest.raises(TransformError, match=words):
        tree.lookup(target, source, 3 * SECOND)


def test_all_who_wait_for_a_transform_get_it_when_it_comes():
    tree = TransformTree()
    found = []
    waiting = [
        threading.Thread(
            target=lambda: found.append(tree.lookup("map", "base", SECOND, patience=1e6)), daemon=True
        )
        for _ in range(3)
    ]
    for thread in waiting:
        thread.start()
    tree.add("map", "base", SECOND, moved(1, 2, 3))
    for thread in waiting:
        thread.join(20)
    assert [place.translation.tolist() for place in found] == [[1, 2, 3]] * 3


def impatient(clock):
    patience = Patience(clock)
    for _ in range(MISSES):
        assert patience.seconds(0.5) == 0.5
        patience.note(found=False)
    return patience


def test_what_is_missing_again_and_again_is_awaited_for_a_tenth_of_the_time():
    clock = Clock()
    patience, waited = impatient(clock), 0.0
    for _ in range(2000):
        seconds = patience.seconds(0.5)
        patience.note(found=False)
        waited += seconds
        clock.now += 0.05 + seconds
    assert 0 < waited < 0.11 * clock.now


def test_between_two_short_waits_lies_a_second_at_least():
    clock = Clock()
    patience = impatient(clock)
    assert patience.seconds(0.01) == 0.01
    clock.now += 0.9
    assert patience.seconds(0.01) == 0.0
    clock.now += 0.2
    assert patience.seconds(0.01) == 0.01


def test_what_comes_again_is_awaited_again_each_time():
    patience = impatient(Clock())
    assert patience.seconds(0.5) == 0.5
    assert patience.seconds(0.5) == 0.0
    patience.note(found=True)
    assert [patience.seconds(0.5) for _ in range(3)] == [0.5] * 3


def test_history_is_bounded():
    tree = TransformTree()
    for second in range(100, 200):
        tree.add("map", "base", second * SECOND, moved(second, 0, 0))
    with pytest.raises(TransformError):
        tree.lookup("map", "base", 120 * SECOND)
    assert tree.lookup("map", "base", 195 * SECOND).translation[0] == 195


def test_a_stamp_that_comes_twice_is_kept_and_let_go_as_one():
    tree = TransformTree()
    for second in (100, 100, 105, 105, 120):
        tree.add("map", "base", second * SECOND, moved(second, 0, 0))
    assert tree.lookup("map", "base", 120 * SECOND).translation[0] == 120
    with pytest.raises(TransformError, match=r"known from 120\.000 to 120\.000 s"):
        tree.lookup("map", "base", 105 * SECOND)


@scenes.light
@given(st.integers(1_001, 30_000), st.integers(2, 12))
def test_places_of_two_runs_are_not_mixed_when_time_goes_back(milliseconds, seconds):
    tree = TransformTree()
    tree.add("base", "camera", 0, moved(0, 0, 1), static=True)
    for second in range(100, 100 + seconds):
        tree.add("map", "base", second * SECOND, moved(1, 0, 0))
        tree.add("base", "arm", second * SECOND, moved(1, 0, 0))
    now = (99 + seconds) * SECOND - milliseconds * 1_000_000
    tree.add("map", "base", now, moved(2, 0, 0))
    assert tree.lookup("map", "camera", now).translation.tolist() == [2, 0, 1]
    for frame, stamp in (("arm", now), ("base", now + SECOND // 2)):
        with pytest.raises(TransformError):
            tree.lookup("map", frame, stamp)
    tree.add("base", "arm", now, moved(3, 0, 0))
    assert tree.lookup("map", "arm", now).translation.tolist() == [5, 0, 0]


def test_stamps_that_are_a_little_out_of_order_are_of_one_run():
    tree = TransformTree()
    for tenths in (0, 10, 5, 20, 11, 30):
        tree.add("map", "base", tenths * SECOND // 10, moved(tenths, 0, 0))
    for tenths in (0, 5, 8, 11, 27):
        assert tree.lookup("map", "base", tenths * SECOND // 10).translation[0] == pytest.approx(tenths)


def test_stamps_that_go_back_little_by_little_go_back_all_the_same():
    tree = TransformTree()
    for tenths in (1000, 995, 989):
        tree.add("map", "base", tenths * SECOND // 10, moved(tenths, 0, 0))
    assert tree.lookup("map", "base", 989 * SECOND // 10).translation[0] == 989
    with pytest.raises(TransformError):
        tree.lookup("map", "base", 100 * SECOND)


def test_a_frame_may_have_stamps_far_from_those_of_another():
    # As of a localisation that says in advance where the robot will be, or of a clock that is set wrongly.
    tree = TransformTree()
    for second in range(100, 120):
        tree.add("map", "odom", (second + 2) * SECOND, moved(1, 0, 0))
        tree.add("odom", "base", second * SECOND, moved(1, 0, 0))
        tree.add("odom", "clock", second * SECOND + 10**18, moved(1, 0, 0))
    assert tree.lookup("map", "base", 115 * SECOND).translation[0] == 2


def test_a_clock_that_jumps_leaves_static_places_alone():
    tree = TransformTree()
    tree.add("base", "camera", 0, moved(0, 0, 1), static=True)
    tree.add("map", "base", 5 * SECOND, moved(1, 0, 0))
    tree.clear()
    assert tree.lookup("base", "camera", SECOND).translation[2] == 1
    with pytest.raises(TransformError):
        tree.lookup("map", "base", 5 * SECOND)


def test_static_places_of_any_stamp_leave_those_that_move_alone():
    tree = TransformTree()
    tree.add("base", "camera", 100 * SECOND, moved(0, 0, 1), static=True)
    tree.add("map", "base", 100 * SECOND, moved(1, 0, 0))
    tree.add("base", "camera", 0, moved(0, 0, 2), static=True)
    assert tree.lookup("map", "camera", 100 * SECOND).translation.tolist() == [1, 0, 2]


def test_after_all_is_forgotten_earlier_stamps_are_those_of_the_time_that_is():
    tree = TransformTree()
    tree.add("map", "base", 100 * SECOND, moved(1, 0, 0))
    tree.clear()
    tree.add("base", "arm", 5 * SECOND, moved(0, 1, 0))
    tree.add("map", "base", 5 * SECOND, moved(2, 0, 0))
    assert tree.lookup("map", "arm", 5 * SECOND).translation.tolist() == [2, 1, 0]


def test_a_frame_in_another_parent_is_no_longer_in_the_one_before():
    tree = TransformTree()
    tree.add("map", "door", 0, moved(7, 0, 0), static=True)
    tree.add("map", "cup", 5 * SECOND, moved(1, 0, 0))
    tree.add("door", "cup", 6 * SECOND, moved(0, 1, 0))
    assert tree.lookup("map", "cup", 6 * SECOND).translation.tolist() == [7, 1, 0]
    with pytest.raises(TransformError, match=r"known from 6\.000"):
        tree.lookup("map", "cup", 5 * SECOND)


def test_a_frame_that_was_static_and_moves_now_is_where_it_moved():
    tree = TransformTree()
    tree.add("base", "camera", 0, moved(0, 0, 1), static=True)
    tree.add("base", "camera", 5 * SECOND, moved(0, 0, 2))
    assert tree.lookup("base", "camera", 5 * SECOND).translation[2] == 2
    tree.add("base", "camera", 0, moved(0, 0, 3), static=True)
    assert tree.lookup("base", "camera", 7 * SECOND).translation[2] == 3


def test_frames_of_people_who_left_are_forgotten():
    now = 0.0
    tree = TransformTree(clock=lambda: now)
    tree.add("base", "camera", 0, moved(0, 0, 1), static=True)
    for frame in range(3000):
        now, stamp = frame * 0.1, frame * SECOND // 10
        tree.add("map", "base", stamp, moved(frame, 0, 0))
        tree.add("map", f"body_b{frame // 10}", stamp, moved(1, 0, 0))
    assert len(tree) < 20
    assert tree.lookup("map", "camera", stamp).translation.tolist() == [2999, 0, 1]
    with pytest.raises(TransformError, match="nobody publishes a transform of 'body_b0'"):
        tree.lookup("map", "body_b0", 0)


def test_frames_of_people_who_left_are_forgotten_in_a_bag_that_is_looped():
    now = 0.0
    tree = TransformTree(clock=lambda: now)
    for frame in range(3000):
        now = frame * 0.1
        tree.add("camera", f"body_b{frame // 10}", frame % 50 * SECOND // 10, moved(1, 0, 0))
    assert len(tree) < 20


def test_a_frame_is_forgotten_when_nothing_was_said_of_it_for_ten_seconds():
    clock = Clock(1000.0)
    tree = TransformTree(clock)
    tree.add("map", "cup", 0, moved(1, 0, 0))
    for _ in range(9):
        clock.now += 1.0
        tree.add("map", "base", 0, moved(2, 0, 0))
    assert tree.lookup("map", "cup", 0).translation[0] == 1
    clock.now += 2.0
    tree.add("map", "base", 0, moved(2, 0, 0))
    assert len(tree) == 1


def test_a_frame_that_stands_still_now_is_not_forgotten():
    clock = Clock()
    tree = TransformTree(clock)
    tree.add("map", "door", 0, moved(1, 0, 0))
    tree.add("map", "door", 0, moved(2, 0, 0), static=True)
    clock.now += 11.0
    tree.add("map", "base", 0, moved(1, 0, 0))
    assert tree.lookup("map", "door", 0).translation[0] == 2


def test_a_frame_of_another_time_is_forgotten_once():
    clock = Clock()
    tree = TransformTree(clock)
    tree.add("base", "arm", 100 * SECOND, moved(1, 0, 0))
    tree.add("map", "base", 100 * SECOND, moved(1, 0, 0))
    tree.add("map", "base", 5 * SECOND, moved(1, 0, 0))
    assert len(tree) == 1
    clock.now += 11.0
    tree.add("map", "base", 16 * SECOND, moved(1, 0, 0))
    assert len(tree) == 1


def test_a_frame_that_is_gone_is_told_once_and_its_stamps_begin_anew():
    clock = Clock()
    watch = FrameWatch(clock)
    assert not watch.record("body", 100 * SECOND)
    clock.now += 11.0
    assert watch.sweep() == ["body"]
    clock.now += 2.0
    assert watch.sweep() == []
    assert not watch.record("body", 5 * SECOND)


def test_frames_in_a_circle_end_nothing():
    tree = TransformTree()
    tree.add("a", "b", 0, moved(1, 0, 0), static=True)
    tree.add("b", "a", 0, moved(1, 0, 0), static=True)
    with pytest.raises(TransformError):
        tree.lookup("c", "a", 0)


def test_a_person_without_a_place_stays_without_one():
    (found,) = transformed([replace(standing(), root=None)], moved(1, 0, 0))
    assert found.root is None
