# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Transforms as they are on /tf: how they are sent, what frames are called, what may be wrong with one."""

from __future__ import annotations

from math import hypot, isfinite
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile

from dope_ros.errors import DopeError
from dope_ros.geometry import Transform

TF_QOS = QoSProfile(depth=100)
STATIC_QOS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)

QUATERNION_TOLERANCE = 0.01
"""How far the length of a quaternion may be from 1; those of drivers that did not set it are 0."""


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


def frame_name(frame: str) -> str:
    """What a frame is called; ROS 1 had the names begin with a slash, and bags of it still do."""
    return frame.lstrip("/")


def frames_in(stamped: TransformStamped) -> tuple[str, str]:
    """The parent's and the child's frame."""
    return frame_name(stamped.header.frame_id), frame_name(stamped.child_frame_id)


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


def message_of(stamp: Time, parent: str, child: str, place: Transform) -> TransformStamped:
    """The message that says where a frame is in its parent at a time."""
    message = TransformStamped(child_frame_id=child)
    message.header.stamp = stamp
    message.header.frame_id = parent
    t, q = message.transform.translation, message.transform.rotation
    t.x, t.y, t.z = place.translation.tolist()
    q.x, q.y, q.z, q.w = place.quaternion().tolist()
    return message
