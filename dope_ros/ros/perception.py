# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a configured node holds: the one pipeline between its cameras and its publishers."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from traceback import format_exc

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecycleNode
from rclpy.serialization import deserialize_message
from std_msgs.msg import Header

from dope_ros.engine import Progress, load_engine
from dope_ros.errors import DopeError, EngineError, ImageError
from dope_ros.geometry import transformed
from dope_ros.pipeline import DepthSource, Pipeline
from dope_ros.poses import Person
from dope_ros.ros.cameras import CameraStream, camera_topics
from dope_ros.ros.diagnostics import frames_status, state_status
from dope_ros.ros.hri import HumansPublisher, grace_seconds
from dope_ros.ros.logs import THROTTLE_SECONDS, Throttle
from dope_ros.ros.parameters import NodeSettings
from dope_ros.ros.people_frames import PeopleBroadcaster, is_persons_frame
from dope_ros.ros.tf_messages import frame_name, nanoseconds
from dope_ros.ros.transform_lookup import Transforms, listen_to_transforms
from dope_ros.ros.worker import NewestWorker
from dope_ros.tracking import IdCounter
from dope_ros.transform_tree import TransformError


@dataclass(frozen=True, slots=True)
class Frame:
    """A serialised image message as it arrived.

    Only the frame that the worker takes is worth deserialising, so that is left to it.
    """

    camera: CameraStream
    data: bytes
    arrived: float


