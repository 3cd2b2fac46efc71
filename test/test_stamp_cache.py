# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What belongs to an image by its stamp, and how long it is awaited."""

from __future__ import annotations

import threading

import pytest

from dope_ros.ros.stamp_cache import SILENT_SECONDS, StampCache, may_come_nearer, period_of

MS = 1_000_000


def test_the_nearest_within_the_tolerance_is_taken():
    cache = StampCache()
    for stamp in (0, 33, 66, 100):
        cache.put(stamp * MS, stamp)
    assert cache.nearest(60 * MS, 40 * MS, 0.0) == 66
    assert cache.nearest(300 * MS, 40 * MS, 0.0) is None


def asking_in_a_thread(cache, stamp, tolerance=40 * MS):
    """Somebody who would wait for ever, and what is found."""
    found = []
    asking = threading.Thread(
        target=lambda: found.append(cache.nearest(stamp, tolerance, patience=1e6)), daemon=True
    )
    asking.start()
    return asking, found


def asked_in_a_thread(cache, stamp):
    """What is found by somebody who would wait for ever."""
    asking, found = asking_in_a_thread(cache, stamp)
    asking.join(20.0)
    return found


def test_what_comes_within_the_patience_is_taken():
    cache = StampCache()
    cache.put(0, "before")
    waiting, found = asking_in_a_thread(cache, 30 * MS)
    cache.put(33 * MS, "beside")
    waiting.join(20.0)
    assert found == ["beside"]


def test_where_a_later_item_is_there_none_is_awaited():
    cache = StampCache()
    for stamp in (0, 31):
        cache.put(stamp * MS, stamp)
    assert asked_in_a_thread(cache, 30 * MS) == [31]


def test_of_two_that_are_equally_near_the_first_is_taken_whatever_they_are():
    cache = StampCache()
    before, behind = object(), object()
    cache.put(20 * MS, before)
    cache.put(40 * MS, behind)
    assert cache.nearest(30 * MS, 40 * MS, 0.0) is before


def test_a_camera_that_never_sent_anything_is_not_awaited():
    assert asked_in_a_thread(StampCache(), 30 * MS) == [None]


def test_a_camera_that_fell_silent_is_not_awaited_until_it_sends_again():
    now = 100.0
    cache = StampCache(clock=lambda: now)
    cache.put(0, "last")
    now += SILENT_SECONDS + 0.1
    assert asked_in_a_thread(cache, 5000 * MS) == [None]
    assert asked_in_a_thread(cache, 30 * MS) == ["last"]
    cache.put(6000 * MS, "again")
    waiting, found = asking_in_a_thread(cache, 6030 * MS, 10 * MS)
    cache.put(6033 * MS, "beside")
    waiting.join(20.0)
    assert found == ["beside"]


def test_the_queue_is_bounded():
    cache = StampCache(length=3)
    for stamp in range(10):
        cache.put(stamp * MS, stamp)
    assert cache.nearest(0, 2 * MS, 0.0) is None
    assert cache.nearest(7 * MS, 0, 0.0) == 7


def test_what_a_slow_network_will_ask_for_is_kept():
    cache = StampCache(length=3)
    for stamp in range(0, 40, 10):
        cache.put(stamp * MS, stamp)
    cache.keep_near(34 * MS, 20 * MS)
    for stamp in range(40, 200, 10):
        cache.put(stamp * MS, stamp)
    assert cache.nearest(34 * MS, 20 * MS, 0.0) == 30
    cache.put(200 * MS, 200)
    assert cache.nearest(34 * MS, 20 * MS, 0.0) is None, "it was given, and takes no memory any longer"


@pytest.mark.parametrize("stamp", [10, 30])
def test_an_item_that_is_just_within_the_tolerance_is_kept_and_taken(stamp):
    cache = StampCache(length=3)
    cache.keep_near(20 * MS, 10 * MS)
    for other in (stamp, 100, 110, 120, 130):
        cache.put(other * MS, other)
    assert cache.nearest(20 * MS, 10 * MS, 0.0) == stamp


def test_waiting_for_an_old_item_takes_no_more_memory_than_it_may():
    cache = StampCache(length=3, most=5)
    cache.keep_near(0, 20 * MS)
    for stamp in range(10):
        cache.put(stamp * MS, stamp)
    assert cache.nearest(4 * MS, 0, 0.0) is None
    assert cache.nearest(5 * MS, 0, 0.0) == 5


