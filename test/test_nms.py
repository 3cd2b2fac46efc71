# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from scenes import assert_same_poses, detections, random_proposals, rows, standing

from dope_ros.poses import PartPose, Proposals
from dope_ros.postprocess.nms import assemble_suppressed, suppress
from dope_ros.settings import AnchorClasses, NmsSettings
from dope_ros.skeleton import Part, Side

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # nothing for a robot's log

ANCHORS = {
    Part.BODY: AnchorClasses(20, upper_body_from=10),
    Part.HAND: AnchorClasses(10, left_from=5),
    Part.FACE: AnchorClasses(10),
}
SETTINGS = NmsSettings(min_score=0.15, max_iou=0.3, margin=0.1)

every_part = pytest.mark.parametrize("part", Part)
seeds = st.integers(0, 2**32 - 1)
nms_settings = st.builds(
    NmsSettings, min_score=st.floats(0.02, 0.9), max_iou=st.floats(0, 0.95), margin=st.floats(0, 0.5)
)


def box_around(pose_2d, margin):
    (left, top), (right, bottom) = pose_2d.min(axis=0).tolist(), pose_2d.max(axis=0).tolist()
    dx, dy = margin * (right - left), margin * (bottom - top)
    return left - dx, top - dy, right + dx, bottom + dy


def iou(one, other):
    """Intersection over union, widths and heights inclusive, in plain numbers."""
    width = min(one[2], other[2]) - max(one[0], other[0]) + 1
    height = min(one[3], other[3]) - max(one[1], other[1]) + 1
    shared = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (one, other)]
    return shared / (sum(areas) - shared)


def plain_suppression(proposals, anchors, settings):
    """What `suppress` should do, a box at a time."""
    best = []
    for scores, poses_2d, poses_3d in zip(
        proposals.scores, proposals.poses_2d, proposals.poses_3d, strict=True
    ):
        k = max(range(anchors.count), key=lambda index: scores[index + 1])
        if scores[k + 1] >= settings.min_score:
            best.append(PartPose(float(scores[k + 1]), poses_2d[k], poses_3d[k], anchors.side_of(k)))
    kept = []
    for pose in sorted(best, key=lambda pose: -pose.score):
        box = box_around(pose.keypoints_2d, settings.margin)
        others = [box_around(other.keypoints_2d, settings.margin) for other in kept]
        if all(iou(box, other) <= settings.max_iou for other in others):
            kept.append(pose)
    return kept


@every_part
@scenes.light
@given(seed=seeds, count=st.integers(0, 25), settings=nms_settings)
def test_suppression_does_what_a_loop_over_all_boxes_does(part, seed, count, settings):
    proposals = random_proposals(np.random.default_rng(seed), part, ANCHORS[part], count)
    expected = plain_suppression(proposals, ANCHORS[part], settings)
    assert_same_poses(suppress(proposals, ANCHORS[part], settings), expected, tolerance=0)


@every_part
@scenes.light
@given(seed=seeds, settings=nms_settings)
def test_detections_do_not_overlap_more_than_allowed_and_scores_fall(part, seed, settings):
    proposals = random_proposals(np.random.default_rng(seed), part, ANCHORS[part], 25)
    found = suppress(proposals, ANCHORS[part], settings)
    boxes = [box_around(pose.keypoints_2d, settings.margin) for pose in found]
    for index, box in enumerate(boxes):
        assert all(iou(box, other) <= settings.max_iou + 1e-5 for other in boxes[:index])
    scores = [pose.score for pose in found]
    assert scores == sorted(scores, reverse=True)
    assert all(score >= np.float32(settings.min_score) for score in scores)


@every_part
@scenes.light
@given(seed=seeds)
def test_the_order_of_proposals_does_not_matter(part, seed):
    rng = np.random.default_rng(seed)
    proposals = random_proposals(rng, part, ANCHORS[part], 20)
    expected = suppress(proposals, ANCHORS[part], SETTINGS)
    shuffled = rows(proposals, rng.permutation(20))
    assert_same_poses(suppress(shuffled, ANCHORS[part], SETTINGS), expected, tolerance=0)


