# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Less jitter of what rests, no lag of what moves, and parts that stay where they are attached."""

from dataclasses import replace

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from scenes import standing
from scipy.spatial.transform import Rotation
from sequences import film, walk

from dope_ros.geometry import Transform, transformed
from dope_ros.skeleton import HAND_WRIST, HEAD, LEFT_HIP, LEFT_WRIST, RIGHT_HIP, RIGHT_WRIST
from dope_ros.tracking import PeopleOverTime, TrackingSettings
from dope_ros.tracking.memory import REMEMBERED
from dope_ros.tracking.smoothing import FORGOTTEN, Smoother, SmoothingSettings

WALKING = 1.4
"""m/s."""


def smoothed(moments, settings=None):
    smoother = Smoother()
    alone = [[replace(person, id=0) for person in moment.people] for moment in moments]
    return [
        smoother(people, moment.seconds, settings or SmoothingSettings())[0]
        for people, moment in zip(alone, moments, strict=True)
    ]


def bodies(people, dimensions):
    return np.array([getattr(person.body, f"keypoints_{dimensions}d") for person in people], float)


@pytest.mark.parametrize("rate", [15, 30])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_still_person_jitters_by_at_least_sixty_per_cent_less(rate, dimensions):
    moments = film([walk((0, 0.1, 3), (0, 0, 0))], 12.0, rate, noise=2, shape_noise=0.01)
    settled = slice(2 * rate, None)
    before = bodies([moment.people[0] for moment in moments], dimensions)[settled].std(axis=0)
    after = bodies(smoothed(moments), dimensions)[settled].std(axis=0)
    assert after.mean() <= 0.4 * before.mean()


@pytest.mark.parametrize("part", ["left_hand", "face"])
def test_a_lone_part_jitters_in_the_picture_by_at_least_seventy_per_cent_less(part):
    moments = film([walk((0, 0.1, 3), (0, 0, 0))], 12.0, 30, noise=5, parts=[part])
    settled = slice(60, None)
    before, after = (
        np.array([person.parts()[part].keypoints_2d for person in people], float)[settled].std(axis=0)
        for people in ([moment.people[0] for moment in moments], smoothed(moments))
    )
    assert after.mean() <= 0.3 * before.mean()


def test_a_picture_on_its_side_is_smoothed_as_an_upright_one_is():
    moments = film([walk((0, 0.1, 3), (0.1, 0, 0))], 1.0, 30, noise=2, shape_noise=0.01)
    lying = [replace(moment, people=[on_its_side(moment.people[0])]) for moment in moments]
    expected = bodies(smoothed(moments), 2)[..., ::-1]
    np.testing.assert_allclose(bodies(smoothed(lying), 2), expected, atol=1e-4)


def on_its_side(person):
    """The person with x and y of the picture swapped."""
    poses = person.parts().items()
    return replace(
        person, **{name: replace(pose, keypoints_2d=pose.keypoints_2d[:, ::-1]) for name, pose in poses}
    )


@pytest.mark.parametrize("rate", [10, 15, 30])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_walking_person_lags_by_one_frame_at_most(rate, dimensions):
    moments = film([walk((-2.5, 0.1, 4), (WALKING, 0, 0))], 3.5, rate)
    truth = bodies([moment.people[0] for moment in moments], dimensions)[..., 0].mean(axis=1)
    found = bodies(smoothed(moments), dimensions)[..., 0].mean(axis=1)
    lag = (truth - found)[1:] / np.diff(truth)
    assert lag[rate:].max() <= 1.0


