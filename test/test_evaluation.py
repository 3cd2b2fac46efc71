# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measures with known answers, and `dope eval` on what a tiny model says of pictures."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st
from samples import sample_of
from scipy.spatial.transform import Rotation
from tiny_model import write_tiny_model

from dope_ros.cli import main
from dope_ros.skeleton import BODY, HEAD, LEFT_HIP, RIGHT_HIP, SKELETONS, Part, Side
from dope_ros.training.datasets.labels import PartLabels, PersonLabels
from dope_ros.training.evaluation import metrics
from dope_ros.training.evaluation.matching import (
    greedy,
    head_size,
    inside,
    match_picture,
    poses_of,
    truths_of,
)
from dope_ros.training.evaluation.measure import measure
from dope_ros.training.evaluation.report import Report
from dope_ros.training.evaluation.worst import worst_cases

SIZE = (scenes.WIDTH, scenes.HEIGHT)
SEEDS = st.integers(0, 2**32 - 1)
LEFT, RIGHT = (-0.9, 0.1, 4.0), (0.9, 0.1, 4.0)


def matched(people, sample, part=Part.BODY, index=0):
    return match_picture(poses_of(people, part), sample, index, part, SIZE)


def random_poses(rng, count=3, joints=13):
    return rng.normal(0, 0.3, (count, joints, 3))


# Precision, recall, AP


