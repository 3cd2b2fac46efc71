# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from scenes import assert_same_poses, random_proposals, rows

from dope_ros.poses import PartPose, Proposals
from dope_ros.postprocess.integrate import integrate
from dope_ros.settings import AnchorClasses, PpiSettings
from dope_ros.skeleton import BODY, SKELETONS, Part, Side

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # nothing for a robot's log

REFERENCE = np.load(Path(__file__).parent / "data" / "ppi.npz")
CASES = json.loads(REFERENCE["cases"].tobytes())

ANCHORS = {
    Part.BODY: AnchorClasses(20, upper_body_from=10),
    Part.HAND: AnchorClasses(10, left_from=5),
    Part.FACE: AnchorClasses(10),
}
OVERLAPS = [
    (part, name + suffix)
    for part, names in {
        Part.BODY: ("torso", "torsohead", "head", "shoulderhead", "mje"),
        Part.HAND: ("mje",),
        Part.FACE: ("mje",),
    }.items()
    for name in names
    for suffix in ("", "LR")
] + [(part, "bbox") for part in Part]

SETTINGS = PpiSettings(score_th=0.02, th_persondetect=0.1)
ONE_CLASS = AnchorClasses(1)
BOX = (100, 100, 199, 199)
SOMEWHERE = np.random.default_rng(5).uniform(100, 199, (84, 2)).astype(np.float32)

every_overlap = pytest.mark.parametrize(("part", "overlap"), OVERLAPS)
seeds = st.integers(0, 2**32 - 1)


def settings_of(overlap, **changes):
    return replace(SETTINGS, iou_func=overlap, th_iou=0.3 if overlap == "bbox" else 0.15, **changes)


def a_proposal(part, scores=(0.8,), box=BOX, pose_2d=None, depth=0.0):
    """One proposal of one or more classes, all its 3D joints at one point."""
    joints, classes = len(SKELETONS[part]), len(scores)
    pose_2d = SOMEWHERE[:joints] if pose_2d is None else pose_2d
    return Proposals(
        boxes=np.float32([box]),
        scores=np.float32([[1 - sum(scores), *scores]]),
        poses_2d=np.broadcast_to(np.float32(pose_2d), (1, classes, joints, 2)),
        poses_3d=np.full((1, classes, joints, 3), (0, 0, depth), np.float32),
    )


def together(*proposals):
    return Proposals(
        *(
            np.concatenate([getattr(one, name) for one in proposals])
            for name in ("boxes", "scores", "poses_2d", "poses_3d")
        )
    )


# The published integration


@pytest.mark.parametrize("case", CASES, ids=[case["key"] for case in CASES])
def test_detections_are_those_of_the_published_integration(case):
    part, key = Part(case["part"]), case["key"]
    source = key.rsplit("_", 1)[0]
    boxes, scores, poses_2d, poses_3d = (
        REFERENCE[f"{source}/in_{name}"] for name in ("boxes", "scores", "pose2d", "pose3d")
    )
    settings = PpiSettings(
        score_th=0.1 / ANCHORS[part].count,
        iou_func=case["iou_func"],
        th_iou=case["th_iou"],
        th_pose3D=case["th_pose3D"],
    )
    found = integrate(Proposals(boxes, scores, poses_2d, poses_3d), part, ANCHORS[part], settings)
    sides = [None] * len(found)
    if part is Part.HAND:
        sides = [Side.RIGHT if right else Side.LEFT for right in REFERENCE[f"{key}/out_is_right"]]
    published = zip(
        *(REFERENCE[f"{key}/out_{name}"] for name in ("score", "pose2d", "pose3d")), sides, strict=True
    )
    assert_same_poses(found, [PartPose(*values) for values in published], tolerance=1e-4)


def test_the_published_cases_are_all_there_and_none_is_empty():
    assert len(CASES) == 18
    assert {case["part"] for case in CASES} == {part.value for part in Part}
    assert all(len(REFERENCE[f"{case['key']}/out_score"]) > 0 for case in CASES)


