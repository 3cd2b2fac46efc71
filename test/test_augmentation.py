# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is changed in a picture is changed in its labels."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from samples import labels_of, sample_of
from scipy.spatial.transform import Rotation

from dope_ros.skeleton import BODY, FACE, Part, Side
from dope_ros.training.datasets.label_transforms import mirrored_part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels
from dope_ros.training.loading import augmentation
from dope_ros.training.loading.augmentation import CameraShake, ColourJitter, augment, flip, turn_camera

SEEDS = st.integers(0, 2**32 - 1)
BOXES = {Part.BODY: np.array([(10, 20, 60, 90)], np.float32)}


@pytest.fixture
def picture():
    rng = np.random.default_rng(0)
    return cv2.GaussianBlur(rng.integers(0, 255, (scenes.HEIGHT, scenes.WIDTH, 3), np.uint8), (0, 0), 3)


@pytest.fixture
def sample():
    return sample_of(scenes.standing(turn=0.4), ignored=BOXES)


def all_labels(sample):
    return {name: labels for person in sample.people for name, labels in person.parts().items()}


def assert_same_labels(found, expected, pixels=1e-3, metres=1e-5):
    assert all_labels(found).keys() == all_labels(expected).keys()
    for name, labels in all_labels(found).items():
        other = all_labels(expected)[name]
        np.testing.assert_allclose(labels.keypoints_2d, other.keypoints_2d, atol=pixels)
        np.testing.assert_allclose(labels.keypoints_3d, other.keypoints_3d, atol=metres)
        np.testing.assert_array_equal(labels.known_2d, other.known_2d)


def assert_projects(sample, pixels=0.05):
    for name, labels in all_labels(sample).items():
        projected = scenes.project(labels.keypoints_3d.astype(float), sample.intrinsics)
        np.testing.assert_allclose(projected, labels.keypoints_2d, atol=pixels, err_msg=name)


def with_dot(picture, point):
    dotted = np.zeros_like(picture)
    cv2.circle(dotted, tuple(round(float(value)) for value in point), 4, (255, 255, 255), -1)
    return dotted


def dot(picture):
    weights = picture[..., 0].astype(float)
    rows, columns = np.indices(weights.shape)
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


def test_flipping_twice_gives_everything_back(picture, sample):
    flipped_picture, flipped = flip(*flip(picture, sample))
    np.testing.assert_array_equal(flipped_picture, picture)
    assert_same_labels(flipped, sample)
    np.testing.assert_allclose(flipped.ignored_boxes(Part.BODY), BOXES[Part.BODY])
    assert flipped.intrinsics == pytest.approx(sample.intrinsics)


def test_a_flipped_person_still_projects_onto_its_picture(picture, sample):
    assert_projects(flip(picture, sample)[1])


def test_what_was_the_left_hand_is_the_right_one_in_a_flipped_picture(picture, sample):
    _, flipped = flip(picture, sample)
    hands, were = dict(flipped.instances(Part.HAND)), dict(sample.instances(Part.HAND))
    last = picture.shape[1] - 1
    np.testing.assert_allclose(
        hands[Side.RIGHT].keypoints_2d, were[Side.LEFT].keypoints_2d * (-1, 1) + (last, 0), atol=1e-3
    )


def test_a_lone_left_hand_becomes_a_lone_right_hand(picture, sample):
    alone = replace(sample, people=(PersonLabels(left_hand=sample.people[0].left_hand),))
    assert set(all_labels(flip(picture, alone)[1])) == {"right_hand"}


def test_the_left_knee_lies_where_the_right_one_was_seen_in_the_mirror(picture, sample):
    _, flipped = flip(picture, sample)
    left, right = BODY.index("left_knee"), BODY.index("right_knee")
    x, y = sample.people[0].body.keypoints_2d[right]
    np.testing.assert_allclose(
        flipped.people[0].body.keypoints_2d[left], (picture.shape[1] - 1 - x, y), atol=1e-3
    )


def test_a_symmetric_face_in_the_middle_of_the_picture_is_its_own_mirror_image():
    labels = labels_of(scenes.seen(scenes.standing()).face)
    width = 101
    centred = PartLabels.of(labels.keypoints_3d[:, :2] * 300 + (50, 50), keypoints_3d=labels.keypoints_3d)
    flipped = mirrored_part(centred, Part.FACE, width - 1)
    np.testing.assert_allclose(flipped.keypoints_2d, centred.keypoints_2d, atol=1e-3)
    assert len(flipped.keypoints_2d) == len(FACE)


def test_the_known_joints_of_both_sides_are_swapped_too(picture, sample):
    body = sample.people[0].body
    known = np.ones(13, bool)
    known[BODY.index("left_wrist")] = False
    partial = PartLabels.of(body.keypoints_2d, known)
    _, flipped = flip(picture, replace(sample, people=(PersonLabels(body=partial),)))
    unknown = np.flatnonzero(~flipped.people[0].body.known_2d)
    assert [BODY.joints[index] for index in unknown] == ["right_wrist"]


@scenes.light
@given(SEEDS)
def test_a_turned_camera_sees_the_same_people_where_their_3d_projects(seed):
    sample = sample_of(scenes.standing(turn=0.4))
    picture = np.zeros((scenes.HEIGHT, scenes.WIDTH, 3), np.uint8)
    rotation = augmentation.random_rotation(np.random.default_rng(seed))
    assert_projects(turn_camera(picture, sample, rotation)[1])


