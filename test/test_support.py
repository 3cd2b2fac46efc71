# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
from collections import Counter
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import detections, light, moved, standing

from dope_ros.poses import PART_NAMES, Person
from dope_ros.postprocess.assemble import assemble
from dope_ros.postprocess.support import assemble_supported
from dope_ros.settings import PpiSettings
from dope_ros.skeleton import Part, Side

SURE = {Part.BODY: 1.0, Part.HAND: 0.75, Part.FACE: 0.5}
SUPPORT = {Part.BODY: 4.0, Part.HAND: 2.0, Part.FACE: 1.5}
PPI = {part: PpiSettings(0.1, th_persondetect=SURE[part], support=SUPPORT[part]) for part in Part}
PUBLISHED = {part: PpiSettings(0.1, th_persondetect=SURE[part]) for part in Part}


def scoring(at=(0.0, 0.0, 3.0), **scores: float) -> Person:
    """A person of the parts that are named, with these scores."""
    parts = standing(at, parts=scores).parts()
    return Person(0, **{name: replace(pose, score=scores[name]) for name, pose in parts.items()})


def found(*people, settings=PPI, least=SURE):
    bodies, hands, faces = detections(people)
    return assemble_supported({Part.BODY: bodies, Part.HAND: hands, Part.FACE: faces}, settings, least)


def scores_of(people):
    return [{name: pytest.approx(pose.score) for name, pose in one.parts().items()} for one in people]


@st.composite
def crowds(draw):
    """People beside each other, each part of whom is seen or not."""
    scores = st.dictionaries(st.sampled_from(list(PART_NAMES)), st.floats(0.05, 3.0), min_size=1)
    of_all = draw(st.lists(scores, max_size=5))
    return [scoring((1.5 * i - 3, 0, 4.0), **of_one) for i, of_one in enumerate(of_all)]


# Who vouches for whom


@pytest.mark.parametrize("voucher", ["left_hand", "right_hand", "face"])
def test_a_sure_face_or_hand_makes_a_weak_body_somebody(voucher):
    assert scores_of(found(scoring(body=0.3, **{voucher: 0.8}))) == [{"body": 1.2, voucher: 0.8}]


def test_several_vouchers_count_as_one():
    (person,) = found(scoring(body=0.3, left_hand=0.8, right_hand=0.9, face=2.0))
    assert person.body.score == pytest.approx(1.2)


@pytest.mark.parametrize("name", ["left_hand", "right_hand", "face"])
def test_a_sure_body_makes_its_weak_parts_sure(name):
    expected = {"body": 1.5, name: 0.4 * SUPPORT[PART_NAMES[name]]}
    assert scores_of(found(scoring(body=1.5, **{name: 0.4}))) == [expected]


def test_what_is_weak_itself_vouches_for_nothing():
    assert found(scoring(body=0.9, face=0.45, left_hand=0.7)) == []


def test_hands_and_faces_vouch_for_each_other_through_the_body_alone():
    assert scores_of(found(scoring(body=0.2, face=2.0, left_hand=0.5))) == [{"face": 2.0}]


def test_what_belongs_to_nobody_needs_its_full_score():
    people = found(scoring((-1, 0, 3), face=0.4), scoring((1, 0, 3), left_hand=0.8))
    assert scores_of(people) == [{"left_hand": 0.8}]


@pytest.mark.parametrize("part", ["body", "left_hand", "face"])
def test_a_score_at_the_threshold_is_not_above_it(part):
    least = SURE[PART_NAMES[part]]
    assert found(scoring(**{part: least})) == []
    assert len(found(scoring(**{part: np.nextafter(least, 9)}))) == 1


def test_a_body_at_the_threshold_is_one_person_whom_a_face_can_vouch_for():
    people = found(scoring(body=SURE[Part.BODY], face=0.8), least=dict.fromkeys(Part, 0.1))
    assert scores_of(people) == [{"body": 4.0, "face": 0.8}]


def test_what_scores_no_more_than_the_threshold_vouches_for_nothing():
    assert found(scoring(body=0.3, face=SURE[Part.FACE])) == []


def test_what_vouches_is_the_models_matter_and_what_is_left_the_users():
    nearly_all = dict.fromkeys(Part, 0.1)
    assert scores_of(found(scoring(body=0.9, face=0.45), least=nearly_all)) == [{"body": 0.9, "face": 0.45}]
    strict = SURE | {Part.BODY: 1.25}
    assert scores_of(found(scoring(body=0.3, face=0.8), least=strict)) == [{"face": 0.8}]


# Who gets what


def test_people_are_in_the_order_of_their_raised_scores():
    places = (-1.5, 0, 3), (0, 0, 3), (1.5, 0, 3)
    people = found(
        scoring(places[0], body=1.5), scoring(places[1], face=2.5), scoring(places[2], body=0.6, face=0.8)
    )
    assert [person.id for person in people] == [0, 1, 2]
    assert [person.score for person in people] == [pytest.approx(2.4), 1.5, 2.5]


