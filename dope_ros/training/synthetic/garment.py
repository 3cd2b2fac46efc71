# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MakeHuman's clothes and hair (`.mhclo` with `.obj`): read, cut into pieces, fitted to a body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from dope_ros.errors import DatasetError
from dope_ros.training.synthetic.body import BodyModel, PosedBones
from dope_ros.training.synthetic.mesh import Material, Mesh
from dope_ros.training.synthetic.raster import skin_vertices
from dope_ros.training.synthetic.segments import Segment

KEPT_WEIGHTS = 5
"""Bones that move one vertex of a garment."""

SMALL_PIECE = 300
"""Vertices. Smaller connected pieces (buttons, belts) go with the larger piece that they lie on."""

HIDES_WITHIN = 0.05
"""Metres. A piece of a suit hides what the suit hides, is nearest to this piece, and no further than this."""

LEAST_ON_LEGS = 0.12
"""A garment of whose vertices fewer follow the legs is a top."""

DECIMETRES = 10.0
"""MakeHuman's unit in a metre."""


@dataclass(frozen=True, slots=True)
class Garment:
    """A garment, bound to the body's mesh.

    references, shares: [N, 3], the body vertices that carry each vertex, and how much.
    offsets: [N, 3] float32, added in MakeHuman's frame, scaled by `scales`: for x, y, z two body vertices and
        their distance.
    weights, weight_bones: [N, K] for skinning. segments: [N] uint8. hides: [V] bool, the skin below it.
    texture: the file of its texture, if it has one.
    """

    name: str
    references: np.ndarray
    shares: np.ndarray
    offsets: np.ndarray
    scales: dict[int, tuple[int, int, float]]
    triangles: np.ndarray
    uvs: np.ndarray
    uv_triangles: np.ndarray
    weights: np.ndarray
    weight_bones: np.ndarray
    segments: np.ndarray
    hides: np.ndarray
    texture: Path | None

    def at_rest(self, body: np.ndarray) -> np.ndarray:
        """The garment's vertices [N, 3] on a body at rest [V, 3]."""
        scale = np.ones(3, np.float32)
        for axis, (first, second, distance) in self.scales.items():
            scale[axis] = abs(_to_makehuman(body[first])[axis] - _to_makehuman(body[second])[axis]) / distance
        carried = np.einsum("nk,nkc->nc", self.shares, body[self.references])
        return (carried + _from_makehuman(self.offsets * scale)).astype(np.float32)

    def worn(self, body: np.ndarray, bones: PosedBones, material: Material) -> Mesh:
        """The garment on a body at rest [V, 3], moved by the posed bones."""
        moved = skin_vertices(
            self.at_rest(body), self.weights, self.weight_bones, bones.rotations, bones.offsets
        )
        return Mesh(moved, self.triangles, self.uvs, self.uv_triangles, self.segments, material)


def read_garment(folder: Path, model: BodyModel) -> Garment:
    """Read the garment of a folder.

    Raises:
        DatasetError: its files are missing or broken.
    """
    try:
        definition = sorted(folder.glob("*.mhclo"))[0]
        entries = _read_mhclo(definition)
        uvs, triangles, uv_triangles = _read_obj(folder / str(entries.words["obj_file"]))
    except (OSError, IndexError, KeyError, ValueError) as error:
        raise DatasetError(f"{folder}: not a garment of MakeHuman: {type(error).__name__} {error}") from error
    references, shares, offsets = _bindings(entries.bindings)
    weights, weight_bones = _weights(references, shares, model)
    hides = np.zeros(model.vertex_count, bool)
    for first, last in entries.hidden:
        hides[first : last + 1] = True
    return Garment(
        name=folder.name,
        references=references,
        shares=shares,
        offsets=offsets,
        scales=entries.scales,
        triangles=triangles,
        uvs=uvs,
        uv_triangles=uv_triangles,
        weights=weights,
        weight_bones=weight_bones,
        segments=model.segments_of_bones[weight_bones[:, 0]],
        hides=hides,
        texture=_texture(folder, entries.words.get("material")),
    )


def of_segment(garment: Garment, segment: Segment) -> Garment:
    """The same garment counted as one segment throughout, such as hair."""
    return replace(garment, segments=np.full_like(garment.segments, segment))


def pieces(suit: Garment, model: BodyModel) -> list[Garment]:
    """A suit's tops and bottoms (a jacket with the shirt below it, and trousers).

    Connected pieces that cover the same go together; small ones go with the piece that they lie on.
    """
    rest = suit.at_rest(model.mean_vertices)
    owner = _connected_piece_of_each_vertex(suit, rest)
    kinds = np.array(
        [covers(_piece(suit, owner == index, suit.hides), model) for index in range(owner.max() + 1)]
    )
    kind_of_each = kinds[owner]
    distances, nearest = cKDTree(rest).query(model.mean_vertices)
    near = suit.hides & (distances < HIDES_WITHIN)
    return [
        _piece(suit, kind_of_each == kind, near & (kind_of_each[nearest] == kind))
        for kind in np.unique(kinds)
    ]


