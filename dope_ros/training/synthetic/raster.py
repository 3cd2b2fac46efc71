# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compiled loops over vertices, triangles and pixels.

Geometry is in the camera's optical frame in metres. Screen vertices hold x and y in samples and 1 / z, which
is linear over a triangle on the screen; a larger 1 / z is nearer, and a depth buffer starts at zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

Vector = tuple[float, float, float]

SHADOW_RADIUS = 1
"""A shadow's edge is averaged over (2 r + 1)^2 samples of the shadow map."""

SHININESS = 24.0


class Textures(NamedTuple):
    """texels: [N, 4] uint8, RGBA. table: [R, 3], where in them textures start, their heights and widths."""

    texels: np.ndarray
    table: np.ndarray


class Surface(NamedTuple):
    """Triangles and what is on them.

    triangles: [T, 3], vertices. uvs: [U, 2], texture coordinates. uv_triangles: [T, 3], rows of `uvs`.
    materials: [T], rows of the table of `Textures`.
    """

    triangles: np.ndarray
    uvs: np.ndarray
    uv_triangles: np.ndarray
    materials: np.ndarray


class Solid(NamedTuple):
    """vertices: [V, 3] float32. normals: [V, 3] float32, unit."""

    vertices: np.ndarray
    normals: np.ndarray


class Samples(NamedTuple):
    """What each sample shows.

    depth: [H, W] float32, 1 / z, 0 where nothing is. hit: [H, W] int32, triangles, -1 where nothing is.
    bary: [H, W, 2] float32, where in its triangle: the weights of the first two corners.
    """

    depth: np.ndarray
    hit: np.ndarray
    bary: np.ndarray


class Shadow(NamedTuple):
    """depth: [S, S], 1 x 1 for no shadows. to_map: [3, 4], from the optical frame. bias: metres."""

    depth: np.ndarray
    to_map: np.ndarray
    bias: float


class LightArrays(NamedTuple):
    """Light.

    directions: [L, 3], unit, towards the lights. colours: [L, 3]. ambient: [2, 3], from sky and ground.
    up: [3]. shadow: of the first light.
    """

    directions: np.ndarray
    colours: np.ndarray
    ambient: np.ndarray
    up: np.ndarray
    shadow: Shadow


class Footprint(NamedTuple):
    """The samples that a triangle may cover: rows y0 to y1 and columns x0 to x1, no row if it is degenerate.

    ax, ay, bx, by: the gradients of the barycentric coordinates of its corners a and b.
    cx, cy: its corner c, where both are 0.
    """

    y0: int
    y1: int
    x0: int
    x1: int
    ax: float
    ay: float
    bx: float
    by: float
    cx: float
    cy: float