# Refinements that are not published


def crossing(x):
    """A body's 2D, from `x` on 100 pixels wide and high."""
    return np.float32(SOMEWHERE[: len(BODY)] - 100 + (x, 100))


def two_boxes_of_a_person():
    """The left half of somebody twice, and all of them once, which has the highest sum of classes."""
    half = a_proposal(Part.BODY, (0.3, 0.1), box=(100, 100, 149, 199), pose_2d=crossing(100), depth=0.2)
    whole = a_proposal(Part.BODY, (0.25, 0.25), box=(100, 100, 199, 199), pose_2d=crossing(130))
    return together(half, half, whole)


def test_boxes_unlike_the_best_one_say_nothing_of_the_picture_if_so_set():
    settings = replace(SETTINGS, pose_iou=0.7)
    (published,) = integrate(two_boxes_of_a_person(), Part.BODY, AnchorClasses(2), SETTINGS)
    (refined,) = integrate(two_boxes_of_a_person(), Part.BODY, AnchorClasses(2), settings)
    np.testing.assert_allclose(refined.keypoints_2d, crossing(130), atol=1e-4)
    np.testing.assert_allclose(published.keypoints_2d, crossing(100 + 30 * 0.5 / 1.3), atol=1e-4)
    assert refined.score == published.score == pytest.approx(1.3)
    np.testing.assert_array_equal(refined.keypoints_3d, published.keypoints_3d)


@pytest.mark.parametrize("rounding", [-1e-4, 1e-4])
def test_rounding_does_not_choose_between_two_boxes_that_are_equally_good(rounding):
    left = a_proposal(Part.BODY, (0.5,), box=(100, 100, 149, 199), pose_2d=crossing(100))
    right = a_proposal(Part.BODY, (0.5 + rounding,), box=(140, 100, 199, 199), pose_2d=crossing(120))
    settings = replace(SETTINGS, pose_iou=0.7, th_iou=0.05)
    (found,) = integrate(together(left, right), Part.BODY, ONE_CLASS, settings)
    np.testing.assert_allclose(found.keypoints_2d, crossing(110), atol=0.2)


@pytest.mark.parametrize("rounding", [-1e-3, 1e-3])
def test_rounding_does_not_choose_whether_a_box_is_like_the_best_one(rounding):
    best = a_proposal(Part.BODY, (0.8,), box=(100, 100, 199, 199), pose_2d=crossing(100))
    half = a_proposal(Part.BODY, (0.4,), box=(100, 100, 149, 199), pose_2d=crossing(120))
    settings = replace(SETTINGS, pose_iou=0.5 + rounding)
    (found,) = integrate(together(best, half), Part.BODY, ONE_CLASS, settings)
    np.testing.assert_allclose(found.keypoints_2d, crossing(104), atol=0.3)


@pytest.mark.parametrize(("max_iou", "left"), [(1.0, [0.75, 0.5, 0.25]), (0.5, [0.75, 0.25])])
def test_detections_that_overlap_a_better_one_are_left_out_if_so_set(max_iou, left):
    near, far = crossing(110), crossing(500)
    proposals = together(
        a_proposal(Part.BODY, (0.75,), box=(100, 100, 199, 199), pose_2d=crossing(100)),
        a_proposal(Part.BODY, (0.5,), box=(190, 100, 299, 199), pose_2d=near),
        a_proposal(Part.BODY, (0.25,), box=(500, 100, 599, 199), pose_2d=far),
    )
    found = integrate(proposals, Part.BODY, ONE_CLASS, replace(SETTINGS, max_iou=max_iou))
    assert [pose.score for pose in found] == left