def _connected_piece_of_each_vertex(suit: Garment, rest: np.ndarray) -> np.ndarray:
    """[N] int, from 0: connected vertices go together, small pieces with the large one that they lie on."""
    edges = np.concatenate([suit.triangles[:, [0, 1]], suit.triangles[:, [1, 2]]])
    graph = coo_array((np.ones(len(edges)), edges.T), shape=(len(rest), len(rest)))
    _, labels = connected_components(graph, directed=False)
    sizes = np.bincount(labels)
    large = np.flatnonzero(sizes >= min(SMALL_PIECE, sizes.max()))
    trees = [cKDTree(rest[labels == label]) for label in large]
    owner = np.empty(len(sizes), int)
    for label in range(len(sizes)):
        distances = [tree.query(rest[labels == label])[0].mean() for tree in trees]
        owner[label] = np.argmin(distances)
    return owner[labels]


def _piece(suit: Garment, inside: np.ndarray, hides: np.ndarray) -> Garment:
    kept = np.flatnonzero(inside)
    number = np.cumsum(inside) - 1
    faces = inside[suit.triangles[:, 0]]
    return replace(
        suit,
        references=suit.references[kept],
        shares=suit.shares[kept],
        offsets=suit.offsets[kept],
        triangles=number[suit.triangles[faces]].astype(np.int32),
        uv_triangles=suit.uv_triangles[faces],
        weights=suit.weights[kept],
        weight_bones=suit.weight_bones[kept],
        segments=suit.segments[kept],
        hides=hides,
    )


def covers(garment: Garment, model: BodyModel) -> str:
    """`top`, `bottom` or `whole`: whether the garment reaches down the legs, and up to the chest."""
    legs = np.mean([Segment(segment).name.endswith(("THIGH", "SHANK")) for segment in garment.segments])
    if legs < LEAST_ON_LEGS:
        return "top"
    chest = model.mean_heads[model.bone_index["spine02"], 2]
    return "whole" if garment.at_rest(model.mean_vertices)[:, 2].max() > chest else "bottom"


def _to_makehuman(points: np.ndarray) -> np.ndarray:
    """Body frame in metres to MakeHuman's, y up and z to the front, in decimetres."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1) * DECIMETRES


def _from_makehuman(points: np.ndarray) -> np.ndarray:
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1) / DECIMETRES


@dataclass(slots=True)
class _Definition:
    words: dict[str, str]
    scales: dict[int, tuple[int, int, float]]
    bindings: list[list[str]]
    hidden: list[tuple[int, int]]


def _read_mhclo(path: Path) -> _Definition:
    definition = _Definition({}, {}, [], [])
    section = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in {"verts", "weights", "delete_verts"}:
            section = words[0]
        elif words[0] in {"x_scale", "y_scale", "z_scale"}:
            definition.scales["xyz".index(words[0][0])] = int(words[1]), int(words[2]), float(words[3])
        elif section == "verts" and words[0].isdigit():
            definition.bindings.append(words)
        elif section == "delete_verts":
            definition.hidden += _ranges(words)
        elif len(words) > 1 and not section:
            definition.words[words[0]] = words[1]
    return definition


def _ranges(words: list[str]) -> Iterator[tuple[int, int]]:
    """`3 7 - 9` as (3, 3), (7, 9)."""
    text = " ".join(words).replace(" - ", "-")
    for word in text.split():
        first, _, last = word.partition("-")
        yield int(first), int(last or first)


def _bindings(lines: list[list[str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each line is one vertex of the body, or three with their shares and an offset."""
    whole = [line if len(line) >= 9 else [line[0]] * 3 + ["1", "0", "0", "0", "0", "0"] for line in lines]
    numbers = np.array([line[:9] for line in whole], float)
    return (
        numbers[:, :3].astype(np.int32),
        numbers[:, 3:6].astype(np.float32),
        numbers[:, 6:9].astype(np.float32),
    )


def _weights(references: np.ndarray, shares: np.ndarray, model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """The carrying vertices' weights, mixed by their shares."""
    rows = np.arange(len(references))[:, None]
    mixed = np.zeros((len(references), len(model.bones)), np.float32)
    for corner in range(3):
        carried = np.abs(shares[:, corner, None]) * model.weights[references[:, corner]]
        np.add.at(mixed, (rows, model.weight_bones[references[:, corner]]), carried)
    bones = np.argsort(-mixed, axis=1, kind="stable")[:, :KEPT_WEIGHTS]
    weights = np.take_along_axis(mixed, bones, axis=1)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), bones.astype(np.int32)


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texture coordinates and triangles, by vertices and by texture coordinates."""
    uvs, triangles, uv_triangles = [(0.0, 0.0)], [], []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) > 2 and words[0] == "vt":
            uvs.append((float(words[1]), float(words[2])))
        elif len(words) > 3 and words[0] == "f":
            corners = [[int(number or 0) for number in (*word.split("/"), "")[:2]] for word in words[1:]]
            for second, third in pairwise(corners[1:]):
                triangles.append([corners[0][0] - 1, second[0] - 1, third[0] - 1])
                uv_triangles.append([corners[0][1], second[1], third[1]])
    if not triangles:
        raise ValueError(f"{path.name} has no faces")
    return np.array(uvs, np.float32), np.array(triangles, np.int32), np.array(uv_triangles, np.int32)


def _texture(folder: Path, material: str | None) -> Path | None:
    """The file that the material names as its diffuse texture."""
    candidates = [folder / material] if material else sorted(folder.glob("*.mhmat"))
    for path in candidates:
        if not path.exists():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split(maxsplit=1)
            if len(words) == 2 and words[0] == "diffuseTexture" and (path.parent / words[1].strip()).exists():
                return path.parent / words[1].strip()
    return None
