# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People: a shape in a posture with an expression, dressed, as meshes and labelled joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dope_ros.skeleton import Side
from dope_ros.training.synthetic.body import BodyModel, JointPositions, PosedBones, Shape
from dope_ros.training.synthetic.expressions import random_expression
from dope_ros.training.synthetic.joint_ranges import Anatomy
from dope_ros.training.synthetic.mesh import Material, Mesh
from dope_ros.training.synthetic.postures import Posture, PostureSampler
from dope_ros.training.synthetic.props import held_object
from dope_ros.training.synthetic.segments import HAND_SEGMENTS, SIDE_LETTER
from dope_ros.training.synthetic.wardrobe import Outfit, Wardrobe


@dataclass(frozen=True, slots=True)
class Person:
    """A dressed person in a posture; z up, feet or whatever is lowest at z = 0, the hips above the origin.

    rest: [V, 3] float32, the shape with its expression, not posed. bones: the posture, in this frame.
    vertices: [V, 3] float32, the posed body, helpers included. skin: [N], indices of those that are skin.
    held: what is in the hands, posed.
    """

    shape: Shape
    posture: Posture
    outfit: Outfit
    rest: np.ndarray
    bones: PosedBones
    vertices: np.ndarray
    skin: np.ndarray
    held: tuple[Mesh, ...]

    @property
    def hips(self) -> np.ndarray:
        """[3], where the hips are."""
        return self.bones.heads[0]


@dataclass(frozen=True, slots=True)
class PersonInView:
    """A person moved to another frame.

    meshes: clothes, hair, eyes and skin. held: objects in the hands. joints: labelled joints.
    hands: by side, the vertices of the hand's skin [N, 3].
    """

    meshes: tuple[Mesh, ...]
    held: tuple[Mesh, ...]
    joints: JointPositions
    hands: dict[Side, np.ndarray]


class PeopleSource:
    """Draws people and makes their meshes."""

    def __init__(
        self, model: BodyModel, anatomy: Anatomy, postures: PostureSampler, wardrobe: Wardrobe
    ) -> None:
        self._model = model
        self._anatomy = anatomy
        self._postures = postures
        self._wardrobe = wardrobe
        uvs = _eye_uvs(model)
        self._eyes = _Cutout(model, model.eye_triangles, uvs)
        self._mouth = _Cutout(model, _mouth_triangles(model), uvs)
        self._hand_vertices = {
            side: np.flatnonzero(np.isin(model.segments, HAND_SEGMENTS[side]) & _is_skin(model))
            for side in Side
        }

    def sample(self, rng: np.random.Generator) -> Person:
        """A person; the same for the same state of `rng`."""
        model = self._model
        shape = model.random_shape(rng)
        rest = shape.vertices + model.expression(random_expression(rng, model.actions))
        posture = self._postures.sample(rng)
        outfit = self._wardrobe.dress(shape, rng)
        rotations = self._anatomy.rotations(posture.angles)
        rotations[0] = posture.root
        bones = model.posed(shape.heads, rotations)
        vertices = model.skinned(rest, bones)
        skin = model.group("body")
        down = np.array([*-bones.heads[0, :2], -vertices[skin, 2].min()])
        bones, vertices = bones.moved(np.eye(3), down), vertices + down.astype(np.float32)
        held = tuple(self._held(side, shape, bones, rng) for side in posture.held)
        return Person(shape, posture, outfit, rest, bones, vertices, skin, held)

    def in_view(self, person: Person, rotation: np.ndarray, translation: np.ndarray) -> PersonInView:
        """The person's meshes and joints, rotated about the origin, then translated."""
        bones = person.bones.moved(rotation, translation)
        turn, shift = rotation.astype(np.float32), translation.astype(np.float32)
        vertices = person.vertices @ turn.T + shift
        return PersonInView(
            meshes=tuple(self._meshes(person, bones, vertices)),
            held=tuple(mesh.moved(rotation, translation) for mesh in person.held),
            joints=self._model.joints(vertices, bones),
            hands={side: vertices[rows] for side, rows in self._hand_vertices.items()},
        )

    def joints(self, person: Person) -> JointPositions:
        """The person's joints in the person's own frame."""
        return self._model.joints(person.vertices, person.bones)

    def _meshes(self, person: Person, bones: PosedBones, vertices: np.ndarray) -> list[Mesh]:
        model, outfit = self._model, person.outfit
        bare = model.skin_triangles[~outfit.hidden[model.triangles[model.skin_triangles]].any(axis=1)]
        body = [
            Mesh(
                vertices,
                model.triangles[bare],
                model.uvs,
                model.uv_triangles[bare],
                model.segments,
                outfit.skin,
            ),
            self._eyes.of(vertices, outfit.eyes),
            self._mouth.of(vertices, outfit.teeth),
        ]
        worn = [garment.worn(person.rest, bones, material) for garment, material in outfit.garments]
        painted = [
            self._wardrobe.painted.worn(piece, person.rest, bones, material)
            for piece, material in outfit.painted
        ]
        return [*body, *worn, *painted]

    def _held(self, side: Side, shape: Shape, bones: PosedBones, rng: np.random.Generator) -> Mesh:
        """An object made in the palm of the hand at rest, moved with the hand."""
        letter = SIDE_LETTER[side]
        wrist, index, middle, little = (
            shape.heads[self._model.bone_index[f"{bone}.{letter}"]]
            for bone in ("wrist", "finger2-1", "finger3-1", "finger5-1")
        )
        out = np.cross(little - wrist, index - wrist) * (1 if side is Side.LEFT else -1)
        across, out = index - little, out / np.linalg.norm(out)
        palm = 0.25 * wrist + 0.75 * middle
        hand = self._model.bone_index[f"wrist.{letter}"]
        thing = held_object(palm, out, across, self._wardrobe, rng)
        return thing.moved(bones.rotations[hand], bones.offsets[hand])


