# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Distances that are measured in depth images."""

from dataclasses import replace

import numpy as np
import pytest
import scenes
from depth_scene import render, spoiled
from hypothesis import given
from hypothesis import strategies as st
from scenes import CAMERA, HEIGHT, WIDTH, seen, standing

from dope_ros.geometry import DepthImage, Intrinsics, Lens, Transform, depth, measure, place
from dope_ros.skeleton import BODY, HAND_WRIST, LEFT_WRIST

WRONG_SIZE = 1.25
"""The network takes people for so much larger than they are, so that without depth they are too far away."""


def placed_too_far(person, noise=2.0, seed=0):
    rng = np.random.default_rng(seed)
    parts = {
        name: replace(
            pose,
            keypoints_2d=np.float32(pose.keypoints_2d + rng.normal(0, noise, pose.keypoints_2d.shape)),
            keypoints_3d=np.float32(pose.keypoints_3d * WRONG_SIZE),
        )
        for name, pose in seen(person).parts().items()
    }
    (placed,) = place([replace(seen(person), **parts)], CAMERA, 3.0)
    assert abs(placed.root[2] / person.root[2] - WRONG_SIZE) < 0.1
    return placed


def measured(person, metres, **seen_from):
    return measure([person], DepthImage(metres, **seen_from), CAMERA, HEIGHT, WIDTH)[0]


@pytest.mark.parametrize("turn", [0.0, 0.6, 1.2, 3.0])
@pytest.mark.parametrize("distance", [1.8, 3.0, 4.5])
@pytest.mark.parametrize("wall", [0.0, 1.2])
def test_a_root_is_within_three_centimetres_in_spite_of_noise_and_holes(turn, distance, wall):
    errors = []
    for seed in range(5):
        person = standing((0.2, 0.0, distance), turn=turn)
        scene = render([person], wall=wall and distance + wall)
        placed = placed_too_far(person, seed=seed)
        found = measured(placed, spoiled(scene, noise=0.01, holes=0.2, seed=seed))
        assert found.depth_measured
        errors.append(abs(found.root[2] - person.root[2]))
    assert np.median(errors) < 0.03


def test_a_measured_body_still_projects_onto_its_pixels():
    person = standing((0.3, 0.0, 3.0))
    placed = placed_too_far(person, noise=0.0)
    found = measured(placed, render([person]))
    hands_aside = [i for i in range(13) if i not in (6, 7)]
    before = CAMERA.project(placed.body.keypoints_3d[hands_aside])
    np.testing.assert_allclose(CAMERA.project(found.body.keypoints_3d[hands_aside]), before, atol=0.1)


def test_a_hand_goes_where_its_wrist_is_measured():
    person = standing((0.0, 0.0, 3.0))
    joints = person.body.keypoints_3d.copy()
    sight = joints[LEFT_WRIST] / joints[LEFT_WRIST][2]
    joints[LEFT_WRIST] -= 0.2 * sight  # nearer than the network thinks, on the same line of sight
    reaching = replace(person, body=replace(person.body, keypoints_3d=joints))
    (placed,) = place([seen(person)], CAMERA, 3.0)
    found = measured(placed, render([reaching]))
    wrist = found.body.keypoints_3d[LEFT_WRIST]
    assert abs(wrist[2] - joints[LEFT_WRIST][2]) < 0.04
    assert abs(placed.body.keypoints_3d[LEFT_WRIST][2] - joints[LEFT_WRIST][2]) > 0.15
    np.testing.assert_allclose(found.left_hand.keypoints_3d[HAND_WRIST], wrist, atol=1e-5)


def test_the_wall_behind_a_wrist_is_not_its_depth():
    person = standing((0.0, 0.0, 3.0))
    (placed,) = place([seen(person)], CAMERA, 3.0)
    scene = render([person], wall=5.0)
    column, row = person.body.keypoints_2d[LEFT_WRIST].astype(int)
    scene[row - 25 : row + 25, column - 25 : column + 25] = 5.0
    found = measured(placed, scene)
    expected = placed.body.keypoints_3d[LEFT_WRIST] * (found.root[2] / placed.root[2])
    np.testing.assert_allclose(found.body.keypoints_3d[LEFT_WRIST], expected, atol=1e-3)


@pytest.mark.parametrize("metres", [0.0, np.nan, np.inf, 30.0, 0.2])
def test_a_depth_image_that_shows_nobody_changes_nothing(metres):
    placed = placed_too_far(standing((0.0, 0.0, 3.0)))
    found = measured(placed, np.full((HEIGHT, WIDTH), metres, np.float32))
    assert not found.depth_measured
    np.testing.assert_array_equal(found.root, placed.root)


