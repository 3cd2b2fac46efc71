# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The body model: shapes, skeleton, skinning, expressions, and where the labelled joints are on it.

Body frame: metres, x to the person's left, y to their back, z up. At rest it stands with arms half lowered.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.skeleton import FACE_JOINTS, FINGER_JOINTS, FINGERS, Side
from dope_ros.training.synthetic.raster import skin_vertices
from dope_ros.training.synthetic.segments import SIDE_LETTER, segment_of_bone

_BODY_JOINT_BONES = ("foot", "lowerleg01", "upperleg01", "wrist", "lowerarm01", "upperarm01")
"""Bones whose heads are the joints of the 13-joint body, ankle to shoulder, each right then left."""

_ARRAYS = (
    *("mean", "deltas", "heads", "sex", "age", "african", "actions", "action_names"),
    *("bones", "parents", "weights", "weight_bones", "quads", "uvs", "uv_quads", "group_body", "group_tips"),
)
"""What a file of bodies holds, besides more groups of vertices."""

LEAST_WEIGHT = 0.01
"""Bones that move a vertex less than this are left out, for speed."""

CHILD_BELOW = 0.55
"""Age. `bodies` makes children up to 0.5 and adults from 0.6."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A person's body at rest.

    vertices: [V, 3] float32. heads: [B, 3] float32, where each bone starts.
    sex: 0 male to 1 female. age: below `CHILD_BELOW` are children, 1 is old. african: a share of ancestry.
    """

    vertices: np.ndarray
    heads: np.ndarray
    sex: float
    age: float
    african: float

    @property
    def is_child(self) -> bool:
        """Whether this is a child's body."""
        return self.age < CHILD_BELOW


@dataclass(frozen=True, slots=True)
class PosedBones:
    """The rig in a pose: a rest point p of bone b moves to rotations[b] @ p + offsets[b].

    rotations: [B, 3, 3], offsets: [B, 3], heads: [B, 3], all float32.
    """

    rotations: np.ndarray
    offsets: np.ndarray
    heads: np.ndarray

    def moved(self, rotation: np.ndarray, translation: np.ndarray) -> PosedBones:
        """The same pose rotated about the origin, then translated."""
        turn = rotation.astype(np.float32)
        shift = translation.astype(np.float32)
        return PosedBones(turn @ self.rotations, self.offsets @ turn.T + shift, self.heads @ turn.T + shift)


@dataclass(frozen=True, slots=True)
class JointPositions:
    """Labelled joints in one frame: body [13, 3], hands by side [21, 3], face [84, 3]."""

    body: np.ndarray
    hands: dict[Side, np.ndarray]
    face: np.ndarray


