# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Coordinate frames on /tf: those of people are published, and those of the robot are looked up.

Transforms are looked up by tf2_ros where that is installed, else by `dope_ros.transforms`; `LOOKUP` says
which.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from math import hypot, isfinite
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Header

from dope_ros.errors import DopeError
from dope_ros.geometry import Transform, body_frame, face_frame, gaze_frame, hand_frame
from dope_ros.poses import Person
from dope_ros.ros.logs import Throttle
from dope_ros.skeleton import BODY, Side
from dope_ros.transforms import JUMP_NS, FrameWatch, Patience, TransformError, TransformTree

TF_QOS = QoSProfile(depth=100)
STATIC_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)

LISTENER = "dope"
"""By what name tf2 knows who told it of transforms."""

QUATERNION_TOLERANCE = 0.01
"""How far the length of a quaternion may be from 1; those of drivers that did not set it are 0."""

LINKS = {joint: joint.replace("right_", "r_").replace("left_", "l_") for joint in BODY.joints}
"""The body's joints by the names that REP-155 has for the links of its human model."""

_PERSONS_FRAME = re.compile(r"(body|face|gaze|left_hand|right_hand)_[bf]\d+[a-z]*")
"""What `frames_of` calls a person's frames; a body's joints are children of its own."""


def tf_message_type() -> Any:
    """tf2_msgs/TFMessage.

    Raises:
        DopeError: tf2_msgs is not installed.
    """
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError as error:
        raise DopeError(
            "tf2_msgs is not installed, which the parameters broadcast_tf, hri and target_frame need "
            "(apt install ros-$ROS_DISTRO-tf2-msgs)"
        ) from error
    return TFMessage