@scenes.light
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(2, 5)), min_size=2, max_size=6))
def test_hands_hang_on_their_wrists_and_faces_keep_to_their_heads(places):
    smoother = Smoother()
    for frame, (x, z) in enumerate(places):
        person = standing((x, 0, z))
        (found,) = smoother([person], frame * 0.07, SmoothingSettings())
    body = found.body.keypoints_3d
    np.testing.assert_allclose(found.left_hand.keypoints_3d[HAND_WRIST], body[LEFT_WRIST], atol=1e-5)
    np.testing.assert_allclose(found.right_hand.keypoints_3d[HAND_WRIST], body[RIGHT_WRIST], atol=1e-5)
    np.testing.assert_allclose(found.root, body[[RIGHT_HIP, LEFT_HIP]].mean(axis=0), atol=1e-5)
    offset = found.face.keypoints_3d.mean(axis=0) - body[HEAD]
    expected = person.face.keypoints_3d.mean(axis=0) - person.body.keypoints_3d[HEAD]
    np.testing.assert_allclose(offset, expected, atol=1e-4)


def test_a_hand_that_appears_later_hangs_on_its_wrist_at_once():
    smoother = Smoother()
    for frame in range(5):
        smoother([standing((0.1 * frame, 0, 3), parts=["body"])], frame * 0.1, SmoothingSettings())
    (found,) = smoother([standing((0.5, 0, 3))], 0.5, SmoothingSettings())
    wrist = found.body.keypoints_3d[LEFT_WRIST]
    np.testing.assert_allclose(found.left_hand.keypoints_3d[HAND_WRIST], wrist, atol=1e-5)


def test_the_first_moment_is_as_it_was_seen():
    person = standing((0.3, 0, 3))
    (found,) = Smoother()([person], 5.0, SmoothingSettings())
    for name, pose in person.parts().items():
        np.testing.assert_allclose(found.parts()[name].keypoints_3d, pose.keypoints_3d, atol=1e-6)
        np.testing.assert_array_equal(found.parts()[name].keypoints_2d, pose.keypoints_2d)


def test_time_that_goes_back_forgets_what_was():
    smoother = Smoother()
    smoother([standing((0, 0, 3))], 100.0, SmoothingSettings())
    (found,) = smoother([standing((1, 0, 4))], 2.0, SmoothingSettings())
    np.testing.assert_allclose(found.root, (1, 0, 4), atol=1e-5)


def test_pictures_without_stamps_go_through_as_they_are():
    smoother = Smoother()
    for x in (0.0, 0.2, -0.3):
        person = standing((x, 0, 3))
        (found,) = smoother([person], 0.0, SmoothingSettings())
        np.testing.assert_allclose(found.root, person.root, atol=1e-6)
        np.testing.assert_allclose(found.body.keypoints_2d, person.body.keypoints_2d, atol=1e-3)


def test_states_do_not_pile_up_where_stamps_stand_still():
    smoother = Smoother()
    stays, passer = replace(standing((0, 0, 3)), id=0), standing((0, 0, 6), parts=["face"])
    for frame in range(2 * REMEMBERED):
        smoother([stays, replace(passer, id=frame + 1)], 0.0, SmoothingSettings())
    assert len(smoother._states) <= REMEMBERED + 2
    moved = replace(standing((0.02, 0, 3)), id=0)
    (found,) = smoother([moved], 0.07, SmoothingSettings())
    assert found.root[0] < 0.01, "who was there all along is remembered, and smoothed again"


def test_a_moment_that_comes_twice_leaves_the_moments_after_it_as_they_were():
    once, twice = Smoother(), Smoother()
    for frame, x in enumerate((0.0, 0.03, -0.02, 0.01)):
        person, other = standing((x, 0, 3)), standing((x + 0.05, 0, 3))
        (expected,) = once([person], frame * 0.1, SmoothingSettings())
        (found,) = twice([person], frame * 0.1, SmoothingSettings())
        np.testing.assert_array_equal(found.body.keypoints_3d, expected.body.keypoints_3d)
        twice([other], frame * 0.1, SmoothingSettings())


UNSEEN = {"body": None, "right_hand": None, "face": None}
"""Of a person of whom one hand is left."""

metres = st.floats(1.0, 6.0)


