# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JPEGs as cameras send them: faults that do a picture no harm are told, all others make it a corrupt one.

Many cameras' JPEGs break the standard a little in every picture, and libjpeg warns of each. What is known to
be harmless is mended in the header, or passed over between the picture's data and a marker.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import simplejpeg

from dope_ros.errors import ImageError

JPEG_START = b"\xff\xd8"

FEW_BYTES = 100
"""So many bytes between the picture's data and the next marker are always taken for filling."""

FILLING = 0.05
"""More bytes than those, and than this share of the picture's data, could not be understood."""

_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_LEFT_OVER = re.compile(r"(\d+) extraneous bytes before marker 0x[0-9a-f]{2}")

_APP0, _SCAN = 0xE0, 0xDA
_SEQUENTIAL = (0xC0, 0xC1)
_BARE = {0x01, *range(0xD0, 0xDA)}
"""Markers without a length behind them."""


def decode_jpeg(data: bytes, tell: Callable[[str], None]) -> np.ndarray:
    """The picture in a JPEG: uint8 [height, width, 3], RGB.

    libjpeg says the first thing that it finds only, so that in a picture with filling amid its data
    nothing but its end is looked for besides.

    Args:
        tell: is told of a fault that does the picture no harm.

    Raises:
        ImageError: the data is no JPEG, or a truncated or damaged one.
    """
    try:
        return simplejpeg.decode_jpeg(data, colorspace="RGB")
    except ValueError as error:
        fault = str(error)
    picture = _decode_faulty(data, fault)
    tell(f"a JPEG has a fault that does no harm: {_LEFT_OVER.sub('extraneous bytes before a marker', fault)}")
    return picture


def _decode_faulty(data: bytes, fault: str) -> np.ndarray:
    header, scan = with_plain_header(data)
    mended = header + scan
    if mended != data:
        try:
            return simplejpeg.decode_jpeg(mended, colorspace="RGB")
        except ValueError as error:
            fault = str(error)
    harm = _harm(fault, scan)
    if harm:
        raise ImageError(f"the JPEG of {len(data)} bytes is corrupt: {harm}")
    try:
        return simplejpeg.decode_jpeg(mended, colorspace="RGB", strict=False)
    except ValueError as error:
        raise ImageError(f"the JPEG of {len(data)} bytes is corrupt: {error}") from error


def _harm(fault: str, scan: bytes) -> str:
    """Why a picture with that fault is of no use; empty where libjpeg only passed over filling."""
    left_over = _LEFT_OVER.search(fault)
    if left_over is None:
        return fault
    end = scan.rfind(_END)
    if end < 0:
        return "its end marker is missing"
    return fault if int(left_over[1]) >= max(FEW_BYTES, FILLING * end) else ""


def with_plain_header(data: bytes) -> tuple[bytes, bytes]:
    """A JPEG's header, of which libjpeg has nothing to say, and its scan; all and nothing without a scan.

    Bytes between segments are left out, a JFIF of a version that libjpeg does not know is one of 1.1, and the
    scan of a sequential picture has the parameters that it must have.
    """
    segments, position, sequential = [JPEG_START], len(JPEG_START), False
    while marker := _MARKER.search(data, position):
        kind = marker[1][0]
        length = 0 if kind in _BARE else int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        position = marker.end() + length
        sequential = sequential or kind in _SEQUENTIAL
        segments += [b"\xff", marker[1], _plain(kind, data[marker.end() : position], sequential)]
        if kind == _SCAN:
            return b"".join(segments), data[position:]
    return data, b""


def _plain(kind: int, segment: bytes, sequential: bool) -> bytes:
    if kind == _APP0 and segment[2:7] == b"JFIF\0" and segment[7:8] != b"\x01":
        return segment[:7] + b"\x01\x01" + segment[9:]
    if kind == _SCAN and sequential:
        return segment[:-3] + b"\x00\x3f\x00"
    return segment
