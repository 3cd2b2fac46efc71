# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People to messages, and back; keypoints go over as flat arrays without a loop."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import Header

from dope_ros.msg import PartPose3D, WholeBodyPose3D, WholeBodyPose3DArray
from dope_ros.poses import HAND_SIDES, PART_NAMES, PartPose, Person

_UNKNOWN = np.array([-1.0, *[0.0] * 8])
"""The covariance of a position that is not metric."""


def people_to_message(
    header: Header, people: Iterable[Person], image_width: int, image_height: int
) -> WholeBodyPose3DArray:
    """The people seen in one image, as a message; people without a place have their root at the origin."""
    return WholeBodyPose3DArray(
        header=header,
        people=[_person_to_message(person) for person in people],
        image_width=image_width,
        image_height=image_height,
    )


def people_from_message(message: WholeBodyPose3DArray) -> list[Person]:
    """The people in a message, for nodes that listen.

    Their keypoints share the message's memory and are read-only. Messages do not say whether somebody's size
    was measured in an earlier image: here it was if depth was measured in this one.
    """
    return [_person_from_message(person) for person in message.people]


def keypoints_2d(part: PartPose3D) -> np.ndarray:
    """[J, 2] float32, pixels, sharing the message's memory; [0, 2] where the part is empty."""
    return _read_only(part.keypoints_2d, 2)


def keypoints_3d(part: PartPose3D) -> np.ndarray:
    """[J, 3] float32, metres, sharing the message's memory; [0, 3] where the part is empty."""
    return _read_only(part.keypoints_3d, 3)


def _read_only(values: array[float], dimensions: int) -> np.ndarray:
    keypoints = np.frombuffer(values, np.float32) if len(values) else np.empty(0, np.float32)
    keypoints = keypoints.reshape(-1, dimensions)
    keypoints.flags.writeable = False
    return keypoints


def _person_to_message(person: Person) -> WholeBodyPose3D:
    message = WholeBodyPose3D(
        id=person.id,
        score=person.score,
        metric=person.metric,
        depth_measured=person.depth_measured,
        root_covariance=_UNKNOWN if person.root_covariance is None else person.root_covariance.ravel(),
    )
    if person.root is not None:
        message.root = Point(x=float(person.root[0]), y=float(person.root[1]), z=float(person.root[2]))
    for name, pose in person.parts().items():
        setattr(message, name, _part_to_message(pose))
    return message


def _part_to_message(pose: PartPose) -> PartPose3D:
    return PartPose3D(
        score=pose.score, keypoints_2d=_flat(pose.keypoints_2d), keypoints_3d=_flat(pose.keypoints_3d)
    )


def _flat(keypoints: np.ndarray) -> array[float]:
    return array("f", np.ascontiguousarray(keypoints, np.float32).tobytes())


def _person_from_message(message: WholeBodyPose3D) -> Person:
    parts = {name: _part_from_message(getattr(message, name), name) for name in PART_NAMES}
    root = np.array([message.root.x, message.root.y, message.root.z], np.float32)
    covariance = np.array(message.root_covariance).reshape(3, 3)
    return Person(
        id=message.id,
        root=root,
        metric=message.metric,
        depth_measured=message.depth_measured,
        size_measured=message.depth_measured,
        root_covariance=None if covariance[0, 0] < 0 else covariance,
        **parts,
    )


def _part_from_message(message: PartPose3D, name: str) -> PartPose | None:
    if len(message.keypoints_2d) == 0:
        return None
    return PartPose(message.score, keypoints_2d(message), keypoints_3d(message), HAND_SIDES.get(name))
