# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each loss against a plain computation of what it is said to be, on random input."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy, norm

torch = pytest.importorskip("torch", reason="training needs torch")

from dope_ros.network.anchors import decode_boxes  # noqa: E402
from dope_ros.network.spatial import cell_positions  # noqa: E402
from dope_ros.skeleton import SKELETONS, Part  # noqa: E402
from dope_ros.training.matching import Sampling  # noqa: E402
from dope_ros.training.part_losses import (  # noqa: E402
    BETA_2D,
    BETA_3D,
    HEATMAP_SPREAD,
    NOT_COUNTED,
    UNITS,
    PoseTargets,
    class_term,
    heatmap_term,
    lifted_term,
    located_term,
    pose_2d_term,
    pose_3d_term,
    pose_distillation_term,
    soft_class_term,
)
from dope_ros.training.rpn_losses import (  # noqa: E402
    BOX_BETA,
    AnchorTargets,
    RpnSettings,
    assign_anchors,
    encode_boxes,
    rpn_terms,
)
from dope_ros.training.targets import stacked  # noqa: E402

BOXES, CLASSES = 7, 5
TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}
"""Of sums of some hundred float32 numbers."""

every_part = pytest.mark.parametrize("part", Part)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def tensor(values):
    return torch.from_numpy(np.asarray(values, np.float32))


def smooth_l1(difference, beta):
    size = abs(difference)
    return size * size / (2 * beta) if size < beta else size - beta / 2


def log_softmax(row):
    return row - row.max() - np.log(np.exp(row - row.max()).sum())


def random_pose_targets(rng, part):
    joints = len(SKELETONS[part])
    return PoseTargets(
        tensor(rng.normal(0.5, 0.3, (BOXES, joints, 2))),
        tensor(rng.choice([0, 0.1, 1], (BOXES, joints))),
        tensor(rng.normal(0, UNITS[part] / 3, (BOXES, joints, 3))),
        tensor(rng.choice([0, 1], (BOXES, joints))),
    )


def joint_mean(poses, targets, weights, beta, unit=1.0):
    """The weighted mean over joints of the sum over coordinates of smooth L1, one number after the other."""
    total = 0.0
    for box, joint in np.ndindex(weights.shape):
        errors = (poses[box, joint] - targets[box, joint]) / unit
        total += float(weights[box, joint]) * sum(smooth_l1(float(error), beta) for error in errors)
    return total / float(weights.sum())


def test_the_class_loss_is_the_mean_cross_entropy_of_the_boxes_that_count(rng):
    logits = rng.normal(0, 2, (BOXES, CLASSES + 1)).astype(np.float32)
    labels = np.array([0, 3, NOT_COUNTED, 5, 0, NOT_COUNTED, 1])
    expected = np.mean([-log_softmax(logits[i])[label] for i, label in enumerate(labels) if label >= 0])
    loss = class_term(tensor(logits), torch.from_numpy(labels)).mean()
    np.testing.assert_allclose(loss, expected, **TOLERANCE)


@every_part
def test_the_2d_loss_is_a_mean_over_the_known_joints_of_the_positive_boxes(rng, part):
    targets = random_pose_targets(rng, part)
    poses = targets.poses_2d + tensor(rng.normal(0, 0.03, targets.poses_2d.shape))
    expected = joint_mean(poses, targets.poses_2d, targets.weights_2d, BETA_2D)
    np.testing.assert_allclose(pose_2d_term(poses, targets).mean(), expected, **TOLERANCE)


@every_part
def test_the_3d_loss_is_measured_in_units_of_the_part(rng, part):
    targets = random_pose_targets(rng, part)
    poses = targets.poses_3d + tensor(rng.normal(0, UNITS[part] / 20, targets.poses_3d.shape))
    expected = joint_mean(poses, targets.poses_3d, targets.weights_3d, BETA_3D, UNITS[part])
    np.testing.assert_allclose(pose_3d_term(poses, targets, part).mean(), expected, **TOLERANCE)


@every_part
def test_the_located_loss_leaves_out_joints_beyond_the_grown_box(rng, part):
    targets = random_pose_targets(rng, part)
    located = tensor(rng.normal(0.5, 0.3, targets.poses_2d.shape))
    within = (np.abs(targets.poses_2d.numpy() - 0.5) < 1.3 / 2).all(axis=-1)
    assert 0 < within.sum() < within.size
    weights = targets.weights_2d * torch.from_numpy(within)
    expected = joint_mean(located, targets.poses_2d, weights, BETA_2D)
    np.testing.assert_allclose(located_term(located, targets).mean(), expected, **TOLERANCE)


