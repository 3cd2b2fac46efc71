# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import scenes

from dope_ros.poses import PART_NAMES, PartPose, Person


@pytest.fixture
def pose():
    return scenes.seen(scenes.standing()).right_hand


def test_a_person_names_the_parts_that_were_seen():
    whole = scenes.standing()
    assert list(whole.parts()) == list(PART_NAMES)
    assert list(scenes.standing(parts=["face", "body"]).parts()) == ["body", "face"]
    assert all(whole.parts()[name] is getattr(whole, name) for name in PART_NAMES)


def test_the_score_of_a_person_is_that_of_its_body(pose):
    body = PartPose(2.5, np.zeros((13, 2), np.float32), np.zeros((13, 3), np.float32))
    assert Person(0, body=body, right_hand=pose).score == 2.5
    assert Person(0, right_hand=pose).score == pose.score


def test_a_person_and_a_pose_cannot_be_changed(pose):
    with pytest.raises(FrozenInstanceError):
        pose.score = 1.0
    with pytest.raises(FrozenInstanceError):
        Person(0, right_hand=pose).id = 1
