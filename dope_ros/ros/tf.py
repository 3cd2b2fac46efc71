# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Coordinate frames on /tf: those of people are published, and those of the robot are looked up.

Transforms are looked up by tf2_ros where that is installed, else by `dope_ros.transforms`; `LOOKUP` says
which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header

from dope_ros.errors import DopeError
from dope_ros.geometry import Transform, body_frame, face_frame, gaze_frame, hand_frame
from dope_ros.poses import Person
from dope_ros.skeleton import BODY, Side
from dope_ros.transforms import TransformError, TransformTree

TF_QOS = QoSProfile(depth=100)
STATIC_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)

LINKS = {joint: joint.replace("right_", "r_").replace("left_", "l_") for joint in BODY.joints}
"""The body's joints by the names that REP-155 has for the links of its human model."""


def tf_message_type() -> Any:
    """tf2_msgs/TFMessage.

    Raises:
        DopeError: tf2_msgs is not installed.
    """
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        raise DopeError(
            "tf2_msgs is not installed, which the parameters broadcast_tf and target_frame need "
            "(apt install ros-$ROS_DISTRO-tf2-msgs)"
        ) from error
    return TFMessage


def nanoseconds(stamp: Time) -> int:
    """A stamp as one number."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


class Transforms(Protocol):
    """Looks up transforms."""

    def lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        """What takes points of `source` to `target` at a time; `TransformError` where that is unknown."""
        ...

    def close(self) -> None:
        """Listen no longer."""
        ...


class OwnTransforms:
    """Listens to /tf and /tf_static without tf2_ros.

    Raises:
        DopeError: tf2_msgs is not installed.
    """

    def __init__(self, node: Node) -> None:
        kind = tf_message_type()
        self._node = node
        self._tree = TransformTree()
        self._subscriptions = [
            node.create_subscription(kind, "/tf", self._taker(static=False), TF_QOS),
            node.create_subscription(kind, "/tf_static", self._taker(static=True), STATIC_QOS),
        ]

    def lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        """See `Transforms`."""
        return self._tree.lookup(target, source, nanoseconds(stamp), patience)

    def close(self) -> None:
        """See `Transforms`."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _taker(self, static: bool) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            for stamped in message.transforms:
                child, header = stamped.child_frame_id.lstrip("/"), stamped.header
                place = transform_from_message(stamped)
                self._tree.add(header.frame_id.lstrip("/"), child, nanoseconds(header.stamp), place, static)

        return take


class Tf2Transforms:
    """Listens by tf2_ros."""

    def __init__(self, node: Node) -> None:
        from tf2_ros import Buffer, TransformListener

        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, node)

    def lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        """See `Transforms`."""
        from rclpy.duration import Duration
        from rclpy.time import Time as RclpyTime
        from tf2_ros import TransformException

        try:
            stamped = self._buffer.lookup_transform(
                target, source, RclpyTime.from_msg(stamp), timeout=Duration(seconds=patience)
            )
        except TransformException as error:
            raise TransformError(str(error)) from error
        return transform_from_message(stamped)

    def close(self) -> None:
        """See `Transforms`."""
        self._listener.unregister()


def _available() -> tuple[str, Callable[[Node], Transforms]]:
    try:
        import tf2_ros  # noqa: F401 (whether it is there)
    except ImportError:
        return "this package's own buffer (tf2_ros is not installed)", OwnTransforms
    return "tf2_ros", Tf2Transforms


LOOKUP, listen_to_transforms = _available()


class PeopleBroadcaster:
    """Publishes the frames of people on /tf.

    Raises:
        DopeError: tf2_msgs is not installed.
    """

    def __init__(self, node: Node) -> None:
        self._kind = tf_message_type()
        self._node = node
        self._publisher = node.create_publisher(self._kind, "/tf", TF_QOS)

    def publish(self, header: Header, people: Sequence[Person], camera: str) -> None:
        """Publish the frames of those whose position is metric, as children of the header's frame."""
        transforms = [
            _to_message(header, *frame)
            for person in people
            for frame in frames_of(person, camera, header.frame_id)
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


def transform_from_message(stamped: TransformStamped) -> Transform:
    """What takes points of the child frame to the header's frame."""
    t, q = stamped.transform.translation, stamped.transform.rotation
    return Transform.from_quaternion(np.array([q.x, q.y, q.z, q.w]), np.array([t.x, t.y, t.z]))


def _to_message(header: Header, parent: str, child: str, place: Transform) -> TransformStamped:
    message = TransformStamped(child_frame_id=child)
    message.header.stamp = header.stamp
    message.header.frame_id = parent
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = place.translation.tolist()
    q.x, q.y, q.z, q.w = place.quaternion().tolist()
    return message
