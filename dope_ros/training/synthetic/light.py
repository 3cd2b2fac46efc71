# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Light: a key light that casts shadows, fill lights, and what comes from the sky and the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dope_ros.training.synthetic.mesh import Geometry
from dope_ros.training.synthetic.raster import draw_depth
from dope_ros.training.synthetic.rotations import unit

SHADOW_MAP = 384
"""Samples along a side."""

SHADOW_BIAS = 0.025
"""Metres. What is no further behind the nearest surface is lit, or surfaces would shade themselves."""

SHADOWED = 0.75
"""The share of pictures with hard enough a key light for a shadow."""


@dataclass(frozen=True, slots=True)
class Lights:
    """The light of one picture, in the camera's optical frame.

    directions: [L, 3] float32, unit, towards the lights; the first casts shadows if `shadows` says so.
    colours: [L, 3] float32. ambient: [2, 3] float32, from the sky and from the ground. up: [3] float32.
    """

    directions: np.ndarray
    colours: np.ndarray
    ambient: np.ndarray
    up: np.ndarray
    shadows: bool


@dataclass(frozen=True, slots=True)
class ShadowMap:
    """What the key light sees.

    depth: [S, S] float32, larger for what is nearer to the light; to_map: [3, 4], from the optical frame.
    """

    depth: np.ndarray
    to_map: np.ndarray


NO_SHADOWS = ShadowMap(np.zeros((1, 1), np.float32), np.zeros((3, 4), np.float32))


def random_lights(up: np.ndarray, surroundings: np.ndarray, rng: np.random.Generator) -> Lights:
    """One to three lights, mostly from above and from the camera's side.

    Args:
        up: [3], in the optical frame.
        surroundings: [3], the background's mean colour, 0 to 1, which colours the ambient light a little.
    """
    count = int(rng.integers(1, 4))
    aside = rng.normal(0, 0.7, (count, 3)) - np.array([0, 0, 0.35])
    directions = unit(up * rng.uniform(0.1, 1.4, (count, 1)) + aside)
    strengths = rng.uniform(0.45, 1.6, count) / (1 + np.arange(count))
    colours = np.clip(rng.normal(1, 0.1, (count, 3)), 0.6, 1.4) * strengths[:, None]
    tone = (
        0.6 + 0.4 * surroundings / max(float(surroundings.mean()), 0.05) if rng.random() < 0.6 else np.ones(3)
    )
    sky = np.clip(tone * rng.normal(1, 0.06, 3), 0.4, 1.6) * rng.uniform(0.18, 0.75)
    ambient = np.stack([sky, sky * rng.uniform(0.3, 0.9)])
    if rng.random() < 0.08:  # night, or hardly any light
        colours, ambient = colours * 0.3, ambient * 0.35
    return Lights(
        directions.astype(np.float32),
        colours.astype(np.float32),
        ambient.astype(np.float32),
        up.astype(np.float32),
        bool(rng.random() < SHADOWED),
    )


def cast_shadows(geometry: Geometry, lights: Lights) -> ShadowMap:
    """Draw the geometry as the key light sees it."""
    if not lights.shadows or not len(geometry.triangles):
        return NO_SHADOWS
    towards = lights.directions[0].astype(np.float64)
    across = unit(np.cross(np.eye(3)[np.argmin(np.abs(towards))], towards))
    frame = np.stack([across, np.cross(towards, across), towards])
    turned = geometry.vertices @ frame.T.astype(np.float32)
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = (SHADOW_MAP - 4) / max(float((high - low)[:2].max()), 1e-3)
    shift = 2.0 - low[:2] * scale
    to_map = np.concatenate([frame, np.zeros((3, 1))], axis=1)
    to_map[:2] *= scale
    to_map[:2, 3] = shift
    to_map[2, 3] = 1.0 - low[2]
    depth = np.zeros((SHADOW_MAP, SHADOW_MAP), np.float32)
    placed = turned * np.array([scale, scale, 1], np.float32) + to_map[:, 3].astype(np.float32)
    draw_depth(placed, geometry.triangles, depth)
    return ShadowMap(depth, to_map.astype(np.float32))
