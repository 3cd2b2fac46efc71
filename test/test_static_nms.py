# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Non-maximum suppression as a fixed point against torchvision's."""

import pytest

torch = pytest.importorskip("torch", reason="the network needs torch")
pytest.importorskip("torchvision", reason="the network needs torchvision")

from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import nms

from dope_ros.network.static_nms import NMS_ROUNDS, fixed_point_nms, overlaps

MAX_IOU = 0.7

coordinates = st.floats(0, 400, width=32)
sides = st.floats(1, 200, width=32)


@st.composite
def boxes(draw):
    """Boxes anywhere, best first, many of them near each other."""
    count = draw(st.integers(1, 60))
    middles = draw(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=4))
    corners = []
    for _ in range(count):
        x, y = middles[draw(st.integers(0, len(middles) - 1))]
        x, y = x + draw(st.floats(-20, 20, width=32)), y + draw(st.floats(-20, 20, width=32))
        corners.append([x, y, x + draw(sides), y + draw(sides)])
    return torch.tensor(corners, dtype=torch.float32)


@st.composite
def chains(draw):
    """Boxes in a row, best first, each of which overlaps its neighbours alone: suppression runs along."""
    count = draw(st.integers(2, 120))
    width = draw(st.floats(20, 100))
    step = width * draw(st.floats(0.10, 0.17))
    lefts = torch.arange(count) * step
    return torch.stack([lefts, torch.zeros(count), lefts + width, torch.full((count,), width)], dim=1)


def greedy(of_boxes):
    """Which boxes torchvision keeps of boxes that are sorted already."""
    kept = torch.zeros(len(of_boxes), dtype=torch.bool)
    scores = torch.arange(len(of_boxes), 0, -1, dtype=torch.float32)
    kept[nms(of_boxes, scores, MAX_IOU)] = True
    return kept


def fixed_point(of_boxes, rounds):
    return fixed_point_nms(of_boxes, torch.ones(len(of_boxes), dtype=torch.bool), MAX_IOU, rounds)


def is_settled(of_boxes):
    """Whether no overlap is so near the limit that rounding decides: torchvision divides, we multiply."""
    return torch.equal(overlaps(of_boxes, MAX_IOU - 1e-4), overlaps(of_boxes, MAX_IOU + 1e-4))


@settings(max_examples=200)
@given(boxes())
def test_it_is_greedy_suppression(of_boxes):
    if is_settled(of_boxes):
        assert torch.equal(fixed_point(of_boxes, NMS_ROUNDS), greedy(of_boxes))


@settings(max_examples=60)
@given(chains())
def test_a_chain_of_suppressions_is_settled_in_as_many_rounds_as_it_is_long(chain):
    if is_settled(chain):
        assert torch.equal(fixed_point(chain, len(chain) + len(chain) % 2), greedy(chain))


@settings(max_examples=60)
@given(chains())
def test_a_chain_longer_than_the_rounds_loses_no_box(chain):
    if not is_settled(chain):
        return
    kept, wanted = fixed_point(chain, NMS_ROUNDS), greedy(chain)
    assert torch.equal(kept[:NMS_ROUNDS], wanted[:NMS_ROUNDS])
    assert (kept | ~wanted).all()


def test_boxes_that_are_too_thin_neither_stay_nor_suppress():
    of_boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]])
    kept = fixed_point_nms(of_boxes, torch.tensor([False, True, True]), MAX_IOU, NMS_ROUNDS)
    assert kept.tolist() == [False, True, True]


def test_the_number_of_rounds_is_even_so_that_boxes_in_doubt_stay():
    assert NMS_ROUNDS % 2 == 0
