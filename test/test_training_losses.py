# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each loss against a plain computation of what it is said to be, on random input."""

from dataclasses import fields

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy, norm

torch = pytest.importorskip("torch", reason="training needs torch")

from dope_ros.network.anchors import decode_boxes, encode_boxes  # noqa: E402
from dope_ros.network.spatial import cell_positions  # noqa: E402
from dope_ros.skeleton import SKELETONS, Part  # noqa: E402
from dope_ros.training.loading.joined_targets import BatchTargets  # noqa: E402
from dope_ros.training.loading.targets import Instances, PartTargets  # noqa: E402
from dope_ros.training.losses.box_matching import Sampled, Sampling  # noqa: E402
from dope_ros.training.losses.chance import seeds_tensor  # noqa: E402
from dope_ros.training.losses.part_losses import (  # noqa: E402
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
    refined_term,
    scale_term,
    soft_class_term,
)
from dope_ros.training.losses.rpn_losses import (  # noqa: E402
    BOX_BETA,
    AnchorTargets,
    RpnSettings,
    assign_anchors,
    rpn_terms,
)

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


def random_boxes(rng, count):
    corners = rng.uniform(0, 300, (count, 2))
    return tensor(np.concatenate([corners, corners + rng.uniform(5, 200, (count, 2))], axis=1))


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
    loss = class_term(tensor(logits), torch.from_numpy(labels), torch.ones(BOXES)).mean()
    np.testing.assert_allclose(loss, expected, **TOLERANCE)


def test_the_score_that_a_class_is_not_to_have_goes_to_the_background(rng):
    logits = rng.normal(0, 2, (BOXES, CLASSES + 1)).astype(np.float32)
    labels = np.array([0, 3, NOT_COUNTED, 5, 0, NOT_COUNTED, 1])
    fits = np.array([0.1, 0.3, 0.5, 0.9, 0.0, 1.0, 0.0], np.float32)
    wanted = np.zeros((BOXES, CLASSES + 1))
    for i, label in enumerate(labels):
        wanted[i, max(label, 0)] += fits[i]
        wanted[i, 0] += 1 - fits[i]
    losses = [-wanted[i] @ log_softmax(logits[i]) for i, label in enumerate(labels) if label >= 0]
    loss = class_term(tensor(logits), torch.from_numpy(labels), torch.from_numpy(fits)).mean()
    np.testing.assert_allclose(loss, np.mean(losses), **TOLERANCE)


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


def test_the_scale_loss_is_the_mean_distance_of_logarithms_from_the_least_squares_scale(rng):
    targets = random_pose_targets(rng, Part.HAND)
    shapes = rng.uniform(0.3, 1, (BOXES, 2)).astype(np.float32)
    joints = targets.poses_2d.shape[1]
    tilt = rng.normal(0, 0.02, (BOXES, joints, 3))
    metres = np.concatenate(
        [targets.poses_2d.numpy() * shapes[:, None], np.zeros((BOXES, joints, 1))], axis=2
    )
    scales = rng.uniform(0.1, 0.3, BOXES)
    targets = PoseTargets(
        targets.poses_2d,
        targets.weights_2d,
        tensor(scales[:, None, None] * metres + tilt + 5.0),
        targets.weights_3d,
    )
    said = rng.uniform(0.1, 0.3, BOXES)
    losses = []
    for box in range(BOXES):
        known = (targets.weights_2d[box].numpy() > 0) & (targets.weights_3d[box].numpy() > 0)
        flat, deep = metres[box, known, :2], targets.poses_3d[box].numpy()[known, :2]
        line = np.polyfit((flat - flat.mean(axis=0)).ravel(), (deep - deep.mean(axis=0)).ravel(), 1)
        losses.append(abs(np.log(said[box] / line[0])))
    loss = scale_term(tensor(said), targets, tensor(shapes)).mean()
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-4)


def test_nothing_is_said_of_the_scale_of_a_box_with_two_known_joints(rng):
    targets = random_pose_targets(rng, Part.BODY)
    weights = torch.zeros_like(targets.weights_2d)
    weights[:, :2] = 1
    few = PoseTargets(targets.poses_2d, weights, targets.poses_3d, weights)
    assert scale_term(torch.ones(BOXES), few, torch.ones(BOXES, 2)).count == 0


def test_the_loss_of_refined_boxes_is_a_mean_over_the_positive_boxes(rng):
    boxes, wanted = (random_boxes(rng, BOXES) for _ in range(2))
    deltas = tensor(rng.normal(0, 0.3, (BOXES, 4)))
    errors = (deltas - encode_boxes(boxes, wanted)).flatten()
    expected = sum(smooth_l1(float(error), BOX_BETA) for error in errors) / BOXES
    np.testing.assert_allclose(refined_term(deltas, boxes, wanted).mean(), expected, **TOLERANCE)


