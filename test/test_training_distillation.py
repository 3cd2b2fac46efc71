# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A student learns from experts: their boxes, their classes and poses, and the labels they complete."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from tiny_people import drawn_people  # noqa: E402
from training_runs import small_config, small_network, training_set, write_start  # noqa: E402

from dope_ros.errors import DopeError, ModelError  # noqa: E402
from dope_ros.network.checkpoint import Checkpoint, read_checkpoint, write_checkpoint  # noqa: E402
from dope_ros.network.config import COMPACT  # noqa: E402
from dope_ros.settings import PpiSettings  # noqa: E402
from dope_ros.skeleton import SKELETONS, Part  # noqa: E402
from dope_ros.training.anchor_poses import ANCHOR_CLASSES, AnchorPoses  # noqa: E402
from dope_ros.training.distillation.teachers import Teacher, TeachingSettings, lesson_of, read_teachers  # noqa: E402
from dope_ros.training.loading.batches import collate  # noqa: E402
from dope_ros.training.loading.order import Draw  # noqa: E402
from dope_ros.training.loading.training_set import Source, TrainingSet  # noqa: E402
from dope_ros.training.losses.objective import Objective, ObjectiveSettings  # noqa: E402
from dope_ros.training.losses.rois import RoiSettings  # noqa: E402
from dope_ros.training.losses.terms import Term, averaged  # noqa: E402
from dope_ros.training.runs.config import NetworkSettings  # noqa: E402
from dope_ros.training.runs.initial_network import begin, with_parts, with_refinement  # noqa: E402
from dope_ros.training.runs.run import STATE_NAME  # noqa: E402
from dope_ros.training.runs.train import train  # noqa: E402

TOLERANCE = 1e-5
"""Of losses whose terms are of the order of 1."""

POSITIVE_IOU = 0.2
"""Low, for the proposals of a network that was not trained lie nowhere in particular."""

BELIEVES_ALL = PpiSettings(score_th=0.01, th_persondetect=0.02)
"""Even what an untrained network says."""

EXPERT_PPI = {part: PpiSettings(score_th=0.05, th_persondetect=0.5) for part in Part}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def people():
    return drawn_people(2)


@pytest.fixture
def network(people):
    """A network whose scores, boxes and poses vary, as those of a trained one do."""
    network = small_network(people)
    with torch.no_grad():
        for layer in (*network.predictor.cls_score.values(), *network.predictor.pose_pred.values()):
            layer.weight.normal_(std=0.03)
        network.spatial.joints.weight.normal_(std=0.5)
    return network


def batch_of(people):
    pictures = TrainingSet([Source(people)])
    return collate([pictures[Draw(index, index)] for index in range(len(people))])


def expert_like(network, parts):
    """A frozen copy for some parts."""
    copy = type(network)(network.config)
    copy.load_state_dict(network.state_dict())
    return with_parts(Checkpoint(copy.eval(), EXPERT_PPI), parts)


def taught(network, people, experts, settings=None):
    """The losses of a student, and the lesson it had."""
    settings = settings or TeachingSettings(pseudo_labels=False)
    teachers = [Teacher(expert, expert.network.parts, settings, POSITIVE_IOU) for expert in experts]
    lesson = lesson_of(batch_of(people), teachers)
    objective = Objective(network, ObjectiveSettings(rois=RoiSettings(positive_iou=POSITIVE_IOU)))
    return objective(lesson.batch, lesson.experts), lesson


def test_nothing_is_distilled_where_the_student_says_what_the_experts_say(network, people):
    losses, lesson = taught(network, people, [expert_like(network, [part]) for part in Part])
    assert all(len(of_picture[part].boxes) for of_picture in lesson.experts for part in Part)
    for part in Part:
        assert losses[f"{part.value}_distilled_classes"].abs() < TOLERANCE
        assert losses[f"{part.value}_distilled_pose"].abs() < TOLERANCE
        assert losses[f"{part.value}_distilled_scale"].abs() < TOLERANCE
        assert losses[f"{part.value}_classes"] > 0.1


