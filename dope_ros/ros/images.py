# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages to pictures: uint8 [height, width, 3], RGB.

Raw ones are converted by cv_bridge where that works, else by rosbags-image; `CONVERTER` says which. Both
trust what a message says of itself, so it is checked first, and both get rows without padding. JPEGs are
decoded by simplejpeg (`dope_ros.jpeg`), which, other than OpenCV, says when one is corrupt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from dope_ros.errors import ImageError
from dope_ros.jpeg import JPEG_START, decode_jpeg

logger = logging.getLogger(__name__)

BYTES_PER_PIXEL = {
    "bgr8": 3,
    "rgb8": 3,
    "bgra8": 4,
    "rgba8": 4,
    "mono8": 1,
    "mono16": 2,
    "uyvy": 2,
    "yuyv": 2,
    "yuv422": 2,
    "yuv422_yuy2": 2,
    "nv12": 1,  # of the brightness plane; half as many rows of colour follow it
    "nv21": 1,
    "bayer_rggb8": 1,
    "bayer_bggr8": 1,
    "bayer_gbrg8": 1,
    "bayer_grbg8": 1,
    "bayer_rggb16": 2,
    "bayer_bggr16": 2,
    "bayer_gbrg16": 2,
    "bayer_grbg16": 2,
}
"""The encodings that can be read."""

FORMER_NAMES = {"uyvy": "yuv422", "yuyv": "yuv422_yuy2"}
"""Encodings by the names that all converters know; ROS 2 calls those deprecated."""

