# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import scenes
from hypothesis import assume, given
from hypothesis import strategies as st
from scenes import CAMERA, HANDS, flipped, project, seen, standing

from dope_ros.geometry import Intrinsics, place, place_nominally
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import BODY, HEAD, LEFT_HIP, RIGHT_HIP, WRIST, Part

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # nothing for a robot's log

NOMINAL = 3.0
places = st.builds(
    lambda x, y, z: (x * z, y * z, z), st.floats(-0.5, 0.5), st.floats(-0.2, 0.2), st.floats(1.5, 8)
)
"""Of hips that are seen in the picture."""

turns = st.floats(-np.pi, np.pi)
lone_part = pytest.mark.parametrize("name", PART_NAMES)


def blurred(person, pixels, seed=0):
    """The person with noise on its 2D, so that its 3D no longer fits exactly."""
    rng = np.random.default_rng(seed)
    return with_2d(person, lambda keypoints: keypoints + rng.normal(0, pixels, keypoints.shape))


def with_2d(person, change):
    parts = {
        name: replace(pose, keypoints_2d=np.float32(change(pose.keypoints_2d)))
        for name, pose in person.parts().items()
    }
    return replace(person, **parts)


def with_3d(person, change):
    parts = {
        name: replace(pose, keypoints_3d=np.float32(change(pose.keypoints_3d)))
        for name, pose in person.parts().items()
    }
    return replace(person, **parts)


FACE_TOLERANCE = 1e-2
"""Metres. Faces on bodies are moved in the picture's plane by the body's mean scale, so not quite exactly."""


def assert_same_place(found, expected, tolerance=1e-3):
    np.testing.assert_allclose(found.root, expected.root, rtol=0, atol=tolerance)
    assert found.metric == expected.metric
    assert list(found.parts()) == list(expected.parts())
    for name, pose in found.parts().items():
        joints = expected.parts()[name].keypoints_3d
        atol = max(tolerance, FACE_TOLERANCE) if name == "face" else tolerance
        np.testing.assert_allclose(pose.keypoints_3d, joints, rtol=0, atol=atol)


# The fit


@scenes.light
@given(places, turns)
def test_a_person_is_placed_where_it_stands_with_hands_and_face(at, turn):
    person = standing(at, turn=turn)
    (found,) = place([seen(person)], CAMERA, NOMINAL)
    assert_same_place(found, person)
    for name, pose in found.parts().items():
        assert pose.keypoints_3d.dtype == np.float32
        np.testing.assert_allclose(
            project(pose.keypoints_3d), person.parts()[name].keypoints_2d, rtol=0, atol=3
        )


@scenes.light
@given(at=places, turn=turns, name=st.sampled_from(list(PART_NAMES)))
def test_a_lone_part_is_placed_where_it_is_seen(at, turn, name):
    person = standing(at, turn=turn, parts=[name])
    assume(np.ptp(person.parts()[name].keypoints_2d, axis=0).min() > 5)  # not seen edge on
    (found,) = place([seen(person)], CAMERA, NOMINAL)
    joints = person.parts()[name].keypoints_3d
    root = joints[[RIGHT_HIP, LEFT_HIP]] if name == "body" else joints
    assert_same_place(found, replace(person, root=root.mean(axis=0)), tolerance=1e-2)


@scenes.light
@given(places, turns)
def test_a_camera_with_more_pixels_gives_the_same_place(at, turn):
    person = blurred(seen(standing(at, turn=turn)), 1)
    finer = Intrinsics(*(2 * value for value in (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy)))
    (found,) = place([with_2d(person, lambda keypoints: 2 * keypoints)], finer, NOMINAL)
    assert_same_place(found, *place([person], CAMERA, NOMINAL))


@scenes.light
@given(places, turns, st.floats(0.5, 2))
def test_a_person_of_another_size_is_as_many_times_as_far_away(at, turn, factor):
    person = blurred(seen(standing(at, turn=turn)), 1)
    (expected,) = place([person], CAMERA, NOMINAL)
    (found,) = place([with_3d(person, lambda joints: factor * joints)], CAMERA, NOMINAL)
    assert_same_place(
        found, replace(with_3d(expected, lambda joints: factor * joints), root=factor * expected.root), 1e-2
    )


@scenes.light
@given(places, turns, turns)
def test_a_camera_turned_about_its_axis_turns_the_place(at, turn, roll):
    square = replace(CAMERA, fy=CAMERA.fx)
    turned = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    middle = np.array([square.cx, square.cy])
    person = blurred(with_2d(seen(standing(at, turn=turn)), lambda keypoints: keypoints), 1)
    rolled = with_3d(person, lambda joints: joints @ turned)
    rolled = with_2d(rolled, lambda keypoints: middle + (keypoints - middle) @ turned[:2, :2])
    (expected,) = place([person], square, NOMINAL)
    (found,) = place([rolled], square, NOMINAL)
    assert_same_place(
        found, replace(with_3d(expected, lambda joints: joints @ turned), root=expected.root @ turned), 1e-2
    )


