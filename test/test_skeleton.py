# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import scenes

from dope_ros.skeleton import BODY, FACE, FACE_FEATURES, HAND, SKELETONS, Part, Side

every_part = pytest.mark.parametrize("part", Part)


@pytest.mark.parametrize(("skeleton", "joints"), [(BODY, 13), (HAND, 21), (FACE, 84)])
def test_a_skeleton_has_the_joints_of_the_file_format(skeleton, joints):
    assert len(skeleton) == joints
    assert len(set(skeleton.joints)) == joints


def test_body_joints_stand_in_the_order_of_the_file_format():
    ends = ["ankle", "knee", "hip", "wrist", "elbow", "shoulder"]
    assert [*BODY.joints] == [f"{side}_{end}" for end in ends for side in ("right", "left")] + ["head"]


def test_a_finger_runs_from_its_base_over_three_joints_to_its_tip():
    for base in range(1, 6):
        first = 3 * base + 3
        assert {(0, base), (base, first), (first, first + 1), (first + 1, first + 2)} <= set(HAND.bones)
        assert HAND.joints[first + 2] == HAND.joints[base].replace("base", "tip")
    assert len(HAND.bones) == 20


def test_face_features_cover_each_landmark_once():
    assert [index for span in FACE_FEATURES.values() for index in span] == list(range(84))


def test_eyes_and_lips_are_drawn_as_closed_lines_and_the_contour_is_not():
    for name in ("right_eye", "left_eye", "outer_lips", "inner_lips"):
        assert (FACE_FEATURES[name][-1], FACE_FEATURES[name][0]) in FACE.bones
    assert (FACE_FEATURES["contour"][-1], FACE_FEATURES["contour"][0]) not in FACE.bones


@every_part
def test_bones_join_two_different_joints_and_none_is_told_twice(part):
    skeleton = SKELETONS[part]
    bones = [frozenset(bone) for bone in skeleton.bones]
    assert all(len(bone) == 2 for bone in bones)
    assert len(set(bones)) == len(bones)
    assert {joint for bone in bones for joint in bone} == set(range(len(skeleton)))


@every_part
def test_mirroring_twice_gives_every_joint_its_place_back(part):
    mirrored = SKELETONS[part].mirrored
    np.testing.assert_array_equal(mirrored[mirrored], np.arange(len(SKELETONS[part])))


def test_the_other_side_of_a_side_is_the_one_that_it_is_not():
    assert {side: side.other for side in Side} == {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}


def test_mirroring_swaps_left_and_right_of_the_body():
    partners = {name: BODY.joints[BODY.mirrored[index]] for index, name in enumerate(BODY.joints)}
    assert partners.pop("head") == "head"
    for name, partner in partners.items():
        assert {name, partner} == {f"{side}_{name.split('_')[1]}" for side in ("left", "right")}


def test_mirroring_a_symmetric_face_gives_the_same_face():
    landmarks = scenes.seen(scenes.standing()).face.keypoints_3d
    np.testing.assert_allclose(landmarks[FACE.mirrored] * (-1, 1, 1), landmarks, atol=1e-6)


@every_part
def test_mirroring_keeps_bones_bones(part):
    skeleton = SKELETONS[part]
    bones = {frozenset(bone) for bone in skeleton.bones}
    assert {frozenset(skeleton.mirrored[list(bone)].tolist()) for bone in skeleton.bones} == bones


def test_a_joint_is_found_by_its_name():
    assert BODY.joints[BODY.index("left_knee")] == "left_knee"
    with pytest.raises(ValueError, match="not in tuple"):
        BODY.index("tail")