def test_parts_whose_body_is_left_out_are_people_of_their_own():
    person = scoring(body=2.0, left_hand=0.9, face=0.8)
    mixed_up = replace(person, left_hand=replace(person.left_hand, side=Side.RIGHT))
    people = found(mixed_up, least=SURE | {Part.BODY: 9.0})
    assert scores_of(people) == [{"right_hand": 1.8}, {"face": 1.2}]


def test_a_ghost_nearer_to_a_face_does_not_take_it_from_a_sure_body():
    person = scoring(body=2.0, face=2.0)
    shifted = replace(person, body=moved(person.body, (6, 0)))
    ghost = scoring(body=0.3)
    assert scores_of(found(shifted, ghost)) == [{"body": 8.0, "face": 3.0}]


def test_a_weak_hand_nearer_to_a_wrist_does_not_push_a_sure_one_off():
    person = scoring(body=2.0, right_hand=0.9)
    shifted = replace(person, right_hand=moved(person.right_hand, (4, 0)))
    weak = scoring(right_hand=0.5)
    assert scores_of(found(shifted, weak)) == [{"body": 8.0, "right_hand": 1.8}]


def test_a_hand_beyond_help_nearer_to_a_wrist_does_not_push_off_one_that_the_body_makes_sure():
    person = scoring(body=2.0, right_hand=0.5)
    shifted = replace(person, right_hand=moved(person.right_hand, (4, 0)))
    beyond_help = scoring(right_hand=0.2)
    everything = found(shifted, beyond_help, least=dict.fromkeys(Part, 0.0))
    assert {"body": 2.0, "right_hand": 1.0} in scores_of(everything)


def test_a_sure_face_that_nobody_had_goes_to_a_weak_body():
    people = found(scoring((-1, 0, 3), body=2.0), scoring((1, 0, 3), body=0.3, face=0.8))
    assert scores_of(people) == [{"body": 2.0}, {"body": 1.2, "face": 0.8}]


@light
@given(people=crowds())
def test_without_support_people_are_those_that_assembly_makes_of_what_is_sure(people):
    sure = [
        [pose for pose in of_part if pose.score > least]
        for of_part, least in zip(detections(people), SURE.values(), strict=True)
    ]
    made, expected = found(*people, settings=PUBLISHED), assemble(*sure)
    assert [one.score for one in made] == [one.score for one in expected]
    assert Counter(map(as_told, made)) == Counter(
        map(as_told, expected)
    )  # where scores tie, any order will do


@light
@given(people=crowds(), least=st.floats(0.05, 3.0))
def test_support_loses_nothing_and_lets_nothing_under_the_threshold_pass(people, least):
    least_scores = dict.fromkeys(Part, least)
    plain = Counter(keys_of(found(*people, settings=PUBLISHED, least=least_scores)))
    supported = found(*people, least=least_scores)
    assert [person.id for person in supported] == list(range(len(supported)))
    assert all(pose.score > least for one in supported for pose in one.parts().values())
    assert not plain - Counter(keys_of(supported))


def as_told(person):
    return tuple((name, pose.keypoints_2d.tobytes()) for name, pose in person.parts().items())


def keys_of(people):
    return [pose.keypoints_2d.tobytes() for one in people for pose in one.parts().values()]


def test_nothing_but_the_score_changes():
    before = scoring(body=0.5, face=0.8)
    (after,) = found(before)
    for name, pose in after.parts().items():
        np.testing.assert_array_equal(pose.keypoints_2d, before.parts()[name].keypoints_2d)
        assert pose.side is before.parts()[name].side


STEPS = st.dictionaries(
    st.sampled_from(list(PART_NAMES)), st.sampled_from([0.1, 0.3, 0.45, 0.6, 1.2]), min_size=1
)
"""Scores that are sure, weak and beyond help."""


@light
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.02, 0.05]), STEPS), min_size=2, max_size=5))
def test_who_is_measured_at_the_models_thresholds_is_who_is_found_in_use(places):
    crowd = [scoring((x, 0, 4.0), **scores) for x, scores in places]
    possible = {part: SURE[part] / SUPPORT[part] for part in Part}
    in_use = found(*(above(possible, person) for person in crowd))
    measured = [above(SURE, person) for person in found(*crowd, least=dict.fromkeys(Part, 0.0))]
    assert Counter(chain(*map(rounded, in_use))) == Counter(chain(*map(rounded, measured)))


def above(least, person):
    return Person(
        0, **{name: of for name, of in person.parts().items() if of.score > least[PART_NAMES[name]]}
    )


def rounded(person):
    return tuple((name, round(pose.score, 6)) for name, pose in sorted(person.parts().items()))
