# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's publishers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from dope_ros.draw import draw_people
from dope_ros.msg import WholeBodyPose3DArray
from dope_ros.poses import Person
from dope_ros.ros.images import encode_image
from dope_ros.ros.markers import MarkerState
from dope_ros.ros.messages import people_to_message
from dope_ros.ros.qos import OVERRIDABLE, override_faults_named

HEARD = Duration(seconds=0.5)
"""So long listeners have to confirm what they must not miss before its publisher may go."""


class Outputs:
    """Publishes what was seen in the images of a camera.

    Poses always; markers and overlay while somebody listens.

    Args:
        prefix: of the topics' names.

    Raises:
        DopeError: a topic's QoS override is bad.
    """

    def __init__(self, node: LifecycleNode, prefix: str = "~/") -> None:
        self._node = node
        self._marker_state = MarkerState()
        with ExitStack() as opened:  # publishers made before one fails are destroyed again
            self._poses = self._publisher(WholeBodyPose3DArray, f"{prefix}poses", opened)
            self._markers = self._publisher(MarkerArray, f"{prefix}markers", opened)
            self._overlay = self._publisher(Image, f"{prefix}overlay", opened)
            self._opened = opened.pop_all()

    def publish_poses(self, header: Header, people: Sequence[Person], picture: np.ndarray) -> None:
        """Publish the people seen in `picture`, in the header's frame."""
        height, width = picture.shape[:2]
        self._poses.publish(people_to_message(header, people, width, height))

    def publish_markers(self, header: Header, people: Sequence[Person], lifetime: float) -> None:
        """Publish markers in the header's frame, if somebody subscribes."""
        if self._markers.get_subscription_count():
            self._markers.publish(self._marker_state.update(header, people, lifetime))

    def delete_markers(self) -> None:
        """Have those who show markers drop what is there; without a lifetime it would stay for ever."""
        deletions = self._marker_state.clear()
        if deletions.markers:
            self._markers.publish(deletions)
            self._markers.wait_for_all_acked(HEARD)

    def publish_overlay(self, header: Header, people: Sequence[Person], picture: np.ndarray) -> None:
        """Publish the picture with people drawn over it, in the image's own frame, if somebody subscribes."""
        if self._overlay.get_subscription_count():
            overlay = encode_image(draw_people(picture, people))
            overlay.header = header
            self._overlay.publish(overlay)

    def close(self) -> None:
        """Destroy the publishers."""
        self._opened.close()

    def _publisher(self, message_type: type, topic: str, opened: ExitStack) -> LifecyclePublisher:
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        with override_faults_named(self._node, topic, "publisher"):
            publisher = self._node.create_lifecycle_publisher(
                message_type, topic, qos, qos_overriding_options=QoSOverridingOptions(OVERRIDABLE)
            )
        opened.callback(self._node.destroy_lifecycle_publisher, publisher)
        return publisher
