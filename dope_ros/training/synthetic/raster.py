# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Compiled loops over vertices, triangles and pixels.

Geometry is in the camera's optical frame in metres. Screen vertices hold x and y in samples and 1 / z, which
is linear over a triangle on the screen; a larger 1 / z is nearer, and a depth buffer starts at zero.
"""

from __future__ import annotations

import numpy as np
from numba import njit

Textures = tuple[np.ndarray, np.ndarray]
"""Texels [N, 4] uint8, RGBA, and a table [R, 3] of the textures' starts, heights and widths in them."""

Shadow = tuple[np.ndarray, np.ndarray, float]
"""A shadow map [S, S], the way to it from the optical frame [3, 4], and its bias; 1 x 1 for no shadows."""

LightArrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Directions [L, 3] towards the lights, colours [L, 3], ambient [2, 3] from sky and ground, up [3]."""

SHADOW_RADIUS = 1
"""A shadow's edge is averaged over (2 r + 1)^2 samples of the shadow map."""

SHININESS = 24.0


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
def _difference(vertices: np.ndarray, a: int, b: int) -> tuple[float, float, float]:
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


@njit(cache=True)
def draw_triangles(
    screen: np.ndarray,
    triangles: np.ndarray,
    uvs: np.ndarray,
    uv_triangles: np.ndarray,
    materials: np.ndarray,
    alphas: np.ndarray,
    textures: Textures,
    depth: np.ndarray,
    hit: np.ndarray,
    bary: np.ndarray,
) -> None:
    """Draw triangles into a depth buffer, remembering which one each sample shows and where.

    Args:
        screen: [V, 3]; triangles with a corner whose 1 / z is not positive are left out.
        uvs, uv_triangles: texture coordinates, for triangles that are cut out by their texture's alpha.
        materials: [T], rows of `textures`. alphas: [T] int16, samples of less alpha are holes, 0 for opaque.
        depth: [H, W] float32, hit: [H, W] int32 (-1 for none), bary: [H, W, 2] float32; all updated.
    """
    height, width = depth.shape
    for i in range(triangles.shape[0]):
        a, b, c = triangles[i, 0], triangles[i, 1], triangles[i, 2]
        za, zb, zc = screen[a, 2], screen[b, 2], screen[c, 2]
        y0, y1 = _span(screen[a, 1], screen[b, 1], screen[c, 1], height)
        x0, x1 = _span(screen[a, 0], screen[b, 0], screen[c, 0], width)
        if min(za, zb, zc) <= 0 or y0 > y1 or x0 > x1:
            continue
        ax, ay, bx, by = _edges(screen, a, b, c)
        if ax == 0 and ay == 0:
            continue
        for y in range(y0, y1 + 1):
            py = y + 0.5 - screen[c, 1]
            for x in range(x0, x1 + 1):
                px = x + 0.5 - screen[c, 0]
                la, lb = ax * px + ay * py, bx * px + by * py
                lc = 1 - la - lb
                inverse_z = la * za + lb * zb + lc * zc
                if min(la, lb, lc) < 0 or inverse_z <= depth[y, x]:
                    continue
                wa, wb = la * za / inverse_z, lb * zb / inverse_z
                if alphas[i] > 0 and _alpha(uvs, uv_triangles[i], wa, wb, textures, materials[i]) < alphas[i]:
                    continue
                depth[y, x], hit[y, x] = inverse_z, i
                bary[y, x, 0], bary[y, x, 1] = wa, wb