@every_part
def test_the_heatmap_loss_is_the_divergence_from_normal_distributions_about_the_joints(rng, part):
    targets = random_pose_targets(rng, part)
    poses = targets.poses_2d.numpy()
    heatmaps = rng.normal(0, 2, (*poses.shape[:2], 14, 14))
    middles = ((np.arange(14) + 0.5) / 14 - 0.5) * 1.3 + 0.5
    total, count = 0.0, 0.0
    for box, joint in np.ndindex(*poses.shape[:2]):
        x, y = poses[box, joint]
        weight = float(targets.weights_2d[box, joint]) * (max(abs(x - 0.5), abs(y - 0.5)) < 1.3 / 2)
        wanted = norm.pdf(middles, y, 0.8 * 1.3 / 14)[:, None] * norm.pdf(middles, x, 0.8 * 1.3 / 14)
        total += weight * entropy(wanted.ravel(), softmax(heatmaps[box, joint].ravel()))
        count += weight
    found = heatmap_term(tensor(heatmaps).flatten(2), targets).mean()
    np.testing.assert_allclose(found, total / count, **TOLERANCE)


def test_a_heatmap_about_the_joint_costs_nothing():
    middle = torch.full((1, 1, 2), 0.5)
    targets = PoseTargets(middle, torch.ones(1, 1), torch.zeros(1, 1, 3), torch.ones(1, 1))
    squares = (cell_positions() - 0.5).square().sum(dim=1)
    heatmaps = 3 - squares / (2 * HEATMAP_SPREAD**2)
    assert heatmap_term(heatmaps.view(1, 1, -1), targets).mean().abs() < 1e-6


@every_part
def test_the_lifted_loss_leaves_out_joints_beyond_the_grown_box(rng, part):
    targets = random_pose_targets(rng, part)
    lifted = targets.poses_3d + tensor(rng.normal(0, UNITS[part] / 20, targets.poses_3d.shape))
    weights = targets.weights_3d * ((targets.poses_2d - 0.5).abs() < 1.3 / 2).all(dim=-1)
    expected = joint_mean(lifted, targets.poses_3d, weights, BETA_3D, UNITS[part])
    np.testing.assert_allclose(lifted_term(lifted, targets, part).mean(), expected, **TOLERANCE)


def test_the_distilled_classes_are_the_divergence_from_the_expert_a_box(rng):
    student = rng.normal(0, 2, (BOXES, CLASSES + 1)).astype(np.float32)
    expert = np.exp([log_softmax(row) for row in rng.normal(0, 2, student.shape)])
    expected = np.mean(
        [(q * (np.log(q) - log_softmax(row))).sum() for row, q in zip(student, expert, strict=True)]
    )
    np.testing.assert_allclose(soft_class_term(tensor(student), tensor(expert)).mean(), expected, **TOLERANCE)


def test_the_distilled_classes_have_the_gradient_of_soft_cross_entropy(rng):
    logits = tensor(rng.normal(0, 2, (BOXES, CLASSES + 1))).requires_grad_()
    expert = tensor(rng.normal(0, 2, logits.shape)).softmax(dim=1)
    (divergence,) = torch.autograd.grad(soft_class_term(logits, expert).mean(), logits)
    cross_entropy = torch.nn.functional.cross_entropy(logits, expert)
    (expected,) = torch.autograd.grad(cross_entropy, logits)
    np.testing.assert_allclose(divergence, expected, **TOLERANCE)


@every_part
def test_the_distilled_pose_is_the_mean_l1_of_a_joint(rng, part):
    targets = random_pose_targets(rng, part)
    student = targets.poses_2d.numpy(), targets.poses_3d.numpy()
    expert = tuple(pose + rng.normal(0, 0.1, pose.shape).astype(np.float32) for pose in student)
    of_2d = np.abs(student[0] - expert[0]).sum(axis=-1).mean()
    of_3d = np.abs(student[1] - expert[1]).sum(axis=-1).mean() / UNITS[part]
    loss = pose_distillation_term(tuple(map(tensor, student)), tuple(map(tensor, expert)), part).mean()
    np.testing.assert_allclose(loss, of_2d + of_3d, **TOLERANCE)


