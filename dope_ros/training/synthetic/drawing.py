# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draws geometry: which surface each sample shows, and in what light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dope_ros.geometry import Intrinsics
from dope_ros.training.synthetic.camera import NEAREST
from dope_ros.training.synthetic.light import SHADOW_BIAS, Lights, cast_shadows
from dope_ros.training.synthetic.mesh import NOBODY, Geometry
from dope_ros.training.synthetic.raster import (
    LightArrays,
    Samples,
    Shadow,
    Solid,
    Surface,
    Textures,
    draw_triangles,
    shade,
    shade_ground,
    vertex_normals,
)
from dope_ros.training.synthetic.textures import TextureBank

SUPERSAMPLING = 2
"""Samples along a pixel's side."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What each sample shows of a geometry; samples are `SUPERSAMPLING` times finer than pixels."""

    geometry: Geometry
    samples: Samples

    def look_up(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Owner, segment and distance along z in metres of what pixels [N, 2] of the picture show.

        Where nothing is, the owner is `NOBODY`, the segment 0 and the distance infinite. All three agree with
        `owners` at that pixel: a sample that shows somebody else than the pixel's mask counts as nobody.
        """
        column, row = (pixels[:, axis].astype(int) for axis in (0, 1))
        mask = self.owners()[row, column]
        sample_column, sample_row = ((pixels[:, axis] * SUPERSAMPLING).astype(int) for axis in (0, 1))
        triangle = self.samples.hit[sample_row, sample_column]
        shown = (triangle >= 0) & (mask != NOBODY)
        if not shown.any():
            count = len(pixels)
            return np.full(count, NOBODY), np.zeros(count, int), np.full(count, np.inf)
        owner = np.where(shown, self.geometry.owners[triangle], NOBODY)
        owner = np.where(owner == mask, owner, NOBODY)
        segment = np.where(shown, self.geometry.segments[triangle], 0)
        distance = 1 / np.maximum(self.samples.depth[sample_row, sample_column], 1e-9)
        return owner, segment, np.where(shown, distance, np.inf)

    def owners(self) -> np.ndarray:
        """[H, W] int16 in pixels: the person that a pixel shows, or `NOBODY`."""
        middle = self.samples.hit[SUPERSAMPLING // 2 :: SUPERSAMPLING, SUPERSAMPLING // 2 :: SUPERSAMPLING]
        if not len(self.geometry.triangles):
            return np.full(middle.shape, NOBODY, np.int16)
        return np.where(middle >= 0, self.geometry.owners[middle], np.int16(NOBODY))


def draw(geometry: Geometry, intrinsics: Intrinsics, size: int, bank: TextureBank) -> Drawing:
    """Find which triangle each sample shows.

    Args:
        geometry: in the optical frame.
        size: the picture's height and width in pixels.
    """
    side = size * SUPERSAMPLING
    samples = Samples(
        depth=np.zeros((side, side), np.float32),
        hit=np.full((side, side), -1, np.int32),
        bary=np.zeros((side, side, 2), np.float32),
    )
    alphas = np.array([material.alpha for material in geometry.materials], np.int16)
    textures = np.array([material.texture for material in geometry.materials], np.int32)
    if len(geometry.triangles):
        draw_triangles(
            _on_screen(geometry.vertices, intrinsics),
            _surface(geometry, textures[geometry.mesh_of]),
            alphas[geometry.mesh_of],
            bank.arrays(),
            samples,
        )
    return Drawing(geometry, samples)


def lit(
    drawing: Drawing,
    background: np.ndarray,
    lights: Lights,
    intrinsics: Intrinsics,
    ground: tuple[np.ndarray, float] | None,
    bank: TextureBank,
) -> np.ndarray:
    """The drawing in its light, before a background.

    Args:
        background: [S, S, 3] float32, RGB, 0 to 1, the picture's size.
        ground: a plane [4] on which shadows fall (see `raster.shade_ground`), and how dark they are.

    Returns:
        float32 [S, S, 3], RGB, 0 to 1.
    """
    geometry, size = drawing.geometry, background.shape[0]
    if not len(geometry.triangles):
        return background
    side = drawing.samples.hit.shape[0]
    picture = cv2.resize(background, (side, side), interpolation=cv2.INTER_LINEAR)
    shadow_map = cast_shadows(geometry, lights)
    shadow = Shadow(shadow_map.depth, shadow_map.to_map, SHADOW_BIAS)
    shade(
        picture,
        drawing.samples,
        _surface(geometry, geometry.mesh_of),
        Solid(geometry.vertices, vertex_normals(geometry.vertices, geometry.triangles)),
        np.array([(*material.tint, material.gloss) for material in geometry.materials], np.float32),
        _fitting_textures(geometry, intrinsics, bank),
        LightArrays(lights.directions, lights.colours, lights.ambient, lights.up, shadow),
    )
    if ground is not None and lights.shadows:
        plane, strength = ground
        sightlines = np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy]) * SUPERSAMPLING
        shade_ground(picture, drawing.samples.hit, sightlines, plane, strength, shadow)
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def _surface(geometry: Geometry, materials: np.ndarray) -> Surface:
    """The geometry's triangles, with materials [T], rows of a table of textures."""
    return Surface(geometry.triangles, geometry.uvs, geometry.uv_triangles, materials)


def _on_screen(vertices: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """[V, 3] float32: x and y in samples, and 1 / z, which is -1 for what is too near or behind."""
    before = vertices[:, 2] > NEAREST
    inverse = np.where(before, 1 / np.maximum(vertices[:, 2], NEAREST), 1.0).astype(np.float32)
    x = (vertices[:, 0] * inverse * intrinsics.fx + intrinsics.cx) * SUPERSAMPLING
    y = (vertices[:, 1] * inverse * intrinsics.fy + intrinsics.cy) * SUPERSAMPLING
    return np.stack([x, y, np.where(before, inverse, -1)], axis=1).astype(np.float32)


def _fitting_textures(geometry: Geometry, intrinsics: Intrinsics, bank: TextureBank) -> Textures:
    """The bank's texels, and for each mesh the row of the copy of its texture that fits its size."""
    textures = bank.arrays()
    screen = _on_screen(geometry.vertices, intrinsics)
    rows = []
    for start, end, material in zip(geometry.starts, geometry.starts[1:], geometry.materials, strict=False):
        seen = screen[start:end][screen[start:end, 2] > 0]
        extent = float(np.ptp(seen[:, :2], axis=0).max()) if len(seen) else 1.0
        rows.append(bank.fitting(material.texture, extent))
    return Textures(textures.texels, textures.table[rows])