def plain_average_precision(scores, correct, truths):
    """By the book: for each true positive, the best precision at its recall or more."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    hits, points = 0, []
    for rank, index in enumerate(order, start=1):
        hits += bool(correct[index])
        points.append((hits / truths, hits / rank))
    total = 0.0
    for hit in range(1, truths + 1):
        reached = [precision for recall, precision in points if recall >= hit / truths - 1e-12]
        total += max(reached, default=0.0) / truths
    return total


@scenes.light
@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.booleans()), max_size=30, unique_by=lambda d: d[0]),
    st.integers(1, 20),
)
def test_average_precision_is_that_of_a_plain_reference(detections, more_truths):
    scores = np.array([score for score, _ in detections], float)
    correct = np.array([right for _, right in detections], bool)
    truths = int(correct.sum()) + more_truths
    found = metrics.precision_recall(scores, correct, truths).average_precision()
    assert found == pytest.approx(plain_average_precision(scores, correct, truths))


@pytest.mark.parametrize(
    ("correct", "truths", "expected"),
    [([1, 1], 2, 1.0), ([0, 0], 2, 0.0), ([1, 0, 1], 2, 0.5 + 0.5 * 2 / 3), ([1], 2, 0.5), ([], 2, 0.0)],
)
def test_average_precision_of_a_few_detections(correct, truths, expected):
    scores = np.arange(len(correct), 0, -1.0)
    curve = metrics.precision_recall(scores, np.array(correct, bool), truths)
    assert curve.average_precision() == pytest.approx(expected)


@scenes.light
@given(SEEDS)
def test_no_threshold_has_a_better_f1_than_the_best_one(seed):
    rng = np.random.default_rng(seed)
    scores, correct = rng.integers(1, 8, 20).astype(float), rng.random(20) < 0.5
    curve = metrics.precision_recall(scores, correct, 12)
    threshold, best = curve.best_f1()
    assert best == pytest.approx(float(metrics.f1_score(*curve.at(threshold))))
    for other in np.arange(0, 9, 0.5):
        assert metrics.f1_score(*curve.at(other)) <= best + 1e-12


@pytest.mark.parametrize("count", [0, 3])
def test_where_no_detection_is_right_no_threshold_is_the_best(count):
    curve = metrics.precision_recall(np.arange(count, 0, -1.0), np.zeros(count, bool), 2)
    threshold, best = curve.best_f1()
    assert math.isnan(threshold)
    assert best == 0


def test_precision_and_recall_at_a_threshold_count_what_scores_above_it():
    curve = metrics.precision_recall(np.array([0.9, 0.5, 0.4]), np.array([True, False, True]), 4)
    assert curve.at(0.45) == (0.5, 0.25)
    assert curve.at(0.5) == (1.0, 0.25)
    assert curve.at(0.95) == (1.0, 0.0)


# Poses


@scenes.light
@given(SEEDS, st.floats(0.1, 10))
def test_aligned_errors_vanish_under_any_similarity(seed, scale):
    rng = np.random.default_rng(seed)
    poses, known = random_poses(rng), np.ones((3, 13), bool)
    rotation = Rotation.random(random_state=seed).as_matrix()
    moved = scale * poses @ rotation.T + rng.normal(0, 5, 3)
    np.testing.assert_allclose(metrics.aligned(moved, poses, known), poses, atol=1e-6)


@scenes.light
@given(SEEDS)
def test_a_mirror_image_is_no_similarity(seed):
    poses, known = random_poses(np.random.default_rng(seed), joints=21), np.ones((3, 21), bool)
    mirrored = poses * (-1, 1, 1)
    assert (
        metrics.mean_error(metrics.joint_errors(metrics.aligned(mirrored, poses, known), poses, known)) > 1e-3
    )


@scenes.light
@given(SEEDS)
def test_alignment_never_makes_the_summed_square_error_worse(seed):
    rng = np.random.default_rng(seed)
    found, truth, known = random_poses(rng), random_poses(rng), rng.random((3, 13)) < 0.8
    known[:, :3] = True
    before = metrics.joint_errors(found - _mean(found, known), truth - _mean(truth, known), known)
    after = metrics.joint_errors(metrics.aligned(found, truth, known), truth, known)
    assert (np.nansum(after**2, axis=1) <= np.nansum(before**2, axis=1) + 1e-9).all()


def _mean(poses, known):
    return np.stack([pose[mask].mean(axis=0) for pose, mask in zip(poses, known, strict=True)])[:, None]


@scenes.light
@given(SEEDS)
def test_errors_from_the_root_do_not_depend_on_where_the_person_is(seed):
    rng = np.random.default_rng(seed)
    poses, known = random_poses(rng), np.ones((3, 13), bool)
    moved = poses + rng.normal(0, 5, (3, 1, 3))
    np.testing.assert_allclose(
        metrics.rooted(moved, known, Part.BODY), metrics.rooted(poses, known, Part.BODY), atol=1e-9
    )


def test_the_root_of_a_body_is_between_its_hips_and_of_a_hand_its_wrist():
    rng = np.random.default_rng(0)
    body, hand = (random_poses(rng, 1, len(SKELETONS[part])) for part in (Part.BODY, Part.HAND))
    rooted = metrics.rooted(body, np.ones((1, 13), bool), Part.BODY)[0]
    np.testing.assert_allclose(rooted[RIGHT_HIP] + rooted[LEFT_HIP], 0, atol=1e-12)
    np.testing.assert_allclose(metrics.rooted(hand, np.ones((1, 21), bool), Part.HAND)[0, 0], 0, atol=1e-12)


def test_without_its_root_a_pose_is_measured_from_the_mean_of_what_is_known():
    known = np.ones((1, 13), bool)
    known[0, LEFT_HIP] = False
    rooted = metrics.rooted(random_poses(np.random.default_rng(0), 1), known, Part.BODY)
    np.testing.assert_allclose(rooted[0][known[0]].mean(axis=0), 0, atol=1e-12)


def test_unknown_joints_are_in_no_measure():
    found, truth = np.zeros((1, 4, 2)), np.array([[(3, 4), (0, 0), (900, 0), (0, 1)]])
    errors = metrics.joint_errors(found, truth, np.array([[True, True, False, True]]))
    assert metrics.mean_error(errors) == pytest.approx(2)
    assert metrics.fraction_within(errors, 2.0) == pytest.approx(2 / 3)


def test_joints_of_people_who_were_not_found_count_as_wrong():
    assert metrics.fraction_within(np.array([[0.0, 9.0]]), 1.0, missed=2) == pytest.approx(1 / 4)
    assert math.isnan(metrics.fraction_within(np.zeros((0, 1)), 1.0))


def test_each_pose_has_a_threshold_of_its_own():
    errors = np.array([[1.0, 3.0], [1.0, 3.0]])
    assert metrics.fraction_within(errors, np.array([[2.0], [4.0]])) == pytest.approx(3 / 4)


@pytest.mark.parametrize(("error", "expected"), [(0.0, 1.0), (35.0, 0.5), (60.0, 0.0)])
def test_the_area_under_the_curve_is_the_share_of_thresholds_passed(error, expected):
    assert metrics.area_under_pck(np.full((1, 5), error), 20, 50, steps=301) == pytest.approx(
        expected, abs=0.01
    )


# Matching


@scenes.light
@given(SEEDS)
def test_matching_is_one_to_one_and_never_below_the_least_overlap(seed):
    rng = np.random.default_rng(seed)
    overlaps = rng.random((6, 4))
    chosen = greedy(overlaps, 0.5)
    taken = chosen[chosen >= 0]
    assert len(set(taken.tolist())) == len(taken)
    assert (overlaps[np.flatnonzero(chosen >= 0), taken] >= 0.5).all()
    left = np.setdiff1d(np.arange(4), taken)
    assert (overlaps[np.ix_(chosen < 0, left)] < 0.5).all()


def test_the_better_score_gets_the_label_and_the_other_is_a_false_alarm():
    person = scenes.standing(score=0.4)
    better = replace(person, body=replace(scenes.moved(person.body, (4, 0)), score=0.9))
    picture = matched([person, better], sample_of(person))
    assert [pose.score for pose in picture.detections] == [0.9, 0.4]
    assert picture.truth_of.tolist() == [0, -1]
    assert picture.counted.all()


def test_a_detection_in_an_ignored_box_does_not_count():
    person, other = scenes.standing(at=LEFT), scenes.standing(at=RIGHT)
    box = np.array([other.body.keypoints_2d.min(axis=0), other.body.keypoints_2d.max(axis=0)]).reshape(1, 4)
    picture = matched([person, other], sample_of(person, ignored={Part.BODY: box}))
    assert sorted(zip(picture.truth_of.tolist(), picture.counted.tolist(), strict=True)) == [
        (-1, False),
        (0, True),
    ]


def test_beside_somebody_whose_picture_is_incompletely_labelled_nothing_is_a_false_alarm():
    person, other = scenes.standing(at=LEFT, score=0.9), scenes.standing(at=RIGHT, score=0.5)
    again = replace(person, body=replace(scenes.moved(person.body, (4, 0)), score=0.4))
    sample = sample_of(person, incomplete=frozenset({Part.BODY}))
    picture = matched([person, other, again], sample)
    assert picture.truth_of.tolist() == [0, -1, -1]
    assert picture.counted.tolist() == [True, False, True], "that the person is found twice is known"


def test_labels_with_too_few_joints_are_neither_found_nor_missed():
    person = scenes.standing()
    known = np.zeros(13, bool)
    known[[0, 1]] = True
    labels = PartLabels.of(person.body.keypoints_2d, known)
    truths, unclear = truths_of(sample_of(people=(PersonLabels(body=labels),)), Part.BODY, SIZE)
    assert not truths
    assert len(unclear) == 1


@pytest.mark.parametrize("joints", [(HEAD,), (6, 8)], ids=["a head", "a forearm"])
def test_who_is_found_where_a_label_has_too_few_joints_is_no_false_alarm(joints):
    person, elsewhere = scenes.standing(at=LEFT), scenes.standing(at=RIGHT)
    labels = PartLabels.of(person.body.keypoints_2d, np.isin(np.arange(13), joints))
    sample = sample_of(people=(PersonLabels(body=labels),))
    assert measured([person], sample)["false_alarms"] == 0
    assert measured([elsewhere], sample)["false_alarms"] == 1


def test_only_labelled_joints_decide_whether_boxes_overlap():
    person = scenes.standing()
    upper = ~np.isin(np.arange(13), range(4))
    labels = PartLabels.of(person.body.keypoints_2d, upper)
    assert matched([person], sample_of(people=(PersonLabels(body=labels),))).truth_of.tolist() == [0]


def test_poses_are_judged_by_the_joints_in_the_picture():
    person = scenes.standing()
    keypoints = person.body.keypoints_2d.copy()
    keypoints[:2, 1] = SIZE[1] + 30
    labels = PartLabels.of(keypoints, keypoints_3d=person.body.keypoints_3d)
    (truth,), _ = truths_of(sample_of(people=(PersonLabels(body=labels),)), Part.BODY, SIZE)
    assert np.flatnonzero(~truth.labels.known_2d).tolist() == [0, 1]
    assert np.flatnonzero(~truth.labels.known_3d).tolist() == [0, 1]


def test_joints_behind_the_camera_are_not_judged_in_3d():
    person = scenes.standing()
    flat, solid = person.body.keypoints_2d.copy(), person.body.keypoints_3d.copy()
    flat[:2], solid[:2, 2] = np.nan, -0.5
    sample = sample_of(people=(PersonLabels(body=PartLabels.of(flat, keypoints_3d=solid)),))
    body = measured([person], sample)
    assert body["mpjpe"] == pytest.approx(0, abs=1e-3)
    assert body["pck_3d"] == 1


def test_a_joint_before_the_camera_is_judged_in_3d_though_its_pixel_is_not_known():
    person = scenes.standing()
    labels = PartLabels.of(
        person.body.keypoints_2d, np.arange(13) != 0, keypoints_3d=person.body.keypoints_3d
    )
    (truth,), _ = truths_of(sample_of(people=(PersonLabels(body=labels),)), Part.BODY, SIZE)
    assert truth.labels.known_3d.all()


def test_the_share_of_a_box_in_another():
    boxes, regions = np.array([(0, 0, 10, 10), (20, 20, 30, 30)]), np.array([(5, 0, 50, 50)])
    np.testing.assert_allclose(inside(boxes, regions), [[0.5], [1.0]])


def test_a_head_is_measured_from_its_middle_to_the_shoulders_unless_the_dataset_tells():
    sample = sample_of(scenes.standing())
    (truth,), _ = truths_of(sample, Part.BODY, SIZE)
    head, right, left = truth.labels.keypoints_2d[
        [HEAD, BODY.index("right_shoulder"), BODY.index("left_shoulder")]
    ]
    assert truth.head_size == pytest.approx(np.linalg.norm(head - (right + left) / 2))
    assert head_size(truth.labels, truth.box, told=17.0) == 17.0


# A part's numbers


def measured(people, sample, part=Part.BODY, threshold=0.0):
    return measure([matched(people, sample, part)], part, threshold)["all"]


def test_perfect_detections_get_perfect_numbers():
    person = scenes.standing()
    sample = sample_of(person)
    body, hand, face = (measured([person], sample, part) for part in Part)
    for numbers, count in ((body, 1), (hand, 2), (face, 1)):
        assert (numbers["labels"], numbers["found"]) == (count, count)
        assert numbers["ap"] == numbers["precision"] == numbers["recall"] == numbers["best_f1"] == 1
        assert numbers["mpjpe"] == pytest.approx(0, abs=1e-3)
        assert numbers["pa_mpjpe"] == pytest.approx(0, abs=1e-3)
    assert (body["pckh"], body["pck_3d"]) == (1, 1)
    assert (hand["pck"], hand["auc_3d"], hand["side"]) == (1, 1, 1)
    assert (hand["epe_px"], face["nme"]) == (0, 0)


def test_a_shift_in_the_picture_is_seen_in_2d_and_not_in_3d():
    person = scenes.standing()
    shifted = replace(person, right_hand=scenes.moved(person.right_hand, (3, 4)), left_hand=None)
    sample = sample_of(people=(PersonLabels(right_hand=sample_of(person).people[0].right_hand),))
    hand = measured([shifted], sample, Part.HAND)
    assert hand["epe_px"] == pytest.approx(5, abs=1e-3)
    known = sample_of(person).people[0].right_hand
    longer = np.ptp(known.keypoints_2d[known.known_2d], axis=0).max()
    assert hand["error_2d"] == pytest.approx(5 / longer, rel=1e-4)
    assert hand["mpjpe"] == pytest.approx(0, abs=1e-3)


def test_pckh_counts_joints_within_half_a_head():
    person = scenes.standing()
    sample = sample_of(person)
    (truth,), _ = truths_of(sample, Part.BODY, SIZE)
    keypoints = person.body.keypoints_2d.copy()
    keypoints[:4, 0] += 0.45 * truth.head_size
    keypoints[4:6, 0] += 0.55 * truth.head_size
    moved = replace(person, body=replace(person.body, keypoints_2d=keypoints))
    assert measured([moved], sample)["pckh"] == pytest.approx(11 / 13)


def test_joints_within_a_tenth_of_the_person_are_near():
    person = scenes.standing()
    sample = sample_of(person)
    (truth,), _ = truths_of(sample, Part.BODY, SIZE)
    keypoints = person.body.keypoints_2d.copy()
    longer = (truth.box[2:] - truth.box[:2]).max()
    keypoints[:4, 0] += 0.09 * longer
    keypoints[4:6, 0] += 0.11 * longer
    moved = replace(person, body=replace(person.body, keypoints_2d=keypoints))
    assert measured([moved], sample)["near"] == pytest.approx(11 / 13)
    assert measured([moved], sample_of(person, scenes.standing(at=RIGHT)))["near"] == pytest.approx(11 / 26)


def test_hands_too_small_to_read_are_left_out_of_the_legible_ones():
    near, far = scenes.standing(at=(0, 0, 2)), scenes.standing(at=(1, 0, 12))
    sizes = [
        np.ptp(hand.keypoints_2d, axis=0).max()
        for person in (near, far)
        for hand in (person.right_hand, person.left_hand)
    ]
    assert min(sizes[:2]) > 32 > max(sizes[2:])
    people = [near, far]
    rows = measure([matched(people, sample_of(*people), Part.HAND)], Part.HAND, 0.0)
    assert (rows["all"]["labels"], rows["legible"]["labels"]) == (4, 2)


def test_somebody_who_was_missed_halves_recall_and_pckh():
    people = [scenes.standing(at=LEFT), scenes.standing(at=RIGHT)]
    body = measured(people[:1], sample_of(*people))
    assert (body["recall"], body["precision"], body["pckh"]) == (0.5, 1, 0.5)
    assert body["mpjpe"] == pytest.approx(0, abs=1e-3)


def test_a_hand_that_its_person_has_on_the_wrong_side_is_found():
    person = scenes.standing()
    sample = sample_of(people=(PersonLabels(right_hand=sample_of(person).people[0].right_hand),))
    hand = measured([replace(person, left_hand=person.right_hand, right_hand=None)], sample, Part.HAND)
    assert (hand["recall"], hand["side"]) == (1, 0)


def test_a_hand_is_on_the_side_that_its_person_has_it_on_whatever_the_network_took_it_for():
    person = scenes.standing()
    taken = replace(person.right_hand, side=Side.LEFT)
    sample = sample_of(people=(PersonLabels(right_hand=sample_of(person).people[0].right_hand),))
    hand = measured([replace(person, right_hand=taken, left_hand=None)], sample, Part.HAND)
    assert (hand["recall"], hand["side"]) == (1, 1)


def test_detections_up_to_the_threshold_are_not_reported_but_are_in_ap():
    people = [scenes.standing(at=LEFT, score=0.9), scenes.standing(at=RIGHT, score=0.4)]
    body = measured(people, sample_of(*people), threshold=0.5)
    assert (body["recall"], body["found"], body["ap"]) == (0.5, 1, 1)
    assert measured(people, sample_of(*people), threshold=None)["recall"] == 1


def test_where_nothing_is_right_the_models_own_threshold_counts_instead_of_the_best():
    ghosts = [scenes.standing(at=RIGHT, score=score) for score in (0.9, 0.4)]
    pictures = [matched(ghosts, sample_of(scenes.standing(at=LEFT)))]
    body = measure(pictures, Part.BODY, None, own=0.5)["all"]
    assert (body["threshold"], body["false_alarms"], body["best_f1"]) == (0.5, 1, 0)
    assert math.isnan(body["best_threshold"])


@pytest.mark.parametrize(("part", "name"), [(Part.BODY, "pck_3d"), (Part.HAND, "auc_3d")])
def test_where_nobody_is_found_no_joint_is_near_in_3d(part, name):
    missed = measured([], sample_of(scenes.standing()), part)
    assert missed[name] == 0
    assert math.isnan(missed["mpjpe"])
    flat = PartLabels.of(scenes.standing().body.keypoints_2d)
    assert "pck_3d" not in measured([], sample_of(people=(PersonLabels(body=flat),)))


def test_detections_in_ignored_boxes_cost_no_precision():
    person, other = scenes.standing(at=LEFT), scenes.standing(at=RIGHT)
    box = np.array([[*other.body.keypoints_2d.min(axis=0), *other.body.keypoints_2d.max(axis=0)]])
    assert measured([person, other], sample_of(person))["precision"] == 0.5
    assert measured([person, other], sample_of(person, ignored={Part.BODY: box}))["precision"] == 1


def test_labels_count_for_the_size_of_their_boxes():
    people = [scenes.standing(at=LEFT), scenes.standing(at=(1, 0, 12))]
    sizes = measure([matched(people, sample_of(*people))], Part.BODY, 0.0)
    assert {name: numbers["labels"] for name, numbers in sizes.items()} == {
        "all": 2,
        "small": 0,
        "medium": 1,
        "large": 1,
        "legible": 2,
    }
    assert sizes["medium"]["ap"] == sizes["large"]["ap"] == 1


def test_a_picture_with_nobody_in_it_and_nobody_found_has_nothing_to_measure():
    body = measured([], sample_of())
    assert (body["labels"], body["found"], body["ap"]) == (0, 0, 0)
    assert math.isnan(body["pckh"])


def test_the_worst_cases_come_first_each_of_its_kind():
    people = [scenes.standing(at=LEFT, score=0.9), scenes.standing(at=RIGHT, score=0.8)]
    off = [replace(people[0], body=scenes.moved(people[0].body, (x, 0))) for x in (6, 2)]
    ghost = replace(people[0], body=scenes.moved(people[0].body, (400, 0)))
    pictures = [
        matched([off[0]], sample_of(people[0]), index=0),
        matched([off[1], ghost], sample_of(people[0]), index=1),
        matched([], sample_of(people[1]), index=2),
    ]
    cases = worst_cases(pictures, 0.0, 5)
    assert [case.picture.index for case in cases["error"]] == [0, 1]
    assert [case.picture.index for case in cases["false alarm"]] == [1]
    assert [case.picture.index for case in cases["missed"]] == [2]


def test_among_the_worst_cases_a_detection_below_the_threshold_is_none():
    person = scenes.standing(score=0.4)
    cases = worst_cases([matched([person], sample_of(person))], threshold=0.5, count=5)
    assert [len(cases[kind]) for kind in ("error", "false alarm", "missed")] == [0, 0, 1]


# Table, JSON, command


def test_what_cannot_be_measured_is_a_dash_in_the_table_and_null_in_json():
    numbers = {"labels": 2, "found": 0, "ap": 0.0, "nme": math.nan}
    numbers |= {"best_f1": 0.0, "best_threshold": math.nan, "threshold": 0.5}
    report = Report("model", "set", 3, {Part.FACE: {"all": numbers, "small": {**numbers, "labels": 0}}})
    head, every, small = report.to_table().splitlines()[-3:]
    assert head.split() == ["face", "labels", "found", "AP", "at", "best", "F1", "at", "NME"]
    assert every.split() == ["all", "2", "0", "0.000", "0.5", "0.000", "-", "-"]
    assert small.split() == ["small", "0", "-", "-", "0.5", "-", "-", "-"]
    written = json.loads(report.to_json())["parts"]["face"]
    assert written["all"]["nme"] is written["all"]["best_threshold"] is None
    unknown = dict.fromkeys(("found", "ap", "nme", "best_f1", "best_threshold"))
    assert written["small"] == {"labels": 0, "threshold": 0.5, **unknown}


@pytest.fixture
def labelled_pictures(tmp_path) -> Path:
    """Two pictures with the same person, as in demo/pictures; in one of them stands a second one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    people = [scenes.standing(at=LEFT), scenes.standing(at=RIGHT)]
    entries = {}
    for name, there in (("a.png", people[:1]), ("b.png", people)):
        cv2.imwrite(str(folder / name), np.full((scenes.HEIGHT, scenes.WIDTH, 3), 90, np.uint8))
        camera = {
            "fx": scenes.CAMERA.fx,
            "fy": scenes.CAMERA.fy,
            "cx": scenes.CAMERA.cx,
            "cy": scenes.CAMERA.cy,
        }
        bodies = [
            {
                "keypoints_2d": person.body.keypoints_2d.tolist(),
                "keypoints_3d": person.body.keypoints_3d.tolist(),
                "visible": [True] * 13,
            }
            for person in there
        ]
        entries[name] = {**camera, "people": bodies}
    (folder / "cameras.json").write_text(json.dumps(entries))
    return folder