PLANES = {"nv12": cv2.COLOR_YUV2RGB_NV12, "nv21": cv2.COLOR_YUV2RGB_NV21}
"""Encodings with colour below brightness, and OpenCV's conversion of each."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedImage:
    """What converters read of an image message.

    step: bytes of a row.
    data: uint8 [rows, step].
    """

    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    data: np.ndarray


Converter = Callable[[PackedImage], np.ndarray]
"""To uint8 [height, width, 3], RGB."""

_EVEN_WIDTH = ("uyvy", "yuyv", "yuv422", "yuv422_yuy2", *PLANES)

_PNG_START, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"

Tell = Callable[[str], None]
"""Takes in what is wrong with a picture that can be read all the same."""


def decode_image(message: Image) -> np.ndarray:
    """The picture in a raw image message.

    Returns:
        uint8 [height, width, 3], RGB; shares the message's memory where nothing had to be converted.

    Raises:
        ImageError: the encoding is unknown, or the data does not fit the header.
    """
    _check_layout(message)
    raw = packed(message)
    if raw.encoding in PLANES:
        return cv2.cvtColor(raw.data, PLANES[raw.encoding])
    return _to_rgb(raw)


def decode_compressed(message: CompressedImage, tell: Tell = logger.warning) -> np.ndarray:
    """The picture in a compressed image message, JPEG or PNG: uint8 [height, width, 3], RGB.

    A rotation in EXIF is left alone: CameraInfo describes the sensor's own orientation.

    Args:
        tell: is told of a fault that does the picture no harm, such as many cameras' JPEGs have.

    Raises:
        ImageError: the data is no picture, or a truncated or damaged one.
    """
    data = bytes(message.data)
    if not data:
        raise ImageError(f"the {message.format!r} data has 0 bytes")
    if data.startswith(JPEG_START):
        return decode_jpeg(data, tell)
    return _decode_with_opencv(data, message.format)


def encode_image(picture: np.ndarray) -> Image:
    """A picture, uint8 [height, width, 3] RGB, as an image message without a header."""
    message = Image(
        height=picture.shape[0], width=picture.shape[1], encoding="rgb8", step=picture.shape[1] * 3
    )
    message.data.frombytes(np.ascontiguousarray(picture).data)
    return message


def _check_layout(message: Image) -> None:
    encoding, width, height = message.encoding, message.width, message.height
    if encoding not in BYTES_PER_PIXEL:
        raise ImageError(f"encoding {encoding!r} is not one of {', '.join(BYTES_PER_PIXEL)}")
    if width == 0 or height == 0:
        raise ImageError(f"the image is {width} x {height} pixels")
    if (encoding in _EVEN_WIDTH and width % 2) or (encoding in PLANES and height % 2):
        raise ImageError(f"the image is {width} x {height} pixels, and {encoding} needs even sizes")
    row = width * BYTES_PER_PIXEL[encoding]
    if message.step < row:
        raise ImageError(f"step is {message.step} bytes; {width} pixels of {encoding} take {row}")
    needed = message.step * _rows(message)
    if len(message.data) < needed:
        raise ImageError(
            f"data has {len(message.data)} bytes; {width} x {height} pixels of {encoding} with a step of "
            f"{message.step} take {needed}"
        )


def _rows(message: Image) -> int:
    return message.height * 3 // 2 if message.encoding in PLANES else message.height


def packed(message: Image) -> PackedImage:
    """The image without the padding at the end of its rows; shares the message's memory where there is none.

    cv_bridge counts a row in whole pixels, and shears the picture where padding is not of that size.

    Args:
        message: one whose data fits its header.
    """
    rows, row = _rows(message), message.width * BYTES_PER_PIXEL[message.encoding]
    data = np.frombuffer(message.data, np.uint8, count=rows * message.step).reshape(rows, message.step)
    return PackedImage(
        message.height,
        message.width,
        FORMER_NAMES.get(message.encoding, message.encoding),
        bool(message.is_bigendian),
        row,
        np.ascontiguousarray(data[:, :row]),
    )


def _decode_with_opencv(data: bytes, image_format: str) -> np.ndarray:
    # OpenCV fills what a truncated PNG lacks with black and says nothing, so its end is looked for.
    if data.startswith(_PNG_START) and _PNG_END not in data:
        raise ImageError(f"the PNG of {len(data)} bytes is truncated: its end marker is missing")
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot decode the {image_format!r} data: {error.err}") from error
    if bgr is None:
        raise ImageError(
            f"the {len(data)} bytes of {image_format!r} data are no picture that OpenCV can read"
        )
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _cv_bridge_converter() -> Converter:
    """Convert by cv_bridge.

    Raises:
        ImportError, SystemError: it is not installed, or its compiled part does not load.
    """
    # cv_bridge itself keeps quiet when this fails, as where it was built for another NumPy.
    import cv_bridge.boost.cv_bridge_boost  # noqa: F401 (whether it loads)
    from cv_bridge import CvBridge, CvBridgeError

    bridge = CvBridge()

    def to_rgb(image: PackedImage) -> np.ndarray:
        try:
            return bridge.imgmsg_to_cv2(image, "rgb8")
        except CvBridgeError as error:
            raise ImageError(f"cv_bridge cannot convert {image.encoding}: {error}") from error

    return to_rgb


def _rosbags_converter() -> Converter:
    """Convert by rosbags-image.

    Raises:
        ImportError: it is not installed.
    """
    from rosbags.image import ImageError as RosbagsImageError
    from rosbags.image import message_to_cvimage

    def to_rgb(image: PackedImage) -> np.ndarray:
        try:
            return message_to_cvimage(image, "rgb8")
        except (RosbagsImageError, cv2.error) as error:
            raise ImageError(f"rosbags-image cannot convert {image.encoding}: {error}") from error

    return to_rgb


def _available_converter() -> tuple[str, Converter]:
    """The converter that works, and what the log says of it.

    Raises:
        ImportError: there is none; says what keeps each from working.
    """
    try:
        return "cv_bridge", _cv_bridge_converter()
    except (ImportError, SystemError) as error:
        installed = getattr(error, "name", None) != "cv_bridge"
        fault = f"cv_bridge does not load: {error}"
    try:
        return f"rosbags-image ({fault})" if installed else "rosbags-image", _rosbags_converter()
    except ImportError as error:
        raise ImportError(
            f"nothing converts images: {fault}; rosbags-image does not load: {error}. "
            "Mend either: a cv_bridge built for this NumPy, or pip install rosbags-image"
        ) from error


CONVERTER, _to_rgb = _available_converter()
