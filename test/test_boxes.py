# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Arithmetic of boxes against pixels that are counted one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import light

from dope_ros.boxes import areas, intersections, ious, longer_sides

SIZE = 12

corners = st.tuples(st.integers(0, SIZE - 1), st.integers(1, SIZE)).filter(lambda pair: pair[0] < pair[1])
box_lists = st.lists(st.tuples(corners, corners), min_size=1, max_size=4)


def boxes_of(drawn):
    return np.array([[x1, y1, x2, y2] for (x1, x2), (y1, y2) in drawn], np.float32)


def covered(box):
    """[SIZE, SIZE] bool, the unit squares that a box of whole numbers covers."""
    x1, y1, x2, y2 = box.astype(int)
    grid = np.zeros((SIZE, SIZE), bool)
    grid[y1:y2, x1:x2] = True
    return grid


@light
@given(box_lists, box_lists)
def test_areas_and_overlaps_are_those_of_the_squares_that_boxes_cover(drawn, drawn_others):
    boxes, others = boxes_of(drawn), boxes_of(drawn_others)
    assert areas(boxes).tolist() == [covered(box).sum() for box in boxes]
    shared, overlaps = intersections(boxes[:, None], others), ious(boxes[:, None], others)
    assert shared.shape == overlaps.shape == (len(boxes), len(others))
    for i, j in np.ndindex(shared.shape):
        one, other = covered(boxes[i]), covered(others[j])
        assert shared[i, j] == (one & other).sum()
        assert overlaps[i, j] == pytest.approx((one & other).sum() / (one | other).sum())


def test_sides_count_from_edge_to_edge_without_one_more():
    box = np.array([2.0, 3.0, 4.5, 4.0])
    assert (areas(box), longer_sides(box)) == (2.5, 2.5)
    assert ious(box, box + np.array([0, 0, 0, 1])) == 0.5


def test_a_box_is_longer_than_it_is_wide_or_wider_than_it_is_long():
    assert longer_sides(np.array([[0.0, 0.0, 3.0, 5.0], [0.0, 0.0, 7.0, 5.0]])).tolist() == [5, 7]


@pytest.mark.parametrize("empty", [[3.0, 3.0, 3.0, 3.0], [3.0, 1.0, 3.0, 5.0], [5.0, 5.0, 3.0, 3.0]])
def test_a_box_without_extent_has_no_area_and_overlaps_nothing(empty):
    box = np.array(empty)
    assert areas(box) == 0
    assert ious(box, np.array([0.0, 0.0, 9.0, 9.0])) == 0
    assert ious(box, box) == 0
