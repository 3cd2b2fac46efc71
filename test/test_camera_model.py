# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras with lenses: lines of sight and back."""

import cv2
import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from scenes import CAMERA, seen, standing

from dope_ros.geometry import Intrinsics, Lens, place

BARREL = (-0.28, 0.07, 0.0006, -0.0004, 0.0)
RATIONAL = (0.6, -2.1, 0.0003, -0.0002, 1.1, 0.5, -1.9, 1.05)
WIDE = (6.0, 3.5, 0.0, 0.0, 0.2, 6.3, 5.6, 1.1)
"""As of a depth camera that sees 120 degrees; its picture is bent, but not folded, up to 76 degrees."""

FOLDED = Intrinsics(520, 510, 322, 236, Lens.RADIAL_TANGENTIAL, (-0.3, 0.02, 0.0006, -0.0004))
"""What it sees more than 48 degrees off its axis would be projected towards the middle again."""

FISHEYE = (-0.02, 0.004, -0.001, 0.0002)

LENSES = {
    "plumb_bob": Intrinsics(520, 510, 322, 236, Lens.RADIAL_TANGENTIAL, BARREL),
    "rational_polynomial": Intrinsics(520, 510, 322, 236, Lens.RADIAL_TANGENTIAL, RATIONAL),
    "equidistant": Intrinsics(330, 328, 322, 236, Lens.FISHEYE, FISHEYE),
}
every_lens = pytest.mark.parametrize("camera", [CAMERA, *LENSES.values()], ids=["none", *LENSES])
sightlines = st.tuples(st.floats(-0.55, 0.55), st.floats(-0.45, 0.45))


@every_lens
@scenes.light
@given(lines=st.lists(sightlines, min_size=1, max_size=20))
def test_a_pixel_leads_back_to_the_line_of_sight_that_it_came_from(camera, lines):
    points = np.concatenate([np.array(lines), np.ones((len(lines), 1))], axis=1)
    back = camera.normalise(camera.project(points))
    np.testing.assert_allclose(back, np.array(lines), rtol=0, atol=1e-4)


@scenes.light
@given(angle=st.floats(0, 75), roll=st.floats(-np.pi, np.pi))
def test_a_pixel_at_the_rim_of_a_wide_lens_leads_back_too(angle, roll):
    wide = Intrinsics(252, 252, 256, 256, Lens.RADIAL_TANGENTIAL, WIDE)
    line = np.tan(np.deg2rad(angle)) * np.array([np.cos(roll), np.sin(roll)])
    back = wide.normalise(wide.project(np.append(line, 1.0)))
    np.testing.assert_allclose(np.rad2deg(np.arctan(np.hypot(*back))), angle, rtol=0, atol=1e-3)


@every_lens
def test_a_lens_projects_as_opencv_says(camera):
    points = np.random.default_rng(0).uniform((-1, -1, 2), (1, 1, 4), (50, 3))
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]], float)
    project = cv2.fisheye.projectPoints if camera.lens is Lens.FISHEYE else cv2.projectPoints
    expected, _ = project(points[:, None], np.zeros(3), np.zeros(3), matrix, np.array(camera.distortion))
    np.testing.assert_allclose(camera.project(points), expected[:, 0], atol=1e-6)


@every_lens
@scenes.light
@given(
    st.builds(
        lambda x, y, z: (x * z, y * z, z), st.floats(-0.2, 0.2), st.floats(-0.1, 0.1), st.floats(2.5, 6)
    )
)
def test_a_person_seen_through_a_lens_is_placed_where_it_stands(camera, at):
    person = standing(at, parts=["body"])
    bent = scenes.with_pixels(seen(person), {"body": camera.project(person.body.keypoints_3d)})
    (found,) = place([bent], camera, 3.0)
    np.testing.assert_allclose(found.root, person.root, atol=5e-3 * at[2])


@scenes.light
@given(pixel=st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)))
def test_no_line_of_sight_lies_where_the_picture_of_a_lens_has_folded_back(pixel):
    assert np.rad2deg(np.arctan(FOLDED.fold)) == pytest.approx(48.7, abs=0.1)
    line = FOLDED.normalise(np.array(pixel))
    if np.isfinite(line).all():
        assert np.hypot(*line) <= FOLDED.fold
        np.testing.assert_allclose(FOLDED.project(np.append(line, 1.0)), pixel, rtol=0, atol=1.0)


