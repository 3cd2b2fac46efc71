# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The six branches: for each part the anchor-pose class of a box, and a pose relative to each anchor pose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dope_ros.skeleton import SKELETONS, Part

REGRESSION_SCALE = 5.0
"""Regressors give five times the offset from the anchor pose (LCR-Net++)."""


@dataclass(frozen=True, slots=True)
class PartPrediction:
    """What the network says of one part for each of N boxes.

    scores: [N, K + 1] float32, softmaxed, 0 is the background.
    poses_2d: [N, K, J, 2] float32, pixels, x right, y down.
    poses_3d: [N, K, J, 3] float32, metres, optical axes, relative to the part's root.
    """

    scores: Tensor
    poses_2d: Tensor
    poses_3d: Tensor


class PosePredictor(nn.Module):
    """Vectors of boxes to class logits and pose offsets of each part."""

    def __init__(self, channels: int, classes: Mapping[Part, int]) -> None:
        super().__init__()
        self.classes = dict(classes)
        self.cls_score = nn.ModuleDict()
        self.pose_pred = nn.ModuleDict()
        for part, count in self.classes.items():
            joints = len(SKELETONS[part])
            self.cls_score[part.value] = nn.Linear(channels, count + 1)
            self.pose_pred[part.value] = nn.Linear(channels, count * joints * 5)
            self.register_buffer(f"{part.value}_anchor_poses", torch.zeros(count, joints, 5))

    def anchor_poses(self, part: Part) -> Tensor:
        """[K, J, 5]: x, y in sizes of the box from its top left corner, then x, y, z in metres."""
        return self.get_buffer(f"{part.value}_anchor_poses")

    def logits(self, vectors: Tensor, part: Part) -> Tensor:
        """[N, K + 1], before softmax, of the boxes' vectors [N, channels]."""
        return self.cls_score[part.value](vectors)

    def poses(self, vectors: Tensor, part: Part) -> tuple[Tensor, Tensor]:
        """The pose of each class, from the boxes' vectors [N, channels].

        Returns:
            2D [N, K, J, 2] in sizes of the box from its top left corner, and 3D [N, K, J, 3] in metres.
        """
        count, joints = self.classes[part], len(SKELETONS[part])
        offsets = self.pose_pred[part.value](vectors).unflatten(1, (count, joints * 5)) / REGRESSION_SCALE
        anchors = self.anchor_poses(part)
        offsets_2d = offsets[..., : 2 * joints].unflatten(2, (joints, 2))
        offsets_3d = offsets[..., 2 * joints :].unflatten(2, (joints, 3))
        return anchors[..., :2] + offsets_2d, anchors[..., 2:] + offsets_3d


def expected_2d(logits: Tensor, poses_2d: Tensor) -> Tensor:
    """The mean [N, J, 2] of the classes' poses [N, K, J, 2], each as probable as its class is among poses.

    Args:
        logits: [N, K + 1], with the background's.
    """
    return (logits[:, 1:].softmax(dim=1)[:, :, None, None] * poses_2d).sum(dim=1)