def test_a_joint_that_is_known_in_3d_alone_is_not_lifted_wherever_the_picture_begins():
    """Its 2D is the picture's corner in name only, and that corner may lie in the box."""
    beside, inside = torch.full((1, 1, 2), -4.0), torch.zeros(1, 1, 2)
    for corner in (beside, inside):
        targets = PoseTargets(corner, torch.zeros(1, 1), torch.zeros(1, 1, 3), torch.ones(1, 1))
        assert lifted_term(torch.ones(1, 1, 3), targets, Part.BODY).count == 0


@every_part
def test_the_lifted_loss_leaves_out_joints_beyond_the_grown_box(rng, part):
    targets = random_pose_targets(rng, part)
    lifted = targets.poses_3d + tensor(rng.normal(0, UNITS[part] / 20, targets.poses_3d.shape))
    weights = targets.weights_3d * ((targets.poses_2d - 0.5).abs() < 1.3 / 2).all(dim=-1)
    weights = weights * (targets.weights_2d > 0)
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
    positives, anchors = (2, 0), ([3, 8, 1, 0], [19, 5])
    wanted = rng.normal(size=(2, 4, 4)) * (np.arange(4) < np.array(positives)[:, None])[..., None]
    objectness, boxes = 0.0, 0.0
    for i, of_picture in enumerate(anchors):
        for place, anchor in enumerate(of_picture):
            sign = -1 if place < positives[i] else 1
            objectness += np.log1p(np.exp(sign * logits[i, anchor]))
            if place < positives[i]:
                boxes += sum(smooth_l1(error, BOX_BETA) for error in deltas[i, anchor] - wanted[i, place])
    indices = torch.tensor([anchors[0], [*anchors[1], 7, 7]])
    picked = torch.tensor([[True] * 4, [True, True, False, False]])
    positive = torch.arange(4) < torch.tensor(positives)[:, None]
    assigned = AnchorTargets(Sampled(indices, picked, positive), tensor(wanted))
    terms = rpn_terms(tensor(logits), tensor(deltas), assigned)
    np.testing.assert_allclose(terms["rpn_objectness"].mean(), objectness / 6, **TOLERANCE)
    np.testing.assert_allclose(terms["rpn_boxes"].mean(), boxes / 6, **TOLERANCE)


def doubled(values):
    return torch.from_numpy(np.asarray(values, np.float64)).requires_grad_()


def differentiable_terms(rng):
    """Each term as a function of one tensor of float64, and that tensor."""
    targets = PoseTargets(
        *(getattr(random_pose_targets(rng, Part.BODY), field.name).double() for field in fields(PoseTargets))
    )
    labels = torch.tensor([0, 3, NOT_COUNTED, 5, 0, NOT_COUNTED, 1])
    fits, shapes = torch.rand(BOXES, dtype=torch.float64), torch.rand(BOXES, 2, dtype=torch.float64) + 0.3
    expert = doubled(rng.normal(0, 2, (BOXES, CLASSES + 1))).detach().softmax(dim=1)
    logits = doubled(rng.normal(0, 2, (BOXES, CLASSES + 1)))
    flat, deep = (doubled(rng.normal(0.4, 0.3, (BOXES, 13, d))) for d in (2, 3))
    apart = flat.detach() + 0.1, deep.detach() - 0.1
    boxes, wanted_boxes = (random_boxes(rng, BOXES).double() for _ in range(2))
    return {
        "class": (lambda x: class_term(x, labels, fits), logits),
        "2d": (lambda x: pose_2d_term(x, targets), flat),
        "3d": (lambda x: pose_3d_term(x, targets, Part.BODY), deep),
        "located": (lambda x: located_term(x, targets), flat),
        "heatmap": (lambda x: heatmap_term(x, targets), doubled(rng.normal(0, 1, (BOXES, 13, 196)))),
        "scale": (lambda x: scale_term(x, targets, shapes), doubled(rng.uniform(0.5, 2, BOXES))),
        "lifted": (lambda x: lifted_term(x, targets, Part.BODY), deep),
        "refined": (lambda x: refined_term(x, boxes, wanted_boxes), doubled(rng.normal(0, 0.3, (BOXES, 4)))),
        "soft class": (lambda x: soft_class_term(x, expert), logits),
        "distilled 2d": (lambda x: pose_distillation_term((x, apart[1]), apart, Part.BODY), flat),
        "distilled 3d": (lambda x: pose_distillation_term((apart[0], x), apart, Part.BODY), deep),
    }


@pytest.mark.parametrize("name", differentiable_terms(np.random.default_rng(0)))
def test_the_gradient_of_a_loss_is_that_of_finite_differences(rng, name):
    term, at = differentiable_terms(rng)[name]
    assert torch.autograd.gradcheck(lambda x: term(x).mean(), at, eps=1e-7, atol=1e-5, fast_mode=True)


def test_where_student_equals_expert_distillation_has_no_gradient(rng):
    logits = doubled(rng.normal(0, 2, (BOXES, CLASSES + 1)))
    flat, deep = (doubled(rng.normal(0, 1, (BOXES, 13, d))) for d in (2, 3))
    expert = flat.detach().clone(), deep.detach().clone()
    loss = soft_class_term(logits, logits.detach().softmax(dim=1)).mean()
    loss = loss + pose_distillation_term((flat, deep), expert, Part.BODY).mean()
    for gradient in torch.autograd.grad(loss, (logits, flat, deep)):
        assert gradient.abs().max() < 1e-12


