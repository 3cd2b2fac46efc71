# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People as ROS4HRI sees them (REP-155): a namespace for each body and each face under /humans.

hri_msgs is imported by `HumansPublisher` alone: most robots do without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from time import monotonic
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Header

from dope_ros.errors import DopeError
from dope_ros.poses import PartPose, Person
from dope_ros.ros.tf import body_id, face_id
from dope_ros.skeleton import BODY, FACE_FEATURES, LEFT_SHOULDER, RIGHT_SHOULDER

KEPT_SECONDS = 2.5
"""So long the topics of somebody who is not seen are kept, for nobody likes topics that come and go."""

LANDMARKS = (*FACE_FEATURES["contour"][::2], *range(FACE_FEATURES["right_brow"].start, 84))
"""The face's landmarks in REP-155's order (dlib's 68, and no pupils)."""


class HumansPublisher:
    """Publishes bodies, faces and which belong together.

    Raises:
        DopeError: hri_msgs is not installed.
    """

    def __init__(self, node: Node) -> None:
        self._msgs = _hri_msgs()
        self._node = node
        self._tracked = {
            kind: node.create_publisher(self._msgs.IdsList, f"/humans/{kind}/tracked", 1)
            for kind in ("bodies", "faces")
        }
        self._matches = node.create_publisher(self._msgs.IdsMatch, "/humans/candidate_matches", 10)
        self._topics: dict[str, Publisher] = {}
        self._used: dict[str, float] = {}
        self._ids: dict[str, dict[str, list[str]]] = {}

    def publish(
        self, header: Header, people: Sequence[Person], width: int, height: int, camera: str = ""
    ) -> None:
        """Publish the people in an image of `width` x `height` pixels.

        Args:
            header: of the image.
            camera: a letter where there are several cameras.
        """
        size = np.array([width, height])
        bodies = [(body_id(person, camera), person.body) for person in people if person.body is not None]
        faces = [(face_id(person, camera), person.face) for person in people if person.face is not None]
        self._publish_ids(header, camera, bodies=[i for i, _ in bodies], faces=[i for i, _ in faces])
        for person in people:
            if person.body is not None:
                self._publish_body(header, body_id(person, camera), person, person.body, size)
            if person.face is not None:
                self._publish_face(header, face_id(person, camera), person.face, size)
            if person.body is not None and person.face is not None:
                self._matches.publish(self._match(person, camera))
        self._drop_unused()

    def close(self) -> None:
        """Destroy all publishers."""
        for publisher in (*self._tracked.values(), self._matches, *self._topics.values()):
            self._node.destroy_publisher(publisher)
        self._topics, self._used = {}, {}

    def _publish_ids(self, header: Header, camera: str, **ids: list[str]) -> None:
        """The ids that all cameras see; those of this one are new."""
        self._ids[camera] = ids
        for kind, publisher in self._tracked.items():
            seen = [identifier for of_camera in self._ids.values() for identifier in of_camera[kind]]
            publisher.publish(self._msgs.IdsList(header=header, ids=seen))

    def _publish_body(
        self, header: Header, identifier: str, person: Person, body: PartPose, size: np.ndarray
    ) -> None:
        namespace = f"/humans/bodies/{identifier}"
        region = self._region(header, body, size)
        self._topic(self._msgs.NormalizedRegionOfInterest2D, f"{namespace}/roi").publish(region)
        skeleton = self._msgs.Skeleton2D(header=header)
        for name, pixel in skeleton_points(person):
            point = self._point(pixel / size, body.score)
            skeleton.skeleton[getattr(self._msgs.Skeleton2D, name)] = point
        self._topic(self._msgs.Skeleton2D, f"{namespace}/skeleton2d").publish(skeleton)

    def _publish_face(self, header: Header, identifier: str, face: PartPose, size: np.ndarray) -> None:
        namespace = f"/humans/faces/{identifier}"
        region = self._region(header, face, size)
        self._topic(self._msgs.NormalizedRegionOfInterest2D, f"{namespace}/roi").publish(region)
        landmarks = self._msgs.FacialLandmarks(header=header, width=int(size[0]), height=int(size[1]))
        for index, pixel in enumerate(face.keypoints_2d[list(LANDMARKS)]):
            landmarks.landmarks[index] = self._point(pixel / size, face.score)
        self._topic(self._msgs.FacialLandmarks, f"{namespace}/landmarks").publish(landmarks)

    def _match(self, person: Person, camera: str) -> Any:
        kind = self._msgs.IdsMatch
        return kind(
            id1=face_id(person, camera),
            id1_type=kind.FACE,
            id2=body_id(person, camera),
            id2_type=kind.BODY,
            confidence=1.0,
        )

    def _region(self, header: Header, pose: PartPose, size: np.ndarray) -> Any:
        """The box around a pose, as far as it lies in the image."""
        lower = np.clip(pose.keypoints_2d.min(axis=0) / size, 0.0, 1.0).tolist()
        upper = np.clip(pose.keypoints_2d.max(axis=0) / size, 0.0, 1.0).tolist()
        return self._msgs.NormalizedRegionOfInterest2D(
            header=header, xmin=lower[0], ymin=lower[1], xmax=upper[0], ymax=upper[1], c=min(pose.score, 1.0)
        )

    def _point(self, place: np.ndarray, score: float) -> Any:
        """A point; empty (confidence 0) outside of the image, where REP-155 has no coordinates."""
        if not ((place >= 0) & (place <= 1)).all():
            return self._msgs.NormalizedPointOfInterest2D()
        x, y = place.tolist()
        return self._msgs.NormalizedPointOfInterest2D(x=x, y=y, c=min(score, 1.0))

    def _topic(self, kind: Any, name: str) -> Publisher:
        if name not in self._topics:
            self._topics[name] = self._node.create_publisher(kind, name, 1)
        self._used[name] = monotonic()
        return self._topics[name]

    def _drop_unused(self) -> None:
        oldest = monotonic() - KEPT_SECONDS
        for name in [name for name, used in self._used.items() if used < oldest]:
            self._node.destroy_publisher(self._topics.pop(name))
            del self._used[name]


def skeleton_points(person: Person) -> Iterator[tuple[str, np.ndarray]]:
    """The points of REP-155's skeleton that are known, by name: pixels [2].

    The head of a body is no nose: nose and eyes come from the face. Ears are not known.
    """
    if person.body is not None:
        pixels = person.body.keypoints_2d
        yield from ((name.upper(), pixels[i]) for i, name in enumerate(BODY.joints) if name != "head")
        yield "NECK", pixels[[RIGHT_SHOULDER, LEFT_SHOULDER]].mean(axis=0)
    if person.face is not None:
        yield from _face_points(person.face.keypoints_2d)


def _face_points(landmarks: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
    yield "NOSE", landmarks[FACE_FEATURES["nose_bridge"].stop - 1]
    for name in ("right_eye", "left_eye"):
        yield name.upper(), landmarks[list(FACE_FEATURES[name])].mean(axis=0)


def _hri_msgs() -> Any:
    try:
        return import_module("hri_msgs.msg")
    except ImportError as error:
        raise DopeError(
            "hri_msgs is not installed, which the parameter hri needs (apt install ros-$ROS_DISTRO-hri-msgs)"
        ) from error
