# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How often the node says the same."""

import pytest
from clocks import Clock

from dope_ros.ros.logs import Reminder, Throttle


@pytest.fixture
def clock():
    return Clock()


def test_a_message_passes_once_in_a_while(clock):
    throttle = Throttle(clock)
    passed = []
    for clock.now in range(12):
        passed += [clock.now] * throttle.passes("the same", 5.0)
    assert passed == [0, 5, 10]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("40 ms", "41 ms"),
        ("stamp 0.500 s", "stamp 12.0 s"),
        ("frame 'obj_0'", "frame 'obj_999'"),
        ("frame 'obj_0_left'", "frame 'obj_12_left'"),
    ],
)
def test_messages_that_differ_in_a_number_count_as_one(clock, one, other):
    throttle = Throttle(clock)
    assert throttle.passes(one)
    assert not throttle.passes(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("image on '/cam0/image_raw'", "image on '/cam1/image_raw'"),
        ("image on '/cam_0/image_raw'", "image on '/cam_1/image_raw'"),
        ("image on '/robot/cam_0'", "image on '/robot/cam_1'"),
    ],
)
def test_of_topics_that_differ_in_a_number_each_has_its_say(clock, one, other):
    throttle = Throttle(clock)
    assert throttle.passes(one)
    assert throttle.passes(other)


def test_messages_are_forgotten_once_they_would_pass_again(clock):
    throttle = Throttle(clock)
    for clock.now in range(1000):
        assert throttle.passes(f"frame '/object{clock.now}'", 5.0)
        assert len(throttle) <= 5


def test_what_goes_on_is_told_often_for_a_minute_and_then_rarely(clock):
    reminder = Reminder(clock)
    told = []
    for clock.now in range(200):
        told += [clock.now] * len(reminder.due(["no image"]))
    assert told == [*range(0, 61, 5), 120, 180]


def test_what_begins_again_is_told_often_again(clock):
    reminder = Reminder(clock)
    for clock.now in range(100):
        reminder.due(["no image"])
    assert reminder.due([]) == []
    told = []
    for clock.now in range(200, 212):
        told += [clock.now] * len(reminder.due(["no image"]))
    assert told == [200, 205, 210]