def test_detections_of_a_suppressed_set_are_kept_as_they_are():
    proposals = random_proposals(np.random.default_rng(1), Part.FACE, AnchorClasses(1), 20)
    found = suppress(proposals, AnchorClasses(1), SETTINGS)
    assert len(found) > 1
    again = Proposals(
        boxes=np.zeros((len(found), 4), np.float32),
        scores=np.float32([[1 - pose.score, pose.score] for pose in found]),
        poses_2d=np.stack([pose.keypoints_2d for pose in found])[:, None],
        poses_3d=np.stack([pose.keypoints_3d for pose in found])[:, None],
    )
    assert_same_poses(suppress(again, AnchorClasses(1), SETTINGS), found, tolerance=0)


def test_a_hand_has_the_side_of_its_best_class():
    hand = random_proposals(np.random.default_rng(0), Part.HAND, AnchorClasses(2, left_from=1), 1)
    for scores, side in (((0.0, 0.6, 0.4), Side.RIGHT), ((0.0, 0.4, 0.6), Side.LEFT)):
        (found,) = suppress(
            replace(hand, scores=np.float32([scores])), AnchorClasses(2, left_from=1), SETTINGS
        )
        assert found.side is side


def test_a_body_at_the_usual_threshold_is_one_person_beside_a_weaker_one():
    least = NmsSettings().min_score
    scores = (least, 0.5 * least)
    bodies, _, _ = detections(
        standing((x, 0, 3), score, parts=["body"]) for x, score in zip((-1, 1), scores, strict=True)
    )
    people = assemble_suppressed({Part.BODY: bodies, Part.HAND: [], Part.FACE: []})
    assert [person.score for person in people] == list(scores)


# Nothing, and nonsense


@pytest.mark.parametrize("nonsense", [np.nan, -np.inf])
def test_a_class_without_a_score_leaves_its_box_to_the_other_classes(nonsense):
    hand = random_proposals(np.random.default_rng(0), Part.HAND, AnchorClasses(2, left_from=1), 1)
    (found,) = suppress(
        replace(hand, scores=np.float32([[0.0, nonsense, 0.6]])), AnchorClasses(2, left_from=1), SETTINGS
    )
    assert (found.side, found.score) == (Side.LEFT, pytest.approx(0.6))


@every_part
def test_no_proposals_give_no_detections(part):
    none = random_proposals(np.random.default_rng(0), part, ANCHORS[part], 0)
    assert suppress(none, ANCHORS[part], SETTINGS) == []


@every_part
def test_proposals_below_the_threshold_give_no_detections(part):
    proposals = random_proposals(np.random.default_rng(0), part, ANCHORS[part], 20)
    assert suppress(proposals, ANCHORS[part], replace(SETTINGS, min_score=1.1)) == []


@every_part
def test_a_part_may_have_one_class_only(part):
    proposals = random_proposals(np.random.default_rng(0), part, AnchorClasses(1), 20)
    assert suppress(proposals, AnchorClasses(1), SETTINGS)


@every_part
def test_proposals_that_are_nan_throughout_give_no_detections(part):
    proposals = random_proposals(np.random.default_rng(0), part, ANCHORS[part], 20)
    nan = Proposals(
        *(np.full_like(values, np.nan) for values in
          (proposals.boxes, proposals.scores, proposals.poses_2d, proposals.poses_3d))
    )  # fmt: skip
    assert suppress(nan, ANCHORS[part], SETTINGS) == []


@every_part
@pytest.mark.parametrize("field", ["boxes", "scores", "poses_2d", "poses_3d"])
@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
def test_a_broken_proposal_is_left_out_and_the_others_are_unaffected(part, field, nonsense):
    proposals = random_proposals(np.random.default_rng(3), part, ANCHORS[part], 20)
    broken = np.arange(20) % 3 == 0
    values = getattr(proposals, field).copy()
    values[broken, ..., -1] = nonsense
    if field == "scores":
        values[broken] = nonsense
    assert_same_poses(
        suppress(replace(proposals, **{field: values}), ANCHORS[part], SETTINGS),
        suppress(rows(proposals, ~broken), ANCHORS[part], SETTINGS),
        tolerance=0,
    )
