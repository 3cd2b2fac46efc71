# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth images that go with camera images, by their stamps."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from dope_ros.errors import DopeError, ImageError
from dope_ros.geometry import DepthImage
from dope_ros.pipeline import DepthSource
from dope_ros.ros.camera_info import CameraInfoError, intrinsics_for
from dope_ros.ros.parameters import NodeSettings
from dope_ros.ros.stamp_cache import StampCache
from dope_ros.ros.tf_messages import frame_name, nanoseconds
from dope_ros.ros.transform_lookup import Transforms
from dope_ros.transform_tree import TransformError

DEPTH_ENCODINGS = {"16UC1": (np.uint16, 0.001), "32FC1": (np.float32, 1.0)}
"""The type of a depth, and what it is in metres (REP-118)."""


def decode_depth(message: Image) -> np.ndarray:
    """The depths in an image message: float32 [height, width], metres; 0 or NaN where nothing was measured.

    Raises:
        ImageError: the encoding is none of depth, there are no pixels, or the data does not fit the header.
    """
    if message.encoding not in DEPTH_ENCODINGS:
        raise ImageError(f"encoding {message.encoding!r} is not one of {', '.join(DEPTH_ENCODINGS)}")
    if message.width == 0 or message.height == 0:
        raise ImageError(f"the depth image is {message.width} x {message.height} pixels")
    kind, metres = DEPTH_ENCODINGS[message.encoding]
    size = np.dtype(kind).itemsize
    if message.step < message.width * size or len(message.data) < message.step * message.height:
        raise ImageError(
            f"{len(message.data)} bytes with a step of {message.step} do not hold "
            f"{message.width} x {message.height} pixels of {message.encoding}"
        )
    rows = np.frombuffer(message.data, np.uint8, count=message.step * message.height)
    packed = np.ascontiguousarray(rows.reshape(message.height, message.step)[:, : message.width * size])
    depths = packed.view(kind)
    if bool(message.is_bigendian) != (sys.byteorder == "big"):
        depths = depths.byteswap()
    return depths.astype(np.float32) * np.float32(metres)


class DepthCamera:
    """Receives the depth images of a camera, and gives the one that belongs to an image.

    Depth images in the image's own frame are taken as aligned to it. Those of another frame need a
    CameraInfo of their own, and a transform between both frames.

    Args:
        tell: is told why an image has no depth; with an empty text, that it has.
    """

    def __init__(self, topic: str, transforms: Transforms | None, tell: Callable[[str], None]) -> None:
        self._topic = topic
        self._transforms = transforms
        self._tell = tell
        self._images: StampCache[Image] = StampCache()
        self._info: CameraInfo | None = None

    def on_image(self, message: Image) -> None:
        """Take in a depth image."""
        self._images.put(nanoseconds(message.header.stamp), message)

    def on_camera_info(self, message: CameraInfo) -> None:
        """Take in what the depth camera is like."""
        self._info = message

    def forget(self) -> None:
        """Forget all that came; the camera may be another when it is listened to again."""
        self._images.clear()
        self._info = None

    def source_for(self, header: Header, shape: tuple[int, ...], settings: NodeSettings) -> DepthSource:
        """What gives, when it is called, the depth image that was taken with an image; see `image_for`.

        Depth images that may be it are kept till then.
        """
        tolerance = _nanoseconds_of(settings.depth_tolerance)
        self._images.keep_near(nanoseconds(header.stamp), tolerance)
        return lambda: self.image_for(header, shape, settings)

    def image_for(self, header: Header, shape: tuple[int, ...], settings: NodeSettings) -> DepthImage | None:
        """The depth image that was taken with an image; None where there is none, which is told.

        Args:
            header, shape: of the image; its height and width are the first two numbers of its shape.
            settings: of seconds between the two, and to wait for the depth image and for a transform, and of
                whether it is rectified.
        """
        stamp, tolerance = nanoseconds(header.stamp), settings.depth_tolerance
        message = self._images.nearest(stamp, _nanoseconds_of(tolerance), settings.depth_timeout)
        if message is None:
            self._tell(
                f"no depth on '{self._topic}' within {tolerance * 1e3:.0f} ms of the image: "
                "distances follow from the size of bodies"
            )
            return None
        try:
            depth = self._depth_image(message, header, settings)
            _check_aspect(depth, *shape[:2])
        except DopeError as error:
            self._tell(
                f"depth on '{self._topic}' is of no use, distances follow from the size of bodies: {error}"
            )
            return None
        self._tell("")
        return depth

    def _depth_image(self, message: Image, header: Header, settings: NodeSettings) -> DepthImage:
        metres = decode_depth(message)
        if frame_name(message.header.frame_id) == frame_name(header.frame_id):
            return DepthImage(metres)
        if self._info is None:
            raise CameraInfoError(
                f"it is in frame '{message.header.frame_id}', not '{header.frame_id}', and there is no "
                "camera info of it"
            )
        if self._transforms is None:
            raise TransformError(f"'{message.header.frame_id}' to '{header.frame_id}' needs tf2_msgs")
        camera = intrinsics_for(self._info, message.width, message.height, settings.depth_rectified)
        to_picture = self._transforms.lookup(
            header.frame_id, message.header.frame_id, header.stamp, settings.depth_timeout
        )
        return DepthImage(metres, camera, to_picture)


def _check_aspect(depth: DepthImage, height: int, width: int) -> None:
    """Raise an `ImageError` for a depth image that is not aligned to its picture, although in its frame."""
    if not depth.fits(height, width):
        rows, columns = depth.metres.shape
        raise ImageError(
            f"it has {columns} x {rows} pixels and the image {width} x {height}: it is in the image's frame, "
            "but not aligned to it"
        )


def _nanoseconds_of(seconds: float) -> int:
    return round(seconds * 1e9)