@pytest.mark.parametrize(
    "term",
    ["class", "2d", "3d", "located", "heatmap", "scale", "lifted", "refined", "soft class", "distilled pose"],
)
def test_a_loss_over_nothing_is_zero_and_has_a_gradient(term):
    logits = torch.zeros(0, CLASSES + 1, requires_grad=True)
    pose_2d, pose_3d = (torch.zeros(0, 13, d, requires_grad=True) for d in (2, 3))
    weights = torch.zeros(0, 13)
    targets = PoseTargets(pose_2d.detach(), weights, pose_3d.detach(), weights)
    made = {
        "class": lambda: class_term(logits, torch.zeros(0, dtype=torch.int64), torch.zeros(0)),
        "2d": lambda: pose_2d_term(pose_2d, targets),
        "3d": lambda: pose_3d_term(pose_3d, targets, Part.BODY),
        "located": lambda: located_term(pose_2d, targets),
        "heatmap": lambda: heatmap_term(torch.zeros(0, 13, 196, requires_grad=True), targets),
        "scale": lambda: scale_term(pose_3d[:, 0, 0], targets, torch.ones(0, 2)),
        "lifted": lambda: lifted_term(pose_3d, targets, Part.BODY),
        "refined": lambda: refined_term(torch.zeros(0, 4, requires_grad=True), *torch.zeros(2, 0, 4)),
        "soft class": lambda: soft_class_term(logits, logits.detach()),
        "distilled pose": lambda: pose_distillation_term(
            (pose_2d, pose_3d), (pose_2d.detach(), pose_3d.detach()), Part.BODY
        ),
    }[term]()
    loss = made.mean()
    loss.backward()
    assert loss == 0


def test_decoding_undoes_encoding(rng):
    anchors, boxes = (random_boxes(rng, 50) for _ in range(2))
    decoded = decode_boxes(anchors, encode_boxes(anchors, boxes), max_log_scale=5)
    np.testing.assert_allclose(decoded, boxes, atol=1e-3)


def targets_with(boxes, ignored=()):
    empty = PartTargets.of(Part.BODY, [], np.array(ignored), labelled=True)
    return {Part.BODY: empty if not len(boxes) else with_boxes(empty, boxes)}


def with_boxes(targets, boxes):
    from dataclasses import replace

    count, joints = len(boxes), len(SKELETONS[Part.BODY])
    instances = Instances(
        boxes=tensor(boxes),
        sides=torch.full((count,), -1),
        upper=torch.zeros(count, dtype=torch.bool),
        poses_2d=torch.zeros(count, joints, 2),
        weights_2d=torch.zeros(count, joints),
        poses_3d=torch.zeros(count, joints, 3),
        weights_3d=torch.zeros(count, joints),
    )
    return replace(targets, instances=instances)


ANCHORS = tensor(
    [[0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 5], [50, 50, 60, 60], [0, 0, 2, 10], [100, 0, 110, 10]]
)


def picked_anchors(*pictures):
    """For each picture the positive anchors and those of the background."""
    settings = RpnSettings(sampling=Sampling(6, 0.5))
    seeds = seeds_tensor(range(len(pictures)), ANCHORS.device)
    sampled = assign_anchors(ANCHORS, BatchTargets.of(pictures), settings, seeds).sampled
    return [
        tuple(set(indices[picked & (positive == kind)].tolist()) for kind in (True, False))
        for indices, picked, positive in zip(sampled.indices, sampled.picked, sampled.positive, strict=True)
    ]


def test_anchors_that_overlap_a_box_much_are_positive_and_those_that_hardly_do_are_background():
    positive, background = picked_anchors(targets_with([[0, 0, 10, 10]]))[0]
    assert positive == {0, 1}
    assert background == {3, 4, 5}, "an anchor that overlaps it by half is neither"


def test_a_box_without_a_good_anchor_gets_its_best_one():
    ((positive, _),) = picked_anchors(targets_with([[0, 0, 10, 3.5]]))
    assert positive == {2}


def test_a_box_that_no_anchor_is_near_asks_for_none():
    ((positive, _),) = picked_anchors(targets_with([[200, 200, 300, 300]]))
    assert not positive


def test_an_anchor_in_an_ignored_box_is_not_background():
    ((_, background),) = picked_anchors(targets_with([], ignored=[[45, 45, 80, 80]]))
    assert background == {0, 1, 2, 4, 5}


def test_the_anchors_of_a_picture_are_the_same_whatever_it_is_in_a_batch_with():
    crowded = targets_with([[50, 50, 60, 60], [100, 0, 110, 10]])
    alone = targets_with([[0, 0, 10, 10]], ignored=[[45, 45, 80, 80]])
    assert picked_anchors(alone, crowded)[0] == picked_anchors(alone)[0]
    assert picked_anchors(alone, crowded)[1] == ({3, 5}, {0, 1, 2, 4})