def test_the_rpn_losses_are_means_over_the_picked_anchors(rng):
    logits, deltas = rng.normal(size=(2, 20)), rng.normal(size=(2, 20, 4))
    assigned = [
        AnchorTargets(torch.tensor([3, 8, 1, 0]), tensor(rng.normal(size=(2, 4)))),
        AnchorTargets(torch.tensor([19, 5]), tensor(rng.normal(size=(0, 4)))),
    ]
    objectness, boxes = 0.0, 0.0
    for i, of in enumerate(assigned):
        for place, anchor in enumerate(of.picked.tolist()):
            sign = -1 if place < len(of.deltas) else 1
            objectness += np.log1p(np.exp(sign * logits[i, anchor]))
            if place < len(of.deltas):
                errors = deltas[i, anchor] - of.deltas[place].numpy()
                boxes += sum(smooth_l1(error, BOX_BETA) for error in errors)
    terms = rpn_terms(tensor(logits), tensor(deltas), assigned)
    np.testing.assert_allclose(terms["rpn_objectness"].mean(), objectness / 6, **TOLERANCE)
    np.testing.assert_allclose(terms["rpn_boxes"].mean(), boxes / 6, **TOLERANCE)


@pytest.mark.parametrize(
    "term", ["class", "2d", "3d", "located", "heatmap", "lifted", "soft class", "distilled pose"]
)
def test_a_loss_over_nothing_is_zero_and_has_a_gradient(term):
    logits = torch.zeros(0, CLASSES + 1, requires_grad=True)
    pose_2d, pose_3d = (torch.zeros(0, 13, d, requires_grad=True) for d in (2, 3))
    weights = torch.zeros(0, 13)
    targets = PoseTargets(pose_2d.detach(), weights, pose_3d.detach(), weights)
    made = {
        "class": lambda: class_term(logits, torch.zeros(0, dtype=torch.int64)),
        "2d": lambda: pose_2d_term(pose_2d, targets),
        "3d": lambda: pose_3d_term(pose_3d, targets, Part.BODY),
        "located": lambda: located_term(pose_2d, targets),
        "heatmap": lambda: heatmap_term(torch.zeros(0, 13, 196, requires_grad=True), targets),
        "lifted": lambda: lifted_term(pose_3d, targets, Part.BODY),
        "soft class": lambda: soft_class_term(logits, logits.detach()),
        "distilled pose": lambda: pose_distillation_term(
            (pose_2d, pose_3d), (pose_2d.detach(), pose_3d.detach()), Part.BODY
        ),
    }[term]()
    loss = made.mean()
    loss.backward()
    assert loss == 0


def test_decoding_undoes_encoding(rng):
    corners, sizes = rng.uniform(0, 300, (2, 50, 2)), rng.uniform(5, 200, (2, 50, 2))
    anchors, boxes = (tensor(np.concatenate([c, c + s], axis=1)) for c, s in zip(corners, sizes, strict=True))
    decoded = decode_boxes(anchors, encode_boxes(anchors, boxes), max_log_scale=5)
    np.testing.assert_allclose(decoded, boxes, atol=1e-3)


def targets_with(boxes, ignored=()):
    empty = stacked(Part.BODY, [], np.array(ignored), labelled=True)
    return {Part.BODY: empty if not len(boxes) else with_boxes(empty, boxes)}


def with_boxes(targets, boxes):
    from dataclasses import replace

    count, joints = len(boxes), len(SKELETONS[Part.BODY])
    return replace(
        targets,
        boxes=tensor(boxes),
        sides=torch.full((count,), -1),
        upper=torch.zeros(count, dtype=torch.bool),
        poses_2d=torch.zeros(count, joints, 2),
        weights_2d=torch.zeros(count, joints),
        poses_3d=torch.zeros(count, joints, 3),
        weights_3d=torch.zeros(count, joints),
    )


ANCHORS = tensor(
    [[0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 5], [50, 50, 60, 60], [0, 0, 2, 10], [100, 0, 110, 10]]
)


def picked_anchors(targets):
    settings = RpnSettings(sampling=Sampling(6, 0.5))
    assigned = assign_anchors(ANCHORS, targets, settings, torch.Generator().manual_seed(0))
    positives = len(assigned.deltas)
    return set(assigned.picked[:positives].tolist()), set(assigned.picked[positives:].tolist())


def test_anchors_that_overlap_a_box_much_are_positive_and_those_that_hardly_do_are_background():
    positive, background = picked_anchors(targets_with([[0, 0, 10, 10]]))
    assert positive == {0, 1}
    assert background == {3, 4, 5}, "an anchor that overlaps it by half is neither"


def test_a_box_without_a_good_anchor_gets_its_best_one():
    positive, _ = picked_anchors(targets_with([[0, 0, 10, 3.5]]))
    assert positive == {2}


def test_a_box_that_no_anchor_is_near_asks_for_none():
    positive, _ = picked_anchors(targets_with([[200, 200, 300, 300]]))
    assert not positive


def test_an_anchor_in_an_ignored_box_is_not_background():
    _, background = picked_anchors(targets_with([], ignored=[[45, 45, 80, 80]]))
    assert background == {0, 1, 2, 4, 5}
