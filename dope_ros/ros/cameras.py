# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The cameras that a node listens to: their topics, and what is known of each while images come."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from string import ascii_lowercase
from time import perf_counter
from typing import Any

import numpy as np
from rclpy.exceptions import InvalidTopicNameException
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.validate_topic_name import validate_topic_name
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dope_ros.errors import DopeError
from dope_ros.geometry import Intrinsics
from dope_ros.ros.camera_info import CameraInfoError, conflicting_frame, intrinsics_for
from dope_ros.ros.depth import DepthCamera
from dope_ros.ros.diagnostics import FrameStatistics, explain_silence
from dope_ros.ros.images import SensorBits, Tell, decode_compressed, decode_image
from dope_ros.ros.logs import Throttle
from dope_ros.ros.outputs import Outputs
from dope_ros.ros.parameters import NodeSettings
from dope_ros.ros.qos import OVERRIDABLE, override_faults_named
from dope_ros.ros.transform_lookup import Transforms
from dope_ros.tracking import IdCounter, PeopleOverTime

SILENCE_SECONDS = 5.0
"""Without an image for so long, the node says why."""

INFO_EVERY = 60.0
"""Seconds between warnings of intrinsics or depth that are missing."""

ONE_CAMERAS_TOPICS = ("image", "camera_info", "depth", "depth_camera_info")

Warn = Callable[[str, float], None]
"""Logs a message, once in so many seconds."""

TRANSPORTS: dict[str, tuple[type, Callable[[Any, Tell, SensorBits], np.ndarray], str]] = {
    "raw": (Image, decode_image, ""),
    "compressed": (CompressedImage, decode_compressed, "/compressed"),
}
"""Message, decoder, and what image_transport adds to the topic's name."""

_RECTIFIED_NAME = re.compile(r"(^|[/_])rect(ified)?([/_]|$)")


def is_called_rectified(topic: str) -> bool:
    """Whether a topic's name says that its images are rectified: `image_rect_color`, `rect/image`."""
    return _RECTIFIED_NAME.search(topic) is not None


@dataclass(frozen=True, slots=True)
class CameraTopics:
    """name: in topics and diagnostics; empty where there is one camera. letter: in the ids of people."""

    name: str
    letter: str
    image: str
    camera_info: str
    depth: str
    depth_camera_info: str

    @property
    def prefix(self) -> str:
        """Of the topics that the camera's people are published on."""
        return f"~/{self.name}/" if self.name else "~/"


def camera_topics(settings: NodeSettings) -> list[CameraTopics]:
    """The topics of each camera.

    The one camera's are `image`, `camera_info`, `depth` and `depth_camera_info`. Of several, the camera info
    lies beside each image or depth topic, as image_transport has it, and a camera is called by the namespace
    of its images, or by their whole topic where two share one.

    Raises:
        DopeError: there are more depth topics than cameras, or none for any although depth is asked for, more
            than one camera has the same topic or name, a topic's name is no valid one, or there are more
            cameras than letters.
    """
    images = settings.image_topics
    _check_depth_topics(settings)
    if not images:
        return [CameraTopics("", "", *ONE_CAMERAS_TOPICS)]
    if len(set(images)) < len(images) or not all(images):
        raise DopeError(f"image_topics names a topic twice or an empty one: {', '.join(images)}")
    if len(images) > len(ascii_lowercase):
        raise DopeError(
            f"image_topics: {len(images)} cameras, but a node has letters for {len(ascii_lowercase)}"
        )
    for topic in images:
        _check_name("image_topics", topic)
        if topic.startswith("~"):
            raise DopeError(f"image_topics: '{topic}' gives its camera no name: write the topic's whole name")
    for topic in filter(None, settings.depth_topics):
        _check_name("depth_topics", topic)
    depths = [*settings.depth_topics, *[""] * (len(images) - len(settings.depth_topics))]
    names = _names(images)
    if len(set(names)) < len(names):
        raise DopeError(f"image_topics: two cameras would be called the same: {', '.join(names)}")
    letters = ascii_lowercase[: len(images)]
    return [
        CameraTopics(name, letter, image, _beside(image), depth, _beside(depth) if depth else "")
        for name, letter, image, depth in zip(names, letters, images, depths, strict=True)
    ]


