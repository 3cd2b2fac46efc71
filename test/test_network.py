# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parts of the network against torchvision's, and against what their names promise."""

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs torch")
pytest.importorskip("torchvision", reason="the network needs torchvision")

from networks import SMALL_COMPACT, SMALL_PUBLISHED, pictures, random_checkpoint
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.models import resnet50
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork as TorchvisionRpn
from torchvision.ops import FrozenBatchNorm2d, roi_align

from dope_ros.errors import ModelError
from dope_ros.network.anchors import decode_boxes, grid_anchors
from dope_ros.network.box_coordinates import in_sizes_of, rebased, to_pixels
from dope_ros.network.config import COMPACT, PUBLISHED
from dope_ros.network.dope import DopeNetwork
from dope_ros.network.efficientnet import InvertedResidual
from dope_ros.network.picture import normalised, padded
from dope_ros.network.refinement import BoxRefinement
from dope_ros.network.regions import region_features_beyond_border
from dope_ros.network.resnet import ResNet50Features
from dope_ros.network.rpn import RegionProposalNetwork, RpnHead, best_anchors
from dope_ros.network.spatial import (
    CELLS,
    FURTHEST_FROM_USUAL,
    REACH_END,
    REACH_START,
    USUAL_SIDE,
    Hourglass,
    Located,
    SpatialHead,
    grown,
    lift,
    merge,
)
from dope_ros.skeleton import SKELETONS, Part
from dope_ros.training.losses.part_losses import refined_term
from dope_ros.training.runs.imagenet import load_backbone

both_networks = pytest.mark.parametrize(
    "config", [SMALL_COMPACT, SMALL_PUBLISHED], ids=["compact", "published"]
)


def images(count, height=192, width=256):
    stacked = torch.from_numpy(np.stack(pictures(count, height, width)))
    return normalised(stacked.permute(0, 3, 1, 2) / 255)


def kept_for_the_way_back(network, pictures, half):
    """The bytes of activations that a network keeps for its gradients, and the type of its features."""
    weights = {weight.untyped_storage().data_ptr() for weight in network.parameters()}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and tensor.shape[:1] == pictures.shape[:1]:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, so that its place is not used again
        return tensor

    noted = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
    with noted, torch.autocast("cpu", torch.bfloat16, enabled=half):
        features = network(pictures)
    return sum(count for count, _ in kept.values()), features.dtype


def test_in_mixed_precision_the_published_backbone_keeps_half_of_what_it_keeps_in_float():
    network, pictures = ResNet50Features().train(), images(3, 96, 96)
    in_float, _ = kept_for_the_way_back(network, pictures, half=False)
    in_half, kind = kept_for_the_way_back(network, pictures, half=True)
    assert kind == torch.bfloat16
    assert in_half < 0.55 * in_float


def test_fixed_batch_norms_round_once():
    norm, generator = ResNet50Features().layer1[0].bn1, torch.Generator().manual_seed(1)
    norm.weight.uniform_(0.5, 1.5, generator=generator)
    norm.running_mean.normal_(generator=generator)
    features = torch.randn(2, 64, 5, 7, generator=generator).bfloat16()
    assert torch.equal(norm(features), norm(features.float()).bfloat16())


def test_its_fixed_batch_norms_are_those_of_torchvision():
    ours, torchvisions = ResNet50Features().layer1[0].bn1, FrozenBatchNorm2d(64)
    generator = torch.Generator().manual_seed(1)
    state = {
        name: 0.5 + torch.rand(values.shape, generator=generator)
        for name, values in ours.state_dict().items()
    }
    ours.load_state_dict(state)
    torchvisions.load_state_dict(state)
    features = torch.randn(2, 64, 5, 7, generator=generator)
    torch.testing.assert_close(ours(features), torchvisions(features), rtol=0, atol=0)


def test_published_anchors_are_those_of_torchvision():
    features, image = torch.zeros(1, 8, 5, 7), torch.zeros(1, 3, 80, 112)
    generator = AnchorGenerator((PUBLISHED.boxes.sizes,), (PUBLISHED.boxes.ratios,))
    (theirs,) = generator(ImageList(image, [(80, 112)]), [features])
    assert torch.equal(grid_anchors(PUBLISHED.boxes, 5, 7, 16), theirs)


