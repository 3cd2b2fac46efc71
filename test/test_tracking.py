# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who is who over time, on films of people whose identity is known."""

from dataclasses import replace

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from scenes import seen, standing
from sequences import film, five_crossing, idf1, walk

from dope_ros.geometry import place
from dope_ros.tracking import PeopleOverTime, TrackingSettings
from dope_ros.tracking.memory import REMEMBERED
from dope_ros.tracking.tracker import Tracker

MEMORY = 2.5


def tracked(moments, memory=MEMORY):
    tracker = Tracker()
    return [tracker(moment.people, moment.seconds, memory) for moment in moments]


def ids(frames):
    return [[person.id for person in people] for people in frames]


@pytest.mark.parametrize("rate", [10, 15, 30])
@pytest.mark.parametrize(("pixels", "metres"), [(0, 0), (3, 0.03), (5, 0.06)])
def test_five_people_who_cross_keep_their_ids(rate, pixels, metres):
    moments = film(five_crossing(), 8.0, rate, pixels, metres, seed=rate)
    hidden = [5 - len(moment.people) for moment in moments]
    assert sum(hidden) / rate > 2.0, "people should cover each other for some time"
    assert idf1(moments, ids(tracked(moments))) >= 0.95


def test_five_people_who_cross_keep_their_ids_without_intrinsics():
    moments = film(five_crossing(), 8.0, 15, 3, 0.03)
    flat = [replace(m, people=[replace(p, metric=False) for p in m.people]) for m in moments]
    assert idf1(flat, ids(tracked(flat))) >= 0.95


def test_an_id_outlasts_one_second_of_occlusion_of_a_walker():
    moments = film([walk((-2, 0.1, 4), (1, 0, 0))], 4.0, 15, 2, 0.02)
    hidden = [m for m in moments if not 1.5 < m.seconds < 2.6]
    assert {p.id for people in tracked(hidden) for p in people} == {0}


def test_somebody_who_comes_after_the_memory_is_over_is_somebody_new():
    moments = film([walk((0, 0.1, 3), (0, 0, 0))], 5.0, 10)
    hidden = [m for m in moments if not 1.0 < m.seconds < 4.0]
    assert [p.id for people in tracked(hidden) for p in people][-1] == 1


def test_an_id_is_never_used_twice():
    tracker = Tracker()
    tracker([standing((0, 0, 3))], 0.0, MEMORY)
    tracker([], 10.0, MEMORY)
    assert tracker([standing((0, 0, 3))], 20.0, MEMORY)[0].id == 1


def test_people_keep_their_order_and_all_but_their_ids():
    people = [standing((-1, 0, 3)), standing((1, 0, 4))]
    tracker = Tracker()
    tracker(people, 0.0, MEMORY)
    swapped = tracker(people[::-1], 0.1, MEMORY)
    assert [person.id for person in swapped] == [1, 0]
    assert [person.body for person in swapped] == [person.body for person in people[::-1]]
    assert all(person.metric for person in swapped)


@scenes.light
@given(beside=st.floats(0.2, 1.5), gone_for=st.floats(0.1, 2.4))
def test_somebody_who_stands_still_keeps_the_id_when_another_comes(beside, gone_for):
    still = standing((0, 0, 3))
    tracker = Tracker()
    tracker([still, standing((-1, 0, 3))], 0.0, MEMORY)
    tracker([still], gone_for - 0.1, MEMORY)
    assert tracker([still, standing((beside, 0, 3))], gone_for, MEMORY)[0].id == 0


@pytest.mark.parametrize("interval", [0.1, 1.0, 4.0])
def test_somebody_seen_in_every_picture_keeps_the_id_whatever_the_memory(interval):
    person = standing((0, 0, 3))
    tracker = Tracker()
    assert {tracker([person], frame * interval, 0.0)[0].id for frame in range(5)} == {0}


def test_pictures_that_come_twice_make_no_pause():
    person = standing((0, 0, 3))
    tracker = Tracker()
    assert {tracker([person], seconds, 0.0)[0].id for seconds in (0.0, 1.0, 1.0, 2.0, 2.0, 3.0)} == {0}


def test_time_that_goes_back_ends_all_tracks():
    person = standing((0, 0, 3))
    tracker = Tracker()
    first = [tracker([person], seconds, MEMORY)[0].id for seconds in (100.0, 100.1)]
    again = [tracker([person], seconds, MEMORY)[0].id for seconds in (3.0, 3.1)]
    assert first == [0, 0]
    assert again == [1, 1]


