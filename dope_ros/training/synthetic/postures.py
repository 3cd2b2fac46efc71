# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Postures of bodies: captured ones, and standing, walking, sitting, crouching, lying, hanging, tumbling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from scipy.spatial.transform import Rotation

from dope_ros.skeleton import Side
from dope_ros.training.synthetic.hand_shapes import HOLDING, holding_shape, random_hand_shape, set_hand
from dope_ros.training.synthetic.joint_ranges import TWIST, Anatomy
from dope_ros.training.synthetic.retarget import PoseLibrary
from dope_ros.training.synthetic.rotations import random_rotation
from dope_ros.training.synthetic.scene_mix import SceneMix


class Support(str, Enum):
    """What bears the person."""

    GROUND = "ground"
    SEAT = "seat"
    BAR = "bar"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Posture:
    """How a person is bent and turned.

    angles: [N, 3] degrees, see `Anatomy`. root: [3, 3], turns the body from upright and facing -y.
    held: hands that hold something.
    """

    kind: str
    angles: np.ndarray
    root: np.ndarray
    support: Support
    held: tuple[Side, ...] = ()


SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
NECK = ("neck01", "neck02", "neck03", "head")
CAPTURED = 0.45
"""The share of postures from the library, where there is one."""

HOLDS = 0.18
"""The share of hands that hold something."""


class PostureSampler:
    """Draws postures; all of them lie within the joint ranges."""

    def __init__(self, anatomy: Anatomy, library: PoseLibrary | None, mix: SceneMix) -> None:
        self._anatomy = anatomy
        self._library = library
        self._mix = mix

    def sample(self, rng: np.random.Generator) -> Posture:
        """A posture of one of the mix's kinds, or a captured one."""
        captured = self._library is not None and rng.random() < CAPTURED
        posture = self._captured(rng) if captured else self._composed(rng)
        angles = posture.angles
        self._play(angles, rng)
        held = tuple(side for side in Side if self._set_hand(angles, side, rng))
        root = self._maybe_laid_down(posture, rng)
        if rng.random() < 0.5:
            angles, root, held = self._mirrored(angles, root, held)
        return Posture(posture.kind, self._anatomy.clamped(angles), root, posture.support, held)

    def _captured(self, rng: np.random.Generator) -> Posture:
        assert self._library is not None
        first, second = rng.integers(len(self._library), size=2)
        angles = self._library.angles[first].astype(np.float64)
        if rng.random() < 0.3:  # the arms of another posture
            above = [row for bone, row in self._anatomy.index.items() if bone.startswith(_ARM_BONES)]
            angles[above] = self._library.angles[second][above]
        return Posture("captured", angles, self._library.roots[first].astype(np.float64), Support.GROUND)

    def _composed(self, rng: np.random.Generator) -> Posture:
        kinds, likelihood = zip(*self._mix.postures.items(), strict=True)
        kind = kinds[rng.choice(len(kinds), p=np.array(likelihood) / sum(likelihood))]
        angles = self._anatomy.at_rest()
        pose = _Pose(angles, self._anatomy, rng)
        pose.trunk(rng.normal(6, 8))
        root, support = _COMPOSERS[kind](pose)
        return Posture(kind, angles, root, support)

    def _play(self, angles: np.ndarray, rng: np.random.Generator) -> None:
        """Small differences of every joint, a turned head, and hands turned about the wrist."""
        angles += rng.normal(0, 1.5, angles.shape)
        look = rng.normal(0, (5, 4, 9), (1, 3))
        angles[[self._anatomy.index[bone] for bone in NECK]] += look + rng.normal(0, 2, (len(NECK), 3))
        for letter in "LR":
            angles[self._anatomy.index[f"wrist.{letter}"]] += rng.normal((5, 0, 0), (22, 9, 3))
            angles[self._anatomy.index[f"lowerarm02.{letter}"], TWIST] += rng.normal(0, 35)

    def _set_hand(self, angles: np.ndarray, side: Side, rng: np.random.Generator) -> bool:
        holds = rng.random() < HOLDS
        shape = holding_shape(rng) if holds else random_hand_shape(rng)
        set_hand(angles, self._anatomy, side, shape, rng)
        return holds and shape.name in HOLDING

    def _maybe_laid_down(self, posture: Posture, rng: np.random.Generator) -> np.ndarray:
        """Captured postures are sometimes laid down or turned in the air: their own kinds are rarely so."""
        if posture.kind != "captured" or rng.random() > self._mix.laid_down:
            return posture.root
        return random_rotation(rng) if rng.random() < 0.5 else _lying_root(rng) @ posture.root

    def _mirrored(
        self, angles: np.ndarray, root: np.ndarray, held: tuple[Side, ...]
    ) -> tuple[np.ndarray, np.ndarray, tuple[Side, ...]]:
        flip = np.diag([-1.0, 1.0, 1.0])
        return self._anatomy.mirrored(angles), flip @ root @ flip, tuple(side.other for side in held)