@every_overlap
@given(seed=seeds, count=st.integers(1, 40), pose_iou=st.floats(0, 1), max_iou=st.floats(0, 1))
def test_refinements_change_neither_scores_nor_3d_of_those_that_stay(
    part, overlap, seed, count, pose_iou, max_iou
):
    proposals = random_proposals(np.random.default_rng(seed), part, ANCHORS[part], count)
    published = integrate(proposals, part, ANCHORS[part], settings_of(overlap))
    settings = settings_of(overlap, pose_iou=pose_iou, max_iou=max_iou)
    refined = integrate(proposals, part, ANCHORS[part], settings)
    as_published = {(pose.score, pose.keypoints_3d.tobytes()) for pose in published}
    assert [(p.score, p.keypoints_3d.tobytes()) in as_published for p in refined] == [True] * len(refined)
    assert len(refined) == len(published) if max_iou == 1 else bool(refined) == bool(published)


# Groups and modes


def test_proposals_that_overlap_and_are_alike_become_one_detection():
    proposals = together(a_proposal(Part.FACE, (0.75,)), a_proposal(Part.FACE, (0.25,), depth=0.2))
    (found,) = integrate(proposals, Part.FACE, ONE_CLASS, SETTINGS)
    assert found.score == 1.0
    np.testing.assert_allclose(found.keypoints_3d[:, 2], 0.25 * 0.2, rtol=1e-6)


def test_proposals_that_overlap_but_are_unlike_give_the_mode_with_the_higher_sum():
    proposals = together(
        a_proposal(Part.FACE, (0.5,), depth=0.0),
        a_proposal(Part.FACE, (0.375,), depth=1.0),
        a_proposal(Part.FACE, (0.25,), depth=1.0),
    )
    (found,) = integrate(proposals, Part.FACE, ONE_CLASS, SETTINGS)
    assert found.score == 0.625
    np.testing.assert_allclose(found.keypoints_3d[:, 2], 1.0, rtol=1e-6)


def test_a_mode_counts_candidates_that_an_earlier_mode_has_used():
    proposals = together(
        a_proposal(Part.FACE, (0.3,), depth=0.0),
        a_proposal(Part.FACE, (0.25,), depth=0.25),
        a_proposal(Part.FACE, (0.2,), depth=0.5),
        a_proposal(Part.FACE, (0.2,), depth=0.5),
    )
    (found,) = integrate(proposals, Part.FACE, ONE_CLASS, SETTINGS)
    assert found.score == pytest.approx(0.65)  # the last three; the second is in the first's mode, too


def test_a_candidate_below_the_least_mode_score_starts_no_mode_unless_it_is_the_first():
    unlike = [a_proposal(Part.FACE, (0.04,), depth=depth) for depth in (1.0, 1.0)]
    weak_first = together(a_proposal(Part.FACE, (0.045,)), *unlike)
    (found,) = integrate(weak_first, Part.FACE, ONE_CLASS, replace(SETTINGS, th_persondetect=0.01))
    assert found.score == pytest.approx(0.045)  # although the other two sum up to 0.08
    lower = replace(SETTINGS, th_persondetect=0.01, min_mode_score=0.03)
    (found,) = integrate(weak_first, Part.FACE, ONE_CLASS, lower)
    assert found.score == pytest.approx(0.08)


def test_boxes_apart_give_a_detection_each_by_falling_score():
    proposals = together(
        *(
            a_proposal(Part.FACE, (score,), box=(x, 0, x + 99, 99))
            for score, x in ((0.25, 0), (0.75, 200), (0.5, 400))
        )
    )
    found = integrate(proposals, Part.FACE, ONE_CLASS, SETTINGS)
    assert [pose.score for pose in found] == [0.75, 0.5, 0.25]


def test_widths_and_heights_of_boxes_count_inclusively():
    two = together(
        a_proposal(Part.FACE, box=(0, 0, 9, 9)), a_proposal(Part.FACE, box=(5, 0, 14, 9))
    )  # they share 5 x 10 of 150 pixels: a third
    assert len(integrate(two, Part.FACE, ONE_CLASS, replace(SETTINGS, th_iou=0.33))) == 1
    assert len(integrate(two, Part.FACE, ONE_CLASS, replace(SETTINGS, th_iou=0.34))) == 2


