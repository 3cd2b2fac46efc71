# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a configured node holds: the pipeline between its subscriptions and its publishers."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from traceback import format_exc
from typing import Any

import numpy as np
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import qos_profile_sensor_data
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from dope_ros.engine import Progress, load_engine
from dope_ros.errors import EngineError, ImageError
from dope_ros.geometry import Intrinsics
from dope_ros.pipeline import Pipeline
from dope_ros.ros.camera_info import CameraInfoError, intrinsics_for
from dope_ros.ros.diagnostics import FrameStatistics, explain_silence
from dope_ros.ros.images import decode_compressed, decode_image
from dope_ros.ros.logs import THROTTLE_SECONDS, Throttle
from dope_ros.ros.outputs import Outputs
from dope_ros.ros.parameters import NodeSettings
from dope_ros.ros.worker import NewestWorker

SILENCE_SECONDS = 5.0
"""Without an image for so long, the node says why."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A serialised image message as it arrived.

    Only the frame that the worker takes is worth deserialising, so that is left to it.
    """

    data: bytes
    arrived: float


@dataclass(frozen=True, slots=True)
class Stream:
    """What exists while images are taken: the worker and what feeds it."""

    worker: NewestWorker[Frame]
    subscriptions: tuple[Subscription, ...]


class Perception:
    """Turns images into people while it is started.

    Raises:
        ModelError, EngineError: the network cannot be loaded.
    """

    def __init__(self, node: LifecycleNode, settings: NodeSettings, progress: Progress) -> None:
        self._node = node
        self._throttle = Throttle()
        self._pipeline = _load_pipeline(settings, progress)
        self._outputs = Outputs(node)
        self._marker_lifetime = settings.marker_lifetime
        self._image_type, self._decode, suffix = _TRANSPORTS[settings.image_transport]
        self._topic = node.resolve_topic_name("image") + suffix
        self._camera_info: CameraInfo | None = None
        self._last_arrival = perf_counter()
        self._stream: Stream | None = None
        self.statistics = FrameStatistics()

    @property
    def description(self) -> str:
        """What runs the network, and on which topic images are awaited."""
        return f"{self._pipeline.engine.description}, images on '{self._topic}'"

    def apply(self, settings: NodeSettings) -> None:
        """Take over the settings that may change while images flow; the next image sees them."""
        self._pipeline.settings = settings.pipeline
        self._marker_lifetime = settings.marker_lifetime

    def start(self) -> None:
        """Subscribe; from now on images are turned into people."""
        self._last_arrival = perf_counter()
        worker = NewestWorker(self._process_safely, name="perception")
        self._stream = Stream(worker, (self._subscribe_to_images(worker), self._subscribe_to_camera_info()))

    def stop(self) -> None:
        """Unsubscribe, and wait for the image under way."""
        if self._stream is None:
            return
        for subscription in self._stream.subscriptions:
            self._node.destroy_subscription(subscription)
        self._stream.worker.stop()
        self._stream = None

    def close(self) -> None:
        """Free everything; this object is of no use after that."""
        self.stop()
        self._outputs.close()
        self._pipeline.close()

    def silence(self) -> str:
        """Why no image has come for a while; empty while images come, and while stopped."""
        if self._stream is None or perf_counter() - self._last_arrival < SILENCE_SECONDS:
            return ""
        package, name = self._image_type.__module__.split(".")[0], self._image_type.__name__
        return explain_silence(self._node, self._topic, f"{package}/msg/{name}")

    def _subscribe_to_images(self, worker: NewestWorker[Frame]) -> Subscription:
        def on_image(data: bytes) -> None:
            self._last_arrival = perf_counter()
            self.statistics.count("received")
            if worker.put(Frame(data, self._last_arrival)):
                self.statistics.count("replaced")

        return self._subscribe(self._image_type, self._topic, on_image, raw=True)

    def _subscribe_to_camera_info(self) -> Subscription:
        def on_camera_info(message: CameraInfo) -> None:
            self._camera_info = message

        return self._subscribe(CameraInfo, "camera_info", on_camera_info, raw=False)

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None], raw: bool) -> Subscription:
        return self._node.create_subscription(
            kind,
            topic,
            callback,
            copy(qos_profile_sensor_data),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            raw=raw,
        )

    def _process_safely(self, frame: Frame) -> None:
        """Process a frame; whatever is wrong with it costs that frame and nothing else."""
        try:
            self._process(frame)
        except ImageError as error:
            self._drop("rejected", f"image on '{self._topic}' dropped: {error}")
        except EngineError as error:
            self._drop("failed", f"image on '{self._topic}' lost: {error}")
        except Exception:  # the boundary of a thread: it must outlive a fault that nobody thought of
            if self._node.context.ok():
                self._drop("failed", f"image on '{self._topic}' lost, please report this: {format_exc()}")

    def _process(self, frame: Frame) -> None:
        stopwatch = self._pipeline.stopwatch
        stopwatch.seconds["wait"] = perf_counter() - frame.arrived
        with stopwatch.stage("decode"):
            message = deserialize_message(frame.data, self._image_type)
            picture = self._decode(message)
        people = self._pipeline(picture, self._intrinsics_for(picture))
        with stopwatch.stage("messages"):
            self._outputs.publish_poses(message.header, people, picture)
        self.statistics.processed(perf_counter() - frame.arrived, stopwatch.seconds)
        self._outputs.publish_pictures(message.header, people, picture, self._marker_lifetime)

    def _intrinsics_for(self, picture: np.ndarray) -> Intrinsics | None:
        info = self._camera_info
        if info is None:
            return None
        try:
            return intrinsics_for(info, picture.shape[1], picture.shape[0])
        except CameraInfoError as error:
            self._warn(f"no intrinsics for '{self._topic}', positions are not metric: {error}", every=60.0)
            return None

    def _drop(self, event: str, fault: str) -> None:
        self.statistics.count(event, fault)
        self._warn(fault)

    def _warn(self, message: str, every: float = THROTTLE_SECONDS) -> None:
        if self._throttle.passes(message, every):
            self._node.get_logger().warning(message)


_TRANSPORTS: dict[str, tuple[type, Callable[[Any], np.ndarray], str]] = {
    "raw": (Image, decode_image, ""),
    "compressed": (CompressedImage, decode_compressed, "/compressed"),
}
"""Message, decoder, and what image_transport adds to the topic's name."""


def _load_pipeline(settings: NodeSettings, progress: Progress) -> Pipeline:
    model = Path(settings.model) if settings.model else None
    return Pipeline(load_engine(model, settings.engine, settings.threads, progress), settings.pipeline)