def test_the_command_measures_a_model_on_pictures(tmp_path, labelled_pictures, capsys):
    model = write_tiny_model(
        tmp_path / "one.onnx", [scenes.seen(scenes.standing(at=LEFT, score=0.9))], scenes.HEIGHT, scenes.WIDTH
    )
    out = tmp_path / "out"
    arguments = ["--data", f"cameras:{labelled_pictures}", "--model", str(model), "--out", str(out)]
    assert main(["eval", *arguments]) == 0
    report = json.loads((out / "evaluation.json").read_text())
    assert (report["dataset"], report["pictures"]) == ("pictures", 2)
    body = report["parts"]["body"]["all"]
    assert (body["labels"], body["found"], body["precision"]) == (3, 2, 1)
    assert body["recall"] == body["ap"] == body["pckh"] == pytest.approx(2 / 3, abs=1e-6)
    assert body["mpjpe"] == pytest.approx(0, abs=0.1)
    assert "PCKh@0.5" in capsys.readouterr().out
    height, width, _ = cv2.imread(str(out / "worst-body.jpg")).shape
    assert (height, width) == (2 * 240, 2 * 240)


@pytest.mark.parametrize("integration", ["ppi", "nms"])
def test_without_a_best_threshold_the_command_takes_that_of_the_model(
    tmp_path, labelled_pictures, integration
):
    ghost = [scenes.seen(scenes.standing(at=(0, 0.1, 12), score=0.9))]
    model = write_tiny_model(tmp_path / "one.onnx", ghost, scenes.HEIGHT, scenes.WIDTH)
    numbers = {}
    for threshold in ("model", "best"):
        out = tmp_path / threshold
        options = ["--threshold", threshold, "--integration", integration, "--out", str(out)]
        assert main(["eval", "--data", f"cameras:{labelled_pictures}", "--model", str(model), *options]) == 0
        numbers[threshold] = json.loads((out / "evaluation.json").read_text())["parts"]["body"]["all"]
    assert numbers["best"] == numbers["model"]
    assert numbers["best"]["best_threshold"] is None
    assert numbers["best"]["threshold"] > 0


