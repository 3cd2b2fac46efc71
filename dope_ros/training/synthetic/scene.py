# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Composes scenes: who is where, what is before and around them, and from where they are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import (
    ELBOW,
    FINGER_BASES,
    HAND_WRIST,
    HEAD,
    LEFT_SHOULDER,
    RIGHT_SHOULDER,
    WRIST,
    Side,
)
from dope_ros.training.synthetic.camera import (
    View,
    framed,
    orientation,
    random_elevation,
    random_intrinsics,
    random_roll,
)
from dope_ros.training.synthetic.clutter import random_clutter
from dope_ros.training.synthetic.mesh import NOBODY, Geometry, Mesh, gathered
from dope_ros.training.synthetic.people import PeopleSource, Person, PersonInView
from dope_ros.training.synthetic.postures import Support
from dope_ros.training.synthetic.props import Materials, at, horizontal_bar, occluder, seat
from dope_ros.training.synthetic.rotations import about
from dope_ros.training.synthetic.scene_mix import Framing, SceneMix

WITHOUT_PEOPLE = (Framing.CLUTTER, Framing.GARMENT, Framing.EMPTY)

PEOPLE_COUNTS = {
    Framing.WHOLE: (0.4, 0.26, 0.17, 0.1, 0.07),
    Framing.UPPER: (0.5, 0.26, 0.13, 0.07, 0.04),
    Framing.BUST: (0.7, 0.22, 0.08, 0.0, 0.0),
    Framing.FACE: (0.75, 0.19, 0.06, 0.0, 0.0),
    Framing.HAND: (0.8, 0.15, 0.05, 0.0, 0.0),
}
"""One to five people."""

LEAST_DISTANCE = 0.4
"""Metres. Nobody stands nearer to the camera, but for close-ups, and no two people nearer to each other."""

ABOVE_HIPS = (*WRIST.values(), *ELBOW.values(), RIGHT_SHOULDER, LEFT_SHOULDER, HEAD)

CLOSE_UPS = (Framing.BUST, Framing.FACE, Framing.HAND)
TRIES = 6
"""Directions that a camera tries for a close-up of something that the rest of the body does not hide."""

LEAST_CLEARANCE = 0.1
"""Metres from a camera to the body that it takes a close-up of."""

CLEAR_SHARE = 0.04
"""Of a body's vertices, so many may lie before what a close-up shows."""

OCCLUDED = 0.25
CLUTTERED = 0.12
"""The shares of pictures of people with something before them, and with things about them."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is in a picture, in the optical frame.

    people: in the order of their owners in `geometry`. ground: the plane [4] with plane[:3] . p = plane[3].
    """

    framing: Framing
    view: View
    people: tuple[PersonInView, ...]
    geometry: Geometry
    ground: np.ndarray

    @property
    def intrinsics(self) -> Intrinsics:
        """The camera's."""
        return self.view.intrinsics


@dataclass(frozen=True, slots=True)
class _Placed:
    """A person in the world."""

    person: Person
    rotation: np.ndarray
    position: np.ndarray

    def world(self, points: np.ndarray) -> np.ndarray:
        return points @ self.rotation.T + self.position


