# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From labels to what the network should say: clarity, classes, boxes to train on, pseudo-labels."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

torch = pytest.importorskip("torch", reason="training needs torch")

import scenes  # noqa: E402
from samples import person_labels, sample_of  # noqa: E402
from torchvision.ops import box_iou  # noqa: E402

from dope_ros.network.anchors import grid_anchors  # noqa: E402
from dope_ros.network.config import COMPACT  # noqa: E402
from dope_ros.network.rpn import select_proposals  # noqa: E402
from dope_ros.poses import PartPose  # noqa: E402
from dope_ros.settings import AnchorClasses  # noqa: E402
from dope_ros.skeleton import LOWER_BODY, SKELETONS, Part, Side  # noqa: E402
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample  # noqa: E402
from dope_ros.training.distillation.pseudo_labels import Confidence, completed  # noqa: E402
from dope_ros.training.loading.joined_targets import BatchTargets  # noqa: E402
from dope_ros.training.loading.targets import OUTSIDE_WEIGHT, targets_of  # noqa: E402
from dope_ros.training.losses import box_matching  # noqa: E402
from dope_ros.training.losses.anchor_classes import nearest_classes, rooted  # noqa: E402
from dope_ros.training.losses.box_matching import Sampling, lies_in, sample_balanced  # noqa: E402
from dope_ros.training.losses.chance import draws, normal, seeds_tensor  # noqa: E402
from dope_ros.training.losses.part_losses import BACKGROUND, NOT_COUNTED  # noqa: E402
from dope_ros.training.losses.proposals import BatchProposals, picture_limits, propose  # noqa: E402
from dope_ros.training.losses.rois import (  # noqa: E402
    ExpertBoxes,
    RoiLabeller,
    RoiSettings,
    choose_rois,
    with_labelled,
)

SIZE = (scenes.HEIGHT, scenes.WIDTH)
PERSON = scenes.standing(at=(0, 0, 2.5))


def targets(sample):
    return targets_of(sample, scenes.WIDTH, scenes.HEIGHT)


def shifted(labels, pixels):
    return replace(labels, keypoints_2d=labels.keypoints_2d + np.float32(pixels))


def of_part(part, **changes):
    """The targets of one person's part with other labels."""
    named = dict(person_labels(PERSON).parts())
    return targets(sample_of(people=(PersonLabels(**(named | changes)),)))[part]


class TestClarity:
    def test_every_part_of_a_person_in_view_is_a_target(self):
        found = targets(sample_of(PERSON))
        assert [len(found[part].instances) for part in Part] == [1, 2, 1]
        assert all(of.labelled and not len(of.ignored) for of in found.values())

    def test_a_hand_mostly_out_of_the_picture_is_ignored_and_not_background(self):
        hand = person_labels(PERSON).left_hand
        edge = scenes.WIDTH - hand.keypoints_2d[:, 0].min()
        found = of_part(Part.HAND, left_hand=shifted(hand, (edge - 10, 0)))
        assert (len(found.instances), len(found.ignored)) == (1, 1)

    def test_what_is_wholly_out_of_the_picture_is_nothing(self):
        hand = person_labels(PERSON).left_hand
        found = of_part(Part.HAND, left_hand=shifted(hand, (1000, 0)))
        assert (len(found.instances), len(found.ignored)) == (1, 0)

    def test_a_face_from_behind_is_ignored(self):
        face = person_labels(PERSON).face
        hidden = PartLabels.of(face.keypoints_2d, visible=np.zeros(84, bool))
        found = of_part(Part.FACE, face=hidden)
        assert (len(found.instances), len(found.ignored)) == (0, 1)

    def test_a_person_far_away_is_ignored(self):
        found = targets(sample_of(scenes.standing(at=(0, 0, 60))))[Part.BODY]
        assert (len(found.instances), len(found.ignored)) == (0, 1)

    def test_joints_out_of_the_picture_weigh_little_and_unknown_ones_nothing(self):
        body = person_labels(PERSON).body
        known = np.ones(13, bool)
        known[12] = False
        down = scenes.HEIGHT - body.keypoints_2d[list(LOWER_BODY), 1].min() + 1
        found = of_part(Part.BODY, body=shifted(PartLabels.of(body.keypoints_2d, known), (0, down)))
        weights = found.instances.weights_2d[0].numpy()
        np.testing.assert_allclose(weights[list(LOWER_BODY)], OUTSIDE_WEIGHT)
        assert weights[12] == 0
        assert (weights[4:6] == 1).all()
        assert found.instances.upper[0], "no knee is in the picture"


