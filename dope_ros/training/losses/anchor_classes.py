# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The anchor-pose class of each labelled pose, and the root of its 3D."""

from __future__ import annotations

import torch
from torch import Tensor

from dope_ros.settings import AnchorClasses
from dope_ros.skeleton import LOWER_BODY
from dope_ros.training.loading.targets import SIDE_LEFT, SIDE_RIGHT, Instances

LEAST_KNOWN_3D = 0.5
"""The share of joints that must be known in 3D for the class to be chosen by them; else it is by 2D."""


def nearest_classes(instances: Instances, anchor_poses: Tensor, anchors: AnchorClasses) -> Tensor:
    """The class of each instance: that of the nearest anchor pose in 3D (DOPE, section 3.1).

    Where too little is known in 3D, the nearest in 2D, in sizes of the box. A hand gets a class of its side
    and a body one of what is in the picture of it, upper body or whole, where there are classes for that.
    What legs do below the picture says nothing of an upper body's class: no network could tell.

    Args:
        anchor_poses: [K, J, 5], as `PosePredictor.anchor_poses` gives them.

    Returns:
        [G] int64, 0 to K - 1.
    """
    sizes = (instances.boxes[:, None, 2:] - instances.boxes[:, None, :2]).clamp(min=1e-3)
    in_box = (instances.poses_2d - instances.boxes[:, None, :2]) / sizes
    telling = _telling_joints(instances, anchors)
    by_2d = _distances(in_box, instances.weights_2d * telling, anchor_poses[..., :2], centred=False)
    weights_3d = instances.weights_3d * telling
    by_3d = _distances(instances.poses_3d, weights_3d, anchor_poses[..., 2:], centred=True)
    enough = weights_3d.sum(dim=1, keepdim=True) >= LEAST_KNOWN_3D * telling.sum(dim=1, keepdim=True)
    distances = torch.where(enough, by_3d, by_2d)
    return distances.masked_fill(~_allowed(instances, anchors), torch.inf).argmin(dim=1)


def rooted(instances: Instances, anchor_poses: Tensor, classes: Tensor) -> Tensor:
    """3D poses whose known joints have the same mean as those joints of their anchor pose.

    An anchor pose is relative to the mean of all joints; labels that lack some do not know where that is.

    Args:
        anchor_poses: [K, J, 5].
        classes: [G] int64.

    Returns:
        [G, J, 3] float32, metres.
    """
    anchors = anchor_poses[classes][..., 2:]
    shift = _weighted_mean(anchors - instances.poses_3d, instances.weights_3d)
    return instances.poses_3d + shift


def _distances(poses: Tensor, weights: Tensor, anchors: Tensor, centred: bool) -> Tensor:
    """Mean joint distances [G, K] of poses [G, J, D] with weights [G, J] to anchors [K, J, D].

    centred: poses and anchors are moved so that their means meet.
    """
    offsets = poses[:, None] - anchors
    weights = weights[:, None].expand(-1, len(anchors), -1)
    if centred:
        offsets = offsets - _weighted_mean(offsets, weights)
    return (offsets.norm(dim=-1) * weights).sum(dim=2) / weights.sum(dim=2).clamp(min=1e-6)


def _weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over joints of values [..., J, D] with weights [..., J]: [..., 1, D]."""
    weights = weights[..., None]
    return (values * weights).sum(dim=-2, keepdim=True) / weights.sum(dim=-2, keepdim=True).clamp(min=1e-6)


def _telling_joints(instances: Instances, anchors: AnchorClasses) -> Tensor:
    """[G, J] float32, 1 for the joints by which classes are told apart: those that they were clustered by."""
    telling = torch.ones_like(instances.weights_3d)
    if anchors.upper_body_from is not None:
        telling[:, list(LOWER_BODY)] = 1 - instances.upper[:, None].to(telling.dtype)
    return telling


def _allowed(instances: Instances, anchors: AnchorClasses) -> Tensor:
    """[G, K] bool, the classes that an instance can have."""
    classes = torch.arange(anchors.count, device=instances.boxes.device)
    allowed = torch.ones(len(instances), anchors.count, dtype=torch.bool, device=instances.boxes.device)
    if anchors.left_from is not None:
        is_left = classes >= anchors.left_from
        sides = instances.sides[:, None]
        allowed = allowed & ~((sides == SIDE_RIGHT) & is_left) & ~((sides == SIDE_LEFT) & ~is_left)
    if anchors.upper_body_from is not None:
        allowed = allowed & (instances.upper[:, None] == (classes >= anchors.upper_body_from))
    return allowed