JOINTS_THAT_COUNT = {
    "torso": ("right_hip", "left_hip", "right_shoulder", "left_shoulder"),
    "torsohead": ("right_hip", "left_hip", "right_shoulder", "left_shoulder", "head"),
    "head": ("head",),
    "shoulderhead": ("right_shoulder", "left_shoulder", "head"),
    "mje": BODY.joints,
}


@pytest.mark.parametrize("name", JOINTS_THAT_COUNT)
@pytest.mark.parametrize("suffix", ["", "LR"])
def test_the_overlap_of_bodies_is_measured_over_its_joints_alone(name, suffix):
    counting = [BODY.index(joint) for joint in JOINTS_THAT_COUNT[name]]
    settings, here = settings_of(name + suffix), SOMEWHERE[:13]
    for joint in range(13):
        # th_iou, times twice the longer side, times the joints in the mean: what one joint may be away
        allowed = 0.15 * 2 * 100 * len(counting)
        for distance, groups in ((0.98 * allowed, 1), (1.02 * allowed, 2 if joint in counting else 1)):
            there = here + np.float32([0, distance]) * (np.arange(13) == joint)[:, None]
            two = together(a_proposal(Part.BODY), a_proposal(Part.BODY, (0.5,), pose_2d=there))
            assert len(integrate(two, Part.BODY, ONE_CLASS, settings)) == groups


@pytest.mark.parametrize("name", ["torso", "torsohead", "shoulderhead", "mje"])
def test_bodies_with_left_and_right_taken_for_each_other_overlap_where_the_name_ends_in_lr(name):
    apart = np.float32([400, 0]) * np.array([joint.startswith("left") for joint in BODY.joints])[:, None]
    pose = SOMEWHERE[:13] + apart
    two = together(a_proposal(Part.BODY, pose_2d=pose), a_proposal(Part.BODY, pose_2d=pose[BODY.mirrored]))
    assert len(integrate(two, Part.BODY, ONE_CLASS, settings_of(name))) == 2
    assert len(integrate(two, Part.BODY, ONE_CLASS, settings_of(name + "LR"))) == 1


# What a detection says


def test_a_hand_has_the_side_of_its_best_candidate():
    anchors = AnchorClasses(2, left_from=1)
    right, left = (0.5, 0.25), (0.25, 0.5)
    assert [pose.side for pose in integrate(a_proposal(Part.HAND, right), Part.HAND, anchors, SETTINGS)] == [
        Side.RIGHT
    ]
    assert [pose.side for pose in integrate(a_proposal(Part.HAND, left), Part.HAND, anchors, SETTINGS)] == [
        Side.LEFT
    ]


@pytest.mark.parametrize("part", [Part.BODY, Part.FACE])
def test_bodies_and_faces_have_no_side(part):
    (found,) = integrate(a_proposal(part), part, ONE_CLASS, SETTINGS)
    assert found.side is None


def test_upper_body_classes_count_a_tenth_in_the_mean_of_the_legs():
    here, there = np.zeros((13, 2)), np.full((13, 2), 11.0)
    proposals = together(
        a_proposal(Part.BODY, (0.5, 0.0), pose_2d=here), a_proposal(Part.BODY, (0.0, 0.5), pose_2d=there)
    )
    (found,) = integrate(proposals, Part.BODY, AnchorClasses(2, upper_body_from=1), SETTINGS)
    legs = np.array(["ankle" in joint or "knee" in joint for joint in BODY.joints])
    np.testing.assert_allclose(found.keypoints_2d[legs], 1.0, rtol=1e-5)
    np.testing.assert_allclose(found.keypoints_2d[~legs], 5.5, rtol=1e-5)
    (found,) = integrate(proposals, Part.BODY, AnchorClasses(2), SETTINGS)
    np.testing.assert_allclose(found.keypoints_2d, 5.5, rtol=1e-5)


