# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sizes of people, and how uncertain that and the joints leave their places."""

from dataclasses import replace

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from scenes import CAMERA, seen, standing

from dope_ros.geometry import BODY_SIZES, place
from dope_ros.geometry.placement import fit_translations
from dope_ros.geometry.size import NETWORK_DEVIATION, resized, sizes_of
from dope_ros.joint_arrays import JointArrays
from dope_ros.skeleton import BODY, FINGER_BASES, LEFT_WRIST, Part

ADULT, CHILD = BODY_SIZES["adult"], BODY_SIZES["child"]
factors = st.floats(0.7, 1.4)

PIXEL = 2 / (CAMERA.fx + CAMERA.fy)
"""The size of a pixel on the plane at z = 1."""


def scaled(person, factor):
    parts = {
        name: replace(pose, keypoints_3d=np.float32(pose.keypoints_3d * factor))
        for name, pose in person.parts().items()
    }
    return replace(person, **parts)


def joints_of(person):
    return JointArrays.of([person]).keypoints_3d


@scenes.light
@given(factors)
def test_a_size_grows_with_the_body(factor):
    body = standing().body.keypoints_3d[None]
    assert sizes_of(Part.BODY, factor * body)[0] == pytest.approx(factor * sizes_of(Part.BODY, body)[0])


def test_the_size_of_a_body_is_the_stature_that_its_limbs_are_those_of():
    names = ("ankle", "knee", "hip", "shoulder", "elbow", "wrist")
    heights = (-0.491, -0.245, 0.0, 0.288, 0.102, -0.044)  # shares of the stature
    body = np.zeros((1, 13, 3))
    for side, x in (("right", -0.13), ("left", 0.11)):  # what lies between the sides does not count
        for name, height in zip(names, heights, strict=True):
            body[0, BODY.index(f"{side}_{name}")] = (x, 0.3, height)
    assert sizes_of(Part.BODY, 1.7 * body)[0] == pytest.approx(1.7)


def test_the_size_of_a_hand_is_the_mean_from_its_wrist_to_the_knuckles_but_the_thumbs():
    hand = np.full((1, 21, 3), 0.5)
    hand[0, FINGER_BASES] += [(0.02, 0, 0), (0.08, 0, 0), (0, 0.09, 0), (0, 0, 0.09), (0, 0.06, 0.08)]
    assert sizes_of(Part.HAND, hand)[0] == pytest.approx(0.09)


def test_the_size_of_a_face_is_the_width_between_its_outer_eye_corners():
    for turn in (0.0, 0.7):
        face = standing(turn=turn).face.keypoints_3d[None]
        assert sizes_of(Part.FACE, face)[0] == pytest.approx(0.1, abs=1e-5)


def test_resizing_changes_no_pose_that_it_is_given():
    joints = joints_of(seen(standing()))
    before = joints.copy()
    resized(joints, CHILD)
    np.testing.assert_array_equal(joints, before)


@scenes.light
@given(factors)
def test_expected_sizes_bring_people_of_any_seen_size_nearer_to_them(factor):
    seen_size = sizes_of(Part.BODY, joints_of(scaled(seen(standing()), factor))[:, :13])[0]
    size = sizes_of(Part.BODY, resized(joints_of(scaled(seen(standing()), factor)), ADULT)[:, :13])[0]
    low, high = sorted((seen_size, ADULT[Part.BODY].mean))
    assert low - 1e-6 <= size <= high + 1e-6


def test_expected_sizes_hold_the_distance_in_place():
    rng = np.random.default_rng(0)
    people = [scaled(seen(standing((0, 0, 3))), factor) for factor in np.exp(rng.normal(0, 0.08, 50))]
    spreads = [
        np.std([person.root[2] for person in place(people, CAMERA, 3.0, BODY_SIZES[name])])
        for name in ("seen", "child", "adult")
    ]
    assert spreads[0] > spreads[1] > 1.5 * spreads[2]


def test_a_child_that_is_taken_for_an_adult_is_too_far_away():
    child = scaled(seen(standing((0, 0, 3))), 0.7)
    distances = [place([child], CAMERA, 3.0, size)[0].root[2] for size in (CHILD, ADULT)]
    assert distances[0] < distances[1]


@pytest.mark.parametrize("expected", [None, ADULT, CHILD])
def test_a_resized_body_still_projects_onto_its_pixels_and_holds_its_hands(expected):
    (found,) = place([scaled(seen(standing((0.3, 0, 3))), 1.2)], CAMERA, 3.0, expected)
    np.testing.assert_allclose(CAMERA.project(found.body.keypoints_3d), found.body.keypoints_2d, atol=0.5)
    np.testing.assert_allclose(
        found.left_hand.keypoints_3d[0], found.body.keypoints_3d[LEFT_WRIST], atol=1e-5
    )


# Uncertainty


def noisy(person, pixels, rng):
    pose = person.body
    keypoints = pose.keypoints_2d + rng.normal(0, pixels, pose.keypoints_2d.shape)
    return replace(person, body=replace(pose, keypoints_2d=np.float32(keypoints)))