@njit(cache=True)
def skin_vertices(
    vertices: np.ndarray, weights: np.ndarray, bones: np.ndarray, rotations: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """Linear blend skinning; the weights of a vertex fall, and end at the first zero."""
    moved = np.empty(vertices.shape, np.float32)
    for i in range(vertices.shape[0]):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        a = b = c = np.float32(0)
        for k in range(weights.shape[1]):
            w = weights[i, k]
            if w == 0:
                break
            r, t = rotations[bones[i, k]], offsets[bones[i, k]]
            a += w * (r[0, 0] * x + r[0, 1] * y + r[0, 2] * z + t[0])
            b += w * (r[1, 0] * x + r[1, 1] * y + r[1, 2] * z + t[1])
            c += w * (r[2, 0] * x + r[2, 1] * y + r[2, 2] * z + t[2])
        moved[i, 0], moved[i, 1], moved[i, 2] = a, b, c
    return moved


@njit(cache=True)
def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals [V, 3], area-weighted over the triangles that meet."""
    normals = np.zeros(vertices.shape, np.float32)
    for i in range(triangles.shape[0]):
        a, b, c = triangles[i, 0], triangles[i, 1], triangles[i, 2]
        ux, uy, uz = _difference(vertices, b, a)
        vx, vy, vz = _difference(vertices, c, a)
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for i in range(len(normals)):
        length = np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2) + 1e-12
        normals[i] /= length
    return normals


@njit(cache=True, inline="always")
def _difference(vertices: np.ndarray, a: int, b: int) -> Vector:
    return (
        vertices[a, 0] - vertices[b, 0],
        vertices[a, 1] - vertices[b, 1],
        vertices[a, 2] - vertices[b, 2],
    )


@njit(cache=True, inline="always")
def _edges(screen: np.ndarray, a: int, b: int, c: int) -> tuple[float, float, float, float]:
    """Gradients of the barycentric coordinates of corners a and b about corner c; zeros if degenerate."""
    ax, ay = screen[a, 0] - screen[c, 0], screen[a, 1] - screen[c, 1]
    bx, by = screen[b, 0] - screen[c, 0], screen[b, 1] - screen[c, 1]
    area = by * ax - bx * ay
    if abs(area) < 1e-9:
        return 0.0, 0.0, 0.0, 0.0
    inverse = 1.0 / area
    return by * inverse, -bx * inverse, -ay * inverse, ax * inverse


@njit(cache=True, inline="always")
def _span(p: float, q: float, r: float, limit: float) -> tuple[int, int]:
    """The samples whose middles may lie between three coordinates, within [0, limit)."""
    first = max(0.0, np.ceil(min(p, q, r) - 0.5))
    last = min(limit - 1.0, np.floor(max(p, q, r) - 0.5))
    if not first <= last:
        return 0, -1
    return int(first), int(last)


@njit(cache=True, inline="always")
def _footprint(screen: np.ndarray, corners: np.ndarray, height: int, width: int) -> Footprint:
    a, b, c = corners[0], corners[1], corners[2]
    y0, y1 = _span(screen[a, 1], screen[b, 1], screen[c, 1], height)
    x0, x1 = _span(screen[a, 0], screen[b, 0], screen[c, 0], width)
    ax, ay, bx, by = _edges(screen, a, b, c)
    if x0 > x1 or (ax == 0 and ay == 0):
        y1 = y0 - 1
    return Footprint(y0, y1, x0, x1, ax, ay, bx, by, screen[c, 0], screen[c, 1])


@njit(cache=True, inline="always")
def _barycentric(footprint: Footprint, x: int, y: int) -> Vector:
    """The weights of a triangle's corners in the middle of a sample; one is negative outside."""
    px, py = x + 0.5 - footprint.cx, y + 0.5 - footprint.cy
    la, lb = footprint.ax * px + footprint.ay * py, footprint.bx * px + footprint.by * py
    return la, lb, 1 - la - lb


@njit(cache=True)
def draw_triangles(
    screen: np.ndarray, surface: Surface, alphas: np.ndarray, textures: Textures, samples: Samples
) -> None:
    """Draw triangles into a depth buffer, remembering which one each sample shows and where.

    Args:
        screen: [V, 3]; triangles with a corner whose 1 / z is not positive are left out.
        surface: texture coordinates are for triangles that are cut out by their texture's alpha.
        alphas: [T] int16, samples of less alpha are holes, 0 for opaque.
        samples: updated.
    """
    height, width = samples.depth.shape
    for i in range(surface.triangles.shape[0]):
        corners = surface.triangles[i]
        za, zb, zc = screen[corners[0], 2], screen[corners[1], 2], screen[corners[2], 2]
        if min(za, zb, zc) <= 0:
            continue
        footprint = _footprint(screen, corners, height, width)
        for y in range(footprint.y0, footprint.y1 + 1):
            for x in range(footprint.x0, footprint.x1 + 1):
                la, lb, lc = _barycentric(footprint, x, y)
                inverse_z = la * za + lb * zb + lc * zc
                if min(la, lb, lc) < 0 or inverse_z <= samples.depth[y, x]:
                    continue
                wa, wb = la * za / inverse_z, lb * zb / inverse_z
                if alphas[i] > 0 and _alpha(surface, i, wa, wb, textures) < alphas[i]:
                    continue
                samples.depth[y, x], samples.hit[y, x] = inverse_z, i
                samples.bary[y, x, 0], samples.bary[y, x, 1] = wa, wb


@njit(cache=True)
def draw_depth(screen: np.ndarray, triangles: np.ndarray, depth: np.ndarray) -> None:
    """Draw triangles into an orthographic depth map whose third coordinate is larger for what is nearer."""
    height, width = depth.shape
    for i in range(triangles.shape[0]):
        corners = triangles[i]
        za, zb, zc = screen[corners[0], 2], screen[corners[1], 2], screen[corners[2], 2]
        footprint = _footprint(screen, corners, height, width)
        for y in range(footprint.y0, footprint.y1 + 1):
            for x in range(footprint.x0, footprint.x1 + 1):
                la, lb, lc = _barycentric(footprint, x, y)
                if min(la, lb, lc) >= 0:
                    depth[y, x] = max(depth[y, x], la * za + lb * zb + lc * zc)


@njit(cache=True, inline="always")
def _texture_coordinates(uvs: np.ndarray, corners: np.ndarray, wa: float, wb: float) -> tuple[float, float]:
    wc = 1 - wa - wb
    u = wa * uvs[corners[0], 0] + wb * uvs[corners[1], 0] + wc * uvs[corners[2], 0]
    v = wa * uvs[corners[0], 1] + wb * uvs[corners[1], 1] + wc * uvs[corners[2], 1]
    return u, v


@njit(cache=True, inline="always")
def _alpha(surface: Surface, triangle: int, wa: float, wb: float, textures: Textures) -> int:
    texels, table = textures.texels, textures.table
    material = surface.materials[triangle]
    u, v = _texture_coordinates(surface.uvs, surface.uv_triangles[triangle], wa, wb)
    start, height, width = table[material, 0], table[material, 1], table[material, 2]
    x = int(np.floor(u * width)) % width
    y = int(np.floor((1 - v) * height)) % height
    return texels[start + y * width + x, 3]


@njit(cache=True, inline="always")
def _colour(textures: Textures, material: int, u: float, v: float) -> Vector:
    """A texture's colour at (u, v), RGB, 0 to 255, bilinear; textures repeat."""
    table = textures.table
    start, height, width = table[material, 0], table[material, 1], table[material, 2]
    fx, fy = u * width - 0.5, (1 - v) * height - 0.5
    x, y = int(np.floor(fx)), int(np.floor(fy))
    left, right = x % width, (x + 1) % width
    above, below = start + (y % height) * width, start + ((y + 1) % height) * width
    corners = (above + left, above + right, below + left, below + right)
    dx, dy = fx - x, fy - y
    return (
        _bilinear(textures.texels, corners, dx, dy, 0),
        _bilinear(textures.texels, corners, dx, dy, 1),
        _bilinear(textures.texels, corners, dx, dy, 2),
    )


@njit(cache=True, inline="always")
def _bilinear(
    texels: np.ndarray, corners: tuple[int, int, int, int], dx: float, dy: float, channel: int
) -> float:
    top = (1 - dx) * texels[corners[0], channel] + dx * texels[corners[1], channel]
    low = (1 - dx) * texels[corners[2], channel] + dx * texels[corners[3], channel]
    return (1 - dy) * top + dy * low


@njit(cache=True, inline="always")
def _lit_share(shadow: Shadow, point: Vector) -> float:
    """Which share of the key light reaches a point, 0 to 1."""
    size, to_map = shadow.depth.shape[0], shadow.to_map
    if size == 1:
        return 1.0
    x, y, z = point
    sx = to_map[0, 0] * x + to_map[0, 1] * y + to_map[0, 2] * z + to_map[0, 3]
    sy = to_map[1, 0] * x + to_map[1, 1] * y + to_map[1, 2] * z + to_map[1, 3]
    sz = to_map[2, 0] * x + to_map[2, 1] * y + to_map[2, 2] * z + to_map[2, 3]
    if not (SHADOW_RADIUS <= sx < size - SHADOW_RADIUS and SHADOW_RADIUS <= sy < size - SHADOW_RADIUS):
        return 1.0
    shaded = 0
    for row in range(int(sy) - SHADOW_RADIUS, int(sy) + SHADOW_RADIUS + 1):
        for column in range(int(sx) - SHADOW_RADIUS, int(sx) + SHADOW_RADIUS + 1):
            if shadow.depth[row, column] > sz + shadow.bias:
                shaded += 1
    return 1.0 - shaded / (2.0 * SHADOW_RADIUS + 1) ** 2


@njit(cache=True, inline="always")
def _interpolated(values: np.ndarray, corners: np.ndarray, wa: float, wb: float) -> Vector:
    wc = 1 - wa - wb
    a, b, c = corners[0], corners[1], corners[2]
    return (
        wa * values[a, 0] + wb * values[b, 0] + wc * values[c, 0],
        wa * values[a, 1] + wb * values[b, 1] + wc * values[c, 1],
        wa * values[a, 2] + wb * values[b, 2] + wc * values[c, 2],
    )


@njit(cache=True, inline="always")
def _unit(x: float, y: float, z: float) -> Vector:
    length = np.sqrt(x * x + y * y + z * z) + 1e-9
    return x / length, y / length, z / length


@njit(cache=True, inline="always")
def _dot(vector: Vector, direction: np.ndarray) -> float:
    return vector[0] * direction[0] + vector[1] * direction[1] + vector[2] * direction[2]


@njit(cache=True, inline="always")
def _towards(normal: Vector, view: Vector) -> Vector:
    """The unit normal of that side of a surface which is seen."""
    x, y, z = _unit(normal[0], normal[1], normal[2])
    if x * view[0] + y * view[1] + z * view[2] < 0:
        return -x, -y, -z
    return x, y, z


@njit(cache=True, inline="always")
def _ambient(normal: Vector, lights: LightArrays) -> Vector:
    """Between the ground's, where a normal points down, and the sky's."""
    sky = 0.5 + 0.5 * _dot(normal, lights.up)
    above, below = lights.ambient[0], lights.ambient[1]
    return (
        below[0] + (above[0] - below[0]) * sky,
        below[1] + (above[1] - below[1]) * sky,
        below[2] + (above[2] - below[2]) * sky,
    )


@njit(cache=True, inline="always")
def _mirrored(normal: Vector, view: Vector, direction: np.ndarray) -> float:
    """Which share of a light is mirrored towards the camera (Blinn, 1977)."""
    x, y, z = _unit(direction[0] + view[0], direction[1] + view[1], direction[2] + view[2])
    return max(0.0, normal[0] * x + normal[1] * y + normal[2] * z) ** SHININESS


@njit(cache=True, inline="always")
def _received(point: Vector, normal: Vector, view: Vector, lights: LightArrays) -> tuple[Vector, float]:
    """The light that falls on a point, RGB, and how bright a highlight of a gloss of 1 would be there."""
    red, green, blue = _ambient(normal, lights)
    highlight = 0.0
    for k in range(lights.directions.shape[0]):
        facing = _dot(normal, lights.directions[k])
        if facing <= 0:
            continue
        lit = _lit_share(lights.shadow, point) if k == 0 else 1.0
        colour = lights.colours[k]
        red += lit * facing * colour[0]
        green += lit * facing * colour[1]
        blue += lit * facing * colour[2]
        mirrored = _mirrored(normal, view, lights.directions[k])
        highlight += lit * mirrored * (colour[0] + colour[1] + colour[2]) / 3
    return (red, green, blue), highlight


@njit(cache=True)
def shade(
    picture: np.ndarray,
    samples: Samples,
    surface: Surface,
    solid: Solid,
    looks: np.ndarray,
    textures: Textures,
    lights: LightArrays,
) -> None:
    """Colour the samples that show a triangle: diffuse, ambient from above and below, highlights, one shadow.

    Args:
        picture: [H, W, 3] float32, 0 to 1, RGB; samples that show no triangle keep their colour.
        looks: [M, 4] float32 by material: tint in red, green and blue, and gloss.
    """
    for row in range(samples.hit.shape[0]):
        for column in range(samples.hit.shape[1]):
            i = samples.hit[row, column]
            if i < 0:
                continue
            wa, wb = samples.bary[row, column, 0], samples.bary[row, column, 1]
            point = _interpolated(solid.vertices, surface.triangles[i], wa, wb)
            view = _unit(-point[0], -point[1], -point[2])
            normal = _towards(_interpolated(solid.normals, surface.triangles[i], wa, wb), view)
            light, highlight = _received(point, normal, view, lights)
            material = surface.materials[i]
            highlight *= looks[material, 3]
            u, v = _texture_coordinates(surface.uvs, surface.uv_triangles[i], wa, wb)
            colour = _colour(textures, material, u, v)
            for channel in range(3):
                albedo = colour[channel] / 255.0
                radiance = albedo * albedo * looks[material, channel] * light[channel] + highlight
                picture[row, column, channel] = np.sqrt(min(max(radiance, 0.0), 1.0))


@njit(cache=True)
def shade_ground(
    picture: np.ndarray,
    hit: np.ndarray,
    sightlines: np.ndarray,
    plane: np.ndarray,
    strength: float,
    shadow: Shadow,
) -> None:
    """Darken what lies behind the people where their shadow falls on the ground.

    Args:
        sightlines: fx, fy, cx, cy in samples.
        plane: [4], points p of the ground hold plane[:3] . p = plane[3].
        strength: which share of the light the shadow takes.
    """
    fx, fy, cx, cy = sightlines
    for row in range(hit.shape[0]):
        for column in range(hit.shape[1]):
            if hit[row, column] >= 0:
                continue
            x, y = (column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy
            slope = plane[0] * x + plane[1] * y + plane[2]
            if slope * plane[3] <= 0:
                continue
            z = plane[3] / slope
            lit = _lit_share(shadow, (x * z, y * z, z))
            if lit < 1:
                picture[row, column] *= 1 - strength * (1 - lit)
