# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages to pictures: uint8 [height, width, 3], RGB.

Raw ones are converted by cv_bridge where that works, else by rosbags-image; `CONVERTER` says which. Both
trust what a message says of itself, so it is checked first, and both get rows without padding. JPEGs are
decoded by simplejpeg (`dope_ros.jpeg`), which, other than OpenCV, says when one is corrupt.

What an encoding does not say is assumed, and told: how many of 16 bits a camera uses, and the colours of
plain arrays.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

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
    "8UC1": 1,
    "8UC3": 3,
}
"""The encodings that can be read."""

FORMER_NAMES = {"uyvy": "yuv422", "yuyv": "yuv422_yuy2"}
"""Encodings by the names that all converters know; ROS 2 calls those deprecated."""

ASSUMED_NAMES = {"8UC1": "mono8", "8UC3": "bgr8"}
"""Encodings that tell no colours, and what they are taken for: what OpenCV has in arrays of that type.

CvBridge publishes arrays by those names unless it is told another.
"""

EIGHT_BIT_NAMES = {name: name.removesuffix("16") + "8" for name in BYTES_PER_PIXEL if name.endswith("16")}
"""Encodings of 16 bits, and those of 8 bits with the same colours."""

SENSOR_BITS = (10, 12, 14, 16)
"""So many bits of 16 cameras use, the least significant ones; those with 8 bits send 8."""

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

_NAMES = {**FORMER_NAMES, **ASSUMED_NAMES}

_EVEN_WIDTH = ("uyvy", "yuyv", "yuv422", "yuv422_yuy2", *PLANES)

_READING = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION

_PNG_START, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"

Tell = Callable[[str], None]
"""Takes in what is wrong with a picture that can be read all the same."""


class SensorBits:
    """How many bits a camera uses of its 16-bit images, which no message says: as many as any value so far.

    It never becomes fewer, for then brightness would jump with what is in view.

    Args:
        note: takes in how many are assumed, when that becomes more.
    """

    def __init__(self, note: Tell = logger.info) -> None:
        self._note = note
        self._bits = 0

    def of(self, values: np.ndarray) -> int:
        """How many bits the camera uses, with the values of its next image, uint16, taken into account."""
        if self._bits == SENSOR_BITS[-1]:
            return self._bits
        bits = sensor_bits(values)
        if bits > self._bits:
            self._bits = bits
            self._note(f"16-bit values are taken for those of {bits} bits, by the largest so far")
        return self._bits


def sensor_bits(values: np.ndarray) -> int:
    """The smallest of `SENSOR_BITS` that holds all values of an image, uint16."""
    needed = int(values.max()).bit_length()
    return next(bits for bits in SENSOR_BITS if needed <= bits)


def decode_image(message: Image, tell: Tell = logger.warning, bits: SensorBits | None = None) -> np.ndarray:
    """The picture in a raw image message.

    Args:
        tell: is told of colours that are assumed.
        bits: of the camera, for 16-bit images; None where this image is all that is known of it.

    Returns:
        uint8 [height, width, 3], RGB; shares the message's memory where nothing had to be converted.

    Raises:
        ImageError: the encoding is unknown, or the data does not fit the header.
    """
    _check_layout(message)
    if message.encoding in ASSUMED_NAMES:
        tell(f"{message.encoding} does not tell its colours, and is taken for {_NAMES[message.encoding]}")
    raw = packed(message)
    if raw.encoding in PLANES:
        return cv2.cvtColor(raw.data, PLANES[raw.encoding])
    if raw.encoding in EIGHT_BIT_NAMES:
        raw = _in_eight_bits(raw, SensorBits() if bits is None else bits)
    return _to_rgb(raw)


def decode_compressed(
    message: CompressedImage, tell: Tell = logger.warning, bits: SensorBits | None = None
) -> np.ndarray:
    """The picture in a compressed image message, JPEG or PNG: uint8 [height, width, 3], RGB.

    A rotation in EXIF is left alone: CameraInfo describes the sensor's own orientation.

    Args:
        tell: is told of a fault that does the picture no harm, such as many cameras' JPEGs have.
        bits: of the camera, for PNGs of 16 bits; None where this image is all that is known of it.

    Raises:
        ImageError: the data is no picture, or a truncated or damaged one.
    """
    data = bytes(message.data)
    if not data:
        raise ImageError(f"the {message.format!r} data has 0 bytes")
    if data.startswith(JPEG_START):
        return decode_jpeg(data, tell)
    return _decode_with_opencv(data, message.format, SensorBits() if bits is None else bits)


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
        _NAMES.get(message.encoding, message.encoding),
        bool(message.is_bigendian),
        row,
        np.ascontiguousarray(data[:, :row]),
    )


def _in_eight_bits(raw: PackedImage, bits: SensorBits) -> PackedImage:
    values = raw.data.view(np.uint16)
    if raw.is_bigendian != (sys.byteorder == "big"):
        values = values.byteswap()
    return replace(
        raw,
        encoding=EIGHT_BIT_NAMES[raw.encoding],
        is_bigendian=False,
        step=raw.step // 2,
        data=_most_significant(values, bits.of(values)),
    )


def _most_significant(values: np.ndarray, bits: int) -> np.ndarray:
    """The upper eight of so many bits: uint8 of the same shape."""
    return (values >> (bits - 8)).astype(np.uint8)


def _decode_with_opencv(data: bytes, image_format: str, bits: SensorBits) -> np.ndarray:
    # OpenCV fills what a truncated PNG lacks with black and says nothing, so its end is looked for.
    is_png = data.startswith(_PNG_START)
    if is_png and _PNG_END not in data:
        raise ImageError(f"the PNG of {len(data)} bytes is truncated: its end marker is missing")
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), _READING | (cv2.IMREAD_ANYDEPTH if is_png else 0))
    except cv2.error as error:
        raise ImageError(f"OpenCV cannot decode the {image_format!r} data: {error.err}") from error
    if bgr is None:
        raise ImageError(
            f"the {len(data)} bytes of {image_format!r} data are no picture that OpenCV can read"
        )
    if bgr.dtype == np.uint16:
        bgr = _most_significant(bgr, bits.of(bgr))
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