def test_pixels_that_no_line_of_sight_reaches_leave_the_others_alone():
    pixels = np.random.default_rng(0).uniform((-3000, -3000), (4000, 4000), (500, 2))
    lines = FOLDED.normalise(pixels)
    reached = np.isfinite(lines).all(axis=1)
    assert 0 < reached.sum() < 500
    back = FOLDED.project(np.concatenate([lines, np.ones((500, 1))], axis=1)[reached])
    np.testing.assert_allclose(back, pixels[reached], rtol=0, atol=1.0)
    alone = np.array([FOLDED.normalise(pixel) for pixel in pixels])
    np.testing.assert_allclose(lines, alone, rtol=0, atol=1e-9)


def test_a_camera_sees_what_lies_ahead_within_the_angle_that_its_lens_describes():
    nowhere = (np.nan, np.nan, np.nan)
    points = np.array([(0, 0, 2), (-3, 1, 0.5), (0, 0, -2), (0, 1, 0), nowhere])
    assert CAMERA.sees(points).tolist() == [True, True, False, False, False]
    off_axis = np.deg2rad([47.0, -47.0, 50.0, -50.0, 133.0])
    for depth in (0.5, 3.0):
        across, ahead = depth * np.tan(off_axis), np.where(off_axis > 2, -depth, depth)
        for axis in (0, 1):
            points = np.stack([across, 0 * across, ahead], axis=1)[:, [axis, 1 - axis, 2]]
            assert FOLDED.sees(points).tolist() == [True, True, False, False, False]


def test_only_lenses_that_bend_strongly_fold():
    assert CAMERA.fold == np.inf
    assert LENSES["plumb_bob"].fold == np.inf
    assert FOLDED.scaled(2, 2).fold == FOLDED.fold


def test_a_fisheye_folds_where_its_polynomial_falls():
    fisheye = Intrinsics(330, 328, 322, 236, Lens.FISHEYE, (0.0, 0.0, -0.05, 0.0))  # a - 0.05 a^7
    assert np.arctan(fisheye.fold) == pytest.approx((1 / 0.35) ** (1 / 6), abs=0.003)


def test_joints_that_no_line_of_sight_reaches_do_not_move_the_person():
    pixels = FOLDED.project(standing((0.0, 0.0, 3.0), parts=["body"]).body.keypoints_3d)
    pixels[0] = (-4000, 9000)
    assert np.isnan(FOLDED.normalise(pixels)[0]).all()
    assert_placed_in_spite_of(pixels, FOLDED)


@scenes.light
@given(unseen=st.sets(st.integers(0, 12), min_size=1, max_size=9))
def test_a_person_is_placed_by_the_joints_that_lines_of_sight_reach(unseen):
    pixels = FOLDED.project(standing((0.0, 0.0, 3.0), parts=["body"]).body.keypoints_3d)
    pixels[list(unseen)] = (-4000, 9000)
    assert_placed_in_spite_of(pixels, FOLDED)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_person_whom_no_line_of_sight_reaches_lies_at_the_nominal_depth():
    person = scenes.with_pixels(seen(standing(parts=["body"])), {"body": np.full((13, 2), (-4000, 9000))})
    (found,) = place([person], FOLDED, 3.5)
    assert not found.metric
    assert found.body.keypoints_3d[:, 2].mean() == pytest.approx(3.5, abs=1e-4)


def test_a_joint_far_outside_of_the_picture_does_not_move_the_person():
    pixels = LENSES["plumb_bob"].project(standing((0.0, 0.0, 3.0), parts=["body"]).body.keypoints_3d)
    pixels[0] = (-4000, 9000)
    assert_placed_in_spite_of(pixels, LENSES["plumb_bob"])


def assert_placed_in_spite_of(pixels, camera):
    person = standing((0.0, 0.0, 3.0), parts=["body"])
    (found,) = place([scenes.with_pixels(seen(person), {"body": pixels})], camera, 3.0)
    assert found.metric
    np.testing.assert_allclose(found.root, person.root, atol=0.02)


def test_a_picture_of_half_the_pixels_is_that_of_a_scaled_camera():
    camera, half = LENSES["equidistant"], LENSES["equidistant"].scaled(0.5, 0.5)
    point = np.array([[0.4, -0.3, 2.0]])
    np.testing.assert_allclose(half.project(point), camera.project(point) / 2)


def test_no_pixels_give_no_lines_of_sight():
    assert LENSES["plumb_bob"].normalise(np.empty((0, 2))).shape == (0, 2)
    assert CAMERA.normalise(np.empty((0, 2))).shape == (0, 2)
