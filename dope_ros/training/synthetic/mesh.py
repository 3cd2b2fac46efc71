# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Textured surfaces, and many of them as the arrays that the rasteriser draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

NOBODY = -1
"""The owner of objects."""

CUT_OUT = 110
"""Texels of less alpha are holes, in textures that have holes."""


@dataclass(frozen=True, slots=True)
class Material:
    """How a surface looks.

    texture: of a `TextureBank`. tint: multiplies the texture's linear colour, RGB.
    gloss: strength of highlights. alpha: texels of less alpha are holes; 0 for opaque.
    """

    texture: int
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gloss: float = 0.05
    alpha: int = 0


@dataclass(frozen=True, slots=True)
class Mesh:
    """A surface.

    vertices: [V, 3] float32. triangles: [T, 3] int32. uvs: [U, 2] float32. uv_triangles: [T, 3] int32.
    segments: [V] uint8, `Segment`.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uvs: np.ndarray
    uv_triangles: np.ndarray
    segments: np.ndarray
    material: Material

    def moved(self, rotation: np.ndarray, translation: np.ndarray) -> Mesh:
        """The same surface rotated about the origin, then translated."""
        turned = self.vertices @ rotation.T.astype(np.float32) + np.asarray(translation, np.float32)
        return replace(self, vertices=turned.astype(np.float32))

    def of(self, material: Material) -> Mesh:
        """The same surface of another material."""
        return replace(self, material=material)


@dataclass(frozen=True, slots=True)
class Geometry:
    """Many meshes, one after the other.

    vertices [V, 3], triangles [T, 3], uvs [U, 2], uv_triangles [T, 3]: as in `Mesh`.
    segments: [T] uint8. owners: [T] int16, the person that each triangle belongs to, or `NOBODY`.
    mesh_of: [T] int32, and materials in the order of the meshes. starts: [M + 1], the meshes' first vertices.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    uvs: np.ndarray
    uv_triangles: np.ndarray
    segments: np.ndarray
    owners: np.ndarray
    mesh_of: np.ndarray
    materials: tuple[Material, ...]
    starts: np.ndarray


def gathered(meshes: Sequence[tuple[int, Mesh]]) -> Geometry:
    """Meshes with their owners as one geometry."""
    parts = [mesh for _, mesh in meshes]
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in parts)])
    uv_starts = np.cumsum([0, *(len(mesh.uvs) for mesh in parts)])
    counts = [len(mesh.triangles) for mesh in parts]
    return Geometry(
        vertices=_joined([mesh.vertices for mesh in parts], (0, 3), np.float32),
        triangles=_joined(
            [mesh.triangles + start for mesh, start in zip(parts, starts, strict=False)], (0, 3), np.int32
        ),
        uvs=_joined([mesh.uvs for mesh in parts], (0, 2), np.float32),
        uv_triangles=_joined(
            [mesh.uv_triangles + start for mesh, start in zip(parts, uv_starts, strict=False)],
            (0, 3),
            np.int32,
        ),
        segments=_joined([mesh.segments[mesh.triangles[:, 0]] for mesh in parts], (0,), np.uint8),
        owners=np.repeat(np.array([owner for owner, _ in meshes], np.int16), counts),
        mesh_of=np.repeat(np.arange(len(parts), dtype=np.int32), counts),
        materials=tuple(mesh.material for mesh in parts),
        starts=starts,
    )


def _joined(arrays: list[np.ndarray], empty: tuple[int, ...], kind: type) -> np.ndarray:
    return np.concatenate([np.zeros(empty, kind), *arrays]).astype(kind, copy=False)
