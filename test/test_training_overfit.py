# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Four pictures are learnt by heart: where a branch or a loss is broken, that fails."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from tiny_people import drawn_people  # noqa: E402
from torchvision.ops import box_iou  # noqa: E402
from training_runs import small_network  # noqa: E402

from dope_ros.engine.torch import proposals_of  # noqa: E402
from dope_ros.postprocess.integrate import integrate  # noqa: E402
from dope_ros.settings import PpiSettings  # noqa: E402
from dope_ros.skeleton import Part  # noqa: E402
from dope_ros.training.loading.batches import collate  # noqa: E402
from dope_ros.training.loading.order import Draw  # noqa: E402
from dope_ros.training.loading.training_set import Source, TrainingSet  # noqa: E402
from dope_ros.training.losses.box_matching import Sampling  # noqa: E402
from dope_ros.training.losses.objective import Objective, ObjectiveSettings  # noqa: E402
from dope_ros.training.losses.rois import RoiSettings  # noqa: E402
from dope_ros.training.losses.rpn_losses import RpnSettings  # noqa: E402
from dope_ros.training.runs.config import LossWeights  # noqa: E402
from dope_ros.training.runs.train import weighted_sum  # noqa: E402

STEPS = 140
PCK_THRESHOLD = 0.1
"""A joint is right within this share of the longer side of its box."""

SETTINGS = ObjectiveSettings(
    RpnSettings(positive_iou=0.6, sampling=Sampling(128, 0.5)), RoiSettings(sampling=Sampling(32, 0.5))
)
WEIGHTS = LossWeights(classes=3, pose_2d=3, pose_3d=1.5, located=8)


@pytest.fixture(scope="module")
def batch():
    pictures = TrainingSet([Source(drawn_people(4))])
    return collate([pictures[Draw(index, index)] for index in range(4)])


@pytest.fixture(scope="module")
def network(batch):
    """A compact network that has seen those pictures alone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    network = small_network(drawn_people(4)).train()
    objective = Objective(network, SETTINGS)
    optimiser = torch.optim.AdamW(network.parameters())
    for step in range(STEPS):
        batch.seeds[:] = range(4 * step, 4 * step + 4)
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 20) * (1 if step < 0.8 * STEPS else 0.2)
        loss = weighted_sum(objective(batch, [{}] * 4), WEIGHTS)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10)
        optimiser.step()
    yield network.eval()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def predictions(network, batch):
    with torch.inference_mode():
        return [proposals_of(prediction) for prediction in network(batch.images(), batch.sizes)]


@pytest.mark.parametrize("part", Part)
def test_four_pictures_are_learnt_to_the_last_joint(network, batch, predictions, part):
    settings = PpiSettings(score_th=0.02, th_persondetect=0.3)
    right = []
    for targets, proposals in zip(batch.targets.by_picture(), predictions, strict=True):
        detections = integrate(proposals[part], part, network.config.anchors[part], settings)
        assert len(detections) == 1
        size = float((targets[part].instances.boxes[0, 2:] - targets[part].instances.boxes[0, :2]).max())
        errors = np.linalg.norm(
            detections[0].keypoints_2d - targets[part].instances.poses_2d[0].numpy(), axis=1
        )
        right.append(errors < PCK_THRESHOLD * size)
    assert np.mean(right) == 1.0


@pytest.mark.parametrize("part", Part)
def test_refined_boxes_fit_better_than_the_proposals(network, batch, part):
    with torch.inference_mode():
        predictions = network(batch.images(), batch.sizes)
    before, after = [], []
    for targets, prediction in zip(batch.targets.by_picture(), predictions, strict=True):
        shown = prediction.parts[part].scores[:, 0] < 0.5
        assert shown.any()
        for boxes, overlaps in ((prediction.proposals, before), (prediction.boxes, after)):
            overlaps.append(box_iou(boxes[shown], targets[part].instances.boxes).amax(dim=1))
    assert torch.cat(after).mean() > torch.cat(before).mean()


def test_the_side_of_the_hand_is_learnt(network, batch, predictions):
    for targets, proposals in zip(batch.targets.by_picture(), predictions, strict=True):
        best = proposals[Part.HAND].scores[:, 1:].max(axis=1).argmax()
        is_left = (
            proposals[Part.HAND].scores[best, 1:].argmax() >= network.config.anchors[Part.HAND].left_from
        )
        assert is_left == bool(targets[Part.HAND].instances.sides[0])