class TestClasses:
    ANCHORS = AnchorClasses(10, left_from=5)

    def anchor_poses(self, seed=0):
        rng = np.random.default_rng(seed)
        poses = torch.from_numpy(rng.normal(0, 0.1, (10, 21, 5)).astype(np.float32))
        poses[..., 2:] -= poses[..., 2:].mean(dim=1, keepdim=True)
        return poses

    def hands(self, poses, **changes):
        """One right and one left hand, with those 3D poses [21, 3]."""
        both = targets(sample_of(PERSON))[Part.HAND].instances
        stacked = torch.stack([poses[..., 2:], poses[..., 2:]])
        order = both.sides.argsort()
        ordered = both.rows(order)
        return replace(ordered, poses_3d=stacked, weights_3d=torch.ones(2, 21), **changes)

    def test_a_hand_gets_the_nearest_class_of_its_own_side(self):
        anchors = self.anchor_poses()
        right, left = nearest_classes(self.hands(anchors[7] + 0.001), anchors, self.ANCHORS).tolist()
        assert left == 7
        assert right < 5

    def test_the_class_does_not_depend_on_where_the_root_is(self):
        anchors = self.anchor_poses()
        hands = self.hands(anchors[7])
        moved = replace(hands, poses_3d=hands.poses_3d + torch.tensor([0.5, -1.0, 3.0]))
        expected = nearest_classes(hands, anchors, self.ANCHORS)
        assert torch.equal(nearest_classes(moved, anchors, self.ANCHORS), expected)

    def test_without_3d_the_class_is_the_nearest_in_2d(self):
        anchors = self.anchor_poses()
        hands = self.hands(anchors[2])
        corners, sizes = hands.boxes[:, None, :2], hands.boxes[:, None, 2:] - hands.boxes[:, None, :2]
        flat = replace(hands, poses_2d=corners + anchors[8, :, :2] * sizes, weights_3d=torch.zeros(2, 21))
        assert nearest_classes(flat, anchors, self.ANCHORS)[1] == 8

    def test_an_upper_body_gets_a_class_of_upper_bodies(self):
        rng = np.random.default_rng(1)
        anchors = torch.from_numpy(rng.normal(0, 0.3, (6, 13, 5)).astype(np.float32))
        body = targets(sample_of(PERSON))[Part.BODY].instances
        classes = AnchorClasses(6, upper_body_from=4)
        assert nearest_classes(body, anchors, classes) < 4
        assert nearest_classes(replace(body, upper=~body.upper), anchors, classes) >= 4

    def test_legs_say_nothing_of_an_upper_bodys_class(self):
        rng = np.random.default_rng(1)
        anchors = torch.from_numpy(rng.normal(0, 0.3, (6, 13, 5)).astype(np.float32))
        body = targets(sample_of(PERSON))[Part.BODY].instances
        as_anchor = body.poses_3d.clone()
        as_anchor[0] = anchors[4, :, 2:]
        as_anchor[0, list(LOWER_BODY)] = anchors[5, list(LOWER_BODY), 2:] + 1.0
        upper = replace(body, upper=torch.ones(1, dtype=torch.bool), poses_3d=as_anchor)
        assert nearest_classes(upper, anchors, AnchorClasses(6, upper_body_from=4)) == 4
        assert nearest_classes(upper, anchors, AnchorClasses(6)) != 4, "without such classes all joints count"

    def test_what_is_known_in_part_in_3d_keeps_its_place_on_the_anchor_pose(self):
        anchors = self.anchor_poses()
        whole = self.hands(anchors[2])
        known = torch.ones(2, 21)
        known[:, :12] = 0
        part = replace(whole, poses_3d=(whole.poses_3d - 0.3) * known[..., None], weights_3d=known)
        moved = rooted(part, anchors, torch.tensor([2, 2]))
        np.testing.assert_allclose(moved[:, 12:], whole.poses_3d[:, 12:], atol=1e-6)


