# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages to pictures: one suite for whichever converter is installed."""

from __future__ import annotations

import subprocess
import sys
from array import array

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image

from dope_ros.errors import ImageError
from dope_ros.ros.images import (
    ASSUMED_NAMES,
    BYTES_PER_PIXEL,
    FORMER_NAMES,
    SensorBits,
    decode_compressed,
    decode_image,
    encode_image,
    packed,
    sensor_bits,
)

HEIGHT, WIDTH = 32, 48


def smooth_picture() -> np.ndarray:
    """Colours that change slowly, so that what an encoding loses is little."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / HEIGHT
    colours = np.stack([60 + 100 * x, 200 - 120 * y, 90 + 60 * np.sin(x)], axis=-1)
    return colours.round().astype(np.uint8)


RGB = smooth_picture()
GREY = cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)


def video_range_422(rgb: np.ndarray, brightness_first: bool) -> np.ndarray:
    """BT.601 with brightness from 16 to 235, as cameras send it and OpenCV reads it."""
    red, green, blue = rgb.astype(float).transpose(2, 0, 1)
    brightness = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    u = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    v = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    colour = np.empty((HEIGHT, WIDTH))
    colour[:, 0::2], colour[:, 1::2] = u[:, 0::2], v[:, 0::2]
    planes = [brightness, colour] if brightness_first else [colour, brightness]
    return np.stack(planes, axis=-1).round().astype(np.uint8)


def colour_below(rgb: np.ndarray, order: str) -> np.ndarray:
    """The brightness, and below it both colours in the given order, pixel by pixel."""
    i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    u, v = (plane.reshape(HEIGHT // 2, WIDTH // 2) for plane in i420[HEIGHT:].reshape(2, -1))
    colour = np.stack([u, v] if order == "uv" else [v, u], axis=-1).reshape(HEIGHT // 2, WIDTH)
    return np.concatenate([i420[:HEIGHT], colour])


def bayer(rgb: np.ndarray, pattern: str) -> np.ndarray:
    channel = {"r": 0, "g": 1, "b": 2}
    mosaic = np.empty((HEIGHT, WIDTH), np.uint8)
    for index, colour in enumerate(pattern):
        row, column = divmod(index, 2)
        mosaic[row::2, column::2] = rgb[row::2, column::2, channel[colour]]
    return mosaic


ENCODED: dict[str, np.ndarray] = {
    "rgb8": RGB,
    "bgr8": RGB[:, :, ::-1],
    "rgba8": np.dstack([RGB, np.full((HEIGHT, WIDTH), 7, np.uint8)]),
    "bgra8": np.dstack([RGB[:, :, ::-1], np.full((HEIGHT, WIDTH), 7, np.uint8)]),
    "mono8": GREY,
    "mono16": GREY.astype(np.uint16) * 257,
    "yuv422": video_range_422(RGB, brightness_first=False),
    "yuv422_yuy2": video_range_422(RGB, brightness_first=True),
    "uyvy": video_range_422(RGB, brightness_first=False),
    "yuyv": video_range_422(RGB, brightness_first=True),
    "nv12": colour_below(RGB, "uv"),
    "nv21": colour_below(RGB, "vu"),
    **{f"bayer_{pattern}8": bayer(RGB, pattern) for pattern in ("rggb", "bggr", "gbrg", "grbg")},
    **{
        f"bayer_{pattern}16": bayer(RGB, pattern).astype(np.uint16) * 257
        for pattern in ("rggb", "bggr", "gbrg", "grbg")
    },
    "8UC1": GREY,
    "8UC3": RGB[:, :, ::-1],
}

LOSSLESS = ("rgb8", "bgr8", "rgba8", "bgra8", "mono16", "8UC1", "8UC3")


def message_of(encoding: str, pixels: np.ndarray, padding: int = 0) -> Image:
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return Image(
        height=HEIGHT,
        width=WIDTH,
        encoding=encoding,
        step=padded.shape[1],
        data=array("B", padded.tobytes()),
    )


def expected_of(encoding: str) -> np.ndarray:
    return np.dstack([GREY] * 3) if encoding in ("mono8", "mono16", "8UC1") else RGB


def test_every_readable_encoding_is_tested():
    assert set(ENCODED) == set(BYTES_PER_PIXEL)


@pytest.mark.parametrize("padding", [0, 20, 1], ids=["packed", "padded rows", "rows of half a pixel more"])
@pytest.mark.parametrize("encoding", ENCODED)
def test_every_encoding_gives_the_picture_back(encoding, padding):
    picture = decode_image(message_of(encoding, ENCODED[encoding], padding))
    assert picture.dtype == np.uint8
    assert picture.shape == (HEIGHT, WIDTH, 3)
    inner = np.abs(picture.astype(int) - expected_of(encoding))[2:-2, 2:-2]
    assert inner.max() <= (0 if encoding in LOSSLESS else 8)
    assert inner.mean() <= 2


@pytest.mark.parametrize("padding", [0, 1, 2, 16, 20])
@pytest.mark.parametrize("encoding", ENCODED)
def test_converters_get_whole_pixels_and_nothing_else(encoding, padding):
    raw = packed(message_of(encoding, ENCODED[encoding], padding))
    assert raw.step == WIDTH * BYTES_PER_PIXEL[encoding]
    assert raw.data.shape == (len(ENCODED[encoding]), raw.step)
    assert raw.data.tobytes() == np.ascontiguousarray(ENCODED[encoding]).tobytes()
    name = {**FORMER_NAMES, **ASSUMED_NAMES}.get(encoding, encoding)
    assert (raw.height, raw.width, raw.encoding, raw.is_bigendian) == (HEIGHT, WIDTH, name, False)


BROKEN = "ImportError('numpy.core.multiarray failed to import')"
"""What a cv_bridge that was built for NumPy 1 says beside NumPy 2."""


@pytest.mark.parametrize(
    ("compiled_part", "converter"),
    [
        (
            f"raise {BROKEN}",
            "rosbags-image (cv_bridge does not load: numpy.core.multiarray failed to import)",
        ),
        (
            "raise SystemError('initialization of cv_bridge_boost')",
            "rosbags-image (cv_bridge does not load: ",
        ),
        ("", "cv_bridge\n"),
    ],
)
def test_a_cv_bridge_that_does_not_load_is_announced_and_not_taken(tmp_path, compiled_part, converter):
    pytest.importorskip("rosbags.image")
    package = tmp_path / "cv_bridge"
    (package / "boost").mkdir(parents=True)
    (package / "boost" / "__init__.py").touch()
    (package / "boost" / "cv_bridge_boost.py").write_text(compiled_part)
    (package / "__init__.py").write_text("class CvBridge: ...\nclass CvBridgeError(TypeError): ...\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from dope_ros.ros.images import CONVERTER as c"
    )
    command = [sys.executable, "-c", f"{code}; print(c)"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    assert shown.startswith(converter)


def test_sixteen_bits_are_read_in_their_byte_order():
    message = message_of("mono16", ENCODED["mono16"].byteswap())
    message.is_bigendian = 1
    grey = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 40
    message.data = array("B", grey.byteswap().tobytes())
    picture = decode_image(message)
    assert np.abs(picture[:, :, 0].astype(int) - grey / 257).max() <= 1


BAYERS = [f"bayer_{pattern}16" for pattern in ("rggb", "bggr", "gbrg", "grbg")]


@pytest.mark.parametrize("used", [10, 12, 14, 16])
@pytest.mark.parametrize("encoding", ["mono16", *BAYERS])
def test_whatever_bits_of_sixteen_a_camera_uses_its_picture_is_as_bright_as_that_of_eight(encoding, used):
    eight = ENCODED[encoding] // 257
    eight[0, 0] = 255
    rest = np.uint16(2 ** (used - 8) - 1)
    picture = decode_image(message_of(encoding, (eight << (used - 8)) + rest))
    expected = decode_image(message_of(encoding.replace("16", "8"), eight.astype(np.uint8)))
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize(
    ("largest", "bits"),
    [
        (0, 10),
        (255, 10),
        (1023, 10),
        (1024, 12),
        (4095, 12),
        (4096, 14),
        (16383, 14),
        (16384, 16),
        (65535, 16),
    ],
)
def test_the_bits_of_a_sensor_are_the_fewest_that_hold_the_largest_value(largest, bits):
    assert sensor_bits(np.array([[0, largest], [7, 0]], np.uint16)) == bits


def test_a_camera_uses_as_many_bits_as_its_brightest_image_so_far_and_each_change_is_told():
    told = []
    bits = SensorBits(told.append)
    images = [np.full((2, 2), largest, np.uint16) for largest in (200, 3000, 900, 65535, 5)]
    assert [bits.of(values) for values in images] == [10, 12, 12, 16, 16]
    assert [[word for word in ("10", "12", "14", "16") if f" {word} bits" in line] for line in told] == [
        ["10"],
        ["12"],
        ["16"],
    ]


def test_a_dark_image_after_a_bright_one_is_dark():
    bits = SensorBits()
    bright, dark = np.full((HEIGHT, WIDTH), 4095, np.uint16), np.full((HEIGHT, WIDTH), 800, np.uint16)
    assert (decode_image(message_of("mono16", bright), bits=bits) == 255).all()
    assert (decode_image(message_of("mono16", dark), bits=bits) == 50).all()


def test_a_png_of_twelve_bits_is_as_bright_as_one_of_eight():
    grey = ENCODED["mono16"] >> 4
    data = cv2.imencode(".png", grey)[1].tobytes()
    picture = decode_compressed(CompressedImage(format="mono16; png compressed", data=array("B", data)))
    np.testing.assert_array_equal(picture, np.dstack([GREY] * 3))


@pytest.mark.parametrize(("encoding", "taken_for"), ASSUMED_NAMES.items())
def test_colours_that_an_encoding_does_not_tell_are_assumed_and_told(encoding, taken_for):
    told = []
    decode_image(message_of(encoding, ENCODED[encoding]), told.append)
    (line,) = told
    assert encoding in line
    assert taken_for in line


def test_of_an_encoding_that_tells_its_colours_nothing_is_told():
    told = []
    for encoding in set(ENCODED) - set(ASSUMED_NAMES):
        decode_image(message_of(encoding, ENCODED[encoding]), told.append)
    assert not told


def test_a_decoded_rgb8_image_shares_the_messages_memory():
    message = message_of("rgb8", RGB)
    picture = decode_image(message)
    message.data[0] = 255 - message.data[0]
    assert picture[0, 0, 0] == message.data[0]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed_images_give_the_picture_back(suffix):
    data = cv2.imencode(suffix, RGB[:, :, ::-1])[1].tobytes()
    picture = decode_compressed(CompressedImage(format=suffix, data=array("B", data)))
    assert np.abs(picture.astype(int) - RGB).mean() < 2


def test_zeros_behind_a_jpeg_do_not_make_it_a_truncated_one():
    data = cv2.imencode(".jpg", RGB[:, :, ::-1])[1].tobytes() + bytes(13)
    assert decode_compressed(CompressedImage(format="jpeg", data=array("B", data))).shape == RGB.shape


def test_fill_bytes_before_the_end_of_a_jpeg_as_usb_cameras_send_them_do_no_harm():
    data = cv2.imencode(".jpg", RGB[:, :, ::-1])[1].tobytes()
    filled = data[:-2] + b"\x55" * 4 + data[-2:]
    plain, with_fill = (
        decode_compressed(CompressedImage(format="jpeg", data=array("B", d))) for d in (data, filled)
    )
    np.testing.assert_array_equal(plain, with_fill)


NOISE = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
"""Its JPEG is as long as those of cameras."""

PLAIN = cv2.imencode(".jpg", NOISE)[1].tobytes()
RESTARTED = cv2.imencode(".jpg", NOISE, [cv2.IMWRITE_JPEG_RST_INTERVAL, 20])[1].tobytes()


def inserted(data, at, more):
    return data[:at] + more + data[at:]


def replaced(data, at, other):
    return data[:at] + other + data[at + len(other) :]


SCAN = PLAIN.index(b"\xff\xda")
HARMLESS = {
    "bytes before RST3, as a Logitech C270's": (
        inserted(RESTARTED, RESTARTED.index(b"\xff\xd3"), b"\x12\x34"),
        "extraneous bytes before a marker",
    ),
    "1000 bytes before the end, as an Axis camera's": (
        inserted(PLAIN, -2, b"\x55" * 1000),
        "extraneous bytes before a marker",
    ),
    "no scan parameters, as IP cameras'": (replaced(PLAIN, SCAN + 11, bytes(3)), "Invalid SOS parameters"),
    "JFIF 2.1": (replaced(PLAIN, PLAIN.index(b"JFIF") + 5, b"\x02"), "unknown JFIF revision"),
    "bytes before the quantisation": (
        inserted(PLAIN, PLAIN.index(b"\xff\xdb"), b"\x00"),
        "extraneous bytes before a marker",
    ),
}


def decoded(data, tell):
    return decode_compressed(CompressedImage(format="jpeg", data=array("B", data)), tell)


@pytest.mark.parametrize("fault", HARMLESS)
def test_a_jpeg_with_a_fault_that_many_cameras_have_is_read_and_the_fault_told(fault):
    told = []
    data, words = HARMLESS[fault]
    picture = decoded(data, told.append)
    good = RESTARTED if "RST" in fault else PLAIN
    np.testing.assert_array_equal(picture, decoded(good, told.append))
    (line,) = told
    assert "does no harm" in line
    assert words in line
    assert not any(number in line for number in ("0xd", "995", "2.1 "))


def test_a_progressive_jpeg_with_a_fault_in_its_header_is_read_as_one():
    told = []
    progressive = cv2.imencode(".jpg", NOISE, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    faulty = inserted(progressive, progressive.index(b"\xff\xdb"), b"\x00")
    np.testing.assert_array_equal(decoded(faulty, told.append), decoded(progressive, told.append))
    assert len(told) == 1


def damaged(data):
    """With zeros in place of a tenth of the picture."""
    return replaced(data, len(data) // 2, bytes(len(data) // 10))


FATAL = (0x01, 0x8F, 0xC0, 0xC4, 0xC8, 0xD3, 0xD8, 0xDA, 0xDB, 0xDC, 0xE0, 0xFE)
"""Markers at which libjpeg gives a picture up, or goes on where it does not belong."""


# Of damage behind filling between its data libjpeg says nothing; a header's faults are mended beforehand.
LACKING = [
    *((fault, data[: -len(data) // 4]) for fault, (data, _) in HARMLESS.items()),
    *((fault, damaged(data)) for fault, (data, _) in HARMLESS.items() if "RST" not in fault),
    ("no fault", damaged(PLAIN)),
    ("no fault", PLAIN[: -len(PLAIN) // 4]),
    *(
        (f"FF {kind:02X} in the data", inserted(PLAIN, len(PLAIN) // 4, bytes([0xFF, kind])))
        for kind in FATAL
    ),
    ("the next picture in the middle of one", PLAIN[: len(PLAIN) // 2] + PLAIN),
]


@pytest.mark.parametrize(
    ("fault", "data"), LACKING, ids=[f"{i}: {fault}" for i, (fault, _) in enumerate(LACKING)]
)
def test_a_jpeg_that_lacks_picture_content_is_refused_whatever_harmless_fault_it_has(fault, data):
    told = []
    with pytest.raises(ImageError, match="is corrupt"):
        decoded(data, told.append)
    assert not told, fault


@pytest.mark.parametrize("start", [b"", PLAIN[:SCAN], PLAIN[: SCAN + 20]], ids=["none", "header", "scan"])
def test_a_jpeg_of_ones_is_refused_in_no_time(start):
    told = []
    with pytest.raises(ImageError, match="is corrupt"):
        decoded((start or b"\xff\xd8") + b"\xff" * 3_000_000, told.append)
    assert not told


def test_bytes_behind_the_end_of_a_png_do_not_make_it_a_truncated_one():
    data = cv2.imencode(".png", RGB[:, :, ::-1])[1].tobytes()
    for more in (bytes(13), b"more"):
        picture = decode_compressed(CompressedImage(format="png", data=array("B", data + more)))
        np.testing.assert_array_equal(picture, RGB)


def test_an_encoded_picture_decodes_to_itself():
    np.testing.assert_array_equal(decode_image(encode_image(RGB)), RGB)


def test_data_that_is_longer_than_needed_is_read():
    message = message_of("rgb8", RGB)
    message.data.frombytes(bytes(100))
    np.testing.assert_array_equal(decode_image(message), RGB)


def test_depth_images_are_refused_by_name():
    with pytest.raises(ImageError, match="32FC1"):
        decode_image(message_of("32FC1", GREY.astype(np.float32)))
