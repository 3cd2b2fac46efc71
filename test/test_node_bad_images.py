# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bad input costs a warning that names it, and nothing else."""

from __future__ import annotations

from array import array

import cv2
import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from robot import running_node
from sensor_msgs.msg import CompressedImage, Image
from tiny_model import write_tiny_model

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)


def raw(**changes) -> Image:
    fields = {
        "height": 48,
        "width": 64,
        "encoding": "rgb8",
        "step": 192,
        "data": array("B", PICTURE.tobytes()),
    }
    return Image(**{**fields, **changes})


def jpeg(data: bytes) -> CompressedImage:
    return CompressedImage(format="jpeg", data=array("B", data))


JPEG = cv2.imencode(".jpg", PICTURE)[1].tobytes()
PNG = cv2.imencode(".png", PICTURE)[1].tobytes()

BAD_RAW = {
    "truncated data": (raw(data=array("B", PICTURE.tobytes()[:-1])), "data has 9215 bytes"),
    "step too small": (raw(step=100), "step is 100 bytes"),
    "zero width": (raw(width=0), "0 x 48 pixels"),
    "zero height": (raw(height=0), "64 x 0 pixels"),
    "unknown encoding": (raw(encoding="holograms"), "'holograms'"),
    "no encoding": (raw(encoding=""), "encoding ''"),
    "100 megapixels without data": (
        raw(height=10_000, width=10_000, step=30_000, data=array("B")),
        "has 0 bytes",
    ),
    "largest header there is": (
        raw(height=2**32 - 1, width=2**32 - 1, step=2**32 - 1, data=array("B")),
        "step is 4294967295 bytes",
    ),
    "odd width of yuv422": (raw(encoding="yuv422", width=63), "even"),
}

BAD_COMPRESSED = {
    "jpeg without a picture": (jpeg(JPEG[:20] + bytes(200) + b"\xff\xd9"), "corrupt", "subsampling"),
    "jpeg with damaged data": (jpeg(JPEG[:-400] + bytes(300) + JPEG[-100:]), "corrupt", "extraneous"),
    "truncated jpeg": (jpeg(JPEG[: len(JPEG) // 2]), "corrupt", "Premature end"),
    "truncated png": (jpeg(PNG[: len(PNG) // 2]), "PNG", "truncated"),
    "text": (jpeg(b"this is no picture"), "no picture"),
    "nothing": (jpeg(b""), "0 bytes"),
}


@pytest.fixture
def model(tmp_path):
    return write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)


def warned_of(robot, node, publisher, message, words):
    before = len(node.log)

    def line():
        publisher.publish(message)
        said = node.log[before:].splitlines()
        return next((line for line in said if all(word in line for word in words)), None)

    return robot.wait_until(line, f"a warning with {words}")


def test_each_bad_raw_image_is_named_and_the_node_goes_on(robot, model):
    with running_node({"model": model}) as node:
        for bad, *words in BAD_RAW.values():
            line = warned_of(robot, node, robot.images, bad, ["WARN", "/camera/image", *words])
            assert "dropped" in line
            assert robot.show(robot.image(PICTURE)).people == []
        assert node.is_alive()


def test_each_bad_compressed_image_is_named_and_the_node_goes_on(robot, model):
    publisher = robot.node.create_publisher(
        CompressedImage, "camera/image/compressed", qos_profile_sensor_data
    )
    with running_node({"model": model, "image_transport": "compressed"}) as node:
        for bad, *words in BAD_COMPRESSED.values():
            warned_of(robot, node, publisher, bad, ["WARN", "/camera/image/compressed", *words])
            good = jpeg(JPEG)
            good.header = robot.image(PICTURE).header
            assert robot.show(good, publisher).people == []
        assert node.is_alive()


def test_a_harmless_fault_of_a_cameras_jpegs_is_told_once(robot, model):
    publisher = robot.node.create_publisher(
        CompressedImage, "camera/image/compressed", qos_profile_sensor_data
    )
    with running_node({"model": model, "image_transport": "compressed"}) as node:
        for count in (3, 5, 7):
            filled = jpeg(JPEG[:-2] + b"\x55" * 10 * count + JPEG[-2:])
            filled.header = robot.image(PICTURE).header
            assert robot.show(filled, publisher).people == []
        words = ("WARN", "'/camera/image/compressed'", "in spite of a fault", "extraneous bytes")
        node.wait_for_log(*words)
        assert node.log.count("in spite of a fault") == 1


def test_an_image_without_named_colours_is_read_and_what_is_assumed_told_once(robot, model):
    with running_node({"model": model}) as node:
        for _ in range(2):
            plain = raw(encoding="8UC3")
            plain.header = robot.image(PICTURE).header
            robot.show(plain)
        node.wait_for_log("WARN", "'/camera/image'", "8UC3", "taken for bgr8")
        assert node.log.count("taken for bgr8") == 1


def test_images_of_twelve_bits_in_sixteen_are_not_black_and_the_bits_told_once(robot, model):
    overlays = robot.listen(Image, "dope/overlay")
    grey = np.full((48, 64), 4095, np.uint16)
    with running_node({"model": model}) as node:
        robot.wait_until(lambda: robot.node.count_publishers("dope/overlay"), "the overlay's publisher")

        def is_drawn():
            dark = raw(encoding="mono16", step=128, data=array("B", grey.tobytes()))
            dark.header = robot.image(PICTURE).header
            robot.show(dark)
            return overlays

        robot.wait_until(is_drawn, "an overlay")
        robot.wait_until(lambda: is_drawn() and len(overlays) > 1, "another")
        assert set(overlays[-1].data) == {255}
        node.wait_for_log("INFO", "'/camera/image'", "taken for those of 12 bits")
        assert node.log.count("taken for those of") == 1


def test_a_stream_of_bad_images_does_not_flood_the_log(robot, model):
    bad, word = BAD_RAW["truncated data"]
    with running_node({"model": model}) as node:
        robot.wait_for_active()
        warned_of(robot, node, robot.images, bad, [word])
        for _ in range(100):
            robot.images.publish(bad)
        robot.show(robot.image(PICTURE))
        assert node.log.count(word) <= 2