@every_overlap
@scenes.light
@given(seed=seeds, count=st.integers(1, 25))
def test_joints_lie_among_those_of_the_proposals_and_scores_fall(part, overlap, seed, count):
    proposals = random_proposals(np.random.default_rng(seed), part, ANCHORS[part], count)
    found = integrate(proposals, part, ANCHORS[part], settings_of(overlap))
    scores = [pose.score for pose in found]
    assert scores == sorted(scores, reverse=True)
    assert all(score > SETTINGS.th_persondetect for score in scores)
    assert sum(scores) <= proposals.scores[:, 1:].sum() * (1 + 1e-5)
    for pose in found:
        assert pose.keypoints_2d.dtype == pose.keypoints_3d.dtype == np.float32
        for joints, all_joints in (
            (pose.keypoints_2d, proposals.poses_2d),
            (pose.keypoints_3d, proposals.poses_3d),
        ):
            assert (joints >= all_joints.min(axis=(0, 1)) - 1e-3).all()
            assert (joints <= all_joints.max(axis=(0, 1)) + 1e-3).all()


# What must not matter


@every_overlap
@scenes.light
@given(seed=seeds, count=st.integers(0, 25), least=st.floats(0.01, 0.9))
def test_proposals_without_a_class_that_counts_do_not_matter(part, overlap, seed, count, least):
    proposals = random_proposals(np.random.default_rng(seed), part, ANCHORS[part], count)
    settings = replace(settings_of(overlap), score_th=least)
    counted = proposals.scoring(least)
    assert (counted.scores[:, 1:].max(axis=1, initial=0) >= least).all()
    assert_same_poses(
        integrate(counted, part, ANCHORS[part], settings),
        integrate(proposals, part, ANCHORS[part], settings),
        tolerance=0,
    )


@every_overlap
@scenes.light
@given(seed=seeds, count=st.integers(0, 25))
def test_the_order_of_proposals_does_not_matter(part, overlap, seed, count):
    rng = np.random.default_rng(seed)
    proposals = random_proposals(rng, part, ANCHORS[part], count)
    shuffled = rows(proposals, rng.permutation(count))
    settings = settings_of(overlap)
    assert_same_poses(
        integrate(shuffled, part, ANCHORS[part], settings),
        integrate(proposals, part, ANCHORS[part], settings),
        tolerance=1e-3,
    )


@every_overlap
@scenes.light
@given(seed=seeds, factor=st.sampled_from([0.25, 0.5, 2.0]))
def test_scores_and_thresholds_at_another_scale_scale_the_scores_alone(part, overlap, seed, factor):
    proposals = random_proposals(np.random.default_rng(seed), part, ANCHORS[part], 20)
    settings = settings_of(overlap)
    scaled = replace(
        settings,
        score_th=settings.score_th * factor,
        min_mode_score=settings.min_mode_score * factor,
        th_persondetect=settings.th_persondetect * factor,
    )
    weaker = replace(proposals, scores=proposals.scores * np.float32(factor))
    expected = integrate(proposals, part, ANCHORS[part], settings)
    assert_same_poses(
        integrate(weaker, part, ANCHORS[part], scaled),
        [replace(pose, score=pose.score * factor) for pose in expected],
        tolerance=1e-3,
    )


@every_overlap
@scenes.light
@given(seed=seeds, x=st.integers(-300, 300), y=st.integers(-300, 300))
def test_proposals_elsewhere_in_the_picture_give_the_same_poses_there(part, overlap, seed, x, y):
    proposals = random_proposals(np.random.default_rng(seed), part, ANCHORS[part], 20)
    elsewhere = replace(
        proposals,
        boxes=proposals.boxes + np.float32([x, y, x, y]),
        poses_2d=proposals.poses_2d + np.float32([x, y]),
    )
    settings = settings_of(overlap)
    expected = integrate(proposals, part, ANCHORS[part], settings)
    found = integrate(elsewhere, part, ANCHORS[part], settings)
    assert_same_poses(found, [scenes.moved(pose, (x, y)) for pose in expected], tolerance=1e-2)


