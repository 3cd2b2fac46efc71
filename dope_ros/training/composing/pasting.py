# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Layers that pictures are composed of: pixels and opacity, in other light, turned, scaled and pasted."""

from __future__ import annotations

import cv2
import numpy as np

from dope_ros.training.loading.augmentation import jitter_colours


def in_other_light(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colours of uint8 [H, W, 3], RGB, jittered; grey photographs get a tint half of the time."""
    if np.ptp(pixels.reshape(-1, 3).astype(int), axis=1).max() < 8 and rng.random() < 0.5:
        tint = np.array([1.0, rng.uniform(0.7, 0.95), rng.uniform(0.5, 0.9)])
        pixels = np.clip(pixels * tint * rng.uniform(1, 1.2), 0, 255).astype(np.uint8)
    return jitter_colours(pixels, rng)


def drawn_scale(
    extent: float, sizes: tuple[float, float], size: int, most: float, rng: np.random.Generator
) -> float:
    """The scale at which something gets a size in the picture that is drawn evenly in its logarithm.

    Args:
        extent: of the thing, in its own pixels.
        sizes: from and to, in sizes of the picture.
        size: of the picture's sides, pixels.
        most: the scale at most.
    """
    low, high = np.log(sizes)
    return min(size * float(np.exp(rng.uniform(low, high))) / extent, most)


def turn(middle: np.ndarray, degrees: float, scale: float, to: np.ndarray) -> np.ndarray:
    """A transform, float64 [2, 3], that turns and scales about a point [2] and puts that point elsewhere."""
    x, y = map(float, middle)
    matrix = np.array(cv2.getRotationMatrix2D((x, y), degrees, scale), np.float64)
    matrix[:, 2] += to - middle
    return matrix


def warped(
    pixels: np.ndarray, opacity: np.ndarray, transform: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """A layer in the pixels of a square picture; shrunk first where it gets smaller: nothing flickers.

    Args:
        pixels: uint8 [H, W, 3].
        opacity: uint8 [H, W].
        transform: [2, 3], from the layer's pixels to the picture's.
        size: of the picture's sides.

    Returns:
        The two, of the picture's size.
    """
    height, width = opacity.shape
    scale = float(np.hypot(*transform[:, 0]))
    if scale < 1:
        small = max(1, round(width * scale)), max(1, round(height * scale))
        pixels, opacity = (
            cv2.resize(np.ascontiguousarray(layer), small, interpolation=cv2.INTER_AREA)
            for layer in (pixels, opacity)
        )
        x, y = np.array([width, height]) / small
        transform = transform @ np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
    return (
        cv2.warpAffine(pixels, transform, (size, size), borderMode=cv2.BORDER_REPLICATE),
        cv2.warpAffine(
            np.ascontiguousarray(opacity), transform, (size, size), borderMode=cv2.BORDER_CONSTANT
        ),
    )


def paste(canvas: np.ndarray, pixels: np.ndarray, opacity: np.ndarray) -> None:
    """Lay a layer over a canvas, float32 [H, W, 3], 0 to 255, in place."""
    canvas += opacity[..., None] / 255 * (pixels - canvas)