def ignored_remaps(node: Node, settings: NodeSettings) -> str:
    """What to say of topics that were remapped although `image_topics` take their place; empty for none."""
    if not settings.image_topics:
        return ""
    remaps = {
        topic: node.resolve_topic_name(topic)
        for topic in ONE_CAMERAS_TOPICS
        if node.resolve_topic_name(topic) != node.resolve_topic_name(topic, only_expand=True)
    }
    if not remaps:
        return ""
    told = ", ".join(f"{topic}:={other}" for topic, other in remaps.items())
    return f"{told} not used, because image_topics names the cameras, and their other topics lie beside these"


def _check_depth_topics(settings: NodeSettings) -> None:
    """Raise a `DopeError` for depth topics that no camera has, and for cameras that all lack one."""
    images, depths = settings.image_topics, settings.depth_topics
    if depths and not images:
        raise DopeError("depth_topics go with image_topics, of which there are none; remap 'depth' instead")
    if len(depths) > len(images):
        raise DopeError(f"{len(depths)} depth_topics are more than {len(images)} image_topics")
    if settings.use_depth and images and not depths:
        raise DopeError("use_depth with image_topics needs depth_topics, in their order ('' for none)")


def _check_name(parameter: str, topic: str) -> None:
    """Raise a `DopeError` for a topic that ROS would not take."""
    try:
        validate_topic_name(topic)
    except InvalidTopicNameException as error:
        reason = str(error).splitlines()[0].rstrip(":")  # the other lines point at the character
        raise DopeError(f"{parameter}: '{topic}' cannot be a topic's name: {reason}") from error


def _beside(topic: str) -> str:
    namespace, slash, _ = topic.rpartition("/")
    return f"{namespace}{slash}camera_info"


def _names(topics: Sequence[str]) -> list[str]:
    whole = [topic.strip("/") for topic in topics]
    namespaces = [topic.rpartition("/")[0] for topic in whole]
    counts = Counter([*namespaces, *whole])
    return [
        space if space and counts[space] == 1 else topic
        for space, topic in zip(namespaces, whole, strict=True)
    ]