def test_boxes_are_decoded_as_torchvision_does():
    generator = torch.Generator().manual_seed(0)
    anchors = grid_anchors(PUBLISHED.boxes, 4, 6, 16)
    deltas = torch.randn(len(anchors), 4, generator=generator) * torch.tensor([0.5, 0.5, 3.0, 3.0])
    theirs = BoxCoder((1.0, 1.0, 1.0, 1.0)).decode(deltas, [anchors])[:, 0]
    ours = decode_boxes(anchors, deltas, PUBLISHED.proposals.max_log_scale)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-3)


def test_proposals_are_those_of_torchvision():
    torch.manual_seed(0)
    settings = replace(PUBLISHED.proposals, candidates=200, count=60)
    head = RpnHead(8, PUBLISHED.boxes.count)
    ours = RegionProposalNetwork(head, 16, PUBLISHED.boxes)
    theirs = TorchvisionRpn(
        AnchorGenerator((PUBLISHED.boxes.sizes,), (PUBLISHED.boxes.ratios,)),
        ours.head,
        *(0.7, 0.3, 256, 0.5),
        *({"training": 0, "testing": count} for count in (200, 60)),
        nms_thresh=settings.max_iou,
    )
    features = torch.randn(1, 8, 12, 16)

    class HeadOfTheirs(torch.nn.Module):
        def forward(self, maps):
            hidden = torch.relu(ours.head.conv(maps[0]))
            return [ours.head.cls_logits(hidden)], [ours.head.bbox_pred(hidden)]

    theirs.head = HeadOfTheirs()
    image = ImageList(torch.zeros(1, 3, 192, 256), [(180, 250)])
    with torch.inference_mode():
        (wanted,), _ = theirs.eval()(image, {"0": features})
        (found,) = ours(features, [(180, 250)], settings)
    assert found.shape == wanted.shape
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)


def test_each_size_of_anchors_has_its_share_of_the_candidates():
    settings, sizes = COMPACT.proposals, len(COMPACT.boxes.sizes)
    share = settings.candidates // sizes
    logits = torch.randn(12 * 16 * COMPACT.boxes.count, generator=torch.Generator().manual_seed(0))
    largest = torch.arange(len(logits)) % sizes == sizes - 1
    logits[largest] += 100.0  # something large has better anchors than all that is small
    best = best_anchors(logits, settings)
    assert (logits[best].diff() <= 0).all()
    for size in range(sizes):
        of_size = logits[torch.arange(len(logits)) % sizes == size]
        chosen = logits[best[best % sizes == size]]
        torch.testing.assert_close(chosen, of_size.sort(descending=True).values[:share])


