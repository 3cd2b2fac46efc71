# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's pictures, and the camera that publishes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

from dope_ros.geometry import Intrinsics
from dope_ros.ros.images import encode_image

IMAGE_TOPIC = "/camera/image_raw"
CAMERA_INFO_TOPIC = "/camera/camera_info"
FRAME_ID = "camera_optical_frame"

RENDERED_PICTURES = Path(__file__).parent / "pictures"
CAMERAS_FILE = "cameras.json"

Stamp = tuple[int, int]
"""Seconds and nanoseconds of a header: what tells which image a message answers."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What the camera sees.

    pixels: uint8 [H, W, 3], RGB.
    intrinsics: None where nobody knows the camera that took it.
    """

    name: str
    pixels: np.ndarray
    intrinsics: Intrinsics | None = None


def demo_pictures() -> list[Picture]:
    """Two photographs in the public domain, their cameras unknown, and the rendered pictures."""
    return [*_photographs(), *(read_picture(path) for path in sorted(RENDERED_PICTURES.glob("*.jpg")))]


def read_picture(path: Path) -> Picture:
    """A picture from a file, with its intrinsics where a cameras.json beside it names it.

    Raises:
        ValueError: OpenCV cannot read the file as a picture.
    """
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{path}: not a picture that OpenCV can read")
    return Picture(path.stem, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), _known_intrinsics(path))


def _known_intrinsics(path: Path) -> Intrinsics | None:
    cameras_file = path.parent / CAMERAS_FILE
    if not cameras_file.exists():
        return None
    camera = json.loads(cameras_file.read_text()).get(path.name)
    return camera and Intrinsics(*(camera[key] for key in ("fx", "fy", "cx", "cy")))


def _photographs() -> Iterable[Picture]:
    from matplotlib.cbook import get_sample_data
    from skimage.data import astronaut

    yield Picture("astronaut", astronaut())
    hopper = read_picture(Path(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    yield Picture("grace_hopper", hopper.pixels)


def camera_info_message(picture: Picture) -> CameraInfo:
    """The picture's sensor_msgs/CameraInfo, its header left empty.

    An unknown camera is uncalibrated: K stays all zero, as sensor_msgs/CameraInfo prescribes.
    """
    height, width = picture.pixels.shape[:2]
    message = CameraInfo(height=height, width=width)
    if picture.intrinsics is None:
        return message
    camera = picture.intrinsics
    fx, fy, cx, cy = (float(value) for value in (camera.fx, camera.fy, camera.cx, camera.cy))
    message.distortion_model = "plumb_bob"
    message.d = [0.0] * 5
    message.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


class PictureCamera:
    """A camera with a picture before it: publishes it again and again, each time with a new stamp."""

    def __init__(self, node: Node, rate: float) -> None:
        """Publishes nothing before the first `show`; `rate` is in hertz."""
        self._clock = node.get_clock()
        self._images = node.create_publisher(Image, IMAGE_TOPIC, qos_profile_sensor_data)
        self._infos = node.create_publisher(CameraInfo, CAMERA_INFO_TOPIC, qos_profile_sensor_data)
        self._shown: tuple[Image, CameraInfo] | None = None
        self._stamps: set[Stamp] = set()
        node.create_timer(1.0 / rate, self._publish)

    @property
    def stamps(self) -> frozenset[Stamp]:
        """The stamps under which the picture now shown was published so far."""
        return frozenset(self._stamps)

    def show(self, picture: Picture) -> None:
        """Publish this picture from now on."""
        self._shown = encode_image(picture.pixels), camera_info_message(picture)
        self._stamps.clear()

    def _publish(self) -> None:
        if self._shown is None:
            return
        image, info = self._shown
        stamp = self._clock.now().to_msg()
        for message in (image, info):
            message.header.stamp, message.header.frame_id = stamp, FRAME_ID
        self._stamps.add((stamp.sec, stamp.nanosec))
        self._infos.publish(info)
        self._images.publish(image)
