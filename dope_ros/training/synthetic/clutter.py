# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Things that a detector takes for people though nobody is there: machines, vehicles, furniture, heaps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dope_ros.training.synthetic.mesh import Mesh
from dope_ros.training.synthetic.props import (
    UP,
    Materials,
    any_material,
    at,
    ball,
    bar,
    box,
    cylinder,
    occluder,
    seat,
    table,
)
from dope_ros.training.synthetic.rotations import about, random_rotation

ALONG_X = about((0, 1, 0), 90)
"""Lays a cylinder along x."""


def random_clutter(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """One to four things beside each other, about the origin, on z = 0."""
    things: list[Mesh] = []
    for place in range(rng.integers(1, 5)):
        kind = _KINDS[rng.integers(len(_KINDS))]
        turn = about(UP, rng.uniform(0, 360))
        shift = np.array([*rng.normal(0, 0.9, 2), 0.0]) if place else np.zeros(3)
        things += [mesh.moved(turn, shift) for mesh in kind(materials, rng)]
    return things


def _machine(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """Like those of a gym or a workshop: a frame, weights, wheels, pads, levers, cables."""
    frame, pad, dark = materials.plain(rng, 0.3), any_material(materials, rng), materials.plain(rng)
    width, depth, height = rng.uniform(0.5, 1.4), rng.uniform(0.5, 1.4), rng.uniform(0.9, 2.3)
    parts = []
    for x in (-width / 2, width / 2):
        feet = [np.array([x, y, 0]) for y in (-depth / 2, depth / 2)[: rng.integers(1, 3)]]
        parts += [bar(foot, foot + UP * height, rng.uniform(0.02, 0.06), frame) for foot in feet]
        parts.append(bar(np.array([x, -depth / 2, 0.04]), np.array([x, depth / 2, 0.04]), 0.04, frame))
    for level in rng.uniform(0.1, 1, rng.integers(1, 4)) * height:
        ends = np.array([width / 2, rng.uniform(-depth, depth) / 2, level])
        parts.append(bar(ends * (-1, 1, 1), ends, rng.uniform(0.015, 0.04), frame))
    for _ in range(rng.integers(1, 6)):
        disc = cylinder(rng.uniform(0.08, 0.28), rng.uniform(0.02, 0.08), dark)
        parts.append(
            disc.moved(ALONG_X, rng.uniform((-width / 2, -depth / 2, 0.2), (width / 2, depth / 2, height)))
        )
    for _ in range(rng.integers(1, 4)):
        cushion = box((rng.uniform(0.2, 0.5), rng.uniform(0.3, 1.1), rng.uniform(0.05, 0.14)), pad)
        tilt = about((1, 0, 0), rng.uniform(-70, 70))
        parts.append(cushion.moved(tilt, np.array([0, rng.uniform(-0.3, 0.3), rng.uniform(0.3, 0.9)])))
    for _ in range(rng.integers(0, 4)):
        start = rng.uniform((-width / 2, -depth / 2, 0.3), (width / 2, depth / 2, height))
        parts.append(bar(start, start + rng.normal(0, 0.35, 3), rng.uniform(0.008, 0.03), dark))
    return parts


def _vehicle(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """A car, van, lorry or cart, along y."""
    paint, glass, tyre = materials.plain(rng, 0.4), materials.plain(rng, 0.8), materials.plain(rng, 0.05)
    length, width, radius = rng.uniform(1.6, 5.5), rng.uniform(1.0, 2.2), rng.uniform(0.25, 0.5)
    floor = radius * rng.uniform(0.8, 1.5)
    hull = rng.uniform(0.4, 1.0)
    parts = [at(box((width, length, hull), paint), 0, 0, floor + hull / 2)]
    cabin = (width * 0.92, length * rng.uniform(0.25, 0.55), rng.uniform(0.4, 1.4))
    forward = rng.uniform(-0.3, 0.3) * length
    parts.append(at(box(cabin, paint), 0, forward, floor + hull + cabin[2] / 2))
    window = (cabin[0] * 1.01, cabin[1] * 0.8, cabin[2] * 0.6)
    parts.append(at(box(window, glass), 0, forward, floor + hull + cabin[2] * 0.55))
    screen = (cabin[0] * 0.85, cabin[1] * 1.02, cabin[2] * 0.55)
    parts.append(at(box(screen, glass), 0, forward, floor + hull + cabin[2] * 0.55))
    for x in (-width / 2, width / 2):
        for y in np.linspace(-0.36, 0.36, rng.integers(2, 4)) * length:
            wheel = np.array([x, y, radius])
            parts.append(cylinder(radius, 0.22, tyre).moved(ALONG_X, wheel))
            parts.append(cylinder(radius * 0.55, 0.25, paint).moved(ALONG_X, wheel))
    for x in (-0.35, 0.35):
        for y in (-0.5, 0.5):
            lamp = ball(rng.uniform(0.06, 0.14), materials.plain(rng, 0.8))
            parts.append(at(lamp, x * width, y * length, floor + hull * 0.6))
    return parts


def _shelf(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """A shelf with boxes, bottles and balls."""
    wood, width, height = any_material(materials, rng), rng.uniform(0.6, 1.6), rng.uniform(1, 2.2)
    parts = [at(box((0.04, 0.35, height), wood), x, 0, height / 2) for x in (-width / 2, width / 2)]
    for level in np.linspace(0.05, height, rng.integers(3, 6)):
        parts.append(at(box((width, 0.35, 0.03), wood), 0, 0, level))
        for x in rng.uniform(-0.45, 0.45, rng.integers(1, 6)) * width:
            tall = rng.uniform(0.08, 0.32)
            thing = (
                box((rng.uniform(0.03, 0.2), 0.2, tall), any_material(materials, rng))
                if rng.random() < 0.6
                else cylinder(
                    rng.uniform(0.03, 0.08), tall, any_material(materials, rng), rng.uniform(0.3, 1)
                )
            )
            parts.append(at(thing, x, 0, level + tall / 2 + 0.015))
    return parts


def _stand(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """As slim and tall as a person: a lamp, a coat stand, a parasol, a post with a sign, a hydrant."""
    metal, height = materials.plain(rng, 0.3), rng.uniform(0.7, 2.1)
    parts = [
        at(cylinder(rng.uniform(0.15, 0.3), 0.04, metal), 0, 0, 0.02),
        bar(0 * UP, UP * height, 0.02, metal),
    ]
    top = any_material(materials, rng)
    kind = rng.integers(4)
    if kind == 0:
        parts.append(at(cylinder(rng.uniform(0.12, 0.3), rng.uniform(0.15, 0.4), top, 0.6), 0, 0, height))
    elif kind == 1:
        for turn in range(0, 360, 60):
            arm = about(UP, turn) @ np.array([rng.uniform(0.1, 0.25), 0, 0.1])
            parts.append(bar(UP * (height - 0.15), UP * (height - 0.15) + arm, 0.012, metal))
        parts.append(at(box((0.35, 0.15, rng.uniform(0.5, 0.9)), top), 0.1, 0, height - 0.5))
    elif kind == 2:
        parts.append(at(cylinder(rng.uniform(0.4, 0.9), rng.uniform(0.1, 0.3), top, 0.05), 0, 0, height))
    else:
        parts.append(at(box((rng.uniform(0.3, 0.8), 0.03, rng.uniform(0.3, 0.6)), top), 0, 0, height))
    return parts


def _heap(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """Things thrown together."""
    parts = []
    for _ in range(rng.integers(4, 16)):
        size = rng.uniform(0.05, 0.5, 3)
        kind = rng.integers(3)
        material = any_material(materials, rng)
        thing = (
            box(tuple(size), material)
            if kind == 0
            else cylinder(size[0] / 2, 2 * size[1], material, rng.uniform(0.3, 1))
            if kind == 1
            else ball(size[0] / 2, material)
        )
        place = np.array([*rng.normal(0, 0.35, 2), abs(rng.normal(0.2, 0.4))])
        parts.append(thing.moved(random_rotation(rng), place))
    return parts


def _chair(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    return seat(rng.uniform(0.35, 0.6), materials, rng)


_KINDS: tuple[Callable[[Materials, np.random.Generator], list[Mesh]], ...] = (
    _machine,
    _machine,
    _vehicle,
    _shelf,
    _stand,
    _heap,
    _chair,
    table,
    occluder,
)
