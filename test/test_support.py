# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import light, standing

from dope_ros.poses import PART_NAMES, Person
from dope_ros.postprocess.assemble import in_order
from dope_ros.postprocess.support import supported
from dope_ros.settings import PpiSettings
from dope_ros.skeleton import Part, Side

SURE = {Part.BODY: 1.0, Part.HAND: 0.75, Part.FACE: 0.5}
SUPPORT = {Part.BODY: 4.0, Part.HAND: 2.0, Part.FACE: 1.5}
PPI = {part: PpiSettings(0.1, th_persondetect=SURE[part], support=SUPPORT[part]) for part in Part}
PUBLISHED = {part: PpiSettings(0.1, th_persondetect=SURE[part]) for part in Part}


def scoring(**scores: float) -> Person:
    """A person of the parts that are named, with these scores."""
    person = standing(parts=scores)
    return replace(
        person, **{name: replace(person.parts()[name], score=score) for name, score in scores.items()}
    )


def scores_of(people):
    return [{name: pose.score for name, pose in person.parts().items()} for person in people]


@st.composite
def crowds(draw):
    scores = st.floats(0.05, 3.0)
    people = st.dictionaries(st.sampled_from(list(PART_NAMES)), scores, min_size=1).map(whole_or_one_part)
    return in_order([scoring(**parts) for parts in draw(st.lists(people, max_size=5))])


def whole_or_one_part(scores):
    """As assembly leaves them: without a body there is one part."""
    return scores if "body" in scores else dict([next(iter(scores.items()))])


@pytest.mark.parametrize("voucher", ["left_hand", "right_hand", "face"])
def test_a_sure_face_or_hand_makes_a_weak_body_somebody(voucher):
    people = supported([scoring(body=0.3, **{voucher: 0.8})], PPI, SURE)
    assert scores_of(people) == [{"body": pytest.approx(1.2), voucher: 0.8}]


def test_several_vouchers_count_as_one():
    people = supported([scoring(body=0.3, left_hand=0.8, right_hand=0.9, face=2.0)], PPI, SURE)
    assert people[0].body.score == pytest.approx(1.2)


@pytest.mark.parametrize(("name", "score"), [("left_hand", 0.4), ("right_hand", 0.4), ("face", 0.4)])
def test_a_sure_body_makes_its_weak_parts_sure(name, score):
    people = supported([scoring(body=1.5, **{name: score})], PPI, SURE)
    assert scores_of(people) == [{"body": 1.5, name: pytest.approx(score * SUPPORT[PART_NAMES[name]])}]


def test_what_is_weak_itself_vouches_for_nothing():
    assert supported([scoring(body=0.9, face=0.45, left_hand=0.7)], PPI, SURE) == []


def test_hands_and_faces_vouch_for_each_other_through_the_body_alone():
    people = supported([scoring(body=0.2, face=2.0, left_hand=0.5)], PPI, SURE)
    assert scores_of(people) == [{"face": 2.0}]


def test_what_belongs_to_nobody_needs_its_full_score():
    people = supported([scoring(face=0.4), scoring(left_hand=0.8)], PPI, SURE)
    assert scores_of(people) == [{"left_hand": 0.8}]


def test_people_are_in_the_order_of_their_raised_scores():
    people = supported([scoring(body=1.5), scoring(face=2.5), scoring(body=0.6, face=0.8)], PPI, SURE)
    assert [person.id for person in people] == [0, 1, 2]
    assert [person.score for person in people] == [pytest.approx(2.4), 1.5, 2.5]


def test_parts_whose_body_is_left_out_are_people_of_their_own():
    least = SURE | {Part.BODY: 9.0}
    mixed_up = scoring(body=2.0, left_hand=0.9, face=0.8)
    mixed_up = replace(mixed_up, left_hand=replace(mixed_up.left_hand, side=Side.RIGHT))
    people = supported([mixed_up], PPI, least)
    assert scores_of(people) == [{"right_hand": pytest.approx(1.8)}, {"face": pytest.approx(1.2)}]


def test_what_vouches_is_the_models_matter_and_what_is_left_the_users():
    nearly_all = dict.fromkeys(Part, 0.1)
    people = supported([scoring(body=0.9, face=0.45)], PPI, nearly_all)
    assert scores_of(people) == [{"body": 0.9, "face": 0.45}]
    strict = SURE | {Part.BODY: 1.25}
    assert scores_of(supported([scoring(body=0.3, face=0.8)], PPI, strict)) == [{"face": 0.8}]


@light
@given(people=crowds())
def test_without_support_the_threshold_of_each_part_decides(people):
    parts = [item for person in people for item in person.parts().items()]
    expected = Counter(pose.score for name, pose in parts if pose.score > SURE[PART_NAMES[name]])
    found = supported(people, PUBLISHED, SURE)
    assert Counter(pose.score for person in found for pose in person.parts().values()) == expected


@light
@given(people=crowds(), least=st.floats(0.05, 3.0))
def test_support_loses_nothing_and_lets_nothing_under_the_threshold_pass(people, least):
    least_scores = dict.fromkeys(Part, least)
    plain = supported(people, PUBLISHED, least_scores)
    found = supported(people, PPI, least_scores)
    assert [person.id for person in found] == list(range(len(found)))
    poses = [pose for one in found for pose in one.parts().values()]
    assert all(pose.score > least for pose in poses)
    joints = {pose.keypoints_2d.tobytes() for pose in poses}
    assert {pose.keypoints_2d.tobytes() for one in plain for pose in one.parts().values()} <= joints


def test_nothing_but_the_score_changes():
    before = scoring(body=0.5, face=0.8)
    (after,) = supported([before], PPI, SURE)
    for name, pose in after.parts().items():
        np.testing.assert_array_equal(pose.keypoints_2d, before.parts()[name].keypoints_2d)
        np.testing.assert_array_equal(pose.keypoints_3d, before.parts()[name].keypoints_3d)
