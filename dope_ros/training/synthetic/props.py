# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Objects: boxes, cylinders and balls, and what is made of them: held things, seats, bars, occluders.

Objects stand on z = 0, z up, in metres, unless they say otherwise.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from dope_ros.training.synthetic.mesh import Material, Mesh
from dope_ros.training.synthetic.rotations import about, aligning, random_rotation
from dope_ros.training.synthetic.segments import Segment

UP = np.array([0.0, 0.0, 1.0])
SIDES = 14
"""Of a cylinder."""


class Materials(Protocol):
    """Where objects get their looks from."""

    def cloth(self, rng: np.random.Generator) -> Material:
        """A patterned surface."""
        ...

    def plain(self, rng: np.random.Generator, gloss: float = 0.15) -> Material:
        """A surface of one colour."""
        ...


def any_material(materials: Materials, rng: np.random.Generator) -> Material:
    """Plain more often than patterned."""
    return materials.plain(rng) if rng.random() < 0.65 else materials.cloth(rng)


def box(size: tuple[float, float, float], material: Material) -> Mesh:
    """A box about the origin."""
    corner = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    faces = []
    for axis in range(3):
        for side in (-1, 1):
            face = np.insert(corner, axis, side, axis=1)
            faces.append(face * np.array(size) / 2)
    uvs = np.tile(0.5 + corner / 2, (6, 1))
    quads = np.arange(24).reshape(6, 4)
    return _mesh(np.concatenate(faces), np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]), uvs, material)


def cylinder(radius: float, length: float, material: Material, taper: float = 1.0) -> Mesh:
    """A cylinder about the origin along z, its upper end narrower by `taper`."""
    turn = np.linspace(0, 2 * np.pi, SIDES + 1)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rings = [
        np.column_stack([ring * radius, np.full(SIDES + 1, -length / 2)]),
        np.column_stack([ring * radius * taper, np.full(SIDES + 1, length / 2)]),
    ]
    middles = np.array([[0, 0, -length / 2], [0, 0, length / 2]])
    count, k = SIDES + 1, np.arange(SIDES)
    wall = [np.stack([k, k + 1, count + k + 1], 1), np.stack([k, count + k + 1, count + k], 1)]
    caps = [
        np.stack([np.full(SIDES, 4 * count + end), (2 + end) * count + k, (2 + end) * count + k + 1], 1)
        for end in (0, 1)
    ]
    around = np.stack([np.linspace(0, 2, count), np.zeros(count)], 1)
    cap_uvs = 0.5 + ring / 2
    uvs = np.concatenate([around, around + np.array([0, 1]), cap_uvs, cap_uvs, np.full((2, 2), 0.5)])
    return _mesh(np.concatenate([*rings, *rings, middles]), np.concatenate([*wall, *caps]), uvs, material)