_ARM_BONES = ("clavicle", "shoulder01", "upperarm", "lowerarm", "wrist", "finger")


class _Pose:
    """Sets the angles of a pose by the names of the joints."""

    def __init__(self, angles: np.ndarray, anatomy: Anatomy, rng: np.random.Generator) -> None:
        self._angles = angles
        self._anatomy = anatomy
        self.rng = rng

    def set(self, bone: str, flexion: float, abduction: float = 0.0, twist: float = 0.0) -> None:
        self._angles[self._anatomy.index[bone]] = flexion, abduction, twist

    def trunk(self, bend: float, lean: float = 0.0, turn: float = 0.0) -> None:
        for bone in SPINE:
            self.set(bone, bend / 5, lean / 5, turn / 5)

    def leg(
        self, letter: str, hip: float, knee: float, out: float = 0.0, turn: float = 0.0, foot: float = 0.0
    ) -> None:
        """`hip` and `knee` are 0 for a straight leg below the trunk; feet are never quite still."""
        self.set(f"upperleg01.{letter}", hip, out, turn)
        self.set(f"lowerleg01.{letter}", knee)
        self.set(f"foot.{letter}", foot + self.rng.normal(0, 5))

    def arm(self, letter: str, forward: float, out: float, elbow: float, turn: float = 0.0) -> None:
        """`out` is 0 at the rest pose's 45 degrees, -45 beside the body; `elbow` is 0 for a straight one."""
        self.set(f"upperarm01.{letter}", forward, out, turn)
        self.set(f"lowerarm01.{letter}", elbow - 38)
        raised = max(0.0, out) / 120
        self.set(f"clavicle.{letter}", 22 * raised)
        self.set(f"shoulder01.{letter}", 12 * raised)

    def arms(self) -> None:
        """Each arm does something, often both alike."""
        tasks, likelihood = zip(*_ARM_TASKS.items(), strict=True)
        chosen = self.rng.choice(len(tasks), 2, p=np.array(likelihood) / sum(likelihood))
        if self.rng.random() < 0.4:
            chosen[1] = chosen[0]
        for letter, task in zip("LR", chosen, strict=True):
            tasks[task](self, letter)


def _hanging_down(pose: _Pose, letter: str) -> None:
    rng = pose.rng
    pose.arm(letter, rng.normal(3, 9), rng.uniform(-45, -28), rng.uniform(3, 45), rng.normal(0, 15))


def _before_the_body(pose: _Pose, letter: str) -> None:
    rng = pose.rng
    pose.arm(letter, rng.uniform(10, 45), rng.uniform(-48, -25), rng.uniform(60, 125), rng.uniform(-60, 10))


def _on_the_hip(pose: _Pose, letter: str) -> None:
    rng = pose.rng
    pose.arm(letter, rng.uniform(-30, -5), rng.uniform(-15, 10), rng.uniform(80, 110), rng.uniform(-60, -25))


def _reaching(pose: _Pose, letter: str) -> None:
    rng = pose.rng
    pose.arm(letter, rng.uniform(45, 110), rng.uniform(-25, 35), rng.uniform(2, 60), rng.normal(0, 25))