class BodyModel:
    """The bodies of a file that `bodies.make_bodies` wrote."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                data = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise DatasetError(
                f"{path}: not a file of bodies: {error}. Delete it to have it made anew"
            ) from error
        lacking = [name for name in _ARRAYS if name not in data]
        if lacking:
            raise DatasetError(f"{path}: not a file of bodies: it has no {', '.join(lacking)}")
        self._data = data
        self.bones = tuple(str(name) for name in data["bones"])
        self.parents = data["parents"].astype(int)
        self.bone_index = {name: index for index, name in enumerate(self.bones)}
        self.weights = np.where(data["weights"] < LEAST_WEIGHT, 0, data["weights"]).astype(np.float32)
        self.weights /= self.weights.sum(axis=1, keepdims=True)
        self.weight_bones = data["weight_bones"].astype(np.int32)
        self.triangles = _halves_of(data["quads"])
        self.uv_triangles = _halves_of(data["uv_quads"])
        self.uvs = data["uvs"]
        self.actions = tuple(str(name) for name in data["action_names"])
        self._landmark_vertices, self._landmark_weights = _load_face_landmarks()

    def __len__(self) -> int:
        return len(self._data["heads"])

    @property
    def vertex_count(self) -> int:
        """How many vertices the mesh has, helpers included."""
        return len(self.weights)

    def group(self, name: str) -> np.ndarray:
        """Indices of the vertices of one of MakeHuman's vertex groups."""
        return self._data[f"group_{name}"]

    @cached_property
    def segments(self) -> np.ndarray:
        """[V] uint8, the `Segment` of each vertex: that of the bone that moves it most."""
        return self.segments_of_bones[self.weight_bones[:, 0]]

    @cached_property
    def segments_of_bones(self) -> np.ndarray:
        """[B] uint8, the `Segment` of each bone."""
        return np.array([segment_of_bone(name) for name in self.bones], np.uint8)

    @cached_property
    def skin_triangles(self) -> np.ndarray:
        """Indices of the triangles that are skin, without helpers and eyes."""
        return self._triangles_within(self.group("body"))

    @cached_property
    def eye_triangles(self) -> np.ndarray:
        """Indices of the triangles of the eyeballs."""
        return self._triangles_within(
            np.concatenate([self.group("helper-l-eye"), self.group("helper-r-eye")])
        )

    @cached_property
    def mean_vertices(self) -> np.ndarray:
        """[V, 3] float32, the average body at rest."""
        return self._data["mean"]

    @cached_property
    def mean_heads(self) -> np.ndarray:
        """[B, 3] float32, where the average body's bones start at rest."""
        return self._data["heads"].mean(axis=0)

    def random_shape(self, rng: np.random.Generator) -> Shape:
        """A body between two alike in sex and age."""
        first = int(rng.integers(len(self)))
        alike = self._alike(first)
        second = int(alike[rng.integers(len(alike))])
        share = np.float32(rng.uniform(0, 0.5))
        return self._between(first, second, share)

    def posed(self, heads: np.ndarray, rotations: np.ndarray) -> PosedBones:
        """Forward kinematics.

        Args:
            heads: [B, 3] of the shape.
            rotations: [B, 3, 3], each bone's rotation relative to its parent, identity at rest.
        """
        world = np.empty_like(rotations)
        posed_heads = np.empty_like(heads, dtype=np.float64)
        for bone, parent in enumerate(self.parents):
            if parent < 0:
                world[bone], posed_heads[bone] = rotations[bone], heads[bone]
                continue
            world[bone] = world[parent] @ rotations[bone]
            posed_heads[bone] = posed_heads[parent] + world[parent] @ (heads[bone] - heads[parent])
        offsets = posed_heads - np.einsum("bij,bj->bi", world, heads)
        return PosedBones(
            world.astype(np.float32), offsets.astype(np.float32), posed_heads.astype(np.float32)
        )

    def skinned(self, vertices: np.ndarray, bones: PosedBones) -> np.ndarray:
        """The mesh [V, 3] at rest moved by the posed bones (linear blend skinning)."""
        return skin_vertices(vertices, self.weights, self.weight_bones, bones.rotations, bones.offsets)

    def expression(self, strengths: dict[str, float]) -> np.ndarray:
        """What facial actions, each from 0 to 1, add to the vertices at rest: [V, 3] float32."""
        added = np.zeros((self.vertex_count, 3), np.float32)
        for action, strength in strengths.items():
            vertices, deltas = self._action_deltas[action]
            added[vertices] += np.float32(strength) * deltas
        return added

    def joints(self, vertices: np.ndarray, bones: PosedBones) -> JointPositions:
        """The labelled joints of a posed mesh [V, 3], in the mesh's frame."""
        limbs = [
            bones.heads[self.bone_index[f"{bone}.{letter}"]] for bone in _BODY_JOINT_BONES for letter in "RL"
        ]
        head = 0.5 * (
            vertices[self.group("joint-head")].mean(0) + vertices[self.group("joint-head-2")].mean(0)
        )
        hands = {side: self._hand_joints(vertices, bones, side) for side in Side}
        landmarks = np.einsum("lk,lkc->lc", self._landmark_weights, vertices[self._landmark_vertices])
        return JointPositions(np.array([*limbs, head]), hands, landmarks.astype(np.float32))

    def _hand_joints(self, vertices: np.ndarray, bones: PosedBones, side: Side) -> np.ndarray:
        letter = SIDE_LETTER[side]
        finger_bones = [
            [bones.heads[self.bone_index[f"finger{finger + 1}-{joint}.{letter}"]] for joint in (1, 2, 3)]
            for finger in range(len(FINGERS))
        ]
        tips = vertices[self.group("tips")].mean(axis=1)[5 * (side is Side.LEFT) :][:5]
        wrist = bones.heads[self.bone_index[f"wrist.{letter}"]]
        bases = [joints[0] for joints in finger_bones]
        beyond = [[*joints[1:], tip] for joints, tip in zip(finger_bones, tips, strict=True)]
        return np.array(
            [wrist, *bases, *np.reshape(beyond, (len(FINGERS) * len(FINGER_JOINTS), 3))], np.float32
        )

    @cached_property
    def _action_deltas(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        deltas = self._data["actions"].astype(np.float32)
        moved = [np.flatnonzero(np.abs(delta).max(axis=1) > 1e-5) for delta in deltas]
        return {
            name: (vertices, delta[vertices])
            for name, vertices, delta in zip(self.actions, moved, deltas, strict=True)
        }

    def _alike(self, index: int) -> np.ndarray:
        sex, age = self._data["sex"], self._data["age"]
        return np.flatnonzero(
            (np.abs(sex - sex[index]) < 0.5) & ((age < CHILD_BELOW) == (age[index] < CHILD_BELOW))
        )

    def _between(self, first: int, second: int, share: np.float32) -> Shape:
        def mixed(name: str) -> np.ndarray:
            values = self._data[name]
            return (1 - share) * values[first].astype(np.float32) + share * values[second].astype(np.float32)

        traits = (float(mixed(name)) for name in ("sex", "age", "african"))
        return Shape(self.mean_vertices + mixed("deltas"), mixed("heads"), *traits)

    def _triangles_within(self, vertices: np.ndarray) -> np.ndarray:
        inside = np.zeros(self.vertex_count, bool)
        inside[vertices] = True
        return np.flatnonzero(inside[self.triangles].all(axis=1))


def _halves_of(quads: np.ndarray) -> np.ndarray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)


def _load_face_landmarks() -> tuple[np.ndarray, np.ndarray]:
    """Vertices and weights, [84, 3] each, of the face landmarks on the mesh."""
    source = resources.files("dope_ros.training.synthetic") / "face_landmarks.csv"
    rows = list(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))
    if tuple(row["landmark"] for row in rows) != FACE_JOINTS:
        raise DatasetError("face_landmarks.csv does not list the 84 landmarks in their order")
    vertices = np.array([[int(row[f"vertex_{corner}"]) for corner in "abc"] for row in rows])
    weights = np.array([[float(row[f"weight_{corner}"]) for corner in "abc"] for row in rows])
    return vertices, weights / weights.sum(axis=1, keepdims=True)