class Perception:
    """Turns the images of one or more cameras into people while it is started.

    Args:
        ids: where the ids of each camera's people come from, by the camera's letter.

    Raises:
        ModelError, EngineError: the network cannot be loaded.
        DopeError: messages that a parameter asks for are not installed, topics contradict each other, or a
            topic's name or QoS override is bad.
    """

    def __init__(
        self, node: LifecycleNode, settings: NodeSettings, progress: Progress, ids: Mapping[str, IdCounter]
    ) -> None:
        self._node = node
        self._settings = settings
        self._throttle = Throttle()
        self._worker: NewestWorker[Frame] | None = None
        self._is_stopping = False
        topics = camera_topics(settings)
        with ExitStack() as opened:  # what was opened before something fails is closed again
            self._transforms = _transforms_for(node, settings)
            if self._transforms is not None:
                opened.callback(self._transforms.close)
            self._broadcaster = (
                PeopleBroadcaster(node, self._warn) if settings.broadcast_tf or settings.hri else None
            )
            if self._broadcaster is not None:
                opened.callback(self._broadcaster.close)
            self._humans = HumansPublisher(node) if settings.hri else None
            if self._humans is not None:
                opened.callback(self._humans.close)
            self._pipeline = _load_pipeline(settings, self._unless_stopping(progress))
            opened.callback(self._pipeline.close)
            self._cameras: list[CameraStream] = []
            for each in topics:
                camera = CameraStream(node, each, settings, self._transforms, self._warn, ids[each.letter])
                opened.callback(camera.outputs.close)
                self._cameras.append(camera)
            self._opened = opened.pop_all()
        self._warn_of_ids()
        if settings.depth_topics and not settings.use_depth:
            self._warn("depth_topics are not used, because use_depth is false")

    @property
    def description(self) -> str:
        """What runs the network, and on which topics images are awaited."""
        topics = ", ".join(f"'{camera.topic}'" for camera in self._cameras)
        return f"{self._pipeline.engine.description}, images on {topics}"

    def apply(self, settings: NodeSettings) -> None:
        """Take over the settings that may change while images flow; the next image sees them."""
        self._settings = settings
        self._pipeline.settings = settings.pipeline
        self._warn_of_ids()

    def start(self) -> None:
        """Subscribe; from now on images are turned into people.

        Raises:
            DopeError: a topic cannot be subscribed to (`stop` frees those that could), or the network hangs.
        """
        self.stop()
        self._is_stopping = False
        worker = NewestWorker(self._process_safely, name="perception", sources=len(self._cameras))
        self._worker = worker
        for source, camera in enumerate(self._cameras):
            camera.start(_slot(worker, camera, source))

    def stop(self) -> None:
        """Unsubscribe, wait for the image under way, take markers away, and say that nobody is tracked.

        Raises:
            DopeError: the image under way takes too long: the network hangs.
        """
        if self._worker is None:
            return
        self._is_stopping = True
        for camera in self._cameras:
            camera.stop()
        if not self._worker.stop():
            seconds = self._worker.patience
            raise DopeError(
                f"the network hangs: it had {seconds:.0f} s to finish the image under way, and did not; "
                f"end the process (kill -9 {os.getpid()}) and start the node again"
            )
        self._worker = None
        if not self._node.context.ok():
            return
        for camera in self._cameras:
            camera.outputs.delete_markers()
        if self._humans is not None:
            self._humans.forget_all()

    def close(self) -> None:
        """Free everything; this object is of no use after that.

        Raises:
            DopeError: the network hangs (see `stop`), and keeps what it works with.
        """
        self.stop()
        self._opened.close()

    def forget_unseen(self) -> None:
        """Take those off the lists of people whom no camera has seen for a while; to be called regularly."""
        if self._humans is not None:
            self._humans.forget_unseen()

    def silences(self) -> Iterator[str]:
        """Why no image has come for a while, of each camera of which none did."""
        return (silence for camera in self._cameras if (silence := camera.silence()))

    def report(self) -> list[DiagnosticStatus]:
        """What happened to each camera's frames since the last report; while stopped, that it is inactive."""
        if self._worker is None:
            return [state_status(self._node, "inactive", camera.name) for camera in self._cameras]
        hardware = self.description
        return [
            frames_status(self._node, hardware, camera.statistics.report(), camera.silence(), camera.name)
            for camera in self._cameras
        ]

    def _process_safely(self, frame: Frame) -> None:
        """Process a frame; whatever is wrong with it costs that frame and nothing else."""
        topic = frame.camera.topic
        try:
            self._process(frame)
        except (ImageError, TransformError) as error:
            self._drop(frame.camera, "rejected", f"image on '{topic}' dropped: {error}")
        except EngineError as error:
            self._drop(frame.camera, "failed", f"image on '{topic}' lost: {error}")
        except Exception:  # the boundary of a thread: it must outlive a fault that nobody thought of
            if self._node.context.ok():
                report = f"image on '{topic}' lost, please report this: {format_exc()}"
                self._drop(frame.camera, "failed", report)

    def _process(self, frame: Frame) -> None:
        camera, settings, stopwatch = frame.camera, self._settings, self._pipeline.stopwatch
        stopwatch.seconds.clear()
        stopwatch.seconds["wait"] = perf_counter() - frame.arrived
        with stopwatch.stage("decode"):
            message = deserialize_message(frame.data, camera.image_type)
            picture = camera.decode(message, partial(self._tell_once, camera))
        message.header.frame_id = frame_name(message.header.frame_id)  # tf2 and RViz refuse ROS 1's slash
        intrinsics = camera.intrinsics(picture, message.header.frame_id, settings.rectified)
        people = self._pipeline(
            picture, intrinsics, self._depth_source(camera, message.header, picture, settings)
        )
        with stopwatch.stage("track"):
            seconds = nanoseconds(message.header.stamp) * 1e-9
            people = camera.over_time.identified(people, seconds, settings.tracking)
        with stopwatch.stage("transform"):
            header, people = self._in_target_frame(message.header, people, settings)
        with stopwatch.stage("smooth"):
            people = camera.over_time.smoothed(people, header.frame_id, seconds, settings.tracking)
        with stopwatch.stage("messages"):
            camera.outputs.publish_poses(header, people, picture)
            grace = grace_seconds(settings.tracking)
            self._publish_humans(header, message.header, people, camera, picture, grace)
        camera.statistics.processed(perf_counter() - frame.arrived, stopwatch.seconds)
        camera.outputs.publish_markers(header, people, settings.marker_lifetime)
        camera.outputs.publish_overlay(message.header, people, picture)

    def _depth_source(
        self, camera: CameraStream, header: Header, picture: np.ndarray, settings: NodeSettings
    ) -> DepthSource | None:
        if camera.depth is None:
            return None
        return camera.depth.source_for(header, picture.shape, settings)

    def _in_target_frame(
        self, header: Header, people: list[Person], settings: NodeSettings
    ) -> tuple[Header, list[Person]]:
        """The people in the frame that they are published in, and a header that says so.

        Raises:
            TransformError: there is no transform at the image's stamp.
        """
        if not settings.target_frame or self._transforms is None:
            return header, people
        transform = self._transforms.lookup(
            settings.target_frame, header.frame_id, header.stamp, settings.transform_timeout
        )
        placed = deepcopy(header)
        placed.frame_id = frame_name(settings.target_frame)
        return placed, transformed(people, transform)

    def _publish_humans(
        self,
        header: Header,
        image_header: Header,
        people: list[Person],
        camera: CameraStream,
        picture: np.ndarray,
        grace: float,
    ) -> None:
        if self._broadcaster is not None:
            self._broadcaster.publish(header, people, camera.letter)
        if self._humans is not None:
            height, width = picture.shape[:2]
            self._humans.publish(image_header, people, width, height, camera.letter, grace)

    def _unless_stopping(self, progress: Progress) -> Progress:
        """The same, but an engine that is built anew after it failed is given up when it is to stop."""
        return lambda step: False if self._is_stopping else progress(step)

    def _warn_of_ids(self) -> None:
        """Warn of what is asked for and is of little use without tracking."""
        if self._settings.tracking.mode != "off":
            return
        if self._settings.hri:
            self._warn("hri without tracking: ids of bodies and faces mean nothing from image to image")
        if self._settings.broadcast_tf:
            self._warn("broadcast_tf without tracking: frames jump from person to person between images")

    def _tell_once(self, camera: CameraStream, fault: str) -> None:
        """Tell of a fault of a camera's images that costs nothing, the first time."""
        self._warn(f"images on '{camera.topic}' are read in spite of a fault: {fault}", every=math.inf)

    def _drop(self, camera: CameraStream, event: str, fault: str) -> None:
        camera.statistics.count(event, fault)
        self._warn(fault)

    def _warn(self, message: str, every: float = THROTTLE_SECONDS) -> None:
        if self._throttle.passes(message, every):
            self._node.get_logger().warning(message)


def _slot(worker: NewestWorker[Frame], camera: CameraStream, source: int) -> Callable[[bytes, float], bool]:
    """Where a camera's images go; says whether one took the place of another."""
    return lambda data, arrived: worker.put(Frame(camera, data, arrived), source)


def _transforms_for(node: LifecycleNode, settings: NodeSettings) -> Transforms | None:
    """What looks up transforms, if any may be needed.

    Raises:
        DopeError: they are needed for certain, and tf2_msgs is not installed; or the target frame is called
            as a person's is.
    """
    if is_persons_frame(frame_name(settings.target_frame)):
        raise DopeError(
            f"target_frame '{settings.target_frame}' is called as people's frames are, which are not "
            "listened to; name one of the robot or of a map"
        )
    if not settings.target_frame and not settings.use_depth:
        return None
    try:
        return listen_to_transforms(node)
    except DopeError:
        if settings.target_frame:
            raise
        return None  # a depth image of another frame will say what is missing


def _load_pipeline(settings: NodeSettings, progress: Progress) -> Pipeline:
    model = Path(settings.model).expanduser() if settings.model else None
    return Pipeline(load_engine(model, settings.engine, settings.threads, progress), settings.pipeline)