def sampled(positive, sampling, seeds):
    """Of masks [N], the same in pictures of those seeds."""
    masks = positive.expand(len(seeds), -1)
    keys = draws(seeds_tensor(seeds, positive.device), 0, len(positive))
    return sample_balanced(masks, ~masks, sampling, keys)


class TestOverlaps:
    @given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
    def test_each_picture_has_the_overlaps_that_torchvision_finds(self, seed, count, others):
        rng = torch.Generator().manual_seed(seed)
        corners = [100 * torch.rand(3, n, 2, 2, generator=rng) for n in (count, others)]
        boxes, labelled = (torch.cat([of.amin(dim=2), of.amax(dim=2)], dim=2) for of in corners)
        found = box_matching.box_iou(boxes, labelled)
        for of_picture, *pair in zip(found, boxes, labelled, strict=True):
            torch.testing.assert_close(of_picture, box_iou(*pair))

    def test_padding_overlaps_nothing_and_holds_nothing(self):
        boxes, padding = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 0, 0]]]), torch.zeros(1, 2, 4)
        assert (box_matching.box_iou(boxes, padding) == 0).all()
        assert not lies_in(boxes, padding).any()


class TestSampling:
    def test_positive_boxes_are_limited_and_negative_ones_fill_up(self):
        positive = torch.arange(100) < 40
        chosen = sampled(positive, Sampling(32, 0.25), [0])
        assert chosen.picked.all()
        assert len(set(chosen.indices[0].tolist())) == 32
        assert chosen.positive[0].tolist() == [True] * 8 + [False] * 24
        assert torch.equal(positive[chosen.indices[0]], chosen.positive[0])

    def test_where_there_are_few_boxes_all_are_picked(self):
        chosen = sampled(torch.arange(5) < 2, Sampling(32, 0.5), [0])
        assert sorted(chosen.indices[chosen.picked].tolist()) == list(range(5))
        assert chosen.positive.sum() == 2

    def test_the_same_seed_picks_the_same_and_another_one_does_not(self):
        chosen = sampled(torch.arange(50) < 25, Sampling(10, 0.5), [4, 5, 4]).indices
        assert torch.equal(chosen[0], chosen[2])
        assert not torch.equal(chosen[0], chosen[1])

    def test_every_box_is_picked_as_often(self):
        chosen = sampled(torch.arange(50) < 25, Sampling(10, 0.5), range(4000))
        counts = torch.bincount(chosen.indices.flatten(), minlength=50)
        assert (counts - 800).abs().max() < 5 * 800**0.5


class TestChance:
    def test_normal_numbers_have_a_mean_of_0_and_a_spread_of_1(self):
        numbers = normal(seeds_tensor(range(1000), torch.device("cpu")), 1, 100).numpy().ravel()
        assert kstest(numbers, "norm").pvalue > 1e-3

    def test_seeds_streams_and_places_have_nothing_to_do_with_each_other(self):
        seeds = seeds_tensor([0, 1, 2**32, 2**62, 2**62 + 1], torch.device("cpu"))
        numbers = torch.cat([normal(seeds, stream, 2000) for stream in range(4)]).numpy()
        correlation = np.corrcoef(np.concatenate([numbers, np.roll(numbers, 1, axis=1)]))
        assert np.abs(correlation - np.eye(len(correlation))).max() < 5 / 2000**0.5

    def test_a_draw_does_not_depend_on_how_many_there_are(self):
        seeds = seeds_tensor([7], torch.device("cpu"))
        assert torch.equal(draws(seeds, 1, 10), draws(seeds, 1, 100)[:, :10])