class CameraStream:
    """One camera: what it is like, what is published of it, and who is seen by it over time."""

    def __init__(
        self,
        node: LifecycleNode,
        topics: CameraTopics,
        settings: NodeSettings,
        transforms: Transforms | None,
        warn: Warn,
        ids: IdCounter,
    ) -> None:
        self._node = node
        self._warn = warn
        self._good_news = Throttle()
        self._topics = topics
        self.image_type, self._decode, suffix = TRANSPORTS[settings.image_transport]
        self._image_topic = node.resolve_topic_name(topics.image)
        self.topic = self._image_topic + suffix
        self.statistics = FrameStatistics()
        self.over_time = PeopleOverTime(ids)
        self.depth: DepthCamera | None = None
        if settings.use_depth and topics.depth:
            topic = node.resolve_topic_name(topics.depth)
            news = f"depth on '{topic}' is of use: distances are measured"
            self.depth = DepthCamera(topic, transforms, lambda lack: self._tell("depth", lack, news))
        self._info: CameraInfo | None = None
        self._bits = SensorBits(self._note)
        self._info_topic = node.resolve_topic_name(topics.camera_info)
        self._subscriptions: list[Subscription] = []
        self._last_arrival = perf_counter()
        self.outputs = Outputs(node, topics.prefix)  # last: nothing fails that would leave its publishers

    @property
    def name(self) -> str:
        """Empty where the node has one camera."""
        return self._topics.name

    @property
    def letter(self) -> str:
        """What ids of people end in; empty where the node has one camera."""
        return self._topics.letter

    def start(self, on_image: Callable[[bytes, float], bool]) -> None:
        """Subscribe.

        Args:
            on_image: takes a serialised image and when it arrived; says whether it replaced another.

        Raises:
            DopeError: a topic cannot be subscribed to; `stop` unsubscribes from those that could.
        """

        def receive(data: bytes) -> None:
            self._last_arrival = perf_counter()
            self.statistics.count("received")
            if on_image(data, self._last_arrival):
                self.statistics.count("replaced")

        self._forget()
        self._subscribe(self.image_type, self.topic, receive, raw=True)
        self._subscribe(CameraInfo, self._topics.camera_info, self._on_camera_info)
        if self.depth is not None:
            self._subscribe(Image, self._topics.depth, self.depth.on_image)
            self._subscribe(CameraInfo, self._topics.depth_camera_info, self.depth.on_camera_info)

    def stop(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def decode(self, message: Any, tell: Tell) -> np.ndarray:
        """The picture in one of the camera's messages: uint8 [height, width, 3], RGB.

        Args:
            tell: is told of a fault that costs nothing.

        Raises:
            ImageError: the message cannot be read.
        """
        return self._decode(message, tell, self._bits)

    def intrinsics(self, picture: np.ndarray, frame_id: str, rectified: bool) -> Intrinsics | None:
        """What the camera is like; None where that is not known, and the log says why.

        An info in another frame than the image is warned of, and taken: some simulators and drivers name the
        frames of one camera differently (gz-sensors' optical_frame_id), and positions of theirs are metric.
        Only the user can tell them from a topic that is another camera's.
        """
        info = self._info
        if info is None:
            lack = f"no camera info on '{self._info_topic}': positions of '{self.topic}' are not metric"
            self._tell("intrinsics", lack)
            return None
        self._watch_frame(info, frame_id)
        try:
            camera = intrinsics_for(info, picture.shape[1], picture.shape[0], rectified)
        except CameraInfoError as error:
            self._tell("intrinsics", f"no intrinsics for '{self.topic}', positions are not metric: {error}")
            return None
        self._tell("intrinsics", "", f"intrinsics for '{self.topic}' are known: positions are metric")
        self._watch_distortion(camera, rectified)
        return camera

    def silence(self) -> str:
        """Why no image has come for a while; empty while images come, and while stopped."""
        if not self._subscriptions or perf_counter() - self._last_arrival < SILENCE_SECONDS:
            return ""
        package, name = self.image_type.__module__.split(".")[0], self.image_type.__name__
        return explain_silence(self._node, self.topic, f"{package}/msg/{name}")

    def _forget(self) -> None:
        """Begin anew: the camera may be another since it was last listened to.

        Done before images come, not in `stop`, where the last one is still under way.
        """
        self._last_arrival = perf_counter()
        self.statistics = FrameStatistics()
        self._info = None
        self._bits = SensorBits(self._note)
        if self.depth is not None:
            self.depth.forget()

    def _watch_frame(self, info: CameraInfo, frame_id: str) -> None:
        """Warn while the camera info is in another frame than the images: it may be another camera's."""
        frame, lack = conflicting_frame(info, frame_id), ""
        if frame:
            lack = (
                f"camera info on '{self._info_topic}' is in frame '{frame}' and images on '{self.topic}' are "
                f"in '{frame_id}': if it is another camera's, distances are wrong"
            )
        self._tell("frame", lack, f"camera info and images of '{self.topic}' are in one frame")

    def _watch_distortion(self, camera: Intrinsics, rectified: bool) -> None:
        """Warn once where a distortion seems to be removed that is not in the images any longer."""
        if camera.distortion and not rectified and is_called_rectified(self._image_topic):
            self._warn(
                f"by their topic's name images on '{self.topic}' are rectified, and the camera info's "
                "distortion is removed once more: if they are, set the parameter rectified",
                math.inf,
            )

    def _note(self, news: str) -> None:
        self._node.get_logger().info(f"images on '{self.topic}': {news}")

    def _tell(self, what: str, lack: str, news: str = "") -> None:
        """Warn of what an image lacks; where it lacks nothing any longer, log the news."""
        ended = self.statistics.lacks(what, lack)
        if lack:
            self._warn(lack, INFO_EVERY)
        elif ended and self._good_news.passes(news, INFO_EVERY):
            self._node.get_logger().info(news)

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._info = message

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None], raw: bool = False) -> None:
        with override_faults_named(self._node, topic, "subscription"):
            subscription = self._node.create_subscription(
                kind,
                topic,
                callback,
                copy(qos_profile_sensor_data),
                qos_overriding_options=QoSOverridingOptions(OVERRIDABLE),
                raw=raw,
            )
        self._subscriptions.append(subscription)