def test_nothing_is_distilled_where_both_refine_their_boxes_alike(network, people):
    torch.nn.init.normal_(network.refinement.bbox_pred.weight, std=0.03)
    losses, _ = taught(network, people, [expert_like(network, list(Part))])
    for part in Part:
        assert losses[f"{part.value}_distilled_pose"].abs() < TOLERANCE
        assert losses[f"{part.value}_refined"] > 0.1


def test_the_spatial_head_takes_its_boxes_as_given(network, people):
    torch.nn.init.normal_(network.refinement.bbox_pred.weight, std=0.03)
    losses, _ = taught(network, people, [])
    weight = network.refinement.bbox_pred.weight
    of_spatial = sum(losses[f"body_{name}"] for name in ("located", "heatmap", "scale", "lifted"))
    assert torch.autograd.grad(of_spatial, weight, retain_graph=True, allow_unused=True) == (None,)
    (gradient,) = torch.autograd.grad(losses["body_refined"], weight)
    assert gradient.abs().max() > 0


def test_poses_of_an_expert_teach_the_scale_by_a_loss_of_its_own(network, people):
    with torch.no_grad():
        network.spatial.scale.bias.add_(0.2)
    expert = expert_like(network, [Part.BODY])
    with torch.no_grad():
        network.spatial.scale.bias.sub_(0.2)
        network.spatial.joints.bias.normal_(std=0.5)
    losses, _ = taught(network, people, [expert])
    bias = network.spatial.scale.bias
    of_pose = torch.autograd.grad(losses["body_distilled_pose"], bias, retain_graph=True, allow_unused=True)
    assert losses["body_distilled_pose"] > 100 * TOLERANCE
    assert of_pose == (None,)
    (of_scale,) = torch.autograd.grad(losses["body_distilled_scale"], bias)
    assert of_scale[network.parts.index(Part.BODY)] < 0, "the student sees people too small"


def test_a_student_is_told_how_it_differs_from_an_expert(network, people):
    expert = expert_like(network, [Part.HAND])
    with torch.no_grad():
        for layer in (network.predictor.cls_score["hand"], network.predictor.pose_pred["hand"]):
            layer.weight.add_(0.01 * torch.randn_like(layer.weight))
    losses, _ = taught(network, people, [expert])
    distilled = losses["hand_distilled_classes"], losses["hand_distilled_pose"]
    assert all(loss > 100 * TOLERANCE for loss in distilled)
    assert "body_distilled_pose" not in losses
    sum(distilled).backward()
    assert network.predictor.cls_score["hand"].weight.grad.abs().max() > 0
    assert network.backbone.stem[1].weight.grad.abs().max() > 0


def test_every_weight_has_a_gradient_even_where_nothing_is_labelled(network):
    """Else DistributedDataParallel would wait for those that have none."""
    empty = drawn_people(1, labelled=frozenset())
    losses, _ = taught(network, empty, [])
    sum(losses.values()).backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_a_picture_without_labels_teaches_through_the_experts_alone(network):
    """Its detections become labels, and its boxes around them are distilled from."""
    empty = drawn_people(1, labelled=frozenset())
    expert = replace(expert_like(network, [Part.BODY]), ppi={Part.BODY: BELIEVES_ALL})
    losses, lesson = taught(network, empty, [expert], TeachingSettings())
    assert len(lesson.batch.targets.by_picture()[0][Part.BODY].instances) > 0
    assert lesson.batch.targets.by_picture()[0][Part.BODY].labelled
    assert not lesson.batch.targets.by_picture()[0][Part.HAND].labelled
    assert len(lesson.experts[0][Part.BODY].boxes) > 0
    assert losses["body_classes"] > 0
    assert losses["body_located"] > 0
    assert losses["hand_classes"] == 0


def labels_of_expert(network, settings, precision=torch.float32):
    """The bodies that an expert, which finds some at a score of 0.02, makes of a picture without labels."""
    expert = expert_like(network, [Part.BODY])
    expert = replace(expert, ppi={Part.BODY: BELIEVES_ALL})
    teacher = Teacher(expert, [Part.BODY], settings, POSITIVE_IOU, precision)
    lesson = lesson_of(batch_of(drawn_people(1, labelled=frozenset())), [teacher])
    return lesson.batch.targets.by_picture()[0][Part.BODY].instances