def test_pictures_together_have_the_proposals_that_each_has_alone():
    torch.manual_seed(0)
    sizes, settings = [(96, 128), (80, 100), (40, 128)], COMPACT.proposals
    anchors = grid_anchors(COMPACT.boxes, 12, 16, 8)
    logits, deltas = torch.randn(3, len(anchors)), 0.3 * torch.randn(3, len(anchors), 4)
    together = propose(anchors, logits, deltas, picture_limits(sizes, anchors.device), settings)
    for i, size in enumerate(sizes):
        alone = select_proposals(anchors, logits[i], deltas[i], size, settings)
        torch.testing.assert_close(together.boxes[i][together.there[i]], alone)


def chosen(joined, proposals, experts=None, **settings):
    """The boxes of pictures of one size with the proposals [B, N, 4]."""
    pictures, device = len(proposals), proposals.device
    limits = picture_limits([(scenes.HEIGHT, scenes.WIDTH)] * pictures, device)
    seeds = seeds_tensor(range(pictures), device)
    told = RoiSettings(sampling=Sampling(64, 0.5), **settings)
    there = torch.ones(proposals.shape[:2], dtype=torch.bool)
    candidates = with_labelled(
        BatchProposals(proposals, there), joined.all_boxes(), told.shaken, limits, seeds
    )
    classes = {part: torch.arange(len(of.instances)) for part, of in joined.items()}
    return choose_rois(candidates, RoiLabeller(joined, classes, told), [experts or {}] * pictures, seeds)


def rois_of(found, proposals, experts=None, **settings):
    """The boxes of one picture."""
    return chosen(BatchTargets.of([found]), torch.tensor([proposals]), experts, **settings)