def test_sizes_of_anchors_in_a_cell_follow_each_other():
    boxes = COMPACT.boxes
    anchors = grid_anchors(boxes, 3, 4, 8)
    areas = (anchors[:, 2:] - anchors[:, :2]).prod(dim=1)
    wanted = torch.tensor(boxes.sizes).float().square().repeat(len(anchors) // len(boxes.sizes))
    torch.testing.assert_close(areas, wanted, rtol=1e-3, atol=0)


def test_candidates_that_groups_cannot_share_are_refused():
    with pytest.raises(ValueError, match="cannot be shared alike by 5 groups"):
        replace(COMPACT.proposals, candidates=601)


@both_networks
def test_a_prediction_has_the_shapes_of_the_contract(config):
    network = random_checkpoint(config).network
    with torch.inference_mode():
        (prediction,) = network(images(1))
    count = len(prediction.boxes)
    assert 0 < count <= config.proposals.count
    for part, of_part in prediction.parts.items():
        classes, joints = config.anchors[part].count, len(SKELETONS[part])
        assert of_part.scores.shape == (count, classes + 1)
        assert of_part.poses_2d.shape == (count, classes, joints, 2)
        assert of_part.poses_3d.shape == (count, classes, joints, 3)
        torch.testing.assert_close(of_part.scores.sum(dim=1), torch.ones(count))


@both_networks
def test_the_images_of_a_batch_do_not_see_each_other(config):
    network = random_checkpoint(config).network
    batch = images(3)
    with torch.inference_mode():
        together = network(batch, [(192, 256), (180, 200), (192, 256)])
        alone = network(batch[1:2], [(180, 200)])[0]
    assert len(together) == 3
    torch.testing.assert_close(together[1].boxes, alone.boxes, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(
        together[1].parts[Part.HAND].poses_3d, alone.parts[Part.HAND].poses_3d, rtol=1e-3, atol=1e-4
    )


@both_networks
def test_proposals_and_boxes_stay_within_the_picture_without_its_padding(config):
    network = random_checkpoint(config).network
    with torch.inference_mode():
        (prediction,) = network(padded(images(1, 170, 230)), [(170, 230)])
    for boxes in (prediction.proposals, prediction.boxes):
        assert boxes.min() >= 0
        assert (boxes[:, [0, 2]] <= 230).all()
        assert (boxes[:, [1, 3]] <= 170).all()


def certain(**parts):
    """Logits of boxes that show a part, True, or do not, beyond doubt; a list for each part."""
    of_boxes = {Part(name): torch.tensor(shown) for name, shown in parts.items()}
    return {part: torch.stack([40.0 * ~shown, 40.0 * shown], dim=1) for part, shown in of_boxes.items()}


def test_a_box_goes_to_what_it_shows_and_where_it_shows_two_parts_between_them():
    refinement = BoxRefinement(4, (Part.BODY, Part.FACE))
    boxes = torch.tensor([[40.0, 40, 80, 60]]).repeat(4, 1)
    logits = certain(body=[False, True, False, True], face=[False, False, True, True])
    limits = torch.tensor([200.0, 100, 200, 100])
    vectors = torch.zeros(4, 4)
    torch.testing.assert_close(refinement(boxes, vectors, logits, limits), boxes)

    half_as_high = math.log(0.5)
    with torch.no_grad():  # the body is further down and twice as wide, the face half as high
        refinement.bbox_pred.bias.copy_(torch.tensor([0, 0.5, math.log(2), 0, 0, 0, 0, half_as_high]))
    wanted = torch.tensor(
        [
            [40.0, 40, 80, 60],
            [20, 50, 100, 70],
            [40, 45, 80, 55],
            [60 - 20 * 2**0.5, 55 - 10 * 0.5**0.5, 60 + 20 * 2**0.5, 55 + 10 * 0.5**0.5],
        ]
    )
    torch.testing.assert_close(refinement(boxes, vectors, logits, limits), wanted)
    narrow = torch.tensor([90.0, 64, 90, 64])
    torch.testing.assert_close(refinement(boxes, vectors, logits, narrow), wanted.minimum(narrow))


def test_a_box_that_hardly_shows_a_part_hardly_moves():
    refinement = BoxRefinement(4, (Part.HAND,))
    torch.nn.init.constant_(refinement.bbox_pred.bias, 0.2)
    boxes, limits = torch.tensor([[40.0, 40, 80, 80]]).repeat(9, 1), torch.full((4,), 200.0)
    logits = {Part.HAND: torch.stack([torch.zeros(9), torch.linspace(-9, 9, 9)], dim=1)}
    middles = refinement(boxes, torch.zeros(9, 4), logits, limits).unflatten(1, (2, 2)).mean(dim=1)[:, 0]
    assert (middles.diff() > 0).all()
    torch.testing.assert_close(middles[[0, -1]], torch.tensor([60.0, 68.0]), rtol=0, atol=0.01)


def test_no_box_goes_far_whatever_the_box_head_says():
    refinement = BoxRefinement(4, (Part.BODY,))
    torch.nn.init.constant_(refinement.bbox_pred.bias, 1e6)
    box, limits = torch.tensor([[40.0, 40, 80, 80]]), torch.full((4,), 400.0)
    (found,) = refinement(box, torch.zeros(1, 4), certain(body=[True]), limits)
    torch.testing.assert_close(found[2:] - found[:2], torch.full((2,), 40 * math.e))
    torch.testing.assert_close((found[2:] + found[:2]) / 2, torch.full((2,), 80.0))


def test_what_went_too_far_can_learn_to_come_back():
    refinement = BoxRefinement(4, (Part.BODY,))
    torch.nn.init.constant_(refinement.bbox_pred.bias, 3.0)
    boxes, wanted = torch.tensor([[40.0, 40, 80, 80]]), torch.tensor([[42.0, 40, 84, 80]])
    refined_term(refinement.deltas(torch.zeros(1, 4))[Part.BODY], boxes, wanted).mean().backward()
    assert (refinement.bbox_pred.bias.grad > 0).all()


@pytest.mark.parametrize("shift", [-1e6, 1e6])
def test_a_box_at_the_border_does_not_leave_the_picture(shift):
    refinement = BoxRefinement(4, (Part.BODY,))
    with torch.no_grad():
        refinement.bbox_pred.bias.copy_(torch.tensor([shift, shift, -1.0, -1.0]))
    boxes, limits = torch.tensor([[0.0, 0, 40, 40], [60, 60, 100, 100]]), torch.full((4,), 100.0)
    found = refinement(boxes, torch.zeros(2, 4), certain(body=[True, True]), limits)
    assert (found[:, 2:] - found[:, :2] > 5).all()


def test_poses_do_not_move_with_the_boxes_that_they_are_told_in():
    boxes = torch.tensor([[10.0, 20, 50, 100], [0, 0, 30, 30]])
    others = torch.tensor([[20.0, 0, 120, 50], [10, 10, 20, 40]])
    poses = torch.rand(2, 3, 13, 2)
    torch.testing.assert_close(to_pixels(rebased(poses, boxes, others), others), to_pixels(poses, boxes))
    torch.testing.assert_close(rebased(poses[:, 0], boxes, others), rebased(poses, boxes, others)[:, 0])
    torch.testing.assert_close(in_sizes_of(to_pixels(poses, boxes), boxes), poses, atol=1e-6, rtol=0)


def test_the_branches_poses_stay_where_they_are_when_their_boxes_are_refined():
    network = random_checkpoint(replace(SMALL_COMPACT, spatial=False)).network
    with torch.inference_mode():
        (moved,) = network(images(1))
        torch.nn.init.zeros_(network.refinement.bbox_pred.weight)
        (unmoved,) = network(images(1))
    torch.testing.assert_close(unmoved.boxes, unmoved.proposals)
    assert (moved.boxes - moved.proposals).abs().max() > 1
    for part in Part:
        torch.testing.assert_close(
            moved.parts[part].poses_2d, unmoved.parts[part].poses_2d, rtol=0, atol=1e-2
        )


def test_the_compact_network_has_some_ten_million_parameters():
    count = sum(parameter.numel() for parameter in DopeNetwork(COMPACT).parameters())
    assert 9e6 < count < 12e6


def test_an_unknown_backbone_is_an_error_that_names_the_known_ones():
    with pytest.raises(ModelError, match="'vgg'; there are: efficientnet_lite0, resnet50"):
        DopeNetwork(replace(COMPACT, backbone="vgg"))


def test_a_network_begins_with_the_weights_that_torchvision_has_for_imagenet(tmp_path):
    network = DopeNetwork(SMALL_PUBLISHED)
    wanted = {**network.backbone.state_dict(), **network.box_head.state_dict()}
    stored = {name: torch.rand_like(tensor) for name, tensor in wanted.items() if tensor.is_floating_point()}
    with torch.device("meta"):
        of_torchvision = resnet50().state_dict()
    assert {name: tensor.shape for name, tensor in stored.items()}.items() <= {
        name: tensor.shape for name, tensor in of_torchvision.items()
    }.items()
    torch.save(stored, tmp_path / "resnet50.pth")
    load_backbone(network, tmp_path / "resnet50.pth")
    for name, tensor in {**network.backbone.state_dict(), **network.box_head.state_dict()}.items():
        assert torch.equal(tensor, stored[name]), name


def test_weights_of_another_backbone_are_refused_by_name(tmp_path):
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match=r"weights\.pth: not ImageNet weights of resnet50; it lacks"):
        load_backbone(DopeNetwork(SMALL_PUBLISHED), tmp_path / "weights.pth")


@pytest.mark.parametrize("stored", [[torch.zeros(1)], {"epoch": 3}])
def test_a_file_that_is_no_backbone_is_named(tmp_path, stored):
    torch.save(stored, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match=r"weights\.pth: not weights of a backbone: it holds no tensors"):
        load_backbone(DopeNetwork(SMALL_COMPACT), tmp_path / "weights.pth")


def test_batch_norm_keeps_its_statistics_while_the_network_trains():
    network = DopeNetwork(SMALL_COMPACT).train()
    before = {name: value.clone() for name, value in network.backbone.named_buffers()}
    network.backbone(images(2))
    assert before
    for name, value in network.backbone.named_buffers():
        assert torch.equal(value, before[name]), name


def test_the_border_is_repeated_beyond_the_image():
    features = torch.arange(48.0).reshape(1, 1, 6, 8)
    inside = torch.tensor([[16.0, 16.0, 40.0, 40.0]])
    beyond = torch.tensor([[-24.0, 16.0, -8.0, 32.0]])
    found = region_features_beyond_border(features, torch.cat([inside, beyond]), 8, 2, margin=4)
    rois = torch.nn.functional.pad(inside, (1, 0))
    torch.testing.assert_close(found[:1], roi_align(features, rois, 2, 1 / 8, 1, aligned=True))
    leftmost = features[0, 0, :, 0]
    assert leftmost.min() <= found[1].min()
    torch.testing.assert_close(found[1, 0, :, 0], found[1, 0, :, 1])


def test_a_grown_box_keeps_its_middle():
    box = torch.tensor([[10.0, 20.0, 50.0, 40.0]])
    torch.testing.assert_close(grown(box), torch.tensor([[4.0, 17.0, 56.0, 43.0]]))


class Given(torch.nn.Module):
    """A layer that says the same whatever it sees."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, _):
        return self.output


def anywhere(parts=tuple(Part)):
    """Where the branches expect joints, for a head that does not listen."""
    return {part: torch.full((1, len(SKELETONS[part]), 2), 0.5) for part in parts}


def head_without_prior(parts=tuple(Part)):
    head = SpatialHead(4, 8, parts)
    head.blocks = torch.nn.Identity()
    torch.nn.init.zeros_(head.prior)
    return head


def test_a_joint_is_where_its_map_peaks():
    head = head_without_prior()
    maps = torch.zeros(1, 118, CELLS, CELLS)
    row, column = 3, 11
    maps[..., row, column] = 50.0

    head.joints = Given(maps)
    found = head(torch.zeros(1, 4, CELLS, CELLS), torch.zeros(1, 8), anywhere())
    wanted = torch.tensor([(column + 0.5) / CELLS, (row + 0.5) / CELLS]) * 1.3 - 0.15
    for part, located in found.items():
        joints = located.joints_2d
        assert joints.shape == (1, len(SKELETONS[part]), 2)
        torch.testing.assert_close(joints, wanted.expand_as(joints), rtol=0, atol=1e-5)


def test_a_joint_that_the_network_is_not_sure_of_is_drawn_to_the_middle_less_than_its_heatmaps_mean():
    head = head_without_prior((Part.BODY,))
    maps = torch.zeros(1, 13, CELLS, CELLS)
    maps[..., 7, 13] = 5.0  # as probable as all other cells together
    head.joints = Given(maps)
    found = head(torch.zeros(1, 4, CELLS, CELLS), torch.zeros(1, 8), anywhere())[Part.BODY].joints_2d[..., 0]
    of_mean = (maps.flatten(2).softmax(dim=2) @ head.positions)[..., 0]
    peak = 13.5 / CELLS * 1.3 - 0.15
    assert ((peak - found) < 0.1 * (peak - of_mean)).all()


def test_a_joint_is_read_in_3d_from_the_cells_where_it_is():
    torch.manual_seed(0)
    head = head_without_prior()
    torch.nn.init.normal_(head.depth.weight)
    maps = torch.zeros(1, 118, CELLS, CELLS)
    maps[..., 3, 11] = 50.0
    head.joints = Given(maps)
    regions, vectors = torch.rand(1, 4, CELLS, CELLS), torch.rand(1, 8)
    there = head(regions, vectors, anywhere())[Part.BODY].offsets_3d
    elsewhere = regions.clone()
    elsewhere[..., 4, 11] = 7.0
    torch.testing.assert_close(head(elsewhere, vectors, anywhere())[Part.BODY].offsets_3d, there)
    elsewhere[..., 3, 11] = 7.0
    assert (head(elsewhere, vectors, anywhere())[Part.BODY].offsets_3d - there).abs().max() > 1e-3


def test_of_two_peaks_the_one_counts_that_the_branches_expect():
    head = head_without_prior((Part.BODY,))
    torch.nn.init.ones_(head.prior)
    maps = torch.zeros(1, 13, CELLS, CELLS)
    maps[..., 3, 2] = maps[..., 3, 11] = 20.0
    head.joints = Given(maps)
    left, right = ((column + 0.5) / CELLS * 1.3 - 0.15 for column in (2, 11))
    for expected, wanted in ((0.1, left), (0.9, right)):
        near = {Part.BODY: torch.full((1, 13, 2), expected)}
        found = head(torch.zeros(1, 4, CELLS, CELLS), torch.zeros(1, 8), near)[Part.BODY].joints_2d[..., 0]
        torch.testing.assert_close(found, torch.full_like(found, wanted), rtol=0, atol=1e-3)


def test_where_nothing_is_seen_a_joint_is_where_the_branches_expect_it():
    head = head_without_prior()
    torch.nn.init.ones_(head.prior)
    head.joints = Given(torch.zeros(1, 118, CELLS, CELLS))
    near = {part: 0.3 + 0.4 * torch.rand(1, len(SKELETONS[part]), 2) for part in Part}
    for part, located in head(torch.zeros(1, 4, CELLS, CELLS), torch.zeros(1, 8), near).items():
        torch.testing.assert_close(located.joints_2d, near[part], rtol=0, atol=0.01)


def test_what_the_box_head_knows_changes_where_joints_are_found():
    head = head_without_prior((Part.BODY,))
    torch.nn.init.normal_(head.context.weight)
    torch.nn.init.normal_(head.joints.weight, std=5.0)
    regions, near = torch.randn(1, 4, CELLS, CELLS), anywhere((Part.BODY,))
    one, other = (
        head(regions, vectors, near)[Part.BODY].joints_2d for vectors in (torch.zeros(1, 8), torch.ones(1, 8))
    )
    assert (one - other).abs().max() > 0.01


def test_joints_are_found_in_float32_whatever_the_precision_of_the_rest():
    torch.manual_seed(0)
    head = SpatialHead(4, 8, (Part.BODY,))
    regions, vectors = torch.randn(2, 4, CELLS, CELLS), torch.randn(2, 8)
    expected = {Part.BODY: torch.rand(2, 13, 2)}
    exact = head(regions, vectors, expected)[Part.BODY]
    with torch.autocast("cpu", torch.bfloat16):
        found = head(regions, vectors, expected)[Part.BODY]
    assert torch.equal(found.joints_2d, exact.joints_2d)
    assert torch.equal(found.offsets_3d, exact.offsets_3d)
    assert torch.equal(found.longer_side, exact.longer_side)


def test_no_box_spans_kilometres_whatever_the_box_head_says():
    head = head_without_prior((Part.BODY, Part.HAND))
    torch.nn.init.constant_(head.scale.weight, 5.0)
    near = {part: joints.expand(2, -1, -1) for part, joints in anywhere((Part.BODY, Part.HAND)).items()}
    vectors = torch.tensor([[9.0], [-9.0]]).expand(2, 8)
    found = head(torch.zeros(2, 4, CELLS, CELLS), vectors, near)
    for part in found:
        sides = USUAL_SIDE[part] * torch.tensor([FURTHEST_FROM_USUAL, 1 / FURTHEST_FROM_USUAL])
        torch.testing.assert_close(found[part].longer_side, sides)


def test_an_hourglass_changes_nothing_as_it_starts_and_then_reaches_six_cells_far():
    torch.manual_seed(0)
    hourglass, regions = Hourglass(4), torch.rand(1, 4, CELLS, CELLS)
    torch.testing.assert_close(hourglass(regions), regions, rtol=0, atol=0)
    torch.nn.init.normal_(hourglass.expand.weight)
    elsewhere = regions.clone()
    elsewhere[..., :2, :2] = 9.0
    changes = (hourglass(elsewhere) - hourglass(regions)).abs().amax(dim=1)[0]
    assert changes[7, 7] > 1e-4
    assert not changes[8:].any()
    assert not changes[:, 8:].any()


NO_HEATMAPS = torch.zeros(0)
"""For a pose whose joints are given."""


@pytest.mark.parametrize("part", Part)
def test_joints_seen_from_afar_are_lifted_to_where_they_are(part):
    """An orthographic camera: 2D says x and y exactly, the offsets say the depth."""
    generator = torch.Generator().manual_seed(0)
    metres = 0.3 * torch.randn(1, len(SKELETONS[part]), 3, generator=generator)
    metres -= metres.mean(dim=1, keepdim=True)
    pixels = 200 + 100 * metres[..., :2]
    boxes = torch.cat([pixels.amin(dim=1) - 5, pixels.amax(dim=1) + 9], dim=1)
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.amax(dim=1)
    depths = torch.nn.functional.pad(metres[..., 2:], (2, 0))
    located = Located((pixels - boxes[:, :2]) / sides, depths / (longer / 100), longer / 100, NO_HEATMAPS)
    found = lift(located.joints_2d[:, None], located, boxes)
    torch.testing.assert_close(found[:, 0], metres, rtol=0, atol=1e-5)


def test_joints_beyond_the_reach_of_the_spatial_head_are_the_regressed_ones():
    regressed = torch.tensor([[[[0.5, 0.5], [0.51 + REACH_END, 0.5]]]]), torch.full((1, 1, 2, 3), 7.0)
    joints = torch.tensor([[[0.3, 0.3], [0.4, 0.4]]])
    located = Located(joints, torch.zeros(1, 2, 3), torch.ones(1), NO_HEATMAPS)
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    poses_2d, poses_3d = merge(regressed, located, boxes)
    torch.testing.assert_close(poses_2d[0, 0], torch.stack([joints[0, 0], regressed[0][0, 0, 1]]))
    assert (poses_3d[0, 0, 0] != 7).all()
    assert (poses_3d[0, 0, 1] == 7).all()


def test_no_joint_jumps_at_the_end_of_the_spatial_heads_reach():
    count = 200
    x = torch.linspace(0.5 + REACH_START - 0.01, 0.5 + REACH_END + 0.01, count)
    regressed = torch.stack([x, torch.full_like(x, 0.5)], dim=1).view(count, 1, 1, 2)
    located = Located(
        torch.full((count, 1, 2), 0.9), torch.zeros(count, 1, 3), torch.ones(count), NO_HEATMAPS
    )
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0]]).expand(count, 4)
    poses_2d, poses_3d = merge((regressed, torch.ones(count, 1, 1, 3)), located, boxes)
    assert poses_2d.diff(dim=0).abs().max() < 0.01
    assert poses_3d.diff(dim=0).abs().max() < 0.03


def test_a_batch_norm_that_is_taken_into_its_convolution_changes_no_value_and_no_gradient():
    torch.manual_seed(0)
    block = InvertedResidual(8, 12, kernel=5, stride=2, expansion=6).double().train()
    for module in block.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                torch.nn.init.uniform_(tensor, 0.2, 2.0)
    image = torch.randn(2, 8, 12, 16, dtype=torch.float64)
    one_by_one = image
    for module in block.layers:
        one_by_one = module(one_by_one)
    values = block(image)
    torch.testing.assert_close(values, one_by_one)
    weights = torch.randn_like(values)
    gradients, expected = (
        torch.autograd.grad((weights * of).sum(), list(block.parameters())) for of in (values, one_by_one)
    )
    for gradient, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, wanted)


class Convolutions(TorchDispatchMode):
    """Notes of each convolution whether it is depthwise, and in which precision it is computed."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.convolution.default:
            x, groups = args[0], args[8]
            self.seen.add((groups > 1, x.dtype))
        return function(*args, **(kwargs or {}))


def test_in_bfloat16_a_cpu_computes_depthwise_convolutions_in_float32_for_they_are_faster_so():
    torch.manual_seed(0)
    block, image = InvertedResidual(8, 8, kernel=5, stride=2, expansion=6), torch.rand(1, 8, 12, 16)
    with torch.autocast("cpu", torch.bfloat16), Convolutions() as convolutions:
        coarse = block(image)
    assert convolutions.seen == {(True, torch.float32), (False, torch.bfloat16)}
    torch.testing.assert_close(coarse.float(), block(image), atol=0.02, rtol=0.02)
