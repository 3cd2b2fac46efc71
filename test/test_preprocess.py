# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import scenes
from hypothesis import example, given
from hypothesis import strategies as st

from dope_ros.errors import ImageError
from dope_ros.poses import Proposals
from dope_ros.preprocess import fit

sides = st.integers(1, 90)


def spotted_picture(height, width, x, y):
    """Black, with a soft white spot around (x, y), a tenth of the picture in size."""
    rows, columns = np.indices((height, width))
    distances = ((columns - x) / (0.1 * width)) ** 2 + ((rows - y) / (0.1 * height)) ** 2
    return np.repeat(np.uint8(np.round(255 * np.exp(-distances / 2)))[..., None], 3, axis=2)


@scenes.light
@given(height=sides, width=sides, picture_height=sides, picture_width=sides)
@example(height=20, width=20, picture_height=90, picture_width=1)
@example(height=20, width=20, picture_height=1, picture_width=90)
def test_a_picture_touches_two_edges_of_the_input_and_the_rest_is_padding(
    height, width, picture_height, picture_width
):
    fitted = fit(np.full((picture_height, picture_width, 3), 200, np.uint8), height, width, 114)
    assert fitted.pixels.shape == (height, width, 3)
    assert fitted.pixels.dtype == np.uint8
    columns, rows = np.round(fitted.scale * (picture_width, picture_height)).astype(int)
    assert rows == height or columns == width
    assert (fitted.pixels[:rows, :columns] == 200).all()
    assert (fitted.pixels[rows:] == 114).all()
    assert (fitted.pixels[:, columns:] == 114).all()


def test_a_picture_of_the_right_size_goes_in_unchanged():
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    fitted = fit(picture, 48, 64, 114)
    np.testing.assert_array_equal(fitted.pixels, picture)
    np.testing.assert_array_equal(fitted.scale, (1, 1))


def test_a_picture_that_is_enlarged_has_no_steps():
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[:, 1] = 200
    row = fit(picture, 20, 20, 0).pixels[10, :, 0].astype(int)
    assert (row[0], row[-1]) == (0, 200)
    assert np.diff(row).min() >= 0
    assert np.diff(row).max() <= 25


def test_the_picture_is_not_changed_and_not_shared():
    picture = np.zeros((48, 64, 3), np.uint8)
    fit(picture, 48, 64, 114).pixels[:] = 9
    assert not picture.any()


@pytest.mark.parametrize(
    ("height", "width"), [(60, 40), (90, 300), (300, 90), (480, 640), (1080, 1920), (27, 900)]
)
def test_a_spot_comes_back_to_where_it_is_in_the_picture(height, width):
    middle = np.array([0.45 * width, 0.52 * height])
    fitted = fit(spotted_picture(height, width, *middle), 120, 160, 0)
    weights = fitted.pixels[..., 0].astype(float)
    rows, columns = np.indices(weights.shape)
    spot = np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()
    found = Proposals(
        boxes=np.float32([[*spot, *spot]] * 3),
        scores=np.ones((3, 2), np.float32),
        poses_2d=np.float32([spot] * 3).reshape(3, 1, 1, 2),
        poses_3d=np.ones((3, 1, 1, 3), np.float32),
    )
    back = fitted.to_picture(found)
    np.testing.assert_allclose(back.poses_2d, np.reshape([middle] * 3, (3, 1, 1, 2)), atol=0.1)
    np.testing.assert_allclose(back.boxes, [(*middle, *middle)] * 3, atol=0.1)
    np.testing.assert_array_equal(back.poses_3d, found.poses_3d)
    assert back.poses_2d.dtype == back.boxes.dtype == np.float32


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((1, 4, 4, 3), np.uint8),
    ],
    ids=lambda picture: f"{picture.dtype}{list(picture.shape)}",
)
def test_what_is_not_an_rgb_picture_is_refused_by_its_type_and_shape(picture):
    with pytest.raises(ImageError) as refusal:
        fit(picture, 32, 32, 0)
    assert str(picture.dtype) in str(refusal.value)
    assert str(list(picture.shape)) in str(refusal.value)