class TestRois:
    FAR = (600.0, 440.0, 639.0, 479.0)

    def test_a_labelled_box_is_positive_for_its_part_and_background_for_others(self):
        found = targets(sample_of(PERSON))
        rois = rois_of(found, [self.FAR])
        row = (rois.boxes == found[Part.FACE].instances.boxes[0]).all(dim=1).nonzero()[0, 0]
        assert rois.parts[Part.FACE].labels[row] == 1
        assert rois.parts[Part.BODY].labels[row] == rois.parts[Part.HAND].labels[row] == BACKGROUND

    def test_a_part_that_is_not_labelled_is_neither_right_nor_wrong(self):
        sample = replace(sample_of(PERSON), people=(), labelled=frozenset({Part.BODY}))
        rois = rois_of(targets(sample), [self.FAR])
        assert rois.parts[Part.BODY].labels.tolist() == [BACKGROUND]
        assert rois.parts[Part.HAND].labels.tolist() == [NOT_COUNTED]

    def test_a_part_that_is_not_labelled_can_count_as_background(self):
        sample = replace(sample_of(PERSON), people=(), labelled=frozenset({Part.BODY}))
        rois = rois_of(targets(sample), [self.FAR], count_unlabelled=True)
        assert rois.parts[Part.HAND].labels.tolist() == [BACKGROUND]

    def test_a_proposal_in_an_ignored_box_does_not_count(self):
        sample = sample_of(PERSON, ignored={Part.FACE: np.float32([self.FAR])})
        rois = rois_of(targets(sample), [self.FAR])
        row = (rois.boxes == torch.tensor(self.FAR)).all(dim=1).nonzero()[0, 0]
        assert rois.parts[Part.FACE].labels[row] == NOT_COUNTED
        assert rois.parts[Part.BODY].labels[row] == BACKGROUND

    def test_beside_somebody_whose_picture_is_incompletely_labelled_no_proposal_counts(self):
        sample = replace(sample_of(PERSON), labelled=frozenset({Part.BODY}))
        (x1, y1, x2, y2) = targets(sample)[Part.BODY].instances.boxes[0].tolist()
        of_half, next_to_it = (x1, y1, x2, (y1 + y2) / 2 - 5), (x2 - 3, y1, x2 + 20, y2)
        seen = {}
        for incomplete in (frozenset(), frozenset({Part.BODY})):
            found = targets(replace(sample, incomplete=incomplete))
            rois = rois_of(found, [self.FAR, of_half, next_to_it])
            seen[incomplete] = {
                tuple(box): label
                for box, label in zip(rois.boxes.tolist(), rois.parts[Part.BODY].labels.tolist(), strict=True)
            }
        whole = torch.tensor([(x1, y1, x2, y2), of_half, self.FAR, next_to_it]).tolist()
        complete, told = ([of.get(tuple(box)) for box in whole] for of in seen.values())
        assert complete == [1, BACKGROUND, BACKGROUND, BACKGROUND]
        assert told == [1, BACKGROUND, None, None], "who counts for no part is not trained on"

    def test_every_positive_box_is_to_have_a_score_of_one(self):
        rois = rois_of(targets(sample_of(PERSON)), [self.FAR], shaken=6)
        assert (rois.parts[Part.HAND].fits[rois.parts[Part.HAND].positive] == 1).all()

    def test_the_score_can_rise_with_how_well_a_box_fits(self):
        found = targets(sample_of(PERSON))
        rois = rois_of(found, [self.FAR], shaken=6, score_rises=(0.4, 0.8))
        positive = rois.parts[Part.FACE].positive
        overlaps = box_iou(rois.boxes[positive], found[Part.FACE].instances.boxes).amax(dim=1)
        wanted = np.interp(overlaps, [0.4, 0.8], [0, 1])
        assert 0.25 <= wanted.min() < 0.9
        np.testing.assert_allclose(rois.parts[Part.FACE].fits[positive], wanted, atol=1e-5)

    def test_shaken_copies_of_labelled_boxes_show_what_those_show(self):
        found = targets(sample_of(PERSON))
        few, more = (rois_of(found, [self.FAR], shaken=copies) for copies in (0, 6))
        assert more.parts[Part.HAND].positive.sum() > few.parts[Part.HAND].positive.sum() + 6
        corners = more.boxes.unflatten(1, (2, 2))
        assert (corners >= 0).all()
        assert (corners <= torch.tensor([scenes.WIDTH, scenes.HEIGHT])).all()

    def test_boxes_of_each_picture_show_what_is_in_that_picture(self):
        """Two pictures of one person at two places, and one of nobody, with the same proposals."""
        moved = scenes.standing(at=(0.3, 0, 3.5))
        found = [targets(sample_of(PERSON)), targets(sample_of()), targets(sample_of(moved))]
        joined = BatchTargets.of(found)
        proposals = torch.cat([found[0][Part.BODY].instances.boxes, torch.tensor([self.FAR])]).expand(3, 2, 4)
        rois = chosen(joined, proposals)
        for part in Part:
            positive = rois.parts[part].positive
            assert not (rois.pictures[positive] == 1).any()
            for picture in (0, 2):
                of_picture = positive & (rois.pictures == picture)
                shown = joined[part].instances.boxes[rois.parts[part].matched[of_picture]]
                there = found[picture][part].instances.boxes
                assert box_iou(shown, there).amax(dim=1).tolist() == [1.0] * len(shown)
                assert len(shown)

    def test_the_boxes_of_the_expert_are_all_there(self):
        found = targets(sample_of(PERSON))
        boxes = found[Part.HAND].instances.boxes + 1
        expert = ExpertBoxes(boxes, torch.zeros(2, 11), torch.zeros(2, 10, 21, 2), torch.zeros(2, 10, 21, 3))
        rois = rois_of(found, [self.FAR], {Part.HAND: expert})
        assert torch.equal(rois.boxes[rois.expert_rows[Part.HAND]], boxes)
        assert rois.parts[Part.HAND].positive[rois.expert_rows[Part.HAND]].all()


SURE = Confidence(sure=0.7, unsure=0.2)


