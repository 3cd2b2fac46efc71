# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network sees of a picture in training: labels stay where the picture shows them."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from samples import Pixels  # noqa: E402

from dope_ros.skeleton import SKELETONS, Part  # noqa: E402
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample  # noqa: E402
from dope_ros.training.loading.targets import OUTSIDE_WEIGHT, targets_of  # noqa: E402
from dope_ros.training.loading.views import PADDING, RandomCrop, resized  # noqa: E402

HEIGHT, WIDTH = 120, 200
JOINTS = len(SKELETONS[Part.BODY])
RED = np.array([255, 0, 0], np.uint8)


def body_at(points):
    """A sample with one body, whose joints are all known."""
    labels = PartLabels.of(np.array(points, np.float32))
    return Sample("picture", Pixels(), (PersonLabels(body=labels),), frozenset({Part.BODY}))


def standing(x):
    """The joints of somebody upright, two of them to the left of the picture."""
    points = np.column_stack([np.full(JOINTS, x), np.linspace(10, 110, JOINTS)])
    points[:2, 0] = -15
    return points


@pytest.mark.parametrize("zoom", [0.6, 1.0, 1.4])
@pytest.mark.parametrize("max_roll", [0.0, 30.0])
def test_a_joint_stays_on_what_the_picture_shows_of_it(zoom, max_roll):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[58:63, 98:103] = RED
    view = RandomCrop(size=160, zoom=(zoom, zoom), max_roll=max_roll)
    square, sample = view(picture, body_at(np.full((JOINTS, 2), (100, 60))), np.random.default_rng(0))
    bright = square.astype(int)
    red = np.argwhere(bright[..., 0] - bright[..., 1:].max(axis=2) > 100)[:, ::-1]
    assert len(red)
    np.testing.assert_allclose(sample.people[0].body.keypoints_2d[0], red.mean(axis=0), atol=0.6)


@pytest.mark.parametrize("scale", [0.4, 1.7])
def test_labels_follow_a_scaled_picture(scale):
    picture, box = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.float32([[10, 20, 60, 90]])
    picture[56:65, 96:105] = RED
    body = body_at(np.full((JOINTS, 2), (100, 60)))
    person = replace(body.people[0], head_size=20.0)
    scaled_picture, scaled = resized(
        picture, replace(body, people=(person,), ignored={Part.BODY: box}), scale
    )
    red = np.argwhere(scaled_picture[..., 0] > 127)[:, ::-1]
    np.testing.assert_allclose(scaled.people[0].body.keypoints_2d[0], red.mean(axis=0), atol=0.2 + scale / 2)
    np.testing.assert_allclose(scaled.ignored_boxes(Part.BODY), box * scale, atol=1)
    assert scaled.people[0].head_size == pytest.approx(20 * scale)


def test_joints_that_leave_the_square_are_known_but_not_seen():
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    points = np.column_stack([np.linspace(5, WIDTH - 5, JOINTS), np.full(JOINTS, HEIGHT / 2)])
    _, sample = RandomCrop(size=160, zoom=(0.6, 0.6))(picture, body_at(points), np.random.default_rng(0))
    body = sample.people[0].body
    inside = ((body.keypoints_2d >= -0.5) & (body.keypoints_2d < 159.5)).all(axis=1)
    assert 0 < inside.sum() < JOINTS
    assert body.known_2d.all()
    np.testing.assert_array_equal(body.visible, inside)


def test_joints_beyond_a_scaled_picture_are_not_seen():
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    _, sample = resized(picture, body_at(standing(100)), 0.5)
    assert np.flatnonzero(~sample.people[0].body.visible).tolist() == [0, 1]


def test_where_a_square_leaves_the_picture_it_is_padded_as_in_use():
    square, sample = RandomCrop(size=320, zoom=(1.5, 1.5))(
        np.full((HEIGHT, WIDTH, 3), RED), body_at(standing(100)), np.random.default_rng(0)
    )
    x1, y1, x2, y2 = sample.shown
    assert 0 < x1 < x2 < 320
    assert 0 < y1 < y2 < 320
    rows, columns = np.mgrid[:320, :320]
    beyond = (columns < x1 - 1) | (columns > x2 + 1) | (rows < y1 - 1) | (rows > y2 + 1)
    within = (columns > x1 + 1) & (columns < x2 - 1) & (rows > y1 + 1) & (rows < y2 - 1)
    assert (square[beyond] == PADDING).all()
    assert (square[within] == RED).all()


def test_what_was_not_photographed_before_is_not_in_a_square_of_the_picture_either():
    picture, crop = np.zeros((HEIGHT, WIDTH, 3), np.uint8), RandomCrop(size=320, zoom=(1.5, 1.5))
    left_half = np.float32([-0.5, -0.5, WIDTH / 2 - 0.5, HEIGHT - 0.5])
    _, whole = crop(picture, body_at(standing(100)), np.random.default_rng(0))
    _, half = crop(picture, replace(body_at(standing(100)), shown=left_half), np.random.default_rng(0))
    np.testing.assert_allclose(half.shown[[0, 1, 3]], whole.shown[[0, 1, 3]], atol=1e-3)
    np.testing.assert_allclose(half.shown[2], (whole.shown[0] + whole.shown[2]) / 2, atol=1e-3)


def test_what_was_not_photographed_is_not_in_sight_wherever_the_square_reaches():
    picture, labelled = np.zeros((HEIGHT, WIDTH, 3), np.uint8), body_at(standing(60))
    _, sample = RandomCrop(size=320, zoom=(1.5, 1.5))(picture, labelled, np.random.default_rng(0))
    there = targets_of(labelled, WIDTH, HEIGHT)[Part.BODY].instances
    here = targets_of(sample, 320, 320)[Part.BODY].instances
    assert (sample.people[0].body.keypoints_2d > 0).all()  # the square reaches that far
    assert there.weights_2d.tolist() == here.weights_2d.tolist()
    assert (here.weights_2d[0, :2] == OUTSIDE_WEIGHT).all()
    assert (here.weights_2d[0, 2:] == 1).all()
    scale = 320 / (1.5 * np.sqrt(WIDTH * HEIGHT))
    corner = sample.shown[:2] + 0.5
    np.testing.assert_allclose(
        here.boxes[0].numpy(), there.boxes[0].numpy() * scale + np.tile(corner, 2), atol=1.0
    )
