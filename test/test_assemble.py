# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from scenes import detections, flipped, hand_shape, identity, moved, pose_of, standing

from dope_ros.poses import PART_NAMES, Person
from dope_ros.postprocess.assemble import assemble
from dope_ros.skeleton import LEFT_WRIST, RIGHT_WRIST, SKELETONS, Part, Side

HAND_SIZE = 0.18 * scenes.CAMERA.fx / 3  # pixels, 3 m away


@st.composite
def crowds(draw, most=4):
    """Detections of people here and there, each part of whom is seen or not, and not quite in its place."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = []
    for _ in range(draw(st.integers(0, most))):
        parts = draw(st.lists(st.sampled_from(list(PART_NAMES)), min_size=1, unique=True))
        at = rng.uniform((-1, -0.3, 1.5), (1, 0.3, 5))
        people.append(standing(at, rng.uniform(0.1, 3), rng.uniform(-1.5, 1.5), parts))
    jittered = (
        [replace(moved(pose, rng.normal(0, 15, 2)), score=rng.uniform(0.1, 3)) for pose in poses]
        for poses in detections(people)
    )
    return tuple(jittered)


def as_told(people):
    return [(person.id, *(identity(person.parts().get(name)) for name in PART_NAMES)) for person in people]


def flipped_person(person):
    """The person in the flipped picture: what was its right hand is its left one there."""
    swap = {"body": "body", "face": "face", "left_hand": "right_hand", "right_hand": "left_hand"}
    parts = {swap[name]: flipped(pose, PART_NAMES[name]) for name, pose in person.parts().items()}
    return Person(0, **parts)


def hand_at(wrist, side, pointing=(0, -1, 0), score=0.875):
    """A hand whose wrist is at a point of the camera frame, pointing upwards if nothing is said."""
    hand = pose_of(np.asarray(wrist) + hand_shape(side, pointing), score, side)
    return replace(hand, keypoints_3d=hand.keypoints_3d - hand.keypoints_3d.mean(axis=0))


def parts_of(people):
    return [sorted(person.parts()) for person in people]


@pytest.fixture
def two_bodies_hand_in_hand():
    """Bodies alone; the left wrist of the first and the right wrist of the second are at one place."""
    first, second = standing((-0.55, 0, 3), parts=["body"]), standing((0.55, 0.15, 3), parts=["body"])
    gap = first.body.keypoints_3d[LEFT_WRIST] - second.body.keypoints_3d[RIGHT_WRIST]
    second = standing(np.array((0.55, 0.15, 3)) + gap, parts=["body"])
    return first, second


def wrist_between(two_bodies):
    return two_bodies[0].body.keypoints_3d[LEFT_WRIST]


# What must hold in any scene


@scenes.light
@given(crowds())
def test_every_detection_is_in_one_person_once(crowd):
    people = assemble(*crowd)
    told = Counter(identity(pose) for person in people for pose in person.parts().values())
    assert told == Counter(identity(pose) for poses in crowd for pose in poses)


@scenes.light
@given(crowds(), st.randoms(use_true_random=False))
def test_the_order_of_detections_does_not_matter(crowd, random):
    with_twins = [poses + poses[:1] for poses in crowd]
    shuffled = [random.sample(poses, len(poses)) for poses in with_twins]
    assert as_told(assemble(*shuffled)) == as_told(assemble(*with_twins))


@pytest.mark.parametrize("name", PART_NAMES)
def test_people_whose_scores_tie_are_in_one_order_whatever_that_of_the_detections(name):
    poses = detections(standing((x, 0, 3), score=0.5, parts=[name]) for x in (0.1, -0.9, 1.2))
    expected = as_told(assemble(*poses))
    assert len(expected) == 3
    assert as_told(assemble(*(of_part[::-1] for of_part in poses))) == expected


@scenes.light
@given(crowds())
def test_somebody_larger_elsewhere_in_the_picture_changes_nothing(crowd):
    larger = [
        [moved(scenes.scaled(pose, 5), (20000, 0)) for pose in poses] for poses in detections([standing()])
    ]
    people = assemble(*(poses + other for poses, other in zip(crowd, larger, strict=True)))
    apart = [*assemble(*crowd), *assemble(*larger)]
    assert Counter(told[1:] for told in as_told(people)) == Counter(told[1:] for told in as_told(apart))


@scenes.light
@given(crowds())
def test_in_a_flipped_picture_left_and_right_swap(crowd):
    flipped_crowd = [[flipped(pose, part) for pose in poses] for part, poses in zip(Part, crowd, strict=True)]
    seen_flipped = as_told(replace(person, id=0) for person in assemble(*flipped_crowd))
    expected = as_told(flipped_person(person) for person in assemble(*crowd))
    assert Counter(seen_flipped) == Counter(expected)


@scenes.light
@given(crowds())
def test_ids_count_from_zero_over_bodies_then_lone_parts_each_by_falling_score(crowd):
    people = assemble(*crowd)
    assert [person.id for person in people] == list(range(len(people)))
    ranks = [(person.body is None, -person.score) for person in people]
    assert ranks == sorted(ranks)
    assert all(len(person.parts()) == 1 for person in people if person.body is None)


@scenes.light
@given(crowds())
def test_no_part_changes_its_kind(crowd):
    for person in assemble(*crowd):
        for name, pose in person.parts().items():
            assert len(pose.keypoints_2d) == len(SKELETONS[PART_NAMES[name]])


# Scenes


def test_nothing_makes_nobody():
    assert assemble([], [], []) == []


def test_people_apart_get_their_own_hands_and_faces():
    people = [standing((1.2, 0.1, 4), 0.5, 0.6), standing((-0.9, -0.1, 2.5), 1.5, -0.9), standing(score=1.0)]
    expected = [scenes.seen(person) for person in sorted(people, key=lambda person: -person.score)]
    found = assemble(*detections(people))
    assert [told[1:] for told in as_told(found)] == [told[1:] for told in as_told(expected)]


@pytest.mark.parametrize("turn", [np.pi, 2.5, -2.5])
def test_people_who_turn_their_back_get_their_own_hands(turn):
    person = standing(turn=turn, parts=["body", "left_hand", "right_hand"])
    (found,) = assemble(*detections([person]))
    assert as_told([found]) == as_told([scenes.seen(person)])


@pytest.mark.parametrize("part", ["left_hand", "right_hand", "face"])
def test_a_part_without_any_body_is_a_person_of_its_own(part):
    people = assemble(*detections([standing(parts=[part])]))
    assert parts_of(people) == [[part]]


def test_a_left_hand_goes_to_the_left_wrist_and_not_to_a_right_one_beside_it(two_bodies_hand_in_hand):
    first, second = two_bodies_hand_in_hand
    bodies = detections(two_bodies_hand_in_hand)[0]
    left, right = (hand_at(wrist_between(two_bodies_hand_in_hand), side) for side in (Side.LEFT, Side.RIGHT))
    for hands in ([left], [right], [left, right]):
        people = {person.body.keypoints_2d.tobytes(): person for person in assemble(bodies, hands, [])}
        of_first, of_second = (people.pop(person.body.keypoints_2d.tobytes()) for person in (first, second))
        sides = {hand.side for hand in hands}
        assert set(of_first.parts()) == {"body"} | ({"left_hand"} if Side.LEFT in sides else set())
        assert set(of_second.parts()) == {"body"} | ({"right_hand"} if Side.RIGHT in sides else set())
        assert not people


@pytest.mark.parametrize("nearer", ["first", "second"])
def test_of_two_bodies_reaching_for_one_hand_the_nearer_one_has_it(two_bodies_hand_in_hand, nearer):
    bodies = list(detections(two_bodies_hand_in_hand)[0])
    hand = replace(hand_at(wrist_between(two_bodies_hand_in_hand), Side.LEFT), side=None)
    away = {"first": 1, "second": 0}[nearer]
    bodies[away] = moved(bodies[away], (0, 0.5 * HAND_SIZE))
    people = assemble(bodies, [hand], [])
    owners = [person for person in people if len(person.parts()) == 2]
    assert len(people) == 2
    assert [identity(person.body) for person in owners] == [identity(bodies[1 - away])]


def test_a_hand_that_could_be_of_either_body_leaves_a_wrist_to_one_that_could_not(two_bodies_hand_in_hand):
    between = wrist_between(two_bodies_hand_in_hand)
    first, second = detections(two_bodies_hand_in_hand)[0]
    bodies = [moved(first, (-0.1 * HAND_SIZE, 0)), moved(second, (0.5 * HAND_SIZE, 0))]
    of_either = replace(hand_at(between, Side.LEFT), side=None)  # nearest to the first body
    of_first = moved(of_either, (-0.9 * HAND_SIZE, 0))  # too far from the second
    people = assemble(bodies, [of_either, of_first], [])
    owners = {identity(person.body): identity(person.left_hand or person.right_hand) for person in people}
    assert owners == {identity(bodies[0]): identity(of_first), identity(bodies[1]): identity(of_either)}


def test_of_two_hands_at_one_wrist_one_stays_alone():
    body = detections([standing(parts=["body"])])[0]
    own = detections([standing(parts=["right_hand"])])[1][0]
    people = assemble(body, [moved(own, (8, 0)), own, moved(own, (0, -8))], [])
    assert parts_of(people) == [["body", "right_hand"], ["right_hand"], ["right_hand"]]
    assert identity(people[0].right_hand) == identity(own)


def test_crossed_wrists_get_their_hands_by_the_side_they_look_like():
    person = standing(parts=["body"])
    joints = person.body.keypoints_3d.copy()
    joints[[RIGHT_WRIST, LEFT_WRIST]] = joints[[RIGHT_WRIST, LEFT_WRIST]].mean(axis=0)
    body = replace(person, body=pose_of(joints))
    hands = [hand_at(joints[RIGHT_WRIST], side) for side in Side]
    (found,) = assemble(detections([body])[0], hands, [])
    assert (found.left_hand.side, found.right_hand.side) == (Side.LEFT, Side.RIGHT)


def test_hands_taken_for_the_wrong_side_go_to_the_wrists_where_they_are():
    whole = scenes.seen(standing())
    taken_wrong = [
        replace(whole.right_hand, side=Side.LEFT),
        replace(whole.left_hand, side=Side.RIGHT),
    ]
    (found,) = assemble([whole.body], taken_wrong, [])
    np.testing.assert_array_equal(found.right_hand.keypoints_2d, whole.right_hand.keypoints_2d)
    np.testing.assert_array_equal(found.left_hand.keypoints_2d, whole.left_hand.keypoints_2d)


def test_of_two_hands_alike_the_one_that_points_along_the_forearm_is_attached():
    person = standing(parts=["body"])
    wrist, forearm = person.body.keypoints_3d[RIGHT_WRIST], (-1, 0.2, 0)
    along, back = (hand_at(wrist, Side.RIGHT, sign * np.array(forearm)) for sign in (1, -1))
    people = assemble(detections([person])[0], [back, along], [])
    assert parts_of(people) == [["body", "right_hand"], ["right_hand"]]
    assert identity(people[0].right_hand) == identity(along)


@pytest.mark.parametrize(("sizes_away", "attached"), [(0.0, True), (0.7, True), (2.0, False), (6.0, False)])
@pytest.mark.parametrize(("direction", "depth"), [((1, 0), 1), ((0, 1), 3), ((-0.6, 0.8), 9)])
@pytest.mark.parametrize("name", ["right_hand", "left_hand", "face"])
def test_a_part_far_from_everyone_in_its_own_size_stays_alone(name, direction, depth, sizes_away, attached):
    bodies, hands, faces = detections([standing((0, 0, depth), parts=["body", name])])
    (part,) = hands + faces
    size = np.ptp(part.keypoints_2d, axis=0).max()
    away = moved(part, sizes_away * size * np.array(direction))
    people = assemble(bodies, [away] if hands else [], [away] if faces else [])
    assert parts_of(people) == ([sorted(["body", name])] if attached else [["body"], [name]])


def test_a_face_is_attached_to_the_nearest_head_only():
    people = [standing((x, 0, 3), parts=["body"]) for x in (-0.1, 0.02, 0.15)]
    (face,) = detections([standing(parts=["face"])])[2]
    found = assemble(detections(people)[0], [], [face])
    owners = [person for person in found if person.face is not None]
    assert len(found) == 3
    assert [identity(person.body) for person in owners] == [identity(scenes.seen(people[1]).body)]


def test_two_faces_at_one_head_are_not_both_attached():
    whole = scenes.seen(standing())
    people = assemble([whole.body], [], [whole.face, moved(whole.face, (3, 0))])
    assert parts_of(people) == [["body", "face"], ["face"]]
    assert identity(people[0].face) == identity(whole.face)


@pytest.mark.parametrize("name", ["face", "right_hand"])
def test_where_a_near_and_a_far_body_meet_in_the_picture_the_size_decides(name):
    near = scenes.seen(standing((0, 0, 2)))
    meeting_point = near.body.keypoints_2d[scenes.HEAD if name == "face" else RIGHT_WRIST]

    def further_off(pose):
        shrunk = scenes.scaled(pose, 0.4)
        return moved(shrunk, 0.6 * meeting_point)

    bodies = [near.body, further_off(near.body)]
    part_of_near = near.parts()[name]
    for owner, part in enumerate((part_of_near, further_off(part_of_near))):
        hands, faces = ([], [part]) if name == "face" else ([part], [])
        people = assemble(bodies, hands, faces)
        owners = [person for person in people if len(person.parts()) == 2]
        assert [identity(person.body) for person in owners] == [identity(bodies[owner])]


def test_a_hand_that_points_at_the_camera_is_as_far_away_as_its_size_across_says():
    person = standing((0.58, 0.25, 2))
    near = scenes.seen(person).body
    further_off = moved(scenes.scaled(near, 0.7), 0.3 * near.keypoints_2d[RIGHT_WRIST])
    hand = hand_at(person.body.keypoints_3d[RIGHT_WRIST], Side.RIGHT, (-0.1, 0, -1))
    people = assemble([near, further_off], [hand], [])
    owners = [person for person in people if len(person.parts()) == 2]
    assert [identity(person.body) for person in owners] == [identity(near)]


@pytest.mark.parametrize("factor", [0.01, 100])
def test_a_part_whose_size_in_3d_is_nonsense_is_attached_where_it_is_seen(factor):
    whole = scenes.seen(standing())
    hand, face = (
        replace(pose, keypoints_3d=pose.keypoints_3d * np.float32(factor))
        for pose in (whole.right_hand, whole.face)
    )
    (found,) = assemble([whole.body], [hand], [face])
    assert sorted(found.parts()) == ["body", "face", "right_hand"]


def test_poses_whose_joints_are_all_at_one_point_harm_nobody():
    whole = scenes.seen(standing(score=2.0))
    points = [
        replace(pose, score=0.5, keypoints_2d=0 * pose.keypoints_2d, keypoints_3d=0 * pose.keypoints_3d)
        for pose in (whole.body, whole.right_hand, whole.face)
    ]
    bodies, hands, faces = ([point] for point in points)
    people = assemble(
        [whole.body, *bodies], [whole.right_hand, whole.left_hand, *hands], [whole.face, *faces]
    )
    assert as_told(people[:1]) == as_told([whole])
    assert sum(len(person.parts()) for person in people) == 7