def test_whatever_is_found_in_negatives_is_a_false_alarm(tmp_path, labelled_pictures, capsys):
    (labelled_pictures / "cameras.json").unlink()
    somebody = [scenes.seen(scenes.standing(at=LEFT, score=0.9))]
    model = write_tiny_model(tmp_path / "one.onnx", somebody, scenes.HEIGHT, scenes.WIDTH)
    out = tmp_path / "out"
    arguments = ["--model", str(model), "--out", str(out)]
    assert main(["eval", "--data", f"negatives:{labelled_pictures}", *arguments]) == 0
    parts = json.loads((out / "evaluation.json").read_text())["parts"]
    found = {part: (rows["all"]["labels"], rows["all"]["false_alarms"]) for part, rows in parts.items()}
    assert found == {"body": (0, 2), "hand": (0, 4), "face": (0, 2)}  # in each of two pictures
    table = capsys.readouterr().out.splitlines()
    row = next(line for line in table[table.index("") :] if line.startswith("all"))
    assert row.split()[:4] == ["all", "0", "-", "2"]


def test_a_folder_that_cannot_be_written_is_named_before_the_model_is_looked_for(
    tmp_path, labelled_pictures, capsys
):
    (tmp_path / "out").touch()
    command = ["eval", "--data", f"cameras:{labelled_pictures}", "--model", str(tmp_path / "no.onnx")]
    assert main([*command, "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"dope: --out {tmp_path / 'out'}: that is a file; name a folder\n"


def test_a_dataset_without_labels_has_nothing_to_measure(tmp_path, labelled_pictures, capsys):
    (labelled_pictures / "cameras.json").unlink()
    assert main(["eval", "--data", f"folder:{labelled_pictures}", "--out", str(tmp_path / "out")]) == 1
    assert "nothing is labelled" in capsys.readouterr().err


def test_pictures_are_chosen_by_the_seed(tmp_path, labelled_pictures):
    model = write_tiny_model(tmp_path / "none.onnx", [], scenes.HEIGHT, scenes.WIDTH)

    def labels(seed: int) -> int:
        arguments = [
            "--model",
            str(model),
            "--limit",
            "1",
            "--seed",
            str(seed),
            "--out",
            str(tmp_path / "out"),
        ]
        assert main(["eval", "--data", f"cameras:{labelled_pictures}", *arguments]) == 0
        report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
        assert report["pictures"] == 1
        return report["parts"]["body"]["all"]["labels"]

    first = [labels(seed) for seed in range(6)]
    assert set(first) == {1, 2}, "one picture shows one person, the other two"
    assert [labels(seed) for seed in range(6)] == first