def test_items_of_another_clock_are_not_kept_for_long():
    cache = StampCache(length=3)
    cache.keep_near(0, 20 * MS)
    for stamp in range(5000, 5010):
        cache.put(stamp * MS, stamp)
    assert cache.nearest(5006 * MS, 0, 0.0) is None
    assert cache.nearest(5007 * MS, 0, 0.0) == 5007


def test_a_bag_that_begins_anew_forgets_its_end():
    cache = StampCache()
    cache.put(100_000 * MS, "end")
    cache.put(5 * MS, "beginning")
    assert cache.nearest(100_000 * MS, 40 * MS, 0.0) is None
    assert cache.nearest(5 * MS, 40 * MS, 0.0) == "beginning"


def filled(*stamps):
    """A cache with an item of each stamp; the items are the stamps in milliseconds."""
    cache = StampCache()
    for stamp in stamps:
        cache.put(stamp * MS, stamp)
    return cache


AT_30_HERTZ = (0, 33, 66, 100)


@pytest.mark.parametrize(
    ("stamps", "stamp", "found"),
    [
        (AT_30_HERTZ, 105, 100),
        (AT_30_HERTZ, 116, 100),
        ((0, 33, 100, 133, 200), 205, 200),
        ((0, 33, 66, 66, 100), 105, 100),
        ((0, 66, 33, 100), 105, 100),
        ((0, 33, 66, 1200), 1205, 1200),
    ],
    ids=["just before", "half a period before", "some lost", "one twice", "two in disorder", "after a gap"],
)
def test_what_is_nearer_than_the_next_can_be_is_taken_without_the_next(stamps, stamp, found):
    assert not may_come_nearer(stamps, stamp)
    assert asked_in_a_thread(filled(*stamps), stamp * MS) == [found]


@pytest.mark.parametrize(
    ("stamps", "stamp"),
    [
        (AT_30_HERTZ, 118),
        (AT_30_HERTZ, 133),
        (AT_30_HERTZ, 500),
        ((), 5),
        ((0,), 5),
        ((0, 33, 66), 71),
        ((0, 10, 43, 76, 109), 117),
        ((0, 33, 66, 1200), 1230),
    ],
    ids=[
        "more than half a period before",
        "a period before",
        "many periods before",
        "nothing came yet",
        "the first",
        "of too few stamps no period is known",
        "it came sooner once",
        "more than half a period before, after a gap",
    ],
)
def test_where_the_next_may_be_nearer_it_is_awaited(stamps, stamp):
    assert may_come_nearer(stamps, stamp)


@pytest.mark.parametrize("stamp", [100, 90, 5])
def test_a_stamp_that_is_reached_needs_no_more_items(stamp):
    assert not may_come_nearer(AT_30_HERTZ, stamp)


def test_items_that_come_late_are_awaited_until_one_is_nearer_than_its_next():
    cache = filled(*AT_30_HERTZ)
    waiting, found = asking_in_a_thread(cache, 205 * MS)
    for stamp in (133, 166, 200):
        cache.put(stamp * MS, stamp)
    waiting.join(20.0)
    assert found == [200]


def test_where_none_will_be_within_the_tolerance_none_is_awaited():
    assert asked_in_a_thread(filled(0, 200, 400, 600), 650 * MS) == [None]


def test_after_a_bag_began_anew_its_end_says_nothing_of_the_period():
    cache = filled(100_000, 100_033, 100_066, 100_100, 0)
    waiting, found = asking_in_a_thread(cache, 5 * MS)
    cache.put(6 * MS, "nearer")
    waiting.join(20.0)
    assert found == ["nearer"]


def test_the_period_is_the_shortest_gap_of_at_least_three():
    assert period_of([]) is None
    assert period_of([0, 10, 20]) is None
    assert period_of([0, 10, 10, 20]) is None
    assert period_of([50, 0, 30, 20]) == 10


def test_a_cache_that_was_cleared_awaits_nothing_and_has_nothing():
    cache = filled(*AT_30_HERTZ)
    cache.clear()
    assert asked_in_a_thread(cache, 100 * MS) == [None]
