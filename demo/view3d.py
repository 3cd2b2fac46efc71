# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draws visualization markers as RViz would show them: a MarkerArray in, a picture out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D, proj3d
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from scipy.spatial.transform import Rotation
from visualization_msgs.msg import Marker, MarkerArray

DPI = 100
BACKGROUND = "#16191f"
GRID = "#3a414d"
TEXT = "#c8ccd4"
ELEVATION, AZIMUTH = 14.0, -72.0
"""Degrees: the camera's own view (0, -90), from a little above and to its left."""
FILLED = 0.88
"""How much of the picture, across or upwards, the scene takes."""
CELL = 0.5
"""Metres between two lines of the floor."""
SMALLEST_SCENE = 1.2
"""Metres: a lone hand should not fill the picture."""

LINES = {Marker.LINE_LIST, Marker.LINE_STRIP}
DOTS = {Marker.POINTS, Marker.SPHERE_LIST, Marker.CUBE_LIST}
SOLIDS = {Marker.SPHERE, Marker.CUBE}


@dataclass(frozen=True, slots=True)
class Shape:
    """A marker, ready to be drawn.

    points: [N, 3] metres, in the plot's axes: right, forward, up. Lines take them in pairs.
    colours: [N, 4] RGBA, 0 to 1.
    width: metres.
    """

    kind: int
    points: np.ndarray
    colours: np.ndarray
    width: float
    text: str


def draw_markers(markers: MarkerArray, title: str = "", size: tuple[int, int] = (640, 480)) -> np.ndarray:
    """The markers in space, on a floor at their lowest point, all axes to one scale.

    Args:
        markers: in an optical frame (x right, y down, z forward). Deletions are passed over.
        title: written at the top.
        size: width and height in pixels.

    Returns:
        uint8 [height, width, 3], RGB.

    Raises:
        ValueError: a marker of a type that is not drawn here.
    """
    shapes = [_shape(marker) for marker in markers.markers if marker.action == Marker.ADD]
    lower, upper = _bounds(shapes)
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI, facecolor=BACKGROUND)
    canvas = FigureCanvasAgg(figure)
    axes = _axes(figure, lower, upper)
    _draw_floor(axes, lower, upper)
    points_per_metre = 72.0 * 0.7 * min(size) / DPI / (upper - lower).max()
    for shape in shapes:
        _draw_shape(axes, shape, points_per_metre)
    figure.text(0.02, 0.95, title, color=TEXT, fontsize=10)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _shape(marker: Marker) -> Shape:
    if marker.type in LINES | DOTS:
        local = np.array([(p.x, p.y, p.z) for p in marker.points], float).reshape(-1, 3)
    elif marker.type in SOLIDS | {Marker.TEXT_VIEW_FACING}:
        local = np.zeros((1, 3))
    else:
        raise ValueError(f"marker {marker.ns!r} {marker.id}: type {marker.type} is not drawn here")
    points = _to_plot(_placed(local, marker))
    colours = _colours(marker, len(points))
    if marker.type == Marker.LINE_STRIP:
        points, colours = np.repeat(points, 2, axis=0)[1:-1], np.repeat(colours, 2, axis=0)[1:-1]
    width = marker.scale.z if marker.type == Marker.TEXT_VIEW_FACING else marker.scale.x
    return Shape(marker.type, points, colours, width, marker.text)


def _placed(points: np.ndarray, marker: Marker) -> np.ndarray:
    position, quaternion = marker.pose.position, marker.pose.orientation
    if not len(points):
        return points
    rotation = Rotation.from_quat((quaternion.x, quaternion.y, quaternion.z, quaternion.w))
    return rotation.apply(points) + np.array((position.x, position.y, position.z))


def _to_plot(optical: np.ndarray) -> np.ndarray:
    """From x right, y down, z forward to right, forward, up."""
    return optical[:, (0, 2, 1)] * (1.0, 1.0, -1.0)


def _colours(marker: Marker, count: int) -> np.ndarray:
    per_point = marker.colors or [marker.color] * count
    return np.array([(c.r, c.g, c.b, c.a) for c in per_point], float).reshape(-1, 4)


def _bounds(shapes: Iterable[Shape]) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a box around the shapes, in whole cells of the floor; ahead of the camera if empty."""
    points = np.concatenate([np.empty((0, 3)), *(shape.points for shape in shapes)])
    if not len(points):
        points = np.array([[0.0, 1.0, 0.0]])
    lower, upper = points.min(axis=0), points.max(axis=0)
    missing = np.maximum(SMALLEST_SCENE - (upper - lower), 0.0) / 2
    lower, upper = lower - missing * (1, 1, 0), upper + missing * (1, 1, 2)
    lower[:2], upper[:2] = np.floor(lower[:2] / CELL - 0.2) * CELL, np.ceil(upper[:2] / CELL + 0.2) * CELL
    return lower, upper


def _axes(figure: Figure, lower: np.ndarray, upper: np.ndarray) -> Axes3D:
    axes: Axes3D = figure.add_axes((0.0, 0.0, 1.0, 1.0), projection="3d", facecolor=BACKGROUND)
    axes.set_axis_off()
    axes.set(xlim=(lower[0], upper[0]), ylim=(lower[1], upper[1]), zlim=(lower[2], upper[2]))
    axes.set_box_aspect(upper - lower)
    axes.view_init(ELEVATION, AZIMUTH)
    _fill_figure(figure, axes, np.array(list(product(*zip(lower, upper, strict=True)))))
    return axes


def _fill_figure(figure: Figure, axes: Axes3D, points: np.ndarray) -> None:
    """Size and move the square that the axes are drawn in, so that the points fill the figure.

    The square may stick out of the figure.
    """
    x, y, _ = proj3d.proj_transform(*points.T, axes.get_proj())
    axes.apply_aspect()
    on_square = axes.transAxes.inverted().transform(axes.transData.transform(np.column_stack([x, y])))
    lower, upper = on_square.min(axis=0), on_square.max(axis=0)
    pixels = figure.get_size_inches() * figure.dpi
    side = FILLED * (pixels / (upper - lower)).min()
    corner = 0.5 - side / pixels * (lower + upper) / 2
    axes.set_position((*corner, *(side / pixels)))


def _draw_floor(axes: Axes3D, lower: np.ndarray, upper: np.ndarray) -> None:
    (left, near, floor), (right, far, _) = lower, upper
    across = [((left, y, floor), (right, y, floor)) for y in np.arange(near, far + CELL / 2, CELL)]
    along = [((x, near, floor), (x, far, floor)) for x in np.arange(left, right + CELL / 2, CELL)]
    axes.add_collection3d(Line3DCollection(across + along, colors=GRID, linewidths=0.7))
    for y in np.arange(np.ceil(near), far + CELL / 2):
        axes.text(right + 0.1, y, floor, f"{y:g} m", color=TEXT, fontsize=7, ha="left", va="center")


def _draw_shape(axes: Axes3D, shape: Shape, points_per_metre: float) -> None:
    width = max(1.0, shape.width * points_per_metre)
    if not len(shape.points):
        return
    if shape.kind == Marker.TEXT_VIEW_FACING:
        style = {"color": shape.colours[0], "fontsize": max(7.0, width), "ha": "center"}
        axes.text(*shape.points[0], shape.text, **style)
    elif shape.kind in LINES:
        segments = shape.points.reshape(-1, 2, 3)
        axes.add_collection3d(Line3DCollection(segments, colors=shape.colours[::2], linewidths=width))
    else:
        axes.scatter(*shape.points.T, c=shape.colours, s=width**2, depthshade=False, linewidths=0)
