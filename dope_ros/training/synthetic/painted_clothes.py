# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Clothes and hair that need no assets: parts of the body's mesh and of its helper surfaces, pushed outwards.

Such clothes lie close: shirts with sleeves of any length, trousers of any length, leggings, skirts, shoes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dope_ros.training.synthetic.body import BodyModel, PosedBones
from dope_ros.training.synthetic.mesh import Material, Mesh
from dope_ros.training.synthetic.raster import skin_vertices, vertex_normals
from dope_ros.training.synthetic.segments import Segment

CLOTH_METRES = 0.45
"""How much of a body one tile of cloth covers."""


@dataclass(frozen=True, slots=True)
class PaintedGarment:
    """A part of the body's mesh as a surface of its own.

    triangles: indices into the model's triangles. offset: metres outwards.
    segment: what it counts as, or None for that of the body below.
    """

    triangles: np.ndarray
    offset: float
    segment: Segment | None = None


class PaintedWardrobe:
    """Cuts clothes from the body's mesh."""

    def __init__(self, model: BodyModel) -> None:
        self._model = model
        rest = model.mean_vertices
        self._corners = model.triangles
        self._skin = np.zeros(len(model.triangles), bool)
        self._skin[model.skin_triangles] = True
        self._tights = self._within("helper-tights")
        self._names = _names_of(model.segments)
        self._uvs = np.stack([rest[:, 0] + 0.8 * rest[:, 1], rest[:, 2]], axis=1) / CLOTH_METRES
        self._down_arm = self._progress(("upperarm01", "lowerarm01", "wrist"))
        self._down_leg = self._progress(("upperleg01", "lowerleg01", "foot"))
        self._hair = self._within("helper-hair")
        self._skirt = self._within("helper-skirt")

    def shirt(self, rng: np.random.Generator, loose: bool) -> PaintedGarment:
        """From no sleeves to whole ones, from above the navel to over the hips."""
        sleeve = rng.choice([0.0, rng.uniform(0.3, 0.8), rng.uniform(1.0, 1.6), 1.95])
        heads = self._model.mean_heads[:, 2]
        hem = rng.uniform(self._level(heads, "upperleg01.L") - 0.05, self._level(heads, "spine04") + 0.05)
        height = self._model.mean_vertices[:, 2]
        neck = self._level(heads, "neck01") + rng.uniform(-0.1, 0.015)
        trunk = self._is("TORSO") & (height > hem) & (height < neck)
        arms = self._ends_with(("UPPER_ARM", "FOREARM")) & (self._down_arm <= sleeve)
        return self._cut(trunk | arms, rng.uniform(0.006, 0.016) if loose else 0.003, helper=loose)

    def trousers(self, rng: np.random.Generator, loose: bool) -> PaintedGarment:
        """From short ones to whole ones."""
        length = rng.choice([rng.uniform(0.2, 0.6), rng.uniform(0.8, 1.5), 1.95], p=[0.3, 0.15, 0.55])
        heads = self._model.mean_heads[:, 2]
        waist = self._level(heads, "spine04") + rng.uniform(-0.08, 0.06)
        trunk = self._is("TORSO") & (self._model.mean_vertices[:, 2] < waist)
        legs = self._ends_with(("THIGH", "SHANK")) & (self._down_leg <= length)
        return self._cut(trunk | legs, rng.uniform(0.004, 0.014) if loose else 0.002, helper=loose)

    def skirt(self, rng: np.random.Generator) -> PaintedGarment:
        """From a short one to a long one."""
        floor = self._level(self._model.mean_heads[:, 2], "foot.L")
        hem = rng.uniform(floor + 0.15, floor + 0.6)
        inside = self._skirt & (self._model.mean_vertices[self._corners, 2].min(axis=1) > hem)
        return PaintedGarment(np.flatnonzero(inside), 0.004)

    def shoes(self) -> PaintedGarment:
        """Close to the feet."""
        return self._cut(
            self._ends_with(("FOOT",)) | (self._down_leg > 1.93) & self._ends_with(("SHANK",)), 0.008
        )

    def short_hair(self, rng: np.random.Generator) -> PaintedGarment:
        """The scalp, pushed outwards."""
        rest, heads = self._model.mean_vertices, self._model.mean_heads
        eye = heads[self._model.bone_index["eye.L"]]
        behind = rest[:, 1] > eye[1] + rng.uniform(0.06, 0.085)
        above = rest[:, 2] > eye[2] + rng.uniform(0.045, 0.07)
        down_to = rest[:, 2] > eye[2] - rng.uniform(0.0, 0.07)
        inside = self._is("HEAD") & (above | behind & down_to)
        return PaintedGarment(self._cut(inside, 0).triangles, rng.uniform(0.004, 0.018), Segment.HAIR)

    def long_hair(self, rng: np.random.Generator) -> PaintedGarment:
        """MakeHuman's helper surface for hair."""
        return PaintedGarment(np.flatnonzero(self._hair), rng.uniform(0.0, 0.01), Segment.HAIR)

    def worn(self, garment: PaintedGarment, body: np.ndarray, bones: PosedBones, material: Material) -> Mesh:
        """The garment on a body at rest [V, 3], moved by the posed bones."""
        model = self._model
        corners = self._corners[garment.triangles]
        used, triangles = np.unique(corners, return_inverse=True)
        triangles = triangles.reshape(corners.shape).astype(np.int32)
        rest = body[used]
        rest = rest + np.float32(garment.offset) * vertex_normals(rest, triangles)
        moved = skin_vertices(
            rest, model.weights[used], model.weight_bones[used], bones.rotations, bones.offsets
        )
        own = np.uint8(garment.segment or 0)
        segments = np.full(len(used), own) if garment.segment else model.segments[used]
        return Mesh(moved, triangles, self._uvs[used].astype(np.float32), triangles, segments, material)

    def _cut(self, vertices: np.ndarray, offset: float, helper: bool = False) -> PaintedGarment:
        surface = self._tights if helper and self._tights.any() else self._skin
        return PaintedGarment(np.flatnonzero(surface & vertices[self._corners].all(axis=1)), offset)

    def _within(self, group: str) -> np.ndarray:
        inside = np.zeros(self._model.vertex_count, bool)
        inside[self._model.group(group)] = True
        return inside[self._corners].all(axis=1)

    def _is(self, name: str) -> np.ndarray:
        return self._names == name

    @lru_cache(maxsize=8)  # noqa: B019  # a renderer lives as long as its wardrobe
    def _ends_with(self, endings: tuple[str, ...]) -> np.ndarray:
        inside = np.zeros(len(self._names), bool)
        for ending in endings:
            inside |= np.char.endswith(self._names, ending)
        return inside

    def _level(self, heights: np.ndarray, bone: str) -> float:
        return float(heights[self._model.bone_index[bone]])

    def _progress(self, chain: tuple[str, str, str]) -> np.ndarray:
        """How far down a limb each vertex lies: 0 at its start, 1 at the middle joint, 2 at its end; [V]."""
        rest = self._model.mean_vertices
        left = rest[:, 0] > 0
        progress = np.zeros(len(rest))
        for side, letter in ((left, "L"), (~left, "R")):
            start, middle, end = (
                self._model.mean_heads[self._model.bone_index[f"{b}.{letter}"]] for b in chain
            )
            for first, second, passed in ((start, middle, 0.0), (middle, end, 1.0)):
                along = (rest[side] - first) @ (second - first) / ((second - first) @ (second - first))
                progress[side] = np.where(along > 0, passed + np.minimum(along, 1), progress[side])
        return progress


def _names_of(segments: np.ndarray) -> np.ndarray:
    """The names of segments [V]: [V] str."""
    names = {segment: Segment(segment).name for segment in np.unique(segments)}
    return np.array([names[segment] for segment in segments])