def test_a_fit_that_is_worse_is_less_certain():
    rng = np.random.default_rng(1)
    person = seen(standing((0, 0, 3), parts=["body"]))
    fine, coarse = (place([noisy(person, pixels, rng)], CAMERA, 3.0)[0] for pixels in (1, 12))
    assert np.trace(coarse.root_covariance) > np.trace(fine.root_covariance)


@scenes.light
@given(st.floats(-0.4, 0.4), st.floats(1.5, 8), st.floats(-3, 3))
def test_a_covariance_is_one_and_largest_along_the_line_of_sight(x, z, turn):
    (person,) = place([seen(standing((x * z, 0.0, z), turn=turn))], CAMERA, 3.0)
    np.testing.assert_allclose(person.root_covariance, person.root_covariance.T)
    values, axes = np.linalg.eigh(person.root_covariance)
    assert (values > 0).all()
    sight = person.root / np.linalg.norm(person.root)
    assert abs(axes[:, -1] @ sight) > 0.99


def test_translations_lie_within_what_the_covariance_of_the_fit_says():
    rng = np.random.default_rng(2)
    distances = []
    for _ in range(200):
        truth = standing((0.8, -0.5, 3), turn=rng.uniform(-3, 3), parts=["body"])
        body = noisy(seen(truth), 3, rng).body
        found = fit_translations(body.keypoints_3d[None], CAMERA.normalise(body.keypoints_2d)[None], PIXEL)
        error = found.translations[0] - (truth.body.keypoints_3d - body.keypoints_3d).mean(axis=0)
        distances.append(error @ np.linalg.inv(found.covariances[0] + 1e-9 * np.eye(3)) @ error)
    half, most = (np.mean(np.less(distances, limit)) for limit in (2.37, 7.81))  # of a chi-square of 3
    assert half == pytest.approx(0.5, abs=0.2)
    assert most == pytest.approx(0.95, abs=0.15)


def errors_across_sight(metres, pixels, distance, count, seed=0):
    """How far roots are off across the line of sight, and how far they should be.

    Joints of the shapes have noise of so many metres, those in the picture of so many pixels, and sizes are
    off as much as a network's are.

    Returns:
        The mean over people and axes of squared errors, of variances as claimed, and of their ratios.
    """
    rng, squares, claimed, normalised = np.random.default_rng(seed), [], [], []
    for _ in range(count):
        truth = standing((0.3 * distance, 0, distance), turn=rng.uniform(-3, 3), parts=["body"])
        body = noisy(seen(truth), pixels, rng).body
        shape = body.keypoints_3d + rng.normal(0, metres, body.keypoints_3d.shape)
        shape = np.float32(shape * np.exp(rng.normal(0, NETWORK_DEVIATION)))
        (found,) = place([replace(seen(truth), body=replace(body, keypoints_3d=shape))], CAMERA, 3.0)
        across = np.linalg.svd(truth.root[None])[2][1:]
        error, covariance = across @ (found.root - truth.root), across @ found.root_covariance @ across.T
        squares.append(error @ error / 2)
        claimed.append(np.trace(covariance) / 2)
        normalised.append(error @ np.linalg.inv(covariance) @ error / 2)
    return np.mean(squares), np.mean(claimed), np.mean(normalised)


@pytest.mark.parametrize("distance", [1.5, 3.0, 6.0])
@pytest.mark.parametrize("metres", [0.03, 0.05, 0.08])
def test_roots_err_across_the_line_of_sight_as_much_as_their_covariance_says(metres, distance):
    squares, claimed, normalised = errors_across_sight(metres, 2.0, distance, 300)
    assert np.sqrt(squares) == pytest.approx(np.sqrt(claimed), rel=0.15)
    assert 0.8 < normalised < 1.35


@pytest.mark.parametrize("pixels", [1.0, 3.0, 8.0])
def test_roots_of_exact_shapes_err_no_more_than_their_covariance_says(pixels):
    # What remains in the picture does not say whether the shape is wrong or the joints in the picture are.
    squares, claimed, _ = errors_across_sight(0.0, pixels, 3.0, 200)
    assert squares < claimed < 10 * squares


@scenes.light
@given(st.floats(1.5, 6), st.floats(-3, 3), st.floats(0.5, 2), st.integers(0, 100))
def test_people_of_another_size_are_as_many_times_as_uncertain(z, turn, factor, seed):
    person = noisy(seen(standing((0.3, 0, z), turn=turn, parts=["body"])), 4, np.random.default_rng(seed))
    found, larger = (place([one], CAMERA, 3.0)[0] for one in (person, scaled(person, factor)))
    expected = factor**2 * found.root_covariance
    np.testing.assert_allclose(larger.root_covariance, expected, rtol=1e-3, atol=1e-6)


def test_a_fit_without_errors_is_as_exact_as_joints_are_found():
    (found,) = place([seen(standing((0, 0, 3), parts=["body"]))], CAMERA, 3.0)
    of_a_pixel = 3 / CAMERA.fx / np.sqrt(13)  # metres, of the mean of 13 joints
    assert np.sqrt(found.root_covariance[0, 0]) == pytest.approx(of_a_pixel, rel=0.3)


def test_a_place_that_is_nominal_has_no_covariance():
    flat = scaled(seen(standing()), 0.0)
    assert place([flat], CAMERA, 3.0)[0].root_covariance is None
