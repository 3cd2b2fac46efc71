# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the robot's frames are: what is said on /tf is kept, and looked up.

By tf2_ros where that is installed, else by `dope_ros.transform_tree`; `LOOKUP` says which.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node

from dope_ros.geometry import Transform
from dope_ros.ros.logs import Throttle
from dope_ros.ros.people_frames import is_of_person
from dope_ros.ros.tf_messages import (
    STATIC_QOS,
    TF_QOS,
    fault_of,
    frame_name,
    frames_in,
    nanoseconds,
    tf_message_type,
    transform_from_message,
)
from dope_ros.transform_tree import (
    JUMP_NS,
    FrameWatch,
    Patience,
    TransformError,
    TransformTree,
    await_transform,
)

LISTENER = "dope"
"""By what name tf2 knows who told it of transforms."""


class TransformSink(Protocol):
    """Takes in what is heard of frames."""

    def add(self, stamped: TransformStamped) -> None:
        """Take in where a frame is in its parent at the message's stamp."""

    def add_static(self, stamped: TransformStamped) -> None:
        """Take in where a frame is in its parent at any time."""

    def clear(self) -> None:
        """Forget all but static transforms: time went back."""


class TransformStore(TransformSink, Protocol):
    """Keeps what is heard of frames; safe to use from several threads."""

    def lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        """What takes points of `source` to `target` at a time.

        Args:
            patience: seconds to wait for it at most.

        Raises:
            TransformError: it is not known; says what is missing.
        """


class TreeStore:
    """Keeps transforms without tf2_ros."""

    def __init__(self) -> None:
        self._tree = TransformTree()

    def add(self, stamped: TransformStamped) -> None:
        """See `TransformSink`."""
        stamp, place = nanoseconds(stamped.header.stamp), transform_from_message(stamped)
        self._tree.add(*frames_in(stamped), stamp, place)

    def add_static(self, stamped: TransformStamped) -> None:
        """See `TransformSink`."""
        self._tree.add_static(*frames_in(stamped), transform_from_message(stamped))

    def clear(self) -> None:
        """See `TransformSink`."""
        self._tree.clear()

    def lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        """See `TransformStore`."""
        return self._tree.lookup(target, source, nanoseconds(stamp), patience)


class Tf2Store:
    """Keeps transforms by tf2_ros.

    tf2's own listener does not notice when time goes back in a bag that is played without a clock, and its
    buffer looks at the node's clock only if it may offer a service. So what is heard comes from `Listener`.
    Waiting is not left to tf2_ros either: it looks every 20 ms, and would be that late.
    """

    def __init__(self) -> None:
        from tf2_ros import Buffer

        self._buffer = Buffer()
        self._watch = FrameWatch()
        self._changed = threading.Condition()

    def add(self, stamped: TransformStamped) -> None:
        """See `TransformSink`."""
        _, child = frames_in(stamped)
        with self._changed:
            if self._watch.record(child, nanoseconds(stamped.header.stamp)):
                self._buffer.clear()
            self._watch.sweep()
            self._buffer.set_transform(stamped, LISTENER)
            self._changed.notify_all()

    def add_static(self, stamped: TransformStamped) -> None:
        """See `TransformSink`."""
        with self._changed:
            self._buffer.set_transform_static(stamped, LISTENER)
            self._changed.notify_all()

    def clear(self) -> None:
        """See `TransformSink`."""
        with self._changed:
            self._watch.forget()
            self._buffer.clear()

    def lookup(self, target: str, source: str, stamp: Time, patience: float) -> Transform:
        """See `TransformStore`."""
        return await_transform(self._changed, lambda: self._lookup(target, source, stamp), patience)

    def _lookup(self, target: str, source: str, stamp: Time) -> Transform:
        from rclpy.time import Time as RclpyTime
        from tf2_ros import TransformException

        try:
            stamped = self._buffer.lookup_transform(target, source, RclpyTime.from_msg(stamp))
        except TransformException as error:
            raise TransformError(str(error)) from error
        return transform_from_message(stamped)


class Listener:
    """Hears /tf and /tf_static, and when the node's clock goes back, as with use_sim_time.

    An invalid transform is skipped and logged; the others of its message are kept. Frames of people are
    passed over: tf2's buffer never forgets a frame, and each person brings some twenty with new names.

    Args:
        sink: takes what is heard.

    Raises:
        DopeError: tf2_msgs is not installed.
    """

    def __init__(self, node: Node, sink: TransformSink) -> None:
        kind = tf_message_type()
        self._node = node
        self._throttle = Throttle()
        self._subscriptions = [
            node.create_subscription(kind, "/tf", self._hearing("/tf", sink.add), TF_QOS),
            node.create_subscription(
                kind, "/tf_static", self._hearing("/tf_static", sink.add_static), STATIC_QOS
            ),
        ]
        backwards = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-JUMP_NS))
        self._jumps = node.get_clock().create_jump_callback(backwards, post_callback=lambda _: sink.clear())

    def close(self) -> None:
        """Hear no longer."""
        self._jumps.unregister()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _hearing(self, topic: str, take: Callable[[TransformStamped], None]) -> Callable[[Any], None]:
        def hear(message: Any) -> None:
            """Take in the transforms of a message, each by itself."""
            for stamped in message.transforms:
                if is_of_person(stamped):
                    continue
                if fault := fault_of(stamped):
                    self._warn(f"a transform on {topic} is left out: {fault}")
                else:
                    take(stamped)

        return hear

    def _warn(self, message: str) -> None:
        if self._throttle.passes(message):
            self._node.get_logger().warning(message)


class Transforms:
    """Listens to transforms, and looks them up.

    Raises:
        DopeError: tf2_msgs is not installed.
    """

    def __init__(self, node: Node, store: TransformStore) -> None:
        self._store = store
        self._patience: defaultdict[tuple[str, str], Patience] = defaultdict(Patience)
        self._listener = Listener(node, store)

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
            found = self._store.lookup(target, source, stamp, waiting.seconds(patience))
        except TransformError:
            waiting.note(found=False)
            raise
        waiting.note(found=True)
        return found

    def close(self) -> None:
        """Listen no longer."""
        self._listener.close()


def _available() -> tuple[str, Callable[[], TransformStore]]:
    try:
        import tf2_ros  # noqa: F401 (whether it is there)
    except ImportError:
        return "this package's own buffer (tf2_ros is not installed)", TreeStore
    return "tf2_ros", Tf2Store


LOOKUP, _new_store = _available()


def listen_to_transforms(node: Node) -> Transforms:
    """What listens to transforms and looks them up, by the best that is installed.

    Raises:
        DopeError: tf2_msgs is not installed.
    """
    return Transforms(node, _new_store())