class _Cutout:
    """Some triangles of the body's mesh, without the vertices that they do not need."""

    def __init__(self, model: BodyModel, rows: np.ndarray, uvs: np.ndarray) -> None:
        corners = model.triangles[rows]
        self._used, triangles = np.unique(corners, return_inverse=True)
        self._triangles = triangles.reshape(corners.shape).astype(np.int32)
        self._uvs = uvs[self._used]
        self._segments = model.segments[self._used]

    def of(self, vertices: np.ndarray, material: Material) -> Mesh:
        """Cut from a body's vertices [V, 3]."""
        own = vertices[self._used]
        return Mesh(own, self._triangles, self._uvs, self._triangles, self._segments, material)


def _is_skin(model: BodyModel) -> np.ndarray:
    skin = np.zeros(model.vertex_count, bool)
    skin[model.group("body")] = True
    return skin


def _mouth_triangles(model: BodyModel) -> np.ndarray:
    inside = np.zeros(model.vertex_count, bool)
    for group in ("helper-upper-teeth", "helper-lower-teeth"):
        inside[model.group(group)] = True
    return np.flatnonzero(inside[model.triangles].all(axis=1))


def _eye_uvs(model: BodyModel) -> np.ndarray:
    """Texture coordinates [V, 2] that lay a picture of an eye on the eyeballs from the front."""
    uvs = np.full((model.vertex_count, 2), 0.02, np.float32)
    for group in ("helper-l-eye", "helper-r-eye"):
        rows = model.group(group)
        ball = model.mean_vertices[rows]
        middle, radius = (ball.min(0) + ball.max(0)) / 2, np.ptp(ball[:, 0]) / 2
        front = rows[ball[:, 1] < middle[1]]
        uvs[front] = (model.mean_vertices[front][:, [0, 2]] - middle[[0, 2]]) / (2 * radius) + 0.5
    return uvs