@scenes.light
@given(st.lists(st.tuples(st.booleans(), metres), min_size=2, max_size=8))
def test_a_hand_is_where_it_is_seen_when_its_body_is_lost_and_found(frames):
    # As placed without a body, a hand stands elsewhere than at its wrist; wherever that is, it goes there.
    # With a body again it is at the wrist, as it is seen there.
    smoother, before = Smoother(), None
    for frame, (has_body, depth) in enumerate(frames):
        person = standing((0.2, 0, depth))
        person = person if has_body else replace(person, **UNSEEN, root=None)
        (found,) = smoother([person], frame * 0.1, SmoothingSettings())
        if has_body != before:
            hand, expected = found.left_hand.keypoints_3d, person.left_hand.keypoints_3d
            if has_body:
                hand = hand - found.body.keypoints_3d[LEFT_WRIST]
                expected = expected - person.body.keypoints_3d[LEFT_WRIST]
            np.testing.assert_allclose(hand, expected, atol=1e-4)
            root = found.body.keypoints_3d[[RIGHT_HIP, LEFT_HIP]] if has_body else expected
            np.testing.assert_allclose(found.root, root.mean(axis=0), atol=1e-4)
        before = has_body


@pytest.mark.parametrize("part", ["left_hand", "face"])
def test_a_part_that_loses_its_body_is_still_smoothed_in_the_picture(part):
    smoother = Smoother()
    smoother([standing((0.0, 0, 3))], 0.0, SmoothingSettings())
    others = {name: None for name in ("body", "left_hand", "right_hand", "face") if name != part}
    lone = replace(standing((0.02, 0, 3)), **others)
    (found,) = smoother([lone], 0.07, SmoothingSettings())
    was = standing((0.0, 0, 3)).parts()[part].keypoints_2d[:, 0]
    seen = lone.parts()[part].keypoints_2d[:, 0]
    smooth = found.parts()[part].keypoints_2d[:, 0]
    assert ((smooth - was) / (seen - was)).max() < 0.9


@pytest.mark.parametrize("parts", [("body", "left_hand", "face"), ("face",)])
def test_a_position_that_becomes_metric_or_ceases_to_be_is_not_mixed_with_what_it_was(parts):
    smoother = Smoother()
    for frame, (depth, metric) in enumerate([(3.0, False), (1.2, True), (1.21, True), (3.0, False)]):
        person = replace(standing((0.1, 0, depth), parts=parts), metric=metric)
        (found,) = smoother([person], frame * 0.07, SmoothingSettings())
        if frame in (1, 3):
            for name, pose in person.parts().items():
                np.testing.assert_allclose(found.parts()[name].keypoints_3d, pose.keypoints_3d, atol=1e-4)


def test_a_measured_distance_is_not_mixed_with_one_that_follows_from_the_bodys_size():
    smoother = Smoother()
    for frame, (depth, measured) in enumerate([(3.75, False), (3.0, True), (3.01, True), (3.75, False)]):
        person = replace(standing((0.1, 0, depth)), size_measured=measured)
        (found,) = smoother([person], frame * 0.07, SmoothingSettings())
        if frame in (1, 3):
            np.testing.assert_allclose(found.root, person.root, atol=1e-4)


def test_a_stamp_that_is_a_little_late_leaves_the_moments_after_it_as_they_were():
    strict, late = Smoother(), Smoother()
    for frame, x in enumerate((0.0, 0.03, -0.02, 0.01)):
        person = standing((x, 0, 3))
        (expected,) = strict([person], frame * 0.1, SmoothingSettings())
        (found,) = late([person], frame * 0.1, SmoothingSettings())
        np.testing.assert_array_equal(found.body.keypoints_3d, expected.body.keypoints_3d)
        other = standing((x + 0.05, 0, 3))
        (through,) = late([other], frame * 0.1 - 0.003, SmoothingSettings())
        np.testing.assert_allclose(through.root, other.root, atol=1e-6)


def test_a_hand_flickers_no_more_after_its_body_came_back_than_before():
    moments = film([walk((0, 0.1, 3), (0, 0, 0))], 6.0, 30, noise=2, shape_noise=0.01)
    lost = [30 <= frame < 33 for frame in range(len(moments))]
    people = [
        replace(moment.people[0], id=0, **(UNSEEN if gone else {}))
        for moment, gone in zip(moments, lost, strict=True)
    ]
    smoother = Smoother()
    hands = [
        smoother([person], moment.seconds, SmoothingSettings())[0].left_hand.keypoints_3d
        for person, moment in zip(people, moments, strict=True)
    ]
    truth = standing((0, 0.1, 3)).left_hand.keypoints_3d
    errors = np.linalg.norm(np.array(hands) - truth, axis=2).mean(axis=1)
    assert errors[30:].max() < 0.2, "noise along the line of sight, and no more"


