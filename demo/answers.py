# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the dope node publishes, brought together image by image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from camera import Stamp
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosbags.image import message_to_cvimage
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from dope_ros.msg import WholeBodyPose3D, WholeBodyPose3DArray

POSES_TOPIC = "/dope/poses"
MARKERS_TOPIC = "/dope/markers"
OVERLAY_TOPIC = "/dope/overlay"
RELIABLE = QoSProfile(depth=10)

PARTS = ("body", "left_hand", "right_hand", "face")


class Answer(NamedTuple):
    """All that the node says about one image."""

    poses: WholeBodyPose3DArray
    markers: MarkerArray
    overlay: Image

    def overlay_pixels(self) -> np.ndarray:
        """uint8 [H, W, 3], RGB."""
        return message_to_cvimage(self.overlay, "rgb8")


class Answers:
    """Subscribes to the node's topics and pairs their messages by stamp."""

    def __init__(self, node: Node) -> None:
        self._seen: defaultdict[Stamp, dict[str, Any]] = defaultdict(dict)
        node.create_subscription(WholeBodyPose3DArray, POSES_TOPIC, self._on_poses, RELIABLE)
        node.create_subscription(MarkerArray, MARKERS_TOPIC, self._on_markers, RELIABLE)
        node.create_subscription(Image, OVERLAY_TOPIC, self._on_overlay, RELIABLE)

    def to(self, stamps: Collection[Stamp]) -> list[Answer]:
        """The complete answers to images with these stamps, oldest first."""
        answers = (_answer(self._seen[stamp]) for stamp in sorted(stamps) if stamp in self._seen)
        return [answer for answer in answers if answer is not None]

    def heard(self, stamps: Collection[Stamp]) -> list[str]:
        """The topics that said something about any of these images."""
        fields = {field for stamp in stamps if stamp in self._seen for field in self._seen[stamp]}
        return sorted(f"/dope/{field}" for field in fields)

    def _on_poses(self, message: WholeBodyPose3DArray) -> None:
        self._keep("poses", message.header.stamp, message)

    def _on_markers(self, message: MarkerArray) -> None:
        if message.markers:  # without any there is no stamp either, see _answer
            self._keep("markers", message.markers[0].header.stamp, message)

    def _on_overlay(self, message: Image) -> None:
        self._keep("overlay", message.header.stamp, message)

    def _keep(self, field: str, stamp: Any, message: Any) -> None:
        self._seen[stamp.sec, stamp.nanosec][field] = message


def _answer(messages: dict[str, Any]) -> Answer | None:
    """The answer that these messages make up; None if one is missing."""
    poses = messages.get("poses")
    if poses is not None and not poses.people:
        messages = {"markers": MarkerArray()} | messages  # nobody there, nothing to mark
    return Answer(**messages) if messages.keys() == set(Answer._fields) else None


def describe(person: WholeBodyPose3D) -> str:
    """One line about a person: who, how sure, what of it, and where."""
    parts = [name.replace("_", " ") for name in PARTS if getattr(person, name).keypoints_2d]
    root = ", ".join(f"{value:+.2f}" for value in (person.root.x, person.root.y, person.root.z))
    placed = "metric" if person.metric else "not metric: no intrinsics"
    return f"id {person.id:<3} score {person.score:5.2f}  root ({root}) m, {placed}; {', '.join(parts)}"