@njit(cache=True)
def draw_depth(screen: np.ndarray, triangles: np.ndarray, depth: np.ndarray) -> None:
    """Draw triangles into an orthographic depth map whose third coordinate is larger for what is nearer."""
    height, width = depth.shape
    for i in range(triangles.shape[0]):
        a, b, c = triangles[i, 0], triangles[i, 1], triangles[i, 2]
        y0, y1 = _span(screen[a, 1], screen[b, 1], screen[c, 1], height)
        x0, x1 = _span(screen[a, 0], screen[b, 0], screen[c, 0], width)
        if y0 > y1 or x0 > x1:
            continue
        ax, ay, bx, by = _edges(screen, a, b, c)
        if ax == 0 and ay == 0:
            continue
        for y in range(y0, y1 + 1):
            py = y + 0.5 - screen[c, 1]
            for x in range(x0, x1 + 1):
                px = x + 0.5 - screen[c, 0]
                la, lb = ax * px + ay * py, bx * px + by * py
                lc = 1 - la - lb
                if la < 0 or lb < 0 or lc < 0:
                    continue
                z = la * screen[a, 2] + lb * screen[b, 2] + lc * screen[c, 2]
                depth[y, x] = max(depth[y, x], z)


@njit(cache=True, inline="always")
def _texture_coordinates(uvs: np.ndarray, corners: np.ndarray, wa: float, wb: float) -> tuple[float, float]:
    wc = 1 - wa - wb
    u = wa * uvs[corners[0], 0] + wb * uvs[corners[1], 0] + wc * uvs[corners[2], 0]
    v = wa * uvs[corners[0], 1] + wb * uvs[corners[1], 1] + wc * uvs[corners[2], 1]
    return u, v


@njit(cache=True, inline="always")
def _alpha(
    uvs: np.ndarray, corners: np.ndarray, wa: float, wb: float, textures: Textures, material: int
) -> int:
    texels, table = textures
    u, v = _texture_coordinates(uvs, corners, wa, wb)
    start, height, width = table[material, 0], table[material, 1], table[material, 2]
    x = int(np.floor(u * width)) % width
    y = int(np.floor((1 - v) * height)) % height
    return texels[start + y * width + x, 3]


@njit(cache=True, inline="always")
def _colour(
    texels: np.ndarray, start: int, height: int, width: int, u: float, v: float, channel: int
) -> float:
    """A texture's colour at (u, v), bilinear; textures repeat."""
    fx, fy = u * width - 0.5, (1 - v) * height - 0.5
    x, y = int(np.floor(fx)), int(np.floor(fy))
    dx, dy = fx - x, fy - y
    xa, xb, ya, yb = x % width, (x + 1) % width, y % height, (y + 1) % height
    top = (1 - dx) * texels[start + ya * width + xa, channel] + dx * texels[start + ya * width + xb, channel]
    low = (1 - dx) * texels[start + yb * width + xa, channel] + dx * texels[start + yb * width + xb, channel]
    return (1 - dy) * top + dy * low


@njit(cache=True, inline="always")
def _lit_share(shadow: np.ndarray, to_shadow: np.ndarray, bias: float, x: float, y: float, z: float) -> float:
    """Which share of the key light reaches a point, 0 to 1."""
    size = shadow.shape[0]
    if size == 1:
        return 1.0
    sx = to_shadow[0, 0] * x + to_shadow[0, 1] * y + to_shadow[0, 2] * z + to_shadow[0, 3]
    sy = to_shadow[1, 0] * x + to_shadow[1, 1] * y + to_shadow[1, 2] * z + to_shadow[1, 3]
    sz = to_shadow[2, 0] * x + to_shadow[2, 1] * y + to_shadow[2, 2] * z + to_shadow[2, 3]
    if not (SHADOW_RADIUS <= sx < size - SHADOW_RADIUS and SHADOW_RADIUS <= sy < size - SHADOW_RADIUS):
        return 1.0
    shaded = 0
    for row in range(int(sy) - SHADOW_RADIUS, int(sy) + SHADOW_RADIUS + 1):
        for column in range(int(sx) - SHADOW_RADIUS, int(sx) + SHADOW_RADIUS + 1):
            if shadow[row, column] > sz + bias:
                shaded += 1
    return 1.0 - shaded / (2.0 * SHADOW_RADIUS + 1) ** 2