def test_an_expert_is_believed_from_the_score_that_is_told(network):
    believed = labels_of_expert(network, TeachingSettings(distil=False))
    doubted = labels_of_expert(network, TeachingSettings(distil=False, sure={"body": 1e3}))
    assert len(believed) > 0
    assert len(doubted) == 0


def test_an_expert_teaches_in_float32_whatever_it_computes_in(network):
    exact = labels_of_expert(network, TeachingSettings(distil=False))
    coarse = labels_of_expert(network, TeachingSettings(distil=False), torch.bfloat16)
    assert coarse.poses_2d.dtype == coarse.boxes.dtype == torch.float32
    assert len(coarse) > 0
    assert not torch.equal(coarse.boxes, exact.boxes)


def test_an_expert_does_not_look_at_pictures_that_lack_nothing(network):
    """Pictures with and without labels, together in a batch, are completed as each is alone."""
    whole, empty = drawn_people(1), drawn_people(1, labelled=frozenset())
    pictures = TrainingSet([Source(whole), Source(empty)])
    batch = collate([pictures[Draw(index, index)] for index in range(2)])
    expert = replace(expert_like(network, [Part.BODY]), ppi={Part.BODY: BELIEVES_ALL})
    looked_at = []
    expert.network.register_forward_hook(lambda _, inputs, __: looked_at.append(len(inputs[0])))
    lesson = lesson_of(batch, [Teacher(expert, [Part.BODY], TeachingSettings(distil=False), POSITIVE_IOU)])
    assert looked_at == [1]
    of_whole, of_empty = (of[Part.BODY].instances for of in lesson.batch.targets.by_picture())
    before = batch.targets.by_picture()[0][Part.BODY].instances
    for tensor, was in zip(of_whole.tensors(), before.tensors(), strict=True):
        assert torch.equal(tensor, was)
    alone = labels_of_expert(network, TeachingSettings(distil=False))
    torch.testing.assert_close(of_empty.poses_2d, alone.poses_2d)


def test_a_score_for_a_part_that_does_not_exist_is_refused():
    with pytest.raises(ModelError, match="unknown part 'foot'"):
        read_teachers(TeachingSettings(sure={"foot": 1.0}), POSITIVE_IOU)


def test_an_expert_with_other_anchor_poses_is_refused(network):
    expert = expert_like(network, [Part.FACE])
    network.predictor.anchor_poses(Part.FACE)[0] += 0.1
    with pytest.raises(ModelError, match="face expert has other anchor poses"):
        Teacher(expert, [Part.FACE], TeachingSettings()).check(network)


def test_an_expert_for_a_part_that_it_does_not_find_is_refused(network):
    with pytest.raises(ModelError, match="does not find: hand"):
        Teacher(expert_like(network, [Part.FACE]), [Part.HAND], TeachingSettings())


def test_an_expert_for_a_part_that_the_student_does_not_find_is_refused(network):
    student = expert_like(network, [Part.FACE]).network
    expert = Teacher(expert_like(network, [Part.HAND]), [Part.HAND], TeachingSettings())
    with pytest.raises(ModelError, match=r"one for the hand, which the student does not.*network\.parts"):
        expert.check(student)


def test_an_expert_is_the_network_with_one_part(network, people):
    expert = expert_like(network, [Part.HAND]).network
    images = batch_of(people).images()
    with torch.inference_mode():
        boxes = torch.tensor([[10.0, 10, 90, 140], [90, 10, 150, 70]])
        size = tuple(images.shape[-2:])
        whole = network.eval().predict(network.backbone(images[:1]), boxes, size)
        one = expert.predict(expert.backbone(images[:1]), boxes, size)
    assert list(one.parts) == [Part.HAND]
    for kind in ("scores", "poses_2d", "poses_3d"):
        torch.testing.assert_close(getattr(one.parts[Part.HAND], kind), getattr(whole.parts[Part.HAND], kind))


def test_a_part_expert_can_be_written_and_read(network, tmp_path):
    expert = expert_like(network, [Part.FACE])
    write_checkpoint(tmp_path / "face.pt", expert.network, expert.ppi)
    read = read_checkpoint(tmp_path / "face.pt")
    assert read.network.parts == (Part.FACE,)
    assert read.ppi == expert.ppi
    for name, tensor in expert.network.state_dict().items():
        assert torch.equal(read.network.state_dict()[name], tensor)