class SceneComposer:
    """Draws scenes."""

    def __init__(self, people: PeopleSource, materials: Materials, mix: SceneMix) -> None:
        self._people = people
        self._mix = mix
        self._materials = materials

    def compose(self, framing: Framing, size: int, rng: np.random.Generator) -> Scene:
        """A scene for a picture of `size` pixels."""
        if framing in WITHOUT_PEOPLE:
            return self._without_people(framing, size, rng)
        count = 1 + int(rng.choice(5, p=PEOPLE_COUNTS[framing]))
        subject = _Placed(self._people.sample(rng), about((0, 0, 1), rng.uniform(-180, 180)), np.zeros(3))
        subject = self._lifted_by_posture(subject, rng)
        view = self._view_of(subject, framing, size, rng)
        placed = [subject]
        for _ in range(count - 1):
            placed += self._companion(view, placed, rng)
        props = [mesh for someone in placed for mesh in self._support(someone, rng)]
        props += self._surroundings(view, subject, framing, rng)
        return self._seen(framing, view, placed, props)

    def _without_people(self, framing: Framing, size: int, rng: np.random.Generator) -> Scene:
        props: list[Mesh] = []
        target = rng.uniform(-0.5, 0.5, (8, 3)) + np.array([0, 0, 0.6])
        if framing is Framing.CLUTTER:
            props = random_clutter(self._materials, rng)
            target = np.concatenate([mesh.vertices for mesh in props])
        intrinsics = random_intrinsics(size, rng)
        turned = self._camera(rng.uniform(-180, 180), random_elevation(self._mix.level, rng), rng)
        view = framed(target, turned, intrinsics, size, rng.uniform(0.5, 1.8), rng.normal(0, 0.1, 2))
        return self._seen(framing, view, [], props)

    def _lifted_by_posture(self, placed: _Placed, rng: np.random.Generator) -> _Placed:
        """Who hangs or tumbles is off the ground; the others stay on it."""
        height = {Support.BAR: rng.uniform(0.05, 0.9), Support.NOTHING: rng.uniform(0, 1.2)}
        lift = np.array([0, 0, height.get(placed.person.posture.support, 0.0)])
        return _Placed(placed.person, placed.rotation, placed.position + lift)

    def _view_of(self, subject: _Placed, framing: Framing, size: int, rng: np.random.Generator) -> View:
        """A camera that looks at a part of a person, more often from the front."""
        target, share = self._target(subject, framing, rng)
        target, body = subject.world(target), subject.world(subject.person.vertices[subject.person.skin])
        intrinsics, shift = random_intrinsics(size, rng), rng.normal(0, 0.09, 2)
        views = [
            framed(target, self._orientation(subject, framing, rng), intrinsics, size, share, shift)
            for _ in range(TRIES if framing in CLOSE_UPS else 1)
        ]
        if len(views) == 1:
            return views[0]
        blocked = [_blocked_share(view, target, body) for view in views]
        clear = [index for index, blocked_share in enumerate(blocked) if blocked_share < CLEAR_SHARE]
        return views[clear[0] if clear else int(np.argmin(blocked))]

    def _orientation(self, subject: _Placed, framing: Framing, rng: np.random.Generator) -> np.ndarray:
        facing = rng.normal(0, 38) if rng.random() < 0.65 else rng.uniform(-180, 180)
        turned_by = float(np.rad2deg(np.arctan2(subject.rotation[1, 0], subject.rotation[0, 0])))
        elevation = random_elevation(self._mix.level, rng)
        if framing is Framing.HAND and rng.random() < 0.6:
            facing, elevation = rng.uniform(-180, 180), rng.uniform(-60, 80)
        if framing in (Framing.BUST, Framing.FACE):
            facing *= 0.8
        return self._camera(turned_by + facing, elevation, rng)

    def _camera(self, azimuth: float, elevation: float, rng: np.random.Generator) -> np.ndarray:
        return orientation(azimuth, elevation, random_roll(self._mix.upright, rng))

    def _target(
        self, subject: _Placed, framing: Framing, rng: np.random.Generator
    ) -> tuple[np.ndarray, float]:
        """The points that the camera frames, and their share of the picture's side."""
        joints = self._people.joints(subject.person)
        if framing is Framing.WHOLE:
            return subject.person.vertices[subject.person.skin], rng.choice(
                [rng.uniform(0.3, 0.7), rng.uniform(0.6, 1.2)]
            )
        if framing is Framing.UPPER:
            above = joints.body[list(ABOVE_HIPS)]
            return np.concatenate([above, joints.face]), rng.uniform(0.55, 1.25)
        if framing is Framing.BUST:
            bust = joints.body[[HEAD, LEFT_SHOULDER, RIGHT_SHOULDER]]
            return np.concatenate([bust, joints.face]), rng.uniform(0.35, 1.05)
        if framing is Framing.FACE:
            return joints.face, rng.choice([rng.uniform(0.2, 0.5), rng.uniform(0.4, 0.8)])
        side = list(Side)[rng.integers(2)]
        hand = joints.hands[side]
        if rng.random() < 0.15:  # both
            return np.concatenate([*joints.hands.values()]), rng.uniform(0.5, 1.0)
        return hand, rng.choice([rng.uniform(0.2, 0.5), rng.uniform(0.4, 0.85)])

    def _companion(self, view: View, placed: Sequence[_Placed], rng: np.random.Generator) -> list[_Placed]:
        """Somebody else beside, behind or before the subject; nobody where there is no room."""
        person = self._people.sample(rng)
        anchor = placed[int(rng.integers(len(placed)))]
        aside, away = view.rotation[0] * (1, 1, 0), view.rotation[2] * (1, 1, 0)
        aside, away = (axis / max(float(np.linalg.norm(axis)), 1e-3) for axis in (aside, away))
        depth = rng.uniform(-0.7, 0.7) if rng.random() < 0.6 else rng.uniform(0.5, 4.0)
        step = aside * rng.normal(0, 0.55 + 0.2 * max(depth, 0)) + away * depth
        position = anchor.position * (1, 1, 0) + step
        candidate = _Placed(person, about((0, 0, 1), rng.uniform(-180, 180)), position)
        if rng.random() < 0.35:  # faces the same way
            candidate = _Placed(person, anchor.rotation, position)
        candidate = self._lifted_by_posture(candidate, rng)
        return [candidate] if self._has_room(candidate, view, placed) else []

    def _has_room(self, candidate: _Placed, view: View, placed: Sequence[_Placed]) -> bool:
        depths = view.seen(candidate.world(candidate.person.vertices[candidate.person.skin]))[:, 2]
        apart = [np.linalg.norm(candidate.position[:2] - other.position[:2]) for other in placed]
        return bool(depths.min() > LEAST_DISTANCE and min(apart) > LEAST_DISTANCE)

    def _support(self, placed: _Placed, rng: np.random.Generator) -> list[Mesh]:
        """A seat under who sits, a bar in the hands of who hangs."""
        person = placed.person
        if person.posture.support is Support.SEAT and rng.random() < 0.7:
            below = person.vertices[person.skin]
            hips = below[np.linalg.norm(below[:, :2] - person.hips[:2], axis=1) < 0.15, 2].min()
            parts = seat(max(0.04, float(hips) - 0.01), self._materials, rng)
        elif person.posture.support is Support.BAR and rng.random() < 0.75:
            right, left = (self._people.joints(person).hands[side] for side in (Side.RIGHT, Side.LEFT))
            bases = list(FINGER_BASES)
            middle = 0.5 * (right[bases].mean(axis=0) + left[bases].mean(axis=0))
            parts = horizontal_bar(middle, left[HAND_WRIST] - right[HAND_WRIST], self._materials, rng)
        else:
            return []
        return [mesh.moved(placed.rotation, placed.position) for mesh in parts]

    def _surroundings(
        self, view: View, subject: _Placed, framing: Framing, rng: np.random.Generator
    ) -> list[Mesh]:
        """Sometimes something before the subject, and things about them."""
        props: list[Mesh] = []
        middle = subject.world(subject.person.hips)
        if rng.random() < (OCCLUDED / 3 if framing in CLOSE_UPS else OCCLUDED):
            share = rng.uniform(0.35, 0.8)
            place = view.position + share * (middle - view.position)
            place += view.rotation[0] * rng.normal(0, 0.35) * share
            scale = share if np.linalg.norm(view.position - middle) > 1.5 else 0.3
            lowest = min(0.0, float(place[2]) - 0.5)
            props += [
                mesh.moved(
                    scale * about((0, 0, 1), rng.uniform(0, 360)), np.array([*place[:2], max(lowest, 0.0)])
                )
                for mesh in occluder(self._materials, rng)
            ]
        if rng.random() < CLUTTERED:
            step = rng.normal(0, 1.2, 2) + view.rotation[2, :2] * 1.5
            x, y = middle[:2] + step
            props += [at(mesh, x, y, 0.0) for mesh in random_clutter(self._materials, rng)]
        return props

    def _seen(self, framing: Framing, view: View, placed: Sequence[_Placed], props: Sequence[Mesh]) -> Scene:
        people = tuple(
            self._people.in_view(
                someone.person, view.rotation @ someone.rotation, view.seen(someone.position)
            )
            for someone in placed
        )
        owned = [(owner, mesh) for owner, person in enumerate(people) for mesh in person.meshes]
        things = [(NOBODY, mesh) for person in people for mesh in person.held]
        things += [(NOBODY, mesh.moved(view.rotation, view.translation)) for mesh in props]
        ground = np.array([*view.up, view.up @ view.translation])
        return Scene(framing, view, people, gathered([*owned, *things]), ground)


def _blocked_share(view: View, target: np.ndarray, body: np.ndarray) -> float:
    """Which share of a body [N, 3] lies between the camera and the target [M, 3]; at least 1 if too near."""
    aim, points = view.seen(target), view.seen(body)
    middle = aim.mean(axis=0)
    radius = np.linalg.norm(aim - middle, axis=1).max()
    behind_lens = points[:, 2] < 0
    on_plane = points[:, :2] * (middle[2] / np.maximum(points[:, 2:], 1e-3))
    in_the_way = np.linalg.norm(on_plane - middle[:2], axis=1) < 0.7 * radius
    nearer = points[:, 2] < aim[:, 2].min() - 0.02
    too_near = np.linalg.norm(points, axis=1).min() < LEAST_CLEARANCE
    return float((in_the_way & nearer & ~behind_lens).mean() + too_near)
