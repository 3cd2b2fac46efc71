# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The labels of a picture as tensors: what the network should say of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dope_ros.skeleton import LOWER_BODY, SKELETONS, Part, Side
from dope_ros.training.datasets.labels import PartLabels, Photographed, Sample

SIDE_UNKNOWN, SIDE_RIGHT, SIDE_LEFT = -1, 0, 1
SIDES: dict[Side | None, int] = {None: SIDE_UNKNOWN, Side.RIGHT: SIDE_RIGHT, Side.LEFT: SIDE_LEFT}

OUTSIDE_WEIGHT = 0.1
"""Of a joint whose label lies outside of what was photographed; one inside has 1."""


@dataclass(frozen=True, slots=True)
class Clarity:
    """How clearly an instance must be seen for a network to be asked for it; others are ignored.

    longer_side, shorter_side: of its box within the picture, pixels of the network's input.
    inside: the least share of its joints in the picture.
    visible: the least share of the joints in the picture that are visible.
    """

    longer_side: float
    shorter_side: float
    inside: float
    visible: float


CLARITY = {
    Part.BODY: Clarity(longer_side=30, shorter_side=8, inside=0.2, visible=0.35),
    Part.HAND: Clarity(longer_side=16, shorter_side=6, inside=0.7, visible=0.5),
    Part.FACE: Clarity(longer_side=12, shorter_side=5, inside=0.7, visible=0.35),
}
"""A hand of 16 pixels is two cells of the compact network's features: smaller ones would only teach noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """G bodies, hands or faces that are labelled. Pixels are those of the network's input.

    boxes: [G, 4] float32.
    sides: [G] int64; `SIDE_UNKNOWN`, `SIDE_RIGHT` or `SIDE_LEFT`.
    upper: [G] bool; only the upper body is in the picture.
    poses_2d: [G, J, 2] float32, pixels; weights_2d: [G, J] float32, 0 where a joint is not known.
    poses_3d: [G, J, 3] float32, metres, from the mean of the known joints; weights_3d: [G, J] float32.
    """

    boxes: Tensor
    sides: Tensor
    upper: Tensor
    poses_2d: Tensor
    weights_2d: Tensor
    poses_3d: Tensor
    weights_3d: Tensor

    @classmethod
    def concatenated(cls, several: Sequence[Instances]) -> Instances:
        """All of them, one after the other; at least one."""
        of_fields = zip(*(instances.tensors() for instances in several), strict=True)
        return cls(*(torch.cat(tensors) for tensors in of_fields))

    def __len__(self) -> int:
        return len(self.boxes)

    def tensors(self) -> tuple[Tensor, ...]:
        """All fields in their order; each has a row an instance."""
        return (
            self.boxes,
            self.sides,
            self.upper,
            self.poses_2d,
            self.weights_2d,
            self.poses_3d,
            self.weights_3d,
        )

    def to(self, device: torch.device) -> Instances:
        """The same on a device."""
        return Instances(*(tensor.to(device) for tensor in self.tensors()))

    def rows(self, picked: Tensor) -> Instances:
        """Some of them, in any order: [G] bool, or [M] int64."""
        return Instances(*(tensor[picked] for tensor in self.tensors()))


@dataclass(frozen=True, slots=True, eq=False)
class PartTargets:
    """All bodies, hands or faces of one picture. Pixels are those of the network's input.

    instances: those that a network is asked for.
    ignored: [I, 4] float32, boxes in which a proposal is neither right nor wrong.
    labelled: nothing else in the picture shows this part. Else what it shows elsewhere is not known.
    """

    instances: Instances
    ignored: Tensor
    labelled: bool

    @classmethod
    def of(
        cls, part: Part, instances: Sequence[InstanceArrays], ignored: np.ndarray, labelled: bool
    ) -> PartTargets:
        """Of arrays.

        Args:
            ignored: [I, 4] float32.
        """
        boxes = np.asarray(ignored, np.float32).reshape(-1, 4)
        return cls(_stacked(part, instances), torch.from_numpy(boxes), labelled)

    def to(self, device: torch.device) -> PartTargets:
        """The same on a device."""
        return PartTargets(self.instances.to(device), self.ignored.to(device), self.labelled)


Targets = dict[Part, PartTargets]
"""What a picture shows of each part."""


@dataclass(frozen=True, slots=True, eq=False)
class InstanceArrays:
    """One body, hand or face, on its way into `Instances`; arrays as there, without the first axis."""

    box: np.ndarray
    side: int
    upper: bool
    pose_2d: np.ndarray
    weights_2d: np.ndarray
    pose_3d: np.ndarray
    weights_3d: np.ndarray


def targets_of(sample: Sample, width: int, height: int, parts: Iterable[Part] = Part) -> Targets:
    """What a network should say of a picture.

    Args:
        sample: labels in pixels of the network's input.
        width, height: of the picture, without padding.
        parts: that the network has.
    """
    photographed = sample.photographed(width, height)
    return {part: _part_targets(sample, part, photographed) for part in parts}


def _stacked(part: Part, instances: Sequence[InstanceArrays]) -> Instances:
    """Instances of a part as tensors."""
    joints = len(SKELETONS[part])

    def rows(values: list, shape: tuple[int, ...], kind: type = np.float32) -> Tensor:
        return torch.from_numpy(np.array(values, kind).reshape(len(values), *shape))

    return Instances(
        boxes=rows([i.box for i in instances], (4,)),
        sides=rows([i.side for i in instances], (), np.int64),
        upper=rows([i.upper for i in instances], (), np.bool_),
        poses_2d=rows([i.pose_2d for i in instances], (joints, 2)),
        weights_2d=rows([i.weights_2d for i in instances], (joints,)),
        poses_3d=rows([i.pose_3d for i in instances], (joints, 3)),
        weights_3d=rows([i.weights_3d for i in instances], (joints,)),
    )


def shows_upper_body_alone(part: Part, inside: np.ndarray) -> bool:
    """Whether of a body with those joints in the picture, [J] bool, all knees and ankles are out of it."""
    return part is Part.BODY and not inside[list(LOWER_BODY)].any()


def _part_targets(sample: Sample, part: Part, photographed: Photographed) -> PartTargets:
    clear: list[InstanceArrays] = []
    ignored = [sample.ignored_within(part, photographed)]
    for side, labels in sample.instances(part):
        box = photographed.box_of(labels)
        if (box[2:] <= box[:2]).any():
            continue
        inside = labels.known_2d & photographed.contains(labels.keypoints_2d)
        if _is_clear(labels, box, inside, CLARITY[part]):
            clear.append(_instance(labels, part, side, box, inside))
        else:
            ignored.append(box[None])
    return PartTargets.of(part, clear, np.concatenate(ignored), part in sample.labelled)


def _is_clear(labels: PartLabels, box: np.ndarray, inside: np.ndarray, least: Clarity) -> bool:
    shorter, longer = np.sort(box[2:] - box[:2])
    if longer < least.longer_side or shorter < least.shorter_side:
        return False
    if not inside.any() or inside.sum() < least.inside * labels.known_2d.sum():
        return False
    return bool((labels.visible & inside).sum() >= least.visible * inside.sum())


def _instance(
    labels: PartLabels, part: Part, side: Side | None, box: np.ndarray, inside: np.ndarray
) -> InstanceArrays:
    relative = labels.relative_3d()
    return InstanceArrays(
        box=box,
        side=SIDES[side],
        upper=shows_upper_body_alone(part, inside),
        pose_2d=labels.keypoints_2d,
        weights_2d=np.where(inside, 1.0, np.where(labels.known_2d, OUTSIDE_WEIGHT, 0.0)),
        pose_3d=np.zeros((len(inside), 3)) if relative is None else relative,
        weights_3d=labels.known_3d,
    )