def test_stamps_that_are_a_little_out_of_order_end_no_track():
    person = standing((0, 0, 3))
    tracker = Tracker()
    assert {tracker([person], seconds, MEMORY)[0].id for seconds in (1.0, 1.1, 1.08, 1.2)} == {0}


def test_a_face_alone_is_the_one_of_the_body_that_was_there():
    person = standing((0, 0, 3))
    tracker = Tracker()
    tracker([person, standing((1, 0, 3))], 0.0, MEMORY)
    lone = replace(person, body=None, left_hand=None, right_hand=None)
    assert tracker([lone], 0.1, MEMORY)[0].id == 0


def test_a_hand_elsewhere_is_not_taken_for_a_body():
    tracker = Tracker()
    tracker([standing((0, 0, 3))], 0.0, MEMORY)
    assert tracker([standing((1.5, 0, 3), parts=["left_hand"])], 0.1, MEMORY)[0].id == 1


def test_someone_at_another_distance_is_somebody_else():
    tracker = Tracker()
    tracker([standing((0, 0, 2), parts=["body"])], 0.0, MEMORY)
    far = place([seen(standing((0, 0, 2), parts=["body"]))], _wider_camera(), 3.0)
    assert tracker(far, 0.1, MEMORY)[0].id == 1


@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_somebody_whose_depth_is_lost_keeps_the_id_however_wrong_their_size_seems(factor):
    tracker, person = Tracker(), standing((0.2, 0, 4))
    body = replace(person.body, keypoints_3d=person.body.keypoints_3d * np.float32(factor))
    seen_larger = replace(person, body=body, root=person.root * np.float32(factor))
    ids = [tracker([each], frame / 10, MEMORY)[0].id for frame, each in enumerate([person, seen_larger] * 5)]
    assert ids == [0] * 10


def _wider_camera():
    from scenes import CAMERA

    return CAMERA.scaled(3, 3)


@pytest.mark.parametrize("mode", ["off", "ids", "smooth"])
def test_nobody_gives_nobody(mode):
    over_time = PeopleOverTime()
    for seconds in (0.0, 0.1):
        assert over_time.identified([], seconds, TrackingSettings(mode)) == []
        assert over_time.smoothed([], "camera", seconds, TrackingSettings(mode)) == []


def test_tracking_that_is_off_changes_nothing():
    people, over_time, off = [standing((0, 0, 3))], PeopleOverTime(), TrackingSettings("off")
    assert over_time.identified(people, 0.0, off) == people
    assert over_time.smoothed(people, "camera", 0.0, off) == people


def test_somebody_in_300_pictures_ten_seconds_apart_keeps_one_id_and_one_track():
    tracker = Tracker()
    found = []
    for frame in range(300):
        (person,) = tracker([standing((np.sin(frame), 0, 3 + (frame % 7)))], frame * 10.0, MEMORY)
        found.append(person.id)
    assert found == [0] * 300
    assert len(tracker._tracks.ids) == 1


def test_tracks_do_not_pile_up_where_stamps_stand_still():
    tracker = Tracker()
    person = standing((0, 0, 3))
    for frame in range(3 * REMEMBERED):
        passer = standing((0, 0, 6 if frame % 2 else 60), parts=["face"])
        first = tracker([person, passer], 0.0, MEMORY)[0]
    assert first.id == 0
    assert len(tracker._tracks.ids) <= REMEMBERED + 2


def test_somebody_who_was_there_all_along_is_remembered_after_many_others():
    person = standing((0, 0, 3))
    tracker = Tracker()
    for frame in range(REMEMBERED + 2):
        passer = standing((0, 0, 6 if frame % 2 else 60), parts=["face"])
        tracker([person, passer], 0.1 * frame, 0.05)
    assert tracker([], 0.1 * frame + 0.01, MEMORY) == []
    assert tracker([person], 0.1 * frame + 0.02, MEMORY)[0].id == 0


def test_stamps_that_stand_still_are_announced_once(caplog):
    over_time = PeopleOverTime()
    for _ in range(20):
        over_time.identified([standing((0, 0, 3))], 0.0, TrackingSettings("smooth"))
    (record,) = caplog.records
    assert "stamp" in record.getMessage()


def test_stamps_in_whole_seconds_do_not_flood_the_log(caplog):
    over_time = PeopleOverTime()
    for frame in range(100):
        over_time.identified([standing((0, 0, 3))], frame // 10, TrackingSettings("smooth"))
    assert len(caplog.records) == 1


def test_a_picture_that_comes_twice_is_not_taken_for_missing_stamps(caplog):
    over_time = PeopleOverTime()
    for frame in range(20):
        over_time.identified([standing((0, 0, 3))], (frame // 2) * 0.1, TrackingSettings("smooth"))
    assert not caplog.records
