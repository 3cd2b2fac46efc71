# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People as ROS4HRI sees them (REP-155): a namespace for each body and each face under /humans.

hri_msgs is imported by `HumansPublisher` alone: most robots do without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from time import monotonic
from typing import Any

import numpy as np
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Header

from dope_ros.errors import DopeError
from dope_ros.poses import PartPose, Person
from dope_ros.ros.people_frames import body_id, face_id
from dope_ros.ros.tf_messages import nanoseconds
from dope_ros.skeleton import BODY, FACE_FEATURES, LEFT_SHOULDER, RIGHT_SHOULDER
from dope_ros.tracking import TrackingSettings

KEPT_SECONDS = 2.5
"""So long the topics of somebody who is not seen are kept, for nobody likes topics that come and go.

So long, too, a camera's people are on the lists when nothing more is known of it.
"""

GRACE_SECONDS = 0.5
"""So long somebody whom the tracker remembers stays on the lists unseen, for those who read them (libhri)
drop a body that is missing once, and make it anew."""

LANDMARKS = (*FACE_FEATURES["contour"][::2], *range(FACE_FEATURES["right_brow"].start, 84))
"""The face's landmarks in REP-155's order (dlib's 68, and no pupils)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Whom a camera sees, or saw a moment ago.

    stamps: of `bodies` and of `faces`: the stamp of the image that each id was last seen in, nanoseconds.
    at: when that was known, monotonic seconds.
    """

    stamps: Mapping[str, Mapping[str, int]]
    at: float


def grace_seconds(tracking: TrackingSettings) -> float:
    """How long somebody stays on the lists unseen: never longer than the id is kept."""
    return 0.0 if tracking.mode == "off" else min(GRACE_SECONDS, tracking.memory)


def last_seen(before: Mapping[str, int], ids: Iterable[str], stamp: int, grace: float) -> dict[str, int]:
    """The ids of an image, and then those from before that are missing for no longer than the grace.

    Nobody who is missing stays where stamps stand still or go back: they do not tell how long it has been.

    Args:
        before: when each id was last seen, nanoseconds.
        stamp: of the image, nanoseconds.
        grace: seconds.

    Returns:
        When each was last seen.
    """
    seen = dict.fromkeys(ids, stamp)
    missing = {
        identifier: last
        for identifier, last in before.items()
        if identifier not in seen and 0 < stamp - last <= grace * 1e9
    }
    return seen | missing


class HumansPublisher:
    """Publishes bodies, faces and which belong together; safe to use from several threads.

    Raises:
        DopeError: hri_msgs is not installed.
    """

    def __init__(self, node: Node) -> None:
        self._msgs = _hri_msgs()
        self._node = node
        self._lock = Lock()
        self._topics: dict[str, Publisher] = {}
        self._used: dict[str, float] = {}
        self._listed: dict[str, Listed] = {}
        with ExitStack() as opened:  # publishers made before one fails are destroyed again
            self._tracked = {
                kind: self._publisher(self._msgs.IdsList, f"/humans/{kind}/tracked", 1, opened)
                for kind in ("bodies", "faces")
            }
            self._matches = self._publisher(self._msgs.IdsMatch, "/humans/candidate_matches", 10, opened)
            self._opened = opened.pop_all()

    def publish(
        self,
        header: Header,
        people: Sequence[Person],
        width: int,
        height: int,
        camera: str = "",
        grace: float = 0.0,
    ) -> None:
        """Publish the people in an image of `width` x `height` pixels.

        Args:
            header: of the image.
            camera: a letter where there are several cameras.
            grace: seconds that those who are missing stay on the lists, by the stamps of images.
        """
        size = np.array([width, height])
        ids = {
            "bodies": [body_id(person, camera) for person in people if person.body is not None],
            "faces": [face_id(person, camera) for person in people if person.face is not None],
        }
        with self._lock:
            self._list(camera, ids, nanoseconds(header.stamp), grace)
            self._forget_old()
            self._publish_lists(header)
            for person in people:
                self._publish_person(header, person, size, camera)
            self._drop_unused()

    def forget_unseen(self) -> None:
        """Empty the lists of cameras that have said nothing for `KEPT_SECONDS`, and drop unused topics.

        To be called regularly: `publish` is not, when a camera dies or its frames are rejected.
        """
        with self._lock:
            if self._forget_old():
                self._publish_lists(self._header_now())
            self._drop_unused()

    def forget_all(self) -> None:
        """Empty the lists: nobody is looked for any longer."""
        with self._lock:
            self._listed = {}
            self._publish_lists(self._header_now())

    def close(self) -> None:
        """Destroy all publishers."""
        with self._lock:
            for publisher in self._topics.values():
                self._node.destroy_publisher(publisher)
            self._topics, self._used = {}, {}
            self._opened.close()

    def _list(self, camera: str, ids: Mapping[str, Sequence[str]], stamp: int, grace: float) -> None:
        before = self._listed[camera].stamps if camera in self._listed else {}
        stamps = {kind: last_seen(before.get(kind, {}), seen, stamp, grace) for kind, seen in ids.items()}
        self._listed[camera] = Listed(stamps, monotonic())

    def _forget_old(self) -> bool:
        """Forget the cameras that have said nothing for long; says whether there were any."""
        oldest = monotonic() - KEPT_SECONDS
        old = [camera for camera, listed in self._listed.items() if listed.at < oldest]
        for camera in old:
            del self._listed[camera]
        return bool(old)

    def _publish_lists(self, header: Header) -> None:
        """The ids of all cameras."""
        for kind, publisher in self._tracked.items():
            ids = [identifier for listed in self._listed.values() for identifier in listed.stamps[kind]]
            publisher.publish(self._msgs.IdsList(header=header, ids=ids))

    def _header_now(self) -> Header:
        """Of lists that follow from no image."""
        return Header(stamp=self._node.get_clock().now().to_msg())

    def _publish_person(self, header: Header, person: Person, size: np.ndarray, camera: str) -> None:
        if person.body is not None:
            self._publish_body(header, body_id(person, camera), person, person.body, size)
        if person.face is not None:
            self._publish_face(header, face_id(person, camera), person.face, size)
        if person.body is not None and person.face is not None:
            self._matches.publish(self._match(person, camera))

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

    def _publisher(self, kind: Any, name: str, depth: int, opened: ExitStack) -> Publisher:
        publisher = self._node.create_publisher(kind, name, depth)
        opened.callback(self._node.destroy_publisher, publisher)
        return publisher

    def _topic(self, kind: Any, name: str) -> Publisher:
        if name not in self._topics:
            # No event callbacks, so that the executor has nothing of it to wait for: that runs in another
            # thread, and rclpy raises InvalidHandle where an event is destroyed just before it is waited for.
            events = PublisherEventCallbacks(use_default_callbacks=False)
            self._topics[name] = self._node.create_publisher(kind, name, 1, event_callbacks=events)
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