def test_a_smaller_aligned_image_measures_the_same():
    person = standing((0.2, 0.0, 3.0))
    placed = placed_too_far(person)
    found = measured(placed, render([person])[::2, ::2])
    assert found.depth_measured
    assert abs(found.root[2] - 3.0) < 0.03


@pytest.mark.parametrize(
    ("rows", "columns", "aligned"),
    [
        (480, 640, True),
        (240, 320, True),
        (75, 100, True),
        (40, 53, True),
        (240, 424, False),
        (640, 480, False),
    ],
)
def test_an_aligned_image_has_the_aspect_ratio_of_the_picture(rows, columns, aligned):
    metres = np.ones((rows, columns), np.float32)
    assert DepthImage(metres).fits(480, 640) == aligned
    assert DepthImage(metres, CAMERA).fits(480, 640), "one of another camera may have any"


def test_a_depth_camera_beside_the_camera_measures_the_same():
    person = standing((0.2, 0.0, 3.0))
    depth_camera = Intrinsics(430.0, 430.0, 320.0, 200.0)
    turned = Transform.from_quaternion(np.array([0.0, 0.03, 0.0, 1.0]), np.array([-0.05, 0.01, 0.02]))
    scene = render([person], depth_camera, 400, 640, pose=turned.inverse(), wall=4.5)
    placed = placed_too_far(person)
    found = measured(placed, spoiled(scene, 0.01, 0.2), camera=depth_camera, to_picture=turned)
    assert found.depth_measured
    assert abs(found.root[2] - 3.0) < 0.03


@pytest.mark.parametrize("focal", [350.0, 260.0, 200.0, 150.0])
def test_a_depth_camera_that_sees_much_wider_than_the_camera_measures_the_same(focal):
    person = standing((0.2, 0.0, 3.0))
    wide = Intrinsics(focal, focal, 320.0, 240.0)
    scene = render([person], wide, wall=4.5)
    found = measured(placed_too_far(person), spoiled(scene, 0.01, 0.2), camera=wide)
    assert found.depth_measured
    assert abs(found.root[2] - 3.0) < 0.03


@scenes.light
@given(focal=st.floats(100, 300), middle=st.floats(75, 85), bent=st.floats(-0.1, 0.2))
def test_a_depth_image_seen_through_its_own_camera_stays_as_it_is(focal, middle, bent):
    camera = Intrinsics(focal, focal, middle, 60.0, Lens.RADIAL_TANGENTIAL, (bent, 0.0, 0.0, 0.0))
    metres = np.random.default_rng(0).uniform(1, 5, (120, 160)).astype(np.float32)
    aligned = DepthImage(metres, camera).aligned(camera, 120, 160)
    np.testing.assert_array_equal(aligned.metres, metres)


def test_in_a_mirrored_picture_the_same_is_measured():
    person = standing((0.2, 0.0, 3.0), parts=["body"])
    placed = placed_too_far(person)
    scene = spoiled(render([person], wall=4.5), noise=0.05, holes=0.2)
    body = replace(
        placed.body,
        keypoints_2d=(np.float32([WIDTH - 1, 0]) + placed.body.keypoints_2d * np.float32([-1, 1]))[
            BODY.mirrored
        ],
        keypoints_3d=(placed.body.keypoints_3d * np.float32([-1, 1, 1]))[BODY.mirrored],
    )
    mirrored = replace(placed, body=body, root=placed.root * np.float32([-1, 1, 1]))
    found, expected = measured(mirrored, scene[:, ::-1]), measured(placed, scene)
    np.testing.assert_allclose(found.root[2], expected.root[2], rtol=0, atol=1e-5)


def test_what_the_lens_of_the_camera_would_fold_into_the_picture_is_not_in_it():
    camera = Intrinsics(520.0, 510.0, 322.0, 236.0, Lens.RADIAL_TANGENTIAL, (-0.3, 0.0, 0.0, 0.0))
    wide = Intrinsics(200.0, 200.0, 320.0, 240.0)
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    beyond = np.hypot(*np.moveaxis(wide.normalise(np.stack([columns, rows], axis=-1)), -1, 0)) > 1.5
    aligned = DepthImage(np.where(beyond, 1.0, 0.0), wide).aligned(camera, HEIGHT, WIDTH)
    assert beyond.any()
    assert not aligned.metres.any()


