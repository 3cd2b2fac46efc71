# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a camera does to a picture: exposure, blur, noise, grey, JPEG. Nothing moves, so labels stay right."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

SHARPEST, SOFTEST = 0.4, 1.4
"""Pixels of 400: standard deviations of the blur of a lens out of focus."""


def photographed(picture: np.ndarray, people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture as a camera might take it.

    Args:
        picture: [H, W, 3] float32, RGB, 0 to 1.
        people: [H, W] bool, where people are seen; some motion blurs only them.

    Returns:
        uint8 [H, W, 3], RGB.
    """
    unit = picture.shape[0] / 400
    if rng.random() < 0.14:
        picture = _motion_blurred(picture, people, rng.uniform(3, 11) * unit, rng)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(SHARPEST, SOFTEST) * unit)
    if rng.random() < 0.12:
        picture = _coarse(picture, rng.uniform(1.3, 3.0))
    picture = _developed(picture, rng)
    if rng.random() < 0.1:
        picture = np.repeat(picture @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
    picture = _noisy(picture, rng)
    pixels = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        coded = simplejpeg.encode_jpeg(pixels, quality=int(rng.integers(18, 85)))
        pixels = simplejpeg.decode_jpeg(coded)
    return pixels


def _developed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exposure, contrast, white balance, saturation and gamma."""
    gain = rng.uniform(0.7, 1.25) * np.clip(rng.normal(1, 0.04, 3), 0.85, 1.15)
    picture = np.clip(picture * gain.astype(np.float32) + np.float32(rng.normal(0, 0.02)), 0, 1)
    if rng.random() < 0.3:
        grey = picture.mean(axis=2, keepdims=True)
        picture = np.clip(grey + np.float32(rng.uniform(0.2, 1.4)) * (picture - grey), 0, 1)
    if rng.random() < 0.3:
        picture = picture ** np.float32(rng.uniform(0.7, 1.5))
    return picture


def _noisy(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    strength = rng.uniform(0, 0.02) if rng.random() < 0.85 else rng.uniform(0.02, 0.09)
    noise = rng.standard_normal((*picture.shape[:2], 3), dtype=np.float32)
    if rng.random() < 0.3:  # blotches, as of a small sensor
        noise = np.asarray(1.8 * cv2.GaussianBlur(noise, (0, 0), 0.8), np.float32)
    return picture + np.float32(strength) * noise


def _coarse(picture: np.ndarray, factor: float) -> np.ndarray:
    """As enlarged from a smaller picture."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (int(width / factor), int(height / factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _motion_blurred(
    picture: np.ndarray, people: np.ndarray, length: float, rng: np.random.Generator
) -> np.ndarray:
    """Blurred along a line: all of it, or the people alone over what stands still."""
    kernel = _line(length, rng.uniform(0, 180))
    if rng.random() < 0.5 or not people.any():
        return cv2.filter2D(picture, -1, kernel)
    share = people.astype(np.float32)[..., None]
    moved = cv2.filter2D(picture * share, -1, kernel)
    still = 1 - cv2.filter2D(share, -1, kernel)[..., None]
    return np.asarray(moved + still * picture, np.float32)


def _line(length: float, degrees: float) -> np.ndarray:
    """A kernel that averages along a line through its middle."""
    side = int(length) // 2 * 2 + 3
    kernel = np.zeros((side, side), np.float32)
    reach = length / 2 * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    middle = side // 2
    ends = (np.array([middle - reach, middle + reach]) * 16).round().astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0, 1, cv2.LINE_AA, 4)
    return kernel / kernel.sum()
