# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People who were measured stay as tall as they are where depth is lost."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import project, standing

from dope_ros.skeleton import LEFT_WRIST, RIGHT_WRIST
from dope_ros.tracking import PeopleOverTime, SmoothingSettings, TrackingSettings
from dope_ros.tracking.memory import REMEMBERED
from dope_ros.tracking.stature import FEWEST, MOST, Statures

PLACES = st.tuples(st.floats(-0.5, 0.5), st.floats(-0.3, 0.3), st.floats(1.5, 6.0))


def measured(person):
    return replace(person, depth_measured=True, size_measured=True)


def knowing(*people):
    """What remembers people who were measured just often enough."""
    statures = Statures()
    for _ in range(FEWEST):
        statures([measured(person) for person in people])
    return statures


def taken_for(person, factor):
    """The person as placed where the network takes their size for so many times what it is."""
    parts = {
        name: replace(pose, keypoints_3d=pose.keypoints_3d * np.float32(factor))
        for name, pose in person.parts().items()
    }
    covariance = None if person.root_covariance is None else person.root_covariance * factor**2
    return replace(person, root=person.root * np.float32(factor), root_covariance=covariance, **parts)


@given(PLACES, PLACES, st.floats(0.7, 1.4))
def test_somebody_who_was_measured_is_put_where_they_are_without_depth(before, now, factor):
    statures = knowing(standing(before))
    truth = replace(standing(now), root_covariance=np.diag([1e-4, 2e-4, 1e-2]))
    (found,) = statures([taken_for(truth, factor)])
    np.testing.assert_allclose(found.root, truth.root, atol=1e-3)
    np.testing.assert_allclose(found.root_covariance, truth.root_covariance, rtol=1e-3)
    for name, pose in truth.parts().items():
        np.testing.assert_allclose(found.parts()[name].keypoints_3d, pose.keypoints_3d, atol=1e-3)
        np.testing.assert_allclose(project(found.parts()[name].keypoints_3d), pose.keypoints_2d, atol=0.05)
    assert found.size_measured
    assert not found.depth_measured


def test_only_who_was_measured_is_changed():
    known, other = standing((0, 0, 3)), replace(standing((1, 0, 4)), id=1)
    statures = knowing(known)
    statures([other])
    people = [taken_for(other, 1.2), taken_for(known, 1.2)]
    found = statures(people)
    assert found[0] is people[0]
    np.testing.assert_allclose(found[1].root, known.root, atol=1e-3)


def test_somebody_who_was_hardly_measured_is_left_as_they_are():
    statures, person = Statures(), standing((0, 0, 3))
    for _ in range(FEWEST - 1):
        statures([measured(person)])
    larger = taken_for(person, 1.2)
    assert statures([larger]) == [larger]
    statures([measured(person)])
    assert statures([larger]) != [larger]


@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_somebody_of_quite_another_size_has_taken_over_the_id(factor):
    person = standing((0, 0, 3))
    other = taken_for(person, factor)
    assert knowing(person)([other]) == [other]


@pytest.mark.parametrize("nearer", [-0.3, 0.2])
def test_wrists_that_a_depth_image_moved_make_nobody_larger(nearer):
    person = standing((0.1, 0, 3))
    joints = person.body.keypoints_3d.copy()
    joints[[LEFT_WRIST, RIGHT_WRIST]] *= 1 - nearer / 3
    statures = knowing(replace(person, body=replace(person.body, keypoints_3d=joints)))
    (found,) = statures([taken_for(person, 1.2)])
    np.testing.assert_allclose(found.root, person.root, atol=1e-3)


@pytest.mark.parametrize(
    "person",
    [
        measured(standing((0, 0, 3.3))),
        replace(standing((0, 0, 3.3)), metric=False),
        standing((0, 0, 3.3), parts=("left_hand",)),
    ],
    ids=["measured", "nominal", "hand alone"],
)
def test_people_who_are_measured_not_metric_or_without_a_body_are_left_as_they_are(person):
    assert knowing(standing((0, 0, 3)))([person]) == [person]


def test_depths_of_something_else_now_and_then_do_not_count():
    truth = standing((0.1, 0, 3))
    statures = Statures()
    for moment in range(FEWEST):
        statures([measured(taken_for(truth, 0.6))] if moment % 3 == 0 else [measured(truth)])
    (found,) = statures([taken_for(truth, 1.2)])
    np.testing.assert_allclose(found.root, truth.root, atol=1e-3)


def test_the_latest_measurements_count():
    short, tall = standing((0, 0, 3)), taken_for(standing((0, 0, 3)), 1.3)
    statures = Statures()
    for person in [short] * (2 * MOST) + [tall] * (MOST // 2 + 1):
        statures([measured(person)])
    (found,) = statures([short])
    np.testing.assert_allclose(found.root, tall.root, atol=1e-3)


def test_only_the_last_people_are_remembered():
    statures, person = Statures(), standing((0, 0, 3))
    for number in [*range(REMEMBERED), 0, REMEMBERED]:
        for _ in range(FEWEST):
            statures([measured(replace(person, id=number))])
    larger = [taken_for(replace(person, id=number), 1.2) for number in (0, 1, REMEMBERED)]
    assert [person.size_measured for person in statures(larger)] == [True, False, True]


def test_depth_that_comes_and_goes_does_not_make_people_jump():
    over_time, rng, still = PeopleOverTime(), np.random.default_rng(0), standing((0.1, 0, 3))
    depths = []
    for frame in range(120):
        if rng.random() < 0.5:
            person = measured(taken_for(still, rng.normal(1, 0.005)))
        else:
            person = taken_for(still, rng.normal(1.15, 0.03))
        settings = TrackingSettings("smooth", smoothing=SmoothingSettings())
        identified = over_time.identified([person], frame / 15, settings)
        (found,) = over_time.smoothed(identified, "camera", frame / 15, settings)
        depths.append(found.root[2])
    assert np.std(depths[30:]) < 0.01
    assert np.mean(depths[30:]) == pytest.approx(3.0, abs=0.03)


def test_ids_alone_leave_people_where_they_are_and_remember_them_all_the_same():
    over_time, still = PeopleOverTime(), standing((0.1, 0, 3))
    larger = taken_for(still, 1.1)
    for frame in range(FEWEST):
        over_time.identified([measured(still)], frame / 10, TrackingSettings("ids"))
    (found,) = over_time.identified([larger], 1.0, TrackingSettings("ids"))
    np.testing.assert_array_equal(found.root, larger.root)
    (found,) = over_time.identified([larger], 1.1, TrackingSettings("smooth"))
    np.testing.assert_allclose(found.root, still.root, atol=1e-3)
