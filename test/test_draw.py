# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
from scenes import HEIGHT, WIDTH, seen, standing

from dope_ros.draw import draw_people
from dope_ros.palette import BODY_BONE_SIDES, PART_COLOURS, SIDE_COLOURS
from dope_ros.poses import PART_NAMES, Person
from dope_ros.skeleton import BODY, Side

GREY = 60


@pytest.fixture
def picture():
    return np.full((HEIGHT, WIDTH, 3), GREY, np.uint8)


def with_joint(person, name, joint, place):
    pose = person.parts()[name]
    keypoints = pose.keypoints_2d.copy()
    keypoints[joint] = place
    return replace(person, **{name: replace(pose, keypoints_2d=keypoints)})


def shows(picture, point, colour):
    """Whether a pixel beside the point has the colour, or most of it: thin lines are blended."""
    x, y = np.round(point).astype(int)
    around = picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).astype(float)
    background = np.full(3, float(GREY))
    difference = np.abs(around - colour).sum(axis=1).min()
    return difference < 0.5 * np.abs(background - colour).sum()


def test_the_picture_that_is_drawn_over_does_not_change(picture):
    picture.flags.writeable = False
    drawn = draw_people(picture, [standing()])
    assert (picture == GREY).all()
    assert (drawn.shape, drawn.dtype) == (picture.shape, np.uint8)
    assert (drawn != GREY).any()


def test_without_people_the_drawing_is_a_copy_of_the_picture(picture):
    drawn = draw_people(picture, [])
    np.testing.assert_array_equal(drawn, picture)
    drawn[:] = 0
    assert (picture == GREY).all()


@pytest.mark.parametrize("name", PART_NAMES)
def test_every_part_is_drawn_where_it_is_in_its_colour(picture, name):
    person = standing(parts=[name])
    keypoints = person.parts()[name].keypoints_2d
    drawn = draw_people(picture, [person])
    for point in keypoints:
        assert shows(drawn, point, PART_COLOURS[name])
    low, high = keypoints.min(axis=0).astype(int) - 5, keypoints.max(axis=0).astype(int) + 5
    drawn[: high[1], :] = GREY  # the label stands above, or left
    drawn[:, low[0] : high[0]] = GREY
    assert (drawn == GREY).all()


def test_bones_of_both_sides_are_drawn_in_the_colours_of_their_sides(picture):
    person = standing(parts=["body"])
    drawn = draw_people(picture, [person])
    for bone, side in zip(BODY.bones, BODY_BONE_SIDES, strict=True):
        middle = person.body.keypoints_2d[list(bone)].mean(axis=0)
        assert shows(drawn, middle, SIDE_COLOURS[side])
    assert BODY_BONE_SIDES.count(Side.LEFT) == BODY_BONE_SIDES.count(Side.RIGHT) > 0


def test_people_are_told_apart_by_their_ids(picture):
    one, two = (draw_people(picture, [replace(standing(), id=index)]) for index in (1, 2))
    assert (one != two).any()


@pytest.mark.parametrize(
    "place",
    [(np.nan, 100), (np.inf, -np.inf), (1e30, 1e30), (-1e9, 50), (2.0**31, 2.0**31), (-50, -50), (9000, 20)],
    ids=str,
)
@pytest.mark.parametrize("name", PART_NAMES)
def test_a_joint_that_is_nowhere_harms_nothing_else(picture, name, place):
    strange = with_joint(standing(parts=[name]), name, -1, place)
    other = standing((0.9, 0, 4))
    drawn = draw_people(picture, [strange, other])
    assert shows(drawn, other.body.keypoints_2d[0], PART_COLOURS["body"])
    assert shows(drawn, strange.parts()[name].keypoints_2d[0], PART_COLOURS[name])


def test_a_pose_that_is_nan_throughout_draws_nothing(picture):
    body = replace(standing().body, keypoints_2d=np.full((13, 2), np.nan, np.float32))
    np.testing.assert_array_equal(draw_people(picture, [Person(0, body=body)]), picture)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 900, 3), (1200, 1600, 3)])
def test_pictures_of_any_size_can_be_drawn_over(shape):
    drawn = draw_people(np.zeros(shape, np.uint8), [standing(), seen(standing((0.2, 0, 1)))])
    assert drawn.shape == shape


def test_a_view_of_a_picture_can_be_drawn_over(picture):
    drawn = draw_people(picture[:, ::-1], [standing()])
    assert shows(drawn, standing().body.keypoints_2d[0], PART_COLOURS["body"])
