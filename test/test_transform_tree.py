# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tree that frames hang on over time, and how long it is waited for what is not there yet."""

import threading

import numpy as np
import pytest
import scenes
from clocks import Clock
from hypothesis import given
from hypothesis import strategies as st

from dope_ros.geometry import Transform
from dope_ros.transform_tree import MISSES, FrameWatch, Patience, TransformError, TransformTree

SECOND = 1_000_000_000


def moved(*translation):
    return Transform(np.eye(3), np.array(translation, float))


def test_a_frame_is_looked_up_over_its_common_ancestor():
    tree = TransformTree()
    tree.add("base", "camera", 5 * SECOND, moved(0, 0, 1))
    tree.add("map", "base", 5 * SECOND, moved(10, 0, 0))
    tree.add_static("map", "door", moved(12, 0, 0))
    found = tree.lookup("door", "camera", 5 * SECOND)
    np.testing.assert_allclose(found.translation, (-2, 0, 1))
    np.testing.assert_allclose(tree.lookup("camera", "door", 5 * SECOND).translation, (2, 0, -1))


def test_between_two_stamps_a_frame_is_between_two_places():
    tree = TransformTree()
    quarter = Transform.from_quaternion(np.array([0, 0, 1, 1.0]), np.array([4.0, 0, 0]))
    tree.add("map", "base", 0, Transform.identity())
    tree.add("map", "base", SECOND, quarter)
    half = tree.lookup("map", "base", SECOND // 2)
    np.testing.assert_allclose(half.translation, (2, 0, 0))
    np.testing.assert_allclose(half.rotation[0, 0], np.cos(np.pi / 4))


@pytest.mark.parametrize(
    ("target", "source", "words"),
    [
        ("map", "camera", "nobody publishes a transform of 'camera'"),
        ("moon", "base", "'moon'"),
        ("map", "island", "not connected"),
        ("map", "base", "known from 1.000 to 2.000 s, not at 3.000 s"),
    ],
)
def test_what_is_missing_is_named(target, source, words):
    tree = TransformTree()
    tree.add("map", "base", SECOND, moved(1, 0, 0))
    tree.add("map", "base", 2 * SECOND, moved(1, 0, 0))
    tree.add_static("sea", "island", moved(1, 0, 0))
    with pytest.raises(TransformError, match=words):
        tree.lookup(target, source, 3 * SECOND)


def test_all_who_wait_for_a_transform_get_it_when_it_comes():
    tree = TransformTree()
    found = []
    waiting = [
        threading.Thread(
            target=lambda: found.append(tree.lookup("map", "base", SECOND, patience=1e6)), daemon=True
        )
        for _ in range(3)
    ]
    for thread in waiting:
        thread.start()
    tree.add("map", "base", SECOND, moved(1, 2, 3))
    for thread in waiting:
        thread.join(20)
    assert [place.translation.tolist() for place in found] == [[1, 2, 3]] * 3


def impatient(clock):
    patience = Patience(clock)
    for _ in range(MISSES):
        assert patience.seconds(0.5) == 0.5
        patience.note(found=False)
    return patience


def test_what_is_missing_again_and_again_is_awaited_for_a_tenth_of_the_time():
    clock = Clock()
    patience, waited = impatient(clock), 0.0
    for _ in range(2000):
        seconds = patience.seconds(0.5)
        patience.note(found=False)
        waited += seconds
        clock.now += 0.05 + seconds
    assert 0 < waited < 0.11 * clock.now


def test_between_two_short_waits_lies_a_second_at_least():
    clock = Clock()
    patience = impatient(clock)
    assert patience.seconds(0.01) == 0.01
    clock.now += 0.9
    assert patience.seconds(0.01) == 0.0
    clock.now += 0.2
    assert patience.seconds(0.01) == 0.01


def test_what_comes_again_is_awaited_again_each_time():
    patience = impatient(Clock())
    assert patience.seconds(0.5) == 0.5
    assert patience.seconds(0.5) == 0.0
    patience.note(found=True)
    assert [patience.seconds(0.5) for _ in range(3)] == [0.5] * 3


def test_history_is_bounded():
    tree = TransformTree()
    for second in range(100, 200):
        tree.add("map", "base", second * SECOND, moved(second, 0, 0))
    with pytest.raises(TransformError):
        tree.lookup("map", "base", 120 * SECOND)
    assert tree.lookup("map", "base", 195 * SECOND).translation[0] == 195


def test_a_stamp_that_comes_twice_is_kept_and_let_go_as_one():
    tree = TransformTree()
    for second in (100, 100, 105, 105, 120):
        tree.add("map", "base", second * SECOND, moved(second, 0, 0))
    assert tree.lookup("map", "base", 120 * SECOND).translation[0] == 120
    with pytest.raises(TransformError, match=r"known from 120\.000 to 120\.000 s"):
        tree.lookup("map", "base", 105 * SECOND)


@scenes.light
@given(st.integers(1_001, 30_000), st.integers(2, 12))
def test_places_of_two_runs_are_not_mixed_when_time_goes_back(milliseconds, seconds):
    tree = TransformTree()
    tree.add_static("base", "camera", moved(0, 0, 1))
    for second in range(100, 100 + seconds):
        tree.add("map", "base", second * SECOND, moved(1, 0, 0))
        tree.add("base", "arm", second * SECOND, moved(1, 0, 0))
    now = (99 + seconds) * SECOND - milliseconds * 1_000_000
    tree.add("map", "base", now, moved(2, 0, 0))
    assert tree.lookup("map", "camera", now).translation.tolist() == [2, 0, 1]
    for frame, stamp in (("arm", now), ("base", now + SECOND // 2)):
        with pytest.raises(TransformError):
            tree.lookup("map", frame, stamp)
    tree.add("base", "arm", now, moved(3, 0, 0))
    assert tree.lookup("map", "arm", now).translation.tolist() == [5, 0, 0]


def test_stamps_that_are_a_little_out_of_order_are_of_one_run():
    tree = TransformTree()
    for tenths in (0, 10, 5, 20, 11, 30):
        tree.add("map", "base", tenths * SECOND // 10, moved(tenths, 0, 0))
    for tenths in (0, 5, 8, 11, 27):
        assert tree.lookup("map", "base", tenths * SECOND // 10).translation[0] == pytest.approx(tenths)


def test_stamps_that_go_back_little_by_little_go_back_all_the_same():
    tree = TransformTree()
    for tenths in (1000, 995, 989):
        tree.add("map", "base", tenths * SECOND // 10, moved(tenths, 0, 0))
    assert tree.lookup("map", "base", 989 * SECOND // 10).translation[0] == 989
    with pytest.raises(TransformError):
        tree.lookup("map", "base", 100 * SECOND)


def test_a_frame_may_have_stamps_far_from_those_of_another():
    # As of a localisation that says in advance where the robot will be, or of a clock that is set wrongly.
    tree = TransformTree()
    for second in range(100, 120):
        tree.add("map", "odom", (second + 2) * SECOND, moved(1, 0, 0))
        tree.add("odom", "base", second * SECOND, moved(1, 0, 0))
        tree.add("odom", "clock", second * SECOND + 10**18, moved(1, 0, 0))
    assert tree.lookup("map", "base", 115 * SECOND).translation[0] == 2


def test_a_clock_that_jumps_leaves_static_places_alone():
    tree = TransformTree()
    tree.add_static("base", "camera", moved(0, 0, 1))
    tree.add("map", "base", 5 * SECOND, moved(1, 0, 0))
    tree.clear()
    assert tree.lookup("base", "camera", SECOND).translation[2] == 1
    with pytest.raises(TransformError):
        tree.lookup("map", "base", 5 * SECOND)


def test_a_static_place_that_is_said_again_leaves_those_that_move_alone():
    tree = TransformTree()
    tree.add_static("base", "camera", moved(0, 0, 1))
    tree.add("map", "base", 100 * SECOND, moved(1, 0, 0))
    tree.add_static("base", "camera", moved(0, 0, 2))
    assert tree.lookup("map", "camera", 100 * SECOND).translation.tolist() == [1, 0, 2]


def test_after_all_is_forgotten_earlier_stamps_are_those_of_the_time_that_is():
    tree = TransformTree()
    tree.add("map", "base", 100 * SECOND, moved(1, 0, 0))
    tree.clear()
    tree.add("base", "arm", 5 * SECOND, moved(0, 1, 0))
    tree.add("map", "base", 5 * SECOND, moved(2, 0, 0))
    assert tree.lookup("map", "arm", 5 * SECOND).translation.tolist() == [2, 1, 0]


def test_a_frame_in_another_parent_is_no_longer_in_the_one_before():
    tree = TransformTree()
    tree.add_static("map", "door", moved(7, 0, 0))
    tree.add("map", "cup", 5 * SECOND, moved(1, 0, 0))
    tree.add("door", "cup", 6 * SECOND, moved(0, 1, 0))
    assert tree.lookup("map", "cup", 6 * SECOND).translation.tolist() == [7, 1, 0]
    with pytest.raises(TransformError, match=r"known from 6\.000"):
        tree.lookup("map", "cup", 5 * SECOND)


def test_a_frame_that_was_static_and_moves_now_is_where_it_moved():
    tree = TransformTree()
    tree.add_static("base", "camera", moved(0, 0, 1))
    tree.add("base", "camera", 5 * SECOND, moved(0, 0, 2))
    assert tree.lookup("base", "camera", 5 * SECOND).translation[2] == 2
    tree.add_static("base", "camera", moved(0, 0, 3))
    assert tree.lookup("base", "camera", 7 * SECOND).translation[2] == 3


def test_frames_of_people_who_left_are_forgotten():
    now = 0.0
    tree = TransformTree(clock=lambda: now)
    tree.add_static("base", "camera", moved(0, 0, 1))
    for frame in range(3000):
        now, stamp = frame * 0.1, frame * SECOND // 10
        tree.add("map", "base", stamp, moved(frame, 0, 0))
        tree.add("map", f"body_b{frame // 10}", stamp, moved(1, 0, 0))
    assert len(tree) < 20
    assert tree.lookup("map", "camera", stamp).translation.tolist() == [2999, 0, 1]
    with pytest.raises(TransformError, match="nobody publishes a transform of 'body_b0'"):
        tree.lookup("map", "body_b0", 0)


def test_frames_of_people_who_left_are_forgotten_in_a_bag_that_is_looped():
    now = 0.0
    tree = TransformTree(clock=lambda: now)
    for frame in range(3000):
        now = frame * 0.1
        tree.add("camera", f"body_b{frame // 10}", frame % 50 * SECOND // 10, moved(1, 0, 0))
    assert len(tree) < 20


def test_a_frame_is_forgotten_when_nothing_was_said_of_it_for_ten_seconds():
    clock = Clock(1000.0)
    tree = TransformTree(clock)
    tree.add("map", "cup", 0, moved(1, 0, 0))
    for _ in range(9):
        clock.now += 1.0
        tree.add("map", "base", 0, moved(2, 0, 0))
    assert tree.lookup("map", "cup", 0).translation[0] == 1
    clock.now += 2.0
    tree.add("map", "base", 0, moved(2, 0, 0))
    assert len(tree) == 1


def test_a_frame_that_stands_still_now_is_not_forgotten():
    clock = Clock()
    tree = TransformTree(clock)
    tree.add("map", "door", 0, moved(1, 0, 0))
    tree.add_static("map", "door", moved(2, 0, 0))
    clock.now += 11.0
    tree.add("map", "base", 0, moved(1, 0, 0))
    assert tree.lookup("map", "door", 0).translation[0] == 2


def test_a_frame_of_another_time_is_forgotten_once():
    clock = Clock()
    tree = TransformTree(clock)
    tree.add("base", "arm", 100 * SECOND, moved(1, 0, 0))
    tree.add("map", "base", 100 * SECOND, moved(1, 0, 0))
    tree.add("map", "base", 5 * SECOND, moved(1, 0, 0))
    assert len(tree) == 1
    clock.now += 11.0
    tree.add("map", "base", 16 * SECOND, moved(1, 0, 0))
    assert len(tree) == 1


def test_a_frame_that_is_gone_is_told_once_and_its_stamps_begin_anew():
    clock = Clock()
    watch = FrameWatch(clock)
    assert not watch.record("body", 100 * SECOND)
    clock.now += 11.0
    assert watch.sweep() == ["body"]
    clock.now += 2.0
    assert watch.sweep() == []
    assert not watch.record("body", 5 * SECOND)


def test_frames_in_a_circle_end_nothing():
    tree = TransformTree()
    tree.add_static("a", "b", moved(1, 0, 0))
    tree.add_static("b", "a", moved(1, 0, 0))
    with pytest.raises(TransformError):
        tree.lookup("c", "a", 0)