def test_a_run_starts_for_one_part_from_a_checkpoint_of_all(tmp_path, people):
    config = small_config(write_start(tmp_path, people))
    alone = replace(config.network, parts=("hand",))
    assert begin(alone).network.parts == (Part.HAND,)


def test_an_expert_refines_boxes_of_its_part_as_the_network_does(network):
    torch.nn.init.normal_(network.refinement.bbox_pred.weight, std=0.03)
    torch.nn.init.normal_(network.refinement.bbox_pred.bias)
    vectors = torch.rand(5, network.box_head.channels)
    expert = expert_like(network, [Part.FACE]).network
    of_expert = expert.refinement.deltas(vectors)
    assert list(of_expert) == [Part.FACE]
    torch.testing.assert_close(of_expert[Part.FACE], network.refinement.deltas(vectors)[Part.FACE])


def test_a_run_can_begin_to_refine_boxes_where_its_checkpoint_does_not(tmp_path, network, people):
    older = type(network)(replace(network.config, refined=False)).eval()
    older.load_state_dict({name: of for name, of in network.state_dict().items() if "refinement" not in name})
    write_checkpoint(tmp_path / "older.pt", older, EXPERT_PPI)
    settings = NetworkSettings(checkpoint=tmp_path / "older.pt")
    assert begin(settings).network.refinement is None

    refined = begin(replace(settings, refined=True))
    assert refined.ppi == EXPERT_PPI
    images = batch_of(people).images()
    with torch.inference_mode():
        before, after = older(images), refined.network(images)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other.boxes, one.proposals)
        for part in Part:
            torch.testing.assert_close(
                other.parts[part].poses_2d, one.parts[part].poses_2d, rtol=1e-3, atol=1e-2
            )
    assert with_refinement(refined) is refined


@pytest.fixture
def anchor_poses(tmp_path):
    """A file of anchor poses, at random places."""
    rng = np.random.default_rng(0)
    shapes = {part: (of.count, len(SKELETONS[part]), 5) for part, of in ANCHOR_CLASSES.items()}
    poses = {part: rng.normal(size=shape).astype(np.float32) for part, shape in shapes.items()}
    AnchorPoses(poses).save(tmp_path / "anchors.npz")
    return tmp_path / "anchors.npz"


def test_a_run_starts_with_the_proposals_and_the_size_that_it_is_told(anchor_poses):
    settings = NetworkSettings(shape="compact", parts=("hand",), anchor_poses=anchor_poses)
    told = begin(replace(settings, proposals=7, min_size=320)).network.config
    assert (told.proposals.count, told.min_size) == (7, 320)
    untold = begin(settings).network.config
    assert (untold.proposals, untold.min_size) == (COMPACT.proposals, COMPACT.min_size)


def test_a_checkpoint_keeps_its_own_number_of_proposals(tmp_path, people):
    with pytest.raises(DopeError, match=r"network\.proposals"):
        begin(NetworkSettings(checkpoint=write_start(tmp_path, people), proposals=7))


def test_experts_are_trained_and_then_a_student_of_theirs(tmp_path):
    """The whole way, a step each, through files."""
    people = drawn_people(8)
    start = write_start(tmp_path, people)
    experts = {}
    for part in Part:
        config = small_config(start)
        config = replace(config, network=replace(config.network, parts=(part.value,)))
        pictures = training_set(drawn_people(8, labelled=frozenset({part})), config)
        experts[part.value] = str(train(config, pictures, tmp_path / part.value))
        (tmp_path / part.value / STATE_NAME).unlink()  # 150 MB that nobody needs
    config = small_config(start, teaching={"experts": experts})
    student = train(config, training_set(people, config), tmp_path / "student")
    assert read_checkpoint(student).network.parts == tuple(Part)
    assert [teacher.parts for teacher in read_teachers(config.teaching, 0.5)] == [(part,) for part in Part]


def test_a_term_over_several_pictures_is_one_mean_and_not_a_mean_of_means():
    loss = averaged({"x_y": Term(torch.tensor(6.0), torch.tensor(3))})["x_y"]
    assert loss == 2