@pytest.mark.parametrize("part", Part)
def test_proposals_of_a_picture_twice_the_size_give_poses_of_twice_the_size(part):
    proposals = random_proposals(np.random.default_rng(1), part, ANCHORS[part], 25)
    larger = replace(proposals, boxes=proposals.boxes * 2, poses_2d=proposals.poses_2d * 2)
    expected = integrate(proposals, part, ANCHORS[part], SETTINGS)
    assert expected
    found = integrate(larger, part, ANCHORS[part], SETTINGS)
    assert_same_poses(found, [scenes.scaled(pose, 2.0) for pose in expected], tolerance=1e-3)


@pytest.mark.parametrize("part", Part)
def test_poses_shifted_in_3d_give_detections_shifted_in_3d(part):
    shift = np.float32([0.5, -1, 2])
    proposals = random_proposals(np.random.default_rng(1), part, ANCHORS[part], 25)
    shifted = replace(proposals, poses_3d=proposals.poses_3d + shift)
    expected = integrate(proposals, part, ANCHORS[part], SETTINGS)
    assert expected
    assert_same_poses(
        integrate(shifted, part, ANCHORS[part], SETTINGS),
        [replace(pose, keypoints_3d=pose.keypoints_3d + shift) for pose in expected],
        tolerance=1e-3,
    )


# Nothing, and nonsense


@every_overlap
def test_no_proposals_give_no_detections(part, overlap):
    none = random_proposals(np.random.default_rng(0), part, ANCHORS[part], 0)
    assert integrate(none, part, ANCHORS[part], settings_of(overlap)) == []


@every_overlap
def test_proposals_below_the_threshold_give_no_detections(part, overlap):
    proposals = random_proposals(np.random.default_rng(0), part, ANCHORS[part], 20)
    assert integrate(proposals, part, ANCHORS[part], settings_of(overlap, score_th=1.1)) == []
    assert integrate(proposals, part, ANCHORS[part], settings_of(overlap, th_persondetect=99.0)) == []


@every_overlap
def test_a_part_may_have_one_class_only(part, overlap):
    proposals = random_proposals(np.random.default_rng(0), part, ONE_CLASS, 20)
    found = integrate(proposals, part, ONE_CLASS, settings_of(overlap))
    assert found
    assert {pose.side for pose in found} == {None}


@every_overlap
def test_proposals_that_are_nan_throughout_give_no_detections(part, overlap):
    proposals = random_proposals(np.random.default_rng(0), part, ANCHORS[part], 20)
    nan = Proposals(
        *(np.full_like(values, np.nan) for values in
          (proposals.boxes, proposals.scores, proposals.poses_2d, proposals.poses_3d))
    )  # fmt: skip
    assert integrate(nan, part, ANCHORS[part], settings_of(overlap)) == []


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
def test_a_class_without_a_score_leaves_its_box_to_the_other_classes(nonsense):
    proposal = a_proposal(Part.HAND, (0.0, 0.6))
    broken = replace(proposal, scores=np.float32([[0.4, nonsense, 0.6]]))
    (found,) = integrate(broken, Part.HAND, AnchorClasses(2, left_from=1), SETTINGS)
    assert (found.side, found.score) == (Side.LEFT, pytest.approx(0.6))


@every_overlap
@pytest.mark.parametrize("field", ["boxes", "scores", "poses_2d", "poses_3d"])
@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
def test_a_broken_proposal_is_left_out_and_the_others_are_unaffected(part, overlap, field, nonsense):
    proposals = random_proposals(np.random.default_rng(3), part, ANCHORS[part], 20)
    broken = np.arange(20) % 3 == 0
    values = getattr(proposals, field).copy()
    values[broken, ..., -1] = nonsense
    if field == "scores":
        values[broken] = nonsense
    settings = settings_of(overlap)
    assert_same_poses(
        integrate(replace(proposals, **{field: values}), part, ANCHORS[part], settings),
        integrate(rows(proposals, ~broken), part, ANCHORS[part], settings),
        tolerance=1e-3,
    )
