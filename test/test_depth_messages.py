# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depths in image messages."""

from __future__ import annotations

import numpy as np
import pytest
from sensor_msgs.msg import Image

from dope_ros.errors import ImageError
from dope_ros.ros.depth import decode_depth


def depth_image(values, encoding, padding=0, bigendian=False):
    rows = np.pad(values.view(np.uint8).reshape(len(values), -1), ((0, 0), (0, padding)))
    height, width = values.shape
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1])
    message.is_bigendian = int(bigendian)
    message.data.frombytes(rows.tobytes())
    return message


def test_millimetres_and_metres_are_told_apart_by_encoding():
    millimetres = np.array([[0, 1500], [3000, 65535]], np.uint16)
    metres = np.array([[np.nan, 1.5], [3.0, 65.535]], np.float32)
    np.testing.assert_allclose(
        decode_depth(depth_image(millimetres, "16UC1")), [[0, 1.5], [3, 65.535]], rtol=1e-6
    )
    np.testing.assert_allclose(decode_depth(depth_image(metres, "32FC1")), metres)


@pytest.mark.parametrize("bigendian", [False, True])
def test_padding_and_byte_order_are_honoured(bigendian):
    values = np.array([[1000, 2000, 3000]], ">u2" if bigendian else "<u2")
    found = decode_depth(depth_image(values, "16UC1", padding=4, bigendian=bigendian))
    np.testing.assert_allclose(found, [[1, 2, 3]])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Image(encoding="mono16", height=1, width=1, step=2), "'mono16' is not one of 16UC1, 32FC1"),
        (Image(encoding="16UC1", height=2, width=2, step=4), "0 bytes"),
        (Image(encoding="32FC1", height=1, width=2, step=4), "step of 4"),
        (Image(encoding="16UC1", height=0, width=2, step=4), "is 2 x 0 pixels"),
        (Image(encoding="16UC1", height=2, width=0, step=0), "is 0 x 2 pixels"),
    ],
)
def test_a_depth_image_that_contradicts_itself_says_how(message, words):
    with pytest.raises(ImageError, match=words):
        decode_depth(message)