def _to_the_side(pose: _Pose, letter: str) -> None:
    rng = pose.rng
    pose.arm(letter, rng.uniform(-15, 30), rng.uniform(10, 60), rng.uniform(2, 90), rng.normal(0, 35))


def _raised(pose: _Pose, letter: str) -> None:
    rng = pose.rng
    pose.arm(letter, rng.uniform(-10, 35), rng.uniform(70, 122), rng.uniform(2, 100), rng.normal(0, 30))


def _at_the_face(pose: _Pose, letter: str) -> None:
    rng = pose.rng
    pose.arm(letter, rng.uniform(45, 75), rng.uniform(-30, 0), rng.uniform(115, 142), rng.uniform(-30, 20))


def _anywhere(pose: _Pose, letter: str) -> None:
    rng = pose.rng
    pose.arm(letter, rng.uniform(-45, 110), rng.uniform(-45, 110), rng.uniform(0, 140), rng.uniform(-60, 60))


_ARM_TASKS: dict[Callable[[_Pose, str], None], float] = {
    _hanging_down: 0.28,
    _before_the_body: 0.17,
    _on_the_hip: 0.08,
    _reaching: 0.14,
    _to_the_side: 0.1,
    _raised: 0.1,
    _at_the_face: 0.06,
    _anywhere: 0.07,
}


def _upright(rng: np.random.Generator, pitch: float = 0.0) -> np.ndarray:
    """Nearly upright; a positive pitch leans forward. Degrees."""
    angles = (pitch + rng.normal(0, 3), rng.normal(0, 3))
    return Rotation.from_euler("xy", angles, degrees=True).as_matrix()


def _lying_root(rng: np.random.Generator) -> np.ndarray:
    """Lying on the back, the belly or a side, head and feet a little up or down."""
    about_itself = rng.choice([0, 180, 90, -90], p=[0.4, 0.3, 0.15, 0.15]) + rng.normal(0, 12)
    on_the_back = Rotation.from_euler("x", -90 + rng.normal(0, 8), degrees=True)
    return (on_the_back * Rotation.from_euler("z", about_itself, degrees=True)).as_matrix()


def _standing(pose: _Pose) -> tuple[np.ndarray, Support]:
    rng = pose.rng
    wide = rng.uniform(0, 18) if rng.random() < 0.25 else rng.normal(-1, 3)
    for letter in "LR":
        hip, knee = rng.normal(3, 5), abs(rng.normal(4, 6))
        pose.leg(letter, hip, knee, wide + rng.normal(0, 2), rng.normal(5, 8))
    pose.trunk(rng.normal(4, 8), rng.normal(0, 5), rng.normal(0, 8))
    pose.arms()
    return _upright(rng), Support.GROUND


def _walking(pose: _Pose) -> tuple[np.ndarray, Support]:
    rng = pose.rng
    stride = rng.uniform(12, 55)
    running = stride > 38
    pose.leg("L", stride * rng.uniform(0.6, 1.1), rng.uniform(5, 95 if running else 25), rng.normal(-2, 3))
    pose.leg("R", -stride * rng.uniform(0.3, 0.5), rng.uniform(15, 100 if running else 55), rng.normal(-2, 3))
    swing, elbow = stride * rng.uniform(0.5, 1.0), rng.uniform(70, 110) if running else rng.uniform(8, 60)
    pose.arm("R", swing, rng.uniform(-45, -32), elbow + rng.normal(0, 8), rng.normal(0, 12))
    pose.arm("L", -0.8 * swing, rng.uniform(-45, -32), elbow + rng.normal(0, 8), rng.normal(0, 12))
    if rng.random() < 0.3:
        pose.arms()
    return _upright(rng, rng.uniform(0, 14 if running else 5)), Support.GROUND