@njit(cache=True, inline="always")
def _interpolated(
    values: np.ndarray, corners: np.ndarray, wa: float, wb: float
) -> tuple[float, float, float]:
    wc = 1 - wa - wb
    a, b, c = corners[0], corners[1], corners[2]
    return (
        wa * values[a, 0] + wb * values[b, 0] + wc * values[c, 0],
        wa * values[a, 1] + wb * values[b, 1] + wc * values[c, 1],
        wa * values[a, 2] + wb * values[b, 2] + wc * values[c, 2],
    )


@njit(cache=True, inline="always")
def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = np.sqrt(x * x + y * y + z * z) + 1e-9
    return x / length, y / length, z / length


@njit(cache=True)
def shade(
    picture: np.ndarray,
    hit: np.ndarray,
    bary: np.ndarray,
    triangles: np.ndarray,
    uvs: np.ndarray,
    uv_triangles: np.ndarray,
    vertices: np.ndarray,
    normals: np.ndarray,
    materials: np.ndarray,
    textures: Textures,
    looks: np.ndarray,
    lights: LightArrays,
    shadow: Shadow,
) -> None:
    """Colour the samples that show a triangle: diffuse, ambient from above and below, highlights, one shadow.

    Args:
        picture: [H, W, 3] float32, 0 to 1, RGB; samples that show no triangle keep their colour.
        looks: [M, 4] float32 by material: tint in red, green and blue, and gloss.
        shadow: of the first light.
    """
    directions, colours, ambient, up = lights
    shadow_map, to_shadow, bias = shadow
    texels, table = textures
    for row in range(hit.shape[0]):
        for column in range(hit.shape[1]):
            i = hit[row, column]
            if i < 0:
                continue
            wa, wb = bary[row, column, 0], bary[row, column, 1]
            x, y, z = _interpolated(vertices, triangles[i], wa, wb)
            nx, ny, nz = _interpolated(normals, triangles[i], wa, wb)
            nx, ny, nz = _unit(nx, ny, nz)
            vx, vy, vz = _unit(-x, -y, -z)
            if nx * vx + ny * vy + nz * vz < 0:
                nx, ny, nz = -nx, -ny, -nz
            sky = 0.5 + 0.5 * (nx * up[0] + ny * up[1] + nz * up[2])
            red = ambient[1, 0] + (ambient[0, 0] - ambient[1, 0]) * sky
            green = ambient[1, 1] + (ambient[0, 1] - ambient[1, 1]) * sky
            blue = ambient[1, 2] + (ambient[0, 2] - ambient[1, 2]) * sky
            highlight = 0.0
            for k in range(directions.shape[0]):
                facing = nx * directions[k, 0] + ny * directions[k, 1] + nz * directions[k, 2]
                if facing <= 0:
                    continue
                lit = _lit_share(shadow_map, to_shadow, bias, x, y, z) if k == 0 else 1.0
                red += lit * facing * colours[k, 0]
                green += lit * facing * colours[k, 1]
                blue += lit * facing * colours[k, 2]
                hx, hy, hz = _unit(directions[k, 0] + vx, directions[k, 1] + vy, directions[k, 2] + vz)
                mirror = max(0.0, nx * hx + ny * hy + nz * hz)
                highlight += lit * mirror**SHININESS * (colours[k, 0] + colours[k, 1] + colours[k, 2]) / 3
            material = materials[i]
            u, v = _texture_coordinates(uvs, uv_triangles[i], wa, wb)
            start, height, width = table[material, 0], table[material, 1], table[material, 2]
            highlight *= looks[material, 3]
            for channel, light in enumerate((red, green, blue)):
                albedo = _colour(texels, start, height, width, u, v, channel) / 255.0
                radiance = albedo * albedo * looks[material, channel] * light + highlight
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
    shadow_map, to_shadow, bias = shadow
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
            lit = _lit_share(shadow_map, to_shadow, bias, x * z, y * z, z)
            if lit < 1:
                picture[row, column] *= 1 - strength * (1 - lit)