@scenes.light
@given(places, turns)
def test_in_a_flipped_picture_the_place_is_mirrored(at, turn):
    person = blurred(seen(standing(at, turn=turn, parts=["body"])), 1)
    mirrored_camera = replace(CAMERA, cx=scenes.WIDTH - CAMERA.cx)
    (expected,) = place([person], CAMERA, NOMINAL)
    (found,) = place([replace(person, body=flipped(person.body, Part.BODY))], mirrored_camera, NOMINAL)
    np.testing.assert_allclose(found.root, expected.root * (-1, 1, 1), atol=1e-3)


@pytest.mark.parametrize("joint", range(len(BODY)), ids=BODY.joints)
@pytest.mark.parametrize("error", [(60, -20), (-150, 0), (0, 400), (-900, 900)])
def test_a_joint_that_is_seen_somewhere_else_hardly_moves_the_person(joint, error):
    person = standing((0.3, 0.1, 3), turn=0.5, parts=["body"])
    outlier = np.float32(error) * (np.arange(len(BODY)) == joint)[:, None]
    (found,) = place([with_2d(seen(person), lambda keypoints: keypoints + outlier)], CAMERA, NOMINAL)
    assert found.metric
    np.testing.assert_allclose(found.root, person.root, atol=0.02)


def test_two_pixels_of_noise_move_a_person_by_few_per_cent_of_its_distance():
    rng = np.random.default_rng(0)
    errors = []
    for seed in range(100):
        person = standing(rng.uniform((-0.7, -0.2, 1.5), (0.7, 0.3, 5)), turn=rng.uniform(-3, 3))
        (found,) = place([blurred(seen(person), 2, seed)], CAMERA, NOMINAL)
        errors.append(np.linalg.norm(found.root - person.root) / person.root[2])
    assert np.median(errors) < 0.01
    assert max(errors) < 0.05


# Hands and faces on a body


@pytest.mark.parametrize("name", HANDS)
def test_the_wrist_of_a_hand_is_the_wrist_of_its_body(name):
    person = blurred(seen(standing((0.4, 0, 2.5), turn=0.4)), 4)
    for (found,) in (place([person], CAMERA, NOMINAL), place_nominally([person], CAMERA, NOMINAL)):
        hand = found.parts()[name].keypoints_3d
        np.testing.assert_allclose(hand[0], found.body.keypoints_3d[WRIST[HANDS[name]]], atol=1e-5)
        own_shape = person.parts()[name].keypoints_3d
        np.testing.assert_allclose(hand - hand[0], own_shape - own_shape[0], atol=1e-5)


def test_a_face_lies_at_the_depth_of_the_head_where_it_is_seen():
    person = seen(standing((0.4, 0, 2.5), turn=0.4))
    elsewhere = replace(person, face=scenes.moved(person.face, (12, -7)))
    (found,) = place([elsewhere], CAMERA, NOMINAL)
    assert found.face.keypoints_3d[:, 2].mean() == pytest.approx(found.body.keypoints_3d[HEAD, 2], abs=1e-4)
    errors = project(found.face.keypoints_3d) - elsewhere.face.keypoints_2d
    np.testing.assert_allclose(errors.mean(axis=0), 0, atol=0.5)


def test_parts_that_were_not_seen_stay_unseen():
    (found,) = place([seen(standing(parts=["body", "left_hand"]))], CAMERA, NOMINAL)
    assert list(found.parts()) == ["body", "left_hand"]


# Where the joints say nothing


def at_one_pixel(person, pixel):
    return with_2d(person, lambda keypoints: np.full_like(keypoints, pixel))


@lone_part
@scenes.light
@given(st.tuples(st.floats(0, 640), st.floats(0, 480)))
def test_a_part_whose_joints_are_all_at_one_pixel_lies_at_the_nominal_depth(name, pixel):
    (found,) = place([at_one_pixel(seen(standing(parts=[name])), pixel)], CAMERA, NOMINAL)
    assert not found.metric
    middle = found.parts()[name].keypoints_3d.mean(axis=0)
    assert middle[2] == pytest.approx(NOMINAL, abs=1e-4)


@lone_part
@scenes.light
@given(st.tuples(st.floats(0, 640), st.floats(0, 480)))
def test_a_part_whose_joints_are_all_at_one_point_in_3d_lies_at_the_nominal_depth(name, pixel):
    flat = with_3d(seen(standing(parts=[name])), lambda joints: 0 * joints)
    for person in (flat, at_one_pixel(flat, pixel)):
        (found,) = place([person], CAMERA, NOMINAL)
        assert not found.metric
        np.testing.assert_allclose(found.parts()[name].keypoints_3d[:, 2], NOMINAL, atol=1e-5)