def nanoseconds(stamp: Time) -> int:
    """A stamp as one number."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


class Transforms(ABC):
    """Looks up transforms."""

    def __init__(self) -> None:
        self._patience: defaultdict[tuple[str, str], Patience] = defaultdict(Patience)

    def lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        """What takes points of `source` to `target` at a time.

        Args:
            patience: seconds to wait for it at most; less where it has been awaited in vain for a while.

        Raises:
            TransformError: it is unknown, or there is no time: tf2 would take the stamp 0 for the latest.
        """
        if not nanoseconds(stamp):
            raise TransformError(
                f"no transform of '{source}' to '{target}' at the stamp 0: whoever publishes the images does "
                "not set header.stamp"
            )
        target, source = frame_name(target), frame_name(source)
        waiting = self._patience[target, source]
        try:
            found = self._lookup(target, source, stamp, waiting.seconds(patience))
        except TransformError:
            waiting.note(found=False)
            raise
        waiting.note(found=True)
        return found

    @abstractmethod
    def close(self) -> None:
        """Listen no longer."""

    @abstractmethod
    def _lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        """`lookup`, by names without a slash."""


class Listener:
    """Hears /tf and /tf_static, and when the node's clock goes back, as with use_sim_time.

    An invalid transform is skipped and logged; the others of its message are kept. Frames of people are
    passed over: tf2's buffer never forgets a frame, and each person brings some twenty with new names.

    Args:
        take: takes a transform, and whether it is static.
        clear: forgets all transforms but static ones.

    Raises:
        DopeError: tf2_msgs is not installed.
    """

    def __init__(
        self, node: Node, take: Callable[[TransformStamped, bool], None], clear: Callable[[], None]
    ) -> None:
        kind = tf_message_type()
        self._node = node
        self._take = take
        self._throttle = Throttle()
        self._subscriptions = [
            node.create_subscription(kind, "/tf", self._hearing(static=False), TF_QOS),
            node.create_subscription(kind, "/tf_static", self._hearing(static=True), STATIC_QOS),
        ]
        backwards = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-JUMP_NS))
        self._jumps = node.get_clock().create_jump_callback(backwards, post_callback=lambda _: clear())

    def close(self) -> None:
        """Hear no longer."""
        self._jumps.unregister()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _hearing(self, static: bool) -> Callable[[Any], None]:
        def hear(message: Any) -> None:
            """Take in the transforms of a message, each by itself."""
            for stamped in message.transforms:
                if is_of_person(stamped):
                    continue
                if fault := fault_of(stamped):
                    self._warn(f"a transform on /tf{'_static' * static} is left out: {fault}")
                else:
                    self._take(stamped, static)

        return hear

    def _warn(self, message: str) -> None:
        if self._throttle.passes(message):
            self._node.get_logger().warning(message)


class OwnTransforms(Transforms):
    """Keeps transforms without tf2_ros.

    Raises:
        DopeError: tf2_msgs is not installed.
    """

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._tree = TransformTree()
        self._listener = Listener(node, self._add, self._tree.clear)

    def _lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        return self._tree.lookup(target, source, nanoseconds(stamp), patience)

    def close(self) -> None:
        """See `Transforms`."""
        self._listener.close()

    def _add(self, stamped: TransformStamped, static: bool) -> None:
        parent, child = frames_in(stamped)
        stamp = nanoseconds(stamped.header.stamp)
        self._tree.add(parent, child, stamp, transform_from_message(stamped), static)


class Tf2Transforms(Transforms):
    """Keeps transforms by tf2_ros.

    tf2's own listener does not notice when time goes back in a bag that is played without a clock, and its
    buffer looks at the node's clock only if it may offer a service. So what is heard comes from `Listener`.

    Raises:
        DopeError: tf2_msgs is not installed.
    """

    def __init__(self, node: Node) -> None:
        from tf2_ros import Buffer

        super().__init__()
        self._buffer = Buffer()
        self._watch = FrameWatch()
        self._listener = Listener(node, self._add, self._clear)

    def _lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
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
        self._listener.close()

    def _add(self, stamped: TransformStamped, static: bool) -> None:
        if static:
            self._buffer.set_transform_static(stamped, LISTENER)
            return
        _, child = frames_in(stamped)
        if self._watch.record(child, nanoseconds(stamped.header.stamp)):
            self._buffer.clear()
        self._watch.sweep()
        self._buffer.set_transform(stamped, LISTENER)

    def _clear(self) -> None:
        self._watch.forget()
        self._buffer.clear()


def _available() -> tuple[str, Callable[[Node], Transforms]]:
    try:
        import tf2_ros  # noqa: F401 (whether it is there)
    except ImportError:
        return "this package's own buffer (tf2_ros is not installed)", OwnTransforms
    return "tf2_ros", Tf2Transforms


LOOKUP, listen_to_transforms = _available()


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
            _to_message(header, *frame)
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


def frame_name(frame: str) -> str:
    """What a frame is called; ROS 1 had the names begin with a slash, and bags of it still do."""
    return frame.lstrip("/")


def frames_in(stamped: TransformStamped) -> tuple[str, str]:
    """The parent's and the child's frame."""
    return frame_name(stamped.header.frame_id), frame_name(stamped.child_frame_id)


def is_persons_frame(name: str) -> bool:
    """Whether a frame is called as `frames_of` calls a person's, of this node or another; joints aside."""
    return _PERSONS_FRAME.fullmatch(name) is not None


def is_of_person(stamped: TransformStamped) -> bool:
    """Whether a transform is one of those that `frames_of` tells, of this node's people or another's."""
    return any(map(is_persons_frame, frames_in(stamped)))


def fault_of(stamped: TransformStamped) -> str:
    """What is wrong with a transform; empty where nothing is."""
    parent, child = frames_in(stamped)
    if not parent or not child or parent == child:
        return f"it says where '{child}' is in '{parent}'"
    t, q = stamped.transform.translation, stamped.transform.rotation
    length = hypot(q.x, q.y, q.z, q.w)
    if not abs(length - 1) <= QUATERNION_TOLERANCE:  # nor is NaN
        return f"the quaternion of '{child}' in '{parent}' has the length {length:.3f}, not 1"
    if not all(map(isfinite, (t.x, t.y, t.z))):
        return f"the translation of '{child}' in '{parent}' is not finite"
    return ""


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