def detected(pose, score):
    """A pose as an expert gives it."""
    seen = scenes.seen(replace(PERSON, body=pose)).body
    return replace(seen, score=score)


class TestPseudoLabels:
    def unlabelled(self):
        return targets(Sample("photograph", None))[Part.BODY]

    def test_what_the_expert_is_sure_of_becomes_a_target_where_nothing_is_labelled(self):
        found = completed(self.unlabelled(), [detected(PERSON.body, 0.9)], Part.BODY, SIZE, SURE)
        expected = targets(sample_of(PERSON))[Part.BODY].instances
        assert len(found.instances) == 1
        assert found.labelled
        np.testing.assert_allclose(found.instances.boxes, expected.boxes, atol=1e-3)
        np.testing.assert_allclose(found.instances.poses_3d, expected.poses_3d, atol=1e-5)

    def test_what_it_is_unsure_of_is_ignored(self):
        found = completed(self.unlabelled(), [detected(PERSON.body, 0.4)], Part.BODY, SIZE, SURE)
        assert (len(found.instances), len(found.ignored)) == (0, 1)

    def test_what_it_hardly_believes_is_background(self):
        found = completed(self.unlabelled(), [detected(PERSON.body, 0.1)], Part.BODY, SIZE, SURE)
        assert (len(found.instances), len(found.ignored)) == (0, 0)
        assert found.labelled

    def test_a_label_is_not_overruled(self):
        labelled = targets(sample_of(PERSON))[Part.BODY]
        wrong = scenes.moved(PERSON.body, (5, 5))
        found = completed(labelled, [detected(wrong, 0.9)], Part.BODY, SIZE, SURE)
        assert torch.equal(found.instances.poses_2d, labelled.instances.poses_2d)
        assert torch.equal(found.instances.poses_3d, labelled.instances.poses_3d)
        assert len(found.instances) == 1

    def test_a_detection_of_somebody_else_adds_nobody_to_a_labelled_picture(self):
        labelled = targets(sample_of(PERSON))[Part.BODY]
        other = scenes.moved(PERSON.body, (-200, 0))
        found = completed(labelled, [detected(other, 0.9)], Part.BODY, SIZE, SURE)
        assert len(found.instances) == 1

    def test_joints_and_3d_that_a_label_lacks_come_from_the_detection_of_it(self):
        known = np.arange(13) < 10
        flat = PartLabels.of(PERSON.body.keypoints_2d, known)
        labelled = of_part(Part.BODY, body=flat)
        moved = scenes.moved(PERSON.body, (3, 0))
        found = completed(labelled, [detected(moved, 0.9)], Part.BODY, SIZE, SURE).instances
        np.testing.assert_allclose(found.poses_2d[0, :10], PERSON.body.keypoints_2d[:10])
        np.testing.assert_allclose(found.poses_2d[0, 10:], moved.keypoints_2d[10:])
        np.testing.assert_allclose(found.poses_3d[0], scenes.seen(PERSON).body.keypoints_3d, atol=1e-5)
        assert (found.weights_2d == 1).all()
        assert (found.weights_3d == 1).all()

    @pytest.mark.parametrize("side", Side)
    def test_a_hand_is_completed_by_a_hand_of_its_side_alone(self, side):
        hand = scenes.seen(PERSON).parts()["left_hand"]
        labelled = of_part(Part.HAND, left_hand=PartLabels.of(hand.keypoints_2d))
        seen = replace(hand, score=0.9, side=side)
        found = completed(labelled, [seen], Part.HAND, SIZE, SURE).instances
        left = found.sides == 1
        assert bool((found.weights_3d[left] == 1).all()) == (side is Side.LEFT)


def test_a_detection_without_extent_is_left_out():
    points = np.zeros((len(SKELETONS[Part.FACE]), 2), np.float32)
    pose = PartPose(2.0, points, np.zeros((len(points), 3), np.float32))
    empty = targets(Sample("photograph", None))[Part.FACE]
    assert len(completed(empty, [pose], Part.FACE, SIZE, SURE).instances) == 0
