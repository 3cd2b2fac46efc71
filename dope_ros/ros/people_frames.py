# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The coordinate frames of people on /tf, by the names of REP-155."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from std_msgs.msg import Header

from dope_ros.geometry import Transform, body_frame, face_frame, gaze_frame, hand_frame
from dope_ros.poses import Person
from dope_ros.ros.tf_messages import TF_QOS, frame_name, frames_in, message_of, tf_message_type
from dope_ros.skeleton import BODY, Side

LINKS = {joint: joint.replace("right_", "r_").replace("left_", "l_") for joint in BODY.joints}
"""The body's joints by the names that REP-155 has for the links of its human model."""

_PERSONS_FRAME = re.compile(r"(body|face|gaze|left_hand|right_hand)_[bf]\d+[a-z]*")
"""What `frames_of` calls a person's frames; a body's joints are children of its own."""


class PeopleBroadcaster:
    """Publishes the frames of people on /tf.

    warn: logs a warning, but not all the time.

    Raises:
        DopeError: tf2_msgs is not installed.
    """

    def __init__(self, node: Node, warn: Callable[[str], None]) -> None:
        self._kind = tf_message_type()
        self._node = node
        self._warn = warn
        self._publisher = node.create_publisher(self._kind, "/tf", TF_QOS)

    def publish(self, header: Header, people: Sequence[Person], camera: str) -> None:
        """Publish the frames of those whose position is metric, as children of the header's frame.

        None where that has no name: everybody who listens to /tf would log an error for each. A slash that it
        begins with is left out, for tf2 would refuse it.
        """
        if not header.frame_id:
            self._warn("images without a frame_id: frames of their people cannot be published")
            return
        transforms = [
            message_of(header.stamp, *frame)
            for person in people
            for frame in frames_of(person, camera, frame_name(header.frame_id))
        ]
        if transforms:
            self._publisher.publish(self._kind(transforms=transforms))

    def close(self) -> None:
        """Publish no longer."""
        self._node.destroy_publisher(self._publisher)


def body_id(person: Person, camera: str) -> str:
    """The id of a person's body in names of topics and frames, which must not begin with a digit.

    Args:
        camera: a letter for each where there are several.
    """
    return f"b{person.id}{camera}"


def face_id(person: Person, camera: str) -> str:
    """The id of a person's face; REP-155 wants another than that of the body."""
    return f"f{person.id}{camera}"


def frames_of(person: Person, camera: str, parent: str) -> Iterator[tuple[str, str, Transform]]:
    """The frames of a person (REP-155): parent, child, and where the child is in its parent.

    None for a person whose position is not metric: a frame cannot say that it means nothing.
    """
    if not person.metric:
        return
    name, face = body_id(person, camera), face_id(person, camera)
    if person.body is not None and (frame := body_frame(person.body.keypoints_3d)) is not None:
        yield parent, f"body_{name}", frame
        joints = frame.inverse().apply(person.body.keypoints_3d)
        for joint, place in zip(BODY.joints, joints, strict=True):
            yield f"body_{name}", f"{LINKS[joint]}_{name}", Transform(np.eye(3), place)
    if person.face is not None and (frame := face_frame(person.face.keypoints_3d)) is not None:
        yield parent, f"face_{face}", frame
        yield parent, f"gaze_{face}", gaze_frame(frame)
    for side, hand in ((Side.LEFT, person.left_hand), (Side.RIGHT, person.right_hand)):
        if hand is not None and (frame := hand_frame(hand.keypoints_3d, side)) is not None:
            yield parent, f"{side.value}_hand_{name}", frame


def is_persons_frame(name: str) -> bool:
    """Whether a frame is called as `frames_of` calls a person's, of this node or another; joints aside."""
    return _PERSONS_FRAME.fullmatch(name) is not None


def is_of_person(stamped: TransformStamped) -> bool:
    """Whether a transform is one of those that `frames_of` tells, of this node's people or another's."""
    return any(map(is_persons_frame, frames_in(stamped)))
