# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The labels of a picture that is moved, mirrored or seen by a turned camera: all of them move with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dope_ros.poses import HAND_SIDES, PART_NAMES
from dope_ros.skeleton import SKELETONS, Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, in_picture

_NAME_OF_HAND = {side: name for name, side in HAND_SIDES.items()}
_OTHER_HAND = {name: _NAME_OF_HAND[side.other] for name, side in HAND_SIDES.items()}


@dataclass(frozen=True, slots=True)
class Motion:
    """Where things are in a new picture that is made of an old one.

    points: takes pixels [..., 2] float64 of the old picture to those of the new one, NaN for what it cannot
        show.
    poses: takes 3D [J, 3] float32, metres, from the old optical axes to the new ones.
    scale: pixels of the new picture to one of the old one, for `PersonLabels.head_size`.
    """

    points: Callable[[np.ndarray], np.ndarray]
    poses: Callable[[np.ndarray], np.ndarray]
    scale: float = 1.0


def affine(transform: np.ndarray) -> Motion:
    """Moved, scaled and turned in the picture's plane; 3D is turned with it, as if the camera were rolled.

    That is exact for a camera whose axis meets the point that the picture is turned about.

    Args:
        transform: [2, 3], from pixels of the old picture to those of the new one.
    """
    turn = rotation_2d(np.arctan2(transform[1, 0], transform[0, 0]))
    return Motion(
        points=lambda points: points @ transform[:, :2].T + transform[:, 2],
        poses=lambda poses: np.column_stack([poses[:, :2] @ turn.T, poses[:, 2]]),
        scale=float(np.hypot(*transform[:, 0])),
    )


def rotation_2d(radians: float) -> np.ndarray:
    """[2, 2] float64, from x right to y down."""
    return np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])


def mirror(last_column: int) -> Motion:
    """The mirror image of a picture whose last column is `last_column`."""
    return Motion(
        points=lambda points: points * (-1, 1) + (last_column, 0),
        poses=lambda poses: poses * np.array([-1, 1, 1], np.float32),
    )


def moved(sample: Sample, motion: Motion) -> Sample:
    """All labels where the new picture shows them, intrinsics as they are.

    Where the new picture shows less than the old one, `seen_within` tells which joints are left.
    """
    shown = sample.shown
    if shown is not None:
        shown = next(iter(moved_boxes(shown[None], motion)), np.zeros(4, np.float32))  # out of sight: nothing
    return replace(
        sample,
        people=tuple(_moved_person(person, motion) for person in sample.people),
        ignored={part: moved_boxes(boxes, motion) for part, boxes in sample.ignored.items()},
        shown=shown,
    )


def seen_within(sample: Sample, width: int, height: int) -> Sample:
    """The labels of a picture of that size: joints beyond it stay known, but are not visible."""
    return replace(
        sample, people=tuple(_person_seen_within(person, width, height) for person in sample.people)
    )


def moved_boxes(boxes: np.ndarray, motion: Motion) -> np.ndarray:
    """The boxes [M, 4] float32 around the moved corners of boxes [N, 4], but for those out of sight."""
    corners = motion.points(boxes[:, [[0, 1], [2, 1], [0, 3], [2, 3]]].astype(np.float64))
    around = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)
    return around[np.isfinite(around).all(axis=1)]


def transformed(sample: Sample, transform: np.ndarray, width: int, height: int) -> Sample:
    """The labels of a picture that was moved, scaled and turned in its plane; intrinsics are dropped.

    Args:
        transform: [2, 3], from pixels of the old picture to those of the new one.
        width, height: of the new picture, pixels.
    """
    return replace(seen_within(moved(sample, affine(transform)), width, height), intrinsics=None)


def mirrored(sample: Sample, last_column: int) -> Sample:
    """The labels of the mirror image of a picture, in which a left hand or knee is a right one."""
    in_mirror = moved(sample, mirror(last_column))
    camera = sample.intrinsics
    return replace(
        in_mirror,
        people=tuple(_with_sides_swapped(person) for person in in_mirror.people),
        intrinsics=None if camera is None else replace(camera, cx=last_column - camera.cx),
    )


def mirrored_part(labels: PartLabels, part: Part, last_column: int) -> PartLabels:
    """A part in the mirror image of a picture whose last column is `last_column`."""
    return _with_joints_swapped(_moved_part(labels, mirror(last_column)), part)


def _moved_person(person: PersonLabels, motion: Motion) -> PersonLabels:
    parts = {name: _moved_part(labels, motion) for name, labels in person.parts().items()}
    head_size = None if person.head_size is None else person.head_size * motion.scale
    return PersonLabels.of(parts, head_size)


def _moved_part(labels: PartLabels, motion: Motion) -> PartLabels:
    points_2d = motion.points(labels.keypoints_2d.astype(np.float64))
    points_3d = None if labels.keypoints_3d is None else motion.poses(labels.keypoints_3d)
    return PartLabels.of(points_2d, labels.known_2d, labels.visible, points_3d, labels.known_3d)


def _person_seen_within(person: PersonLabels, width: int, height: int) -> PersonLabels:
    parts = {
        name: replace(labels, visible=labels.visible & in_picture(labels.keypoints_2d, width, height))
        for name, labels in person.parts().items()
    }
    return PersonLabels.of(parts, person.head_size)


def _with_sides_swapped(person: PersonLabels) -> PersonLabels:
    swapped = {
        _OTHER_HAND.get(name, name): _with_joints_swapped(labels, PART_NAMES[name])
        for name, labels in person.parts().items()
    }
    return PersonLabels.of(swapped, person.head_size)


def _with_joints_swapped(labels: PartLabels, part: Part) -> PartLabels:
    """Labels whose left joints are the right ones."""
    order = SKELETONS[part].mirrored
    return PartLabels(
        labels.keypoints_2d[order],
        labels.known_2d[order],
        labels.visible[order],
        None if labels.keypoints_3d is None else labels.keypoints_3d[order],
        labels.known_3d[order],
    )