def _sitting(pose: _Pose) -> tuple[np.ndarray, Support]:
    rng = pose.rng
    apart = rng.normal(6, 9)
    for letter in "LR":
        pose.leg(
            letter, rng.uniform(68, 98), rng.uniform(45, 110), apart + rng.normal(0, 4), rng.normal(0, 8)
        )
    if rng.random() < 0.15:  # one leg over the other
        pose.leg("L", rng.uniform(95, 110), rng.uniform(70, 100), rng.uniform(-24, -16), rng.normal(0, 5))
    pose.trunk(rng.uniform(-15, 45), rng.normal(0, 6), rng.normal(0, 9))
    pose.arms()
    return _upright(rng, rng.uniform(-20, 12)), Support.SEAT


def _crouching(pose: _Pose) -> tuple[np.ndarray, Support]:
    rng = pose.rng
    kneeling = rng.random() < 0.35
    apart = rng.uniform(0, 32)
    for letter in "LR":
        pose.leg(
            letter, rng.uniform(85, 118), rng.uniform(95, 143), apart + rng.normal(0, 5), rng.normal(8, 9), 12
        )
    if kneeling:
        pose.leg("R", rng.uniform(-10, 25), rng.uniform(85, 120), rng.normal(4, 4), 0.0, -30)
        pose.leg("L", rng.uniform(70, 100), rng.uniform(75, 105), rng.normal(6, 5))
    pose.trunk(rng.uniform(5, 70), rng.normal(0, 6), rng.normal(0, 10))
    pose.arms()
    return _upright(rng, rng.uniform(-5, 15) if kneeling else rng.uniform(5, 40)), Support.GROUND


def _bending(pose: _Pose) -> tuple[np.ndarray, Support]:
    rng = pose.rng
    bend = rng.uniform(25, 85)
    for letter in "LR":
        pose.leg(letter, bend + rng.normal(0, 6), rng.uniform(0, 40), rng.normal(3, 5))
    pose.trunk(rng.uniform(10, 75), rng.normal(0, 8), rng.normal(0, 12))
    pose.arms()
    return _upright(rng, bend), Support.GROUND


def _lying(pose: _Pose) -> tuple[np.ndarray, Support]:
    rng = pose.rng
    drawn_up = rng.uniform(0, 1) ** 2
    for letter in "LR":
        pose.leg(
            letter, drawn_up * rng.uniform(20, 110), drawn_up * rng.uniform(30, 130), rng.uniform(-5, 25)
        )
    pose.trunk(rng.uniform(-10, 40), rng.normal(0, 10), rng.normal(0, 10))
    pose.arms()
    return _lying_root(rng), Support.GROUND


def _hanging(pose: _Pose) -> tuple[np.ndarray, Support]:
    rng = pose.rng
    tuck, elbow = rng.uniform(0, 1) ** 1.5, rng.uniform(2, 110) if rng.random() < 0.4 else rng.uniform(2, 25)
    for letter in "LR":
        pose.leg(
            letter, rng.uniform(-10, 15) + tuck * 95, rng.uniform(0, 60) + tuck * 60, rng.uniform(-5, 18)
        )
        pose.arm(
            letter, rng.uniform(-5, 22), rng.uniform(95, 123), elbow + rng.normal(0, 5), rng.normal(0, 12)
        )
    pose.trunk(rng.uniform(-20, 30), rng.normal(0, 10), rng.normal(0, 10))
    return _upright(rng, rng.normal(0, 15)), Support.BAR


def _tumbling(pose: _Pose) -> tuple[np.ndarray, Support]:
    rng = pose.rng
    tuck = rng.uniform(0, 1)
    for letter in "LR":
        pose.leg(
            letter, rng.uniform(-20, 30) + tuck * 90, rng.uniform(0, 50) + tuck * 85, rng.uniform(-5, 40)
        )
    pose.trunk(rng.uniform(-25, 20) + tuck * 50, rng.normal(0, 12), rng.normal(0, 14))
    pose.arms()
    return random_rotation(rng), Support.NOTHING


_COMPOSERS: dict[str, Callable[[_Pose], tuple[np.ndarray, Support]]] = {
    "standing": _standing,
    "walking": _walking,
    "sitting": _sitting,
    "crouching": _crouching,
    "bending": _bending,
    "lying": _lying,
    "hanging": _hanging,
    "tumbling": _tumbling,
}