def test_the_picture_of_a_turned_camera_moves_with_its_labels(picture, sample):
    rotation = Rotation.from_euler("xyz", (4, -5, 12), degrees=True).as_matrix()
    point = sample.people[0].body.keypoints_2d[BODY.index("head")]
    turned_picture, turned = turn_camera(with_dot(picture, point), sample, rotation)
    np.testing.assert_allclose(
        dot(turned_picture), turned.people[0].body.keypoints_2d[BODY.index("head")], atol=0.7
    )


def test_turning_the_camera_back_gives_the_labels_back(picture, sample):
    rotation = Rotation.from_euler("xyz", (4, -5, 12), degrees=True).as_matrix()
    _, turned = turn_camera(picture, sample, rotation)
    assert_same_labels(turn_camera(picture, turned, rotation.T)[1], sample, pixels=0.01)


def test_what_was_photographed_moves_with_the_picture_of_a_turned_camera(picture, sample):
    rotation = Rotation.from_euler("xyz", (4, -5, 12), degrees=True).as_matrix()
    shown = BOXES[Part.BODY][0]
    _, turned = turn_camera(picture, replace(sample, shown=shown), rotation)
    np.testing.assert_array_equal(turned.shown, turned.ignored_boxes(Part.BODY)[0])
    assert np.abs(turned.shown - shown).max() > 10


def test_joints_that_leave_the_picture_are_known_but_not_seen(picture, sample):
    rotation = Rotation.from_euler("y", 25, degrees=True).as_matrix()
    body = turn_camera(picture, sample, rotation)[1].people[0].body
    outside = body.keypoints_2d[:, 0] > picture.shape[1]
    assert outside.any()
    assert body.known_2d.all()
    assert not body.visible[outside].any()


@pytest.mark.parametrize(("pan", "is_uncovered"), [(8, True), (-8, False)])
def test_a_hand_that_was_cut_off_is_ignored_where_the_rest_comes_into_view(
    picture, sample, pan, is_uncovered
):
    width, height = scenes.WIDTH, scenes.HEIGHT
    hand = sample.people[0].right_hand
    middle = hand.keypoints_2d.mean(axis=0)
    cut_off = replace(hand, keypoints_2d=hand.keypoints_2d - np.float32([middle[0], 0]))
    before = replace(sample, people=(replace(sample.people[0], right_hand=cut_off),))
    rotation = Rotation.from_euler("y", pan, degrees=True).as_matrix()
    _, turned = turn_camera(picture, before, rotation)
    after = augmentation.without_uncovered(before, turned, width, height)
    assert (after.people[0].right_hand is None) is is_uncovered
    assert after.people[0].left_hand is turned.people[0].left_hand, "it was whole before"
    assert len(after.ignored_boxes(Part.HAND)) == is_uncovered
    if is_uncovered:
        (box,) = after.ignored_boxes(Part.HAND)
        seen = turned.people[0].right_hand.keypoints_2d
        assert ((seen >= box[:2]) & (seen <= box[2:])).all(axis=1).any()
        assert (box[:2] >= -0.5).all()


def test_a_random_turn_stays_within_its_limits():
    shake = CameraShake(pan=5, tilt=3, roll=10)
    for seed in range(50):
        rotation = augmentation.random_rotation(np.random.default_rng(seed), shake)
        tilt, pan, roll = np.abs(Rotation.from_matrix(rotation).as_euler("xyz", degrees=True))
        assert tilt <= 3.001
        assert pan <= 5.001
        assert roll <= 10.001


def test_no_jitter_changes_no_colour_by_more_than_rounding(picture):
    still = augmentation.jitter_colours(picture, np.random.default_rng(0), ColourJitter(0, 0, 0, 0))
    assert np.abs(still.astype(int) - picture).max() <= 4


def test_jitter_changes_colours(picture):
    changed = augmentation.jitter_colours(picture, np.random.default_rng(1))
    assert np.abs(changed.astype(int) - picture).mean() > 2


@pytest.mark.parametrize(
    ("part", "colours", "turns"),
    [
        (None, False, False),
        (Part.BODY, False, False),
        (Part.FACE, True, False),
        (Part.HAND, True, True),
    ],
)
def test_each_part_gets_the_changes_of_the_paper(picture, sample, part, colours, turns):
    for seed in range(4):
        new_picture, new = augment(picture, sample, part, np.random.default_rng(seed))
        plain = [(picture, sample), flip(picture, sample)]
        unturned = any(
            np.allclose(new.people[0].body.keypoints_2d, other.people[0].body.keypoints_2d, atol=1e-3)
            for _, other in plain
        )
        assert unturned is not turns
        assert any(np.array_equal(new_picture, other) for other, _ in plain) is not (colours or turns)


def test_half_of_the_pictures_are_flipped(picture, sample):
    flipped, _ = flip(picture, sample)
    outcomes = [augment(picture, sample, None, np.random.default_rng(seed))[0] for seed in range(40)]
    assert 10 < sum(np.array_equal(outcome, flipped) for outcome in outcomes) < 30


def test_the_same_seed_gives_the_same_picture(picture, sample):
    once, again = (augment(picture, sample, Part.HAND, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(once[0], again[0])
    assert_same_labels(once[1], again[1], pixels=0, metres=0)