@pytest.mark.filterwarnings("error::RuntimeWarning")  # nothing for a robot's log
def test_what_lies_almost_beside_the_camera_is_not_in_its_picture():
    # As far off the axis a lens without a fold puts it further away than an integer counts pixels.
    camera = Intrinsics(520.0, 510.0, 322.0, 236.0, Lens.RADIAL_TANGENTIAL, (-0.28, 0.07, 0.0, 0.0, 0.0))
    narrow = Intrinsics(300.0, 300.0, 80.0, 60.0)
    beside = Transform(np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]), np.array([0, 0, 1e-5]))
    aligned = DepthImage(np.ones((120, 160), np.float32), narrow, beside).aligned(camera, HEIGHT, WIDTH)
    assert camera.fold == np.inf
    assert not aligned.metres.any()


def test_lines_of_sight_of_a_depth_camera_are_straightened_once():
    camera = Intrinsics(430.0, 430.0, 40.0, 30.0, Lens.RADIAL_TANGENTIAL, (-0.2, 0.03, 0.0, 0.0))
    before = depth._lines_of_sight.cache_info().misses
    for metres in (1.0, 2.0, 3.0):
        DepthImage(np.full((60, 80), metres, np.float32), camera).aligned(CAMERA, HEIGHT, WIDTH)
    assert depth._lines_of_sight.cache_info().misses == before + 1


def test_the_nearer_of_two_people_on_one_line_of_sight_is_not_taken_for_the_other():
    near, far = standing((0.0, 0.0, 2.5)), standing((0.9, 0.0, 4.5))
    scene = render([near, far], wall=6.0)
    (placed,) = place([seen(far)], CAMERA, 3.0)
    found = measured(placed, spoiled(scene, 0.01, 0.2))
    assert abs(found.root[2] - 4.5) < 0.04


def test_the_covariance_shrinks_along_the_line_of_sight():
    placed = placed_too_far(standing((0.0, 0.0, 3.0)))
    found = measured(placed, render([standing((0.0, 0.0, 3.0))]))
    assert np.sqrt(found.root_covariance[2, 2]) < 0.03 < np.sqrt(placed.root_covariance[2, 2])


@pytest.mark.parametrize("distance", [1.5, 3.0, 6.0])
def test_a_measured_distance_is_as_uncertain_as_depth_cameras_are_there(distance):
    person = standing((0.2, 0.1, distance))
    (placed,) = place([seen(person)], CAMERA, 3.0)
    found = measured(placed, render([person]))
    sight = found.root / np.linalg.norm(found.root)
    expected = np.hypot(0.02, 0.04 * (distance / 5) ** 2)
    assert np.sqrt(sight @ found.root_covariance @ sight) == pytest.approx(expected, rel=0.05)


def test_the_covariance_across_the_line_of_sight_is_that_of_a_body_of_the_measured_size():
    person = standing((0.4, 0.1, 3.0))
    placed = placed_too_far(person)
    found = measured(placed, render([person]))
    across = np.linalg.svd(found.root[None])[2][1:]
    before, after = (across @ one.root_covariance @ across.T for one in (placed, found))
    np.testing.assert_allclose(after, before * (found.root[2] / placed.root[2]) ** 2, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("distance", [2.0, 3.0, 6.0])
def test_measured_roots_err_as_much_as_their_covariance_says(distance):
    rng, normalised = np.random.default_rng(1), []
    for seed in range(60):
        person = standing((0.0, 0.0, distance), turn=rng.uniform(-3, 3), parts=["body"])
        body = seen(person).body
        shape = body.keypoints_3d + rng.normal(0, 0.05, body.keypoints_3d.shape)
        pixels = body.keypoints_2d + rng.normal(0, 2, body.keypoints_2d.shape)
        body = replace(body, keypoints_3d=np.float32(shape * 1.1), keypoints_2d=np.float32(pixels))
        (placed,) = place([replace(seen(person), body=body)], CAMERA, 3.0)
        off = np.float32(rng.normal(0, 0.04 * (distance / 5) ** 2))  # of a whole surface
        scene = render([person])
        found = measured(placed, spoiled(np.where(scene > 0, scene + off, 0), 0.01, 0.2, seed))
        error = found.root - person.root
        normalised.append(error @ np.linalg.inv(found.root_covariance) @ error / 3)
    assert 0.8 < np.mean(normalised) < 1.4


def test_people_without_a_body_or_a_place_stay_where_they_are():
    lone = standing((0.0, 0.0, 3.0), parts=["face"])
    nominal = replace(standing((0.0, 0.0, 3.0)), metric=False)
    found = measure([lone, nominal], DepthImage(render([standing()])), CAMERA, HEIGHT, WIDTH)
    assert found == [lone, nominal]