def test_one_person_is_smoothed_as_if_alone():
    moments = film([walk((-0.5, 0, 3), (0.5, 0, 0)), walk((1, 0, 4), (0, 0, 0))], 1.0, 10, 2, 0.01)
    smoother, alone = Smoother(), Smoother()
    for moment in moments:
        people = sorted(
            (replace(p, id=a) for p, a in zip(moment.people, moment.actors, strict=True)), key=lambda p: p.id
        )
        together = smoother(people, moment.seconds, SmoothingSettings())
        (single,) = alone([people[1]], moment.seconds, SmoothingSettings())
    np.testing.assert_array_equal(together[1].body.keypoints_3d, single.body.keypoints_3d)


# Parts that come and go

COMES_AND_GOES = {"two of three": lambda frame: frame % 3 < 2, "every other": lambda frame: frame % 2 == 0}


@pytest.mark.parametrize("is_seen", COMES_AND_GOES.values(), ids=COMES_AND_GOES)
@pytest.mark.parametrize("part", ["body", "left_hand", "face"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_part_that_comes_and_goes_jitters_by_at_least_sixty_per_cent_less(part, is_seen, dimensions):
    moments = film([walk((0, 0.1, 3), (0, 0, 0))], 12.0, 30, noise=2, shape_noise=0.01)
    smoother, before, after = Smoother(), [], []
    for frame, moment in enumerate(moments):
        person = replace(moment.people[0], id=0)
        shown = person if is_seen(frame) else replace(person, **{part: None})
        (found,) = smoother([shown], moment.seconds, SmoothingSettings())
        if frame >= 60 and is_seen(frame):
            for people, one in ((before, person), (after, found)):
                people.append(getattr(one.parts()[part], f"keypoints_{dimensions}d"))
    assert np.std(after, axis=0).mean() <= 0.4 * np.std(before, axis=0).mean()


def raised(person, metres):
    """The person with its left hand so much higher, in the picture and in space."""
    hand = person.left_hand.keypoints_3d.astype(float) - (0, metres, 0)
    return replace(person, left_hand=scenes.pose_of(hand, side=person.left_hand.side))


def found_again(gap, seen_again, rate=30):
    """What is found of a still person whose left hand is not seen for a gap, then at the heights given."""
    smoother, person = Smoother(), standing((0.1, 0, 3))
    frames = [raised(person, 0.0)] * rate
    frames += [replace(person, left_hand=None)] * (round(gap * rate) - 1)
    frames += [raised(person, metres) for metres in seen_again]
    found = [smoother([one], frame / rate, SmoothingSettings())[0] for frame, one in enumerate(frames)]
    return found[-len(seen_again) :]


def heights(people):
    """Of left wrists of hands, metres above where they were at first."""
    lowest = standing((0.1, 0, 3)).left_hand.keypoints_3d[HAND_WRIST, 1]
    return np.array([lowest - person.left_hand.keypoints_3d[HAND_WRIST, 1] for person in people])


def test_a_hand_that_was_not_seen_for_long_is_where_it_is_seen_again():
    (found,) = found_again(FORGOTTEN + 0.05, [0.02])
    seen = raised(standing((0.1, 0, 3)), 0.02).left_hand
    np.testing.assert_allclose(found.left_hand.keypoints_2d, seen.keypoints_2d, atol=1e-3)
    np.testing.assert_allclose(found.left_hand.keypoints_3d, seen.keypoints_3d, atol=1e-5)


@pytest.mark.parametrize("gap", [2 / 30, 0.2, 0.5, 0.8])
def test_the_longer_a_hand_was_not_seen_the_less_what_was_counts(gap):
    # As the filter at the rate at which the hand is seen: its gain grows with the time that passed.
    (found,) = found_again(gap, [0.02])
    turns = 2 * np.pi * SmoothingSettings().min_cutoff * gap
    assert turns / (1 + turns) * 0.02 < heights([found])[0] < 0.02 - 1e-4


@pytest.mark.parametrize("gap", [2 / 30, 0.2, 0.5, 0.8])
def test_a_hand_that_comes_back_far_from_where_it_was_lags_less_than_one_that_is_always_seen(gap):
    found, always_seen = (heights(found_again(each, [0.6] * 5)) for each in (gap, 1 / 30))
    assert found[0] > max(always_seen[0], 0.3)
    assert found[-1] > 0.57


@scenes.light
@given(st.lists(st.booleans(), min_size=2, max_size=8))
def test_a_body_is_smoothed_alike_whether_or_not_its_hands_and_face_are_seen(seen):
    whole, partly = Smoother(), Smoother()
    for frame, is_seen in enumerate(seen):
        person = standing((0.03 * frame, 0, 3))
        less = person if is_seen else replace(person, left_hand=None, right_hand=None, face=None)
        (expected,) = whole([person], frame * 0.1, SmoothingSettings())
        (found,) = partly([less], frame * 0.1, SmoothingSettings())
        np.testing.assert_array_equal(found.body.keypoints_3d, expected.body.keypoints_3d)
        np.testing.assert_array_equal(found.body.keypoints_2d, expected.body.keypoints_2d)
        np.testing.assert_array_equal(found.root, expected.root)


def test_a_hand_in_a_picture_that_is_late_goes_through_as_it_is():
    smoother, person = Smoother(), standing((0.1, 0, 3))
    smoother([person], 0.0, SmoothingSettings())
    smoother([replace(person, left_hand=None)], 0.1, SmoothingSettings())
    (found,) = smoother([raised(person, 0.05)], 0.05, SmoothingSettings())
    assert heights([found])[0] == pytest.approx(0.05, abs=1e-5)
    (found,) = smoother([raised(person, 0.02)], 0.2, SmoothingSettings())
    assert heights([found])[0] < 0.015, "what came late is not remembered"


# Frames

STILL = standing((0, 0, 3))


def turning(rate, turns_per_second):
    """For a second: stamps, the camera's pose in its surroundings, and who it sees standing still there."""
    for frame in range(rate):
        angle = turns_per_second * (frame / rate - 0.5)
        camera = Transform(Rotation.from_euler("y", angle).as_matrix(), np.array([0.2, 0.0, 0.1]))
        (person,) = transformed([STILL], camera.inverse())
        seen = {
            name: scenes.pose_of(pose.keypoints_3d, 1.0, pose.side) for name, pose in person.parts().items()
        }
        yield frame / rate, camera, replace(person, **seen)


@pytest.mark.parametrize("rate", [10, 30])
@pytest.mark.parametrize("turns_per_second", [0.5, -1.0])  # radians
def test_who_stands_still_stays_there_while_the_camera_turns(rate, turns_per_second):
    over_time, settings = PeopleOverTime(), TrackingSettings("smooth")
    for seconds, camera, person in turning(rate, turns_per_second):
        identified = over_time.identified([person], seconds, settings)
        (found,) = over_time.smoothed(transformed(identified, camera), "map", seconds, settings)
        np.testing.assert_allclose(found.root, STILL.root, atol=1e-4)
        for name, pose in STILL.parts().items():
            np.testing.assert_allclose(found.parts()[name].keypoints_3d, pose.keypoints_3d, atol=1e-4)


def test_positions_in_another_frame_are_not_mixed_with_those_before():
    smoother = Smoother()
    for frame, (name, depth) in enumerate([("left", 3.0), ("left", 3.01), ("right", 4.0), ("left", 3.0)]):
        person = standing((0.1, 0, depth))
        (found,) = smoother([person], frame * 0.07, SmoothingSettings(), name)
        if frame >= 2:
            np.testing.assert_allclose(found.root, person.root, atol=1e-5)