def ball(radius: float, material: Material) -> Mesh:
    """A ball about the origin."""
    rows, columns = 8, SIDES
    polar, turn = np.meshgrid(
        np.linspace(0, np.pi, rows + 1), np.linspace(0, 2 * np.pi, columns + 1), indexing="ij"
    )
    points = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], axis=-1)
    uvs = np.stack([turn / np.pi, 1 - polar / np.pi], axis=-1).reshape(-1, 2)
    row, column = (grid.ravel() for grid in np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"))
    first = row * (columns + 1) + column
    below = first + columns + 1
    triangles = np.concatenate(
        [np.stack([first, below, below + 1], 1), np.stack([first, below + 1, first + 1], 1)]
    )
    return _mesh(points.reshape(-1, 3) * radius, triangles, uvs, material)


def bar(start: np.ndarray, end: np.ndarray, radius: float, material: Material) -> Mesh:
    """A cylinder between two points."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    length = float(np.linalg.norm(end - start))
    return cylinder(radius, length, material).moved(aligning(UP, end - start), (start + end) / 2)


def at(mesh: Mesh, x: float, y: float, z: float) -> Mesh:
    """The mesh moved."""
    return mesh.moved(np.eye(3), np.array([x, y, z]))


def held_object(
    palm: np.ndarray, out: np.ndarray, across: np.ndarray, materials: Materials, rng: np.random.Generator
) -> Mesh:
    """Something in a hand: a stick, bottle, box, telephone or ball.

    Args:
        palm: [3], the middle of the palm. out: out of the palm. across: from the little finger to the index.
    """
    material = any_material(materials, rng)
    lying = aligning(UP, across)
    thick = rng.uniform(0.011, 0.03)
    kind = rng.choice(["stick", "bottle", "flat", "box", "ball"], p=[0.3, 0.25, 0.25, 0.1, 0.1])
    aside = np.asarray(across) / np.linalg.norm(across) * rng.normal(0, 0.02)
    if kind == "stick":
        thing = cylinder(thick * 0.7, rng.choice([rng.uniform(0.15, 0.4), rng.uniform(0.5, 1.4)]), material)
    elif kind == "bottle":
        thing = cylinder(thick * 1.2, rng.uniform(0.1, 0.24), material, rng.uniform(0.6, 1.1))
    elif kind == "flat":
        thing = box((rng.uniform(0.06, 0.2), rng.uniform(0.006, 0.03), rng.uniform(0.12, 0.28)), material)
        lying = lying @ about(UP, rng.uniform(0, 180))
    elif kind == "box":
        thing = box(tuple(rng.uniform(0.05, 0.3, 3)), material)
        return thing.moved(random_rotation(rng), palm + out * rng.uniform(0.06, 0.15))
    else:
        radius = rng.uniform(0.02, 0.11)
        return ball(radius, material).moved(np.eye(3), palm + out * (radius + 0.012))
    return thing.moved(lying, palm + out * (thick + 0.014) + aside)


def seat(height: float, materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """Something to sit on, its top at `height`: a block, a stool or a chair whose back is at +y."""
    material, legs = any_material(materials, rng), materials.plain(rng)
    width, depth = rng.uniform(0.36, 0.7), rng.uniform(0.36, 0.55)
    if height < 0.15 or rng.random() < 0.35:
        return [at(box((width, depth, height), material), 0, 0.05, height / 2)]
    thick = rng.uniform(0.03, 0.12)
    parts = [at(box((width, depth, thick), material), 0, 0.05, height - thick / 2)]
    for x in (-0.45, 0.45):
        for y in (-0.45, 0.45):
            foot = np.array([x * width, y * depth + 0.05, 0])
            parts.append(bar(foot, foot + UP * (height - thick), rng.uniform(0.012, 0.03), legs))
    if rng.random() < 0.6:
        back = rng.uniform(0.3, 0.6)
        parts.append(at(box((width, 0.05, back), material), 0, 0.05 + depth / 2, height + back / 2 + 0.05))
    return parts


def table(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """A table with things on it."""
    height, width, depth = rng.uniform(0.6, 1.05), rng.uniform(0.6, 1.8), rng.uniform(0.4, 0.9)
    wood = any_material(materials, rng)
    parts = [at(box((width, depth, 0.05), wood), 0, 0, height)]
    for x in (-0.45, 0.45):
        leg = box((0.05, 0.05, height), wood)
        parts += [at(leg, x * width, y * depth, height / 2) for y in (-0.42, 0.42)]
    for _ in range(rng.integers(0, 6)):
        thing = _small_thing(materials, rng)
        lift = -thing.vertices[:, 2].min() + height + 0.025
        parts.append(at(thing, rng.uniform(-0.4, 0.4) * width, rng.uniform(-0.4, 0.4) * depth, lift))
    return parts


def _small_thing(materials: Materials, rng: np.random.Generator) -> Mesh:
    material = any_material(materials, rng)
    shape = rng.integers(3)
    if shape == 0:
        return box(tuple(rng.uniform(0.03, 0.35, 3)), material).moved(
            about(UP, rng.uniform(0, 90)), np.zeros(3)
        )
    if shape == 1:
        return cylinder(rng.uniform(0.03, 0.09), rng.uniform(0.08, 0.35), material, rng.uniform(0.4, 1.3))
    return ball(rng.uniform(0.04, 0.14), material)


def occluder(materials: Materials, rng: np.random.Generator) -> list[Mesh]:
    """Something that people are seen behind: a post, a board, a block, a ball, a table, a fence."""
    material = any_material(materials, rng)
    kind = rng.choice(["post", "board", "block", "table", "fence", "thing"])
    if kind == "post":
        height = rng.uniform(1, 3)
        return [at(cylinder(rng.uniform(0.03, 0.16), height, material), 0, 0, height / 2)]
    if kind == "board":
        size = (rng.uniform(0.3, 1.2), 0.04, rng.uniform(0.3, 1.1))
        return [at(box(size, material), 0, 0, size[2] / 2 + rng.choice([0, rng.uniform(0, 1)]))]
    if kind == "block":
        size = tuple(rng.uniform(0.2, 0.9, 3))
        return [at(box(size, material).moved(about(UP, rng.uniform(0, 90)), np.zeros(3)), 0, 0, size[2] / 2)]
    if kind == "table":
        return table(materials, rng)
    if kind == "fence":
        width, height = rng.uniform(0.8, 2.5), rng.uniform(0.4, 1.2)
        posts = [
            bar(np.array([x, 0, 0]), np.array([x, 0, height]), 0.015, material)
            for x in np.linspace(-width / 2, width / 2, rng.integers(3, 9))
        ]
        ends = np.array([width / 2, 0, 0])
        rails = [bar(-ends + UP * z, ends + UP * z, 0.02, material) for z in (0.15 * height, height)]
        return [*posts, *rails]
    thing = _small_thing(materials, rng)
    return [at(thing, 0, 0, rng.uniform(0.3, 1.6))]


def horizontal_bar(
    middle: np.ndarray, along: np.ndarray, materials: Materials, rng: np.random.Generator
) -> list[Mesh]:
    """A bar to hang from, sometimes between posts."""
    reach = along / np.linalg.norm(along) * rng.uniform(0.5, 1.2)
    metal = materials.plain(rng, 0.4)
    parts = [bar(middle - reach, middle + reach, rng.uniform(0.012, 0.03), metal)]
    if rng.random() < 0.5:
        ends = (middle - reach, middle + reach)
        parts += [bar(end * (1, 1, 0), end, rng.uniform(0.02, 0.05), metal) for end in ends]
    return parts


def _mesh(vertices: np.ndarray, triangles: np.ndarray, uvs: np.ndarray, material: Material) -> Mesh:
    triangles = triangles.astype(np.int32)
    segments = np.full(len(vertices), Segment.OBJECT, np.uint8)
    return Mesh(vertices.astype(np.float32), triangles, uvs.astype(np.float32), triangles, segments, material)