@lone_part
def test_a_part_that_would_lie_behind_the_camera_lies_at_the_nominal_depth(name):
    behind = with_3d(seen(standing(parts=[name])), lambda joints: joints * (-1, -1, 1))
    (found,) = place([behind], CAMERA, NOMINAL)
    assert not found.metric
    assert found.parts()[name].keypoints_3d[:, 2].mean() == pytest.approx(NOMINAL, abs=1e-4)


def test_a_person_without_a_place_does_not_move_the_others():
    people = [standing((0.5, 0, 4)), standing(), standing((-0.5, 0, 2))]
    lost = at_one_pixel(seen(people[1]), (100, 100))
    found = place([seen(people[0]), lost, seen(people[2])], CAMERA, NOMINAL)
    assert [person.metric for person in found] == [True, False, True]
    assert_same_place(found[0], people[0])
    assert_same_place(found[2], people[2])


# Many people


@scenes.light
@given(st.lists(st.tuples(places, turns, st.sampled_from([*PART_NAMES, None])), max_size=6))
def test_people_are_placed_as_if_each_were_alone(told):
    parts = {name: [name] for name in PART_NAMES} | {None: list(PART_NAMES)}
    people = [blurred(seen(standing(at, turn=turn, parts=parts[which])), 1) for at, turn, which in told]
    people = [replace(person, id=index) for index, person in enumerate(people)]
    found = place(people, CAMERA, NOMINAL)
    assert [person.id for person in found] == [person.id for person in people]
    for person, placed in zip(people, found, strict=True):
        (alone,) = place([person], CAMERA, NOMINAL)
        assert_same_place(placed, alone)
        if alone.metric:
            np.testing.assert_allclose(placed.root_covariance, alone.root_covariance, rtol=1e-3, atol=1e-9)


def test_placing_changes_no_pose_that_it_is_given():
    person = seen(standing())
    before = {name: scenes.identity(pose) for name, pose in person.parts().items()}
    place([person], CAMERA, NOMINAL)
    assert {name: scenes.identity(pose) for name, pose in person.parts().items()} == before


# Without intrinsics


@lone_part
@pytest.mark.parametrize("depth", [1.0, 3.0, 10.0])
def test_without_intrinsics_the_middle_joint_lies_at_the_nominal_depth_on_its_line_of_sight(name, depth):
    person = seen(standing((0.3, 0.1, 3), parts=[name]))
    (found,) = place_nominally([person], CAMERA, depth)
    assert not found.metric
    joints = found.parts()[name].keypoints_3d
    assert joints[:, 2].mean() == pytest.approx(depth, abs=1e-4)
    seen_middle = person.parts()[name].keypoints_2d.mean(axis=0)
    np.testing.assert_allclose(project(joints.mean(axis=0)), seen_middle, atol=5)


@pytest.mark.parametrize("parts", [*([name] for name in PART_NAMES), PART_NAMES], ids=", ".join)
@pytest.mark.parametrize("placing", [place, place_nominally])
def test_a_place_does_not_depend_on_the_root_that_a_part_is_relative_to(parts, placing):
    person = seen(standing((0.3, 0.1, 3), parts=parts))
    elsewhere = with_3d(person, lambda joints: np.add(joints, (0.2, -0.1, 0.4)))
    (found,), (expected,) = (placing([one], CAMERA, NOMINAL) for one in (elsewhere, person))
    assert_same_place(found, expected)


def test_a_person_at_the_nominal_depth_is_placed_where_it_stands():
    person = standing((0.3, 0.1, 3))
    depth = person.body.keypoints_3d[:, 2].mean()
    (found,) = place_nominally([seen(person)], CAMERA, float(depth))
    assert_same_place(found, replace(person, metric=False))


def test_nobody_is_placed_nowhere():
    assert place([], CAMERA, NOMINAL) == []
    assert place_nominally([], CAMERA, NOMINAL) == []


def test_an_assumed_camera_sees_its_field_of_view_from_edge_to_edge():
    camera = Intrinsics.assumed(640, 480, 60.0)
    edges = camera.normalise(np.array([[-0.5, 239.5], [639.5, 239.5], [319.5, 239.5]]))
    np.testing.assert_allclose(np.rad2deg(np.arctan(edges[:, 0])), (-30, 30, 0), atol=1e-9)
    np.testing.assert_allclose(edges[:, 1], 0)
    assert camera.fx == camera.fy


@scenes.light
@given(places)
def test_a_pixel_lies_on_the_line_of_sight_of_what_projects_onto_it(at):
    np.testing.assert_allclose(CAMERA.normalise(project(np.array(at))), np.array(at[:2]) / at[2], atol=1e-9)
