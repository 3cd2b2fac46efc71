# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far a person's joints bend: anatomical angles, their ranges, and rotations from them.

A bone's rotation against its parent is three angles in degrees: flexion and abduction move the bone's far end
towards two directions named below for each joint, twist turns it about itself. Zero is the rest pose; left
and right have the same signs. The ranges are about the norms of the American Academy of Orthopaedic Surgeons,
shared out over the rig's bones where it has several for one joint, and moved by the rest pose's own angles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dope_ros.training.synthetic.body import BodyModel
from dope_ros.training.synthetic.rotations import from_swing_and_twist, swing_and_twist, unit

Range = tuple[float, float]
Direction = tuple[float, float, float]

FORWARD, BACK = (0.0, -1.0, 0.0), (0.0, 1.0, 0.0)
UP = (0.0, 0.0, 1.0)
LEFT = (1.0, 0.0, 0.0)
OUT_AND_UP = (1.0, 0.0, 1.0)
PALM = "palm"
THUMB = "thumb"
SHOULDER = "shoulder"
"""Directions that depend on the body: out of the palm, to the thumb's side, and to the shoulder."""

FLEXION, ABDUCTION, TWIST = range(3)

HINGE = 20.0
"""Degrees. A joint whose abduction has less play than this is a hinge."""


@dataclass(frozen=True, slots=True)
class JointRange:
    """One bone's range of motion in degrees.

    end: the bone whose head is this bone's far end.
    flexion_towards, abduction_towards: where the far end goes; of the left side, the right one is mirrored.
    """

    bone: str
    end: str
    flexion_towards: Direction | str
    abduction_towards: Direction | str
    flexion: Range
    abduction: Range
    twist: Range


def _spine() -> Iterator[JointRange]:
    for bone, end in pairwise(("spine05", "spine04", "spine03", "spine02", "spine01", "neck01")):
        yield JointRange(bone, end, FORWARD, LEFT, (-8, 20), (-9, 9), (-9, 9))
    for bone, end in pairwise(("neck01", "neck02", "neck03", "head")):
        yield JointRange(bone, end, FORWARD, LEFT, (-14, 16), (-12, 12), (-17, 17))
    yield JointRange("head", "joint-head-2", FORWARD, LEFT, (-20, 15), (-10, 10), (-20, 20))


_LIMBS = (
    JointRange("clavicle", "shoulder01", UP, FORWARD, (-8, 25), (-15, 20), (-5, 5)),
    JointRange("shoulder01", "upperarm01", UP, FORWARD, (-5, 15), (-10, 15), (-5, 5)),
    JointRange("upperarm01", "lowerarm01", FORWARD, OUT_AND_UP, (-50, 115), (-52, 125), (-90, 90)),
    JointRange("lowerarm01", "wrist", SHOULDER, THUMB, (-38, 108), (-2, 2), (-5, 5)),
    JointRange("lowerarm02", "wrist", SHOULDER, THUMB, (-1, 1), (-1, 1), (-75, 75)),
    JointRange("wrist", "finger3-1", PALM, THUMB, (-60, 65), (-25, 18), (-8, 8)),
    JointRange("upperleg01", "lowerleg01", FORWARD, LEFT, (-25, 120), (-25, 45), (-40, 40)),
    JointRange("lowerleg01", "foot", BACK, LEFT, (-5, 145), (-2, 2), (-10, 10)),
    JointRange("foot", "toe2-1", UP, LEFT, (-45, 25), (-20, 20), (-15, 15)),
)
"""Of the left side, and likewise of the right."""


def _fingers() -> Iterator[JointRange]:
    yield JointRange("finger1-1", "finger1-2", PALM, THUMB, (-15, 40), (-30, 25), (-20, 20))
    yield JointRange("finger1-2", "finger1-3", "across", PALM, (-10, 55), (-8, 8), (-5, 5))
    yield JointRange("finger1-3", "tip1", "across", PALM, (-15, 75), (-2, 2), (-2, 2))
    for finger in range(2, 6):
        name = f"finger{finger}"
        yield JointRange(f"{name}-1", f"{name}-2", PALM, THUMB, (-25, 90), (-15, 15), (-5, 5))
        yield JointRange(f"{name}-2", f"{name}-3", PALM, THUMB, (-3, 105), (-1, 1), (-1, 1))
        yield JointRange(f"{name}-3", f"tip{finger}", PALM, THUMB, (-5, 75), (-1, 1), (-1, 1))


def _both_sides(ranges: Iterator[JointRange]) -> Iterator[tuple[JointRange, str]]:
    for joint in ranges:
        yield from ((joint, letter) for letter in "LR")


class Anatomy:
    """Anatomical angles of the rig's bones, against the average body at rest."""

    def __init__(self, model: BodyModel) -> None:
        sided = [*_both_sides(iter(_LIMBS)), *_both_sides(_fingers())]
        joints = [*((joint, "") for joint in _spine()), *sided]
        self._rest = _RestPose(model)
        self.bones = tuple(joint.bone + (f".{letter}" if letter else "") for joint, letter in joints)
        self.index = {bone: row for row, bone in enumerate(self.bones)}
        self._rig_rows = np.array([model.bone_index[bone] for bone in self.bones])
        self._rig_size = len(model.bones)
        self._axes = np.array([self._rest.axes(joint, letter) for joint, letter in joints])
        self.low, self.high = (
            np.array(
                [
                    [limits[end] for limits in (joint.flexion, joint.abduction, joint.twist)]
                    for joint, _ in joints
                ]
            )
            for end in (0, 1)
        )

        self._hinges = (self.high - self.low)[:, ABDUCTION] < HINGE

    def at_rest(self) -> np.ndarray:
        """[N, 3] zeros: flexion, abduction and twist of each of `bones`."""
        return np.zeros((len(self.bones), 3))

    def clamped(self, angles: np.ndarray) -> np.ndarray:
        """The nearest angles [..., N, 3] within the ranges.

        Flexion and abduction of a ball joint share an ellipse: at one's end nothing is left of the other.
        """
        clipped = np.clip(angles, self.low, self.high)
        limits = np.maximum(np.where(angles < 0, -self.low, self.high), 1e-6)
        reach = np.linalg.norm((angles / limits)[..., :2], axis=-1, keepdims=True)
        swing = angles[..., :2] / np.maximum(reach, 1.0)
        swing = np.where(self._hinges[:, None], clipped[..., :2], swing)
        return np.concatenate([swing, clipped[..., 2:]], axis=-1)

    def within(self, angles: np.ndarray, tolerance: float = 1e-6) -> np.ndarray:
        """Which bones' angles [..., N, 3] lie in their ranges, up to some degrees: bool [..., N]."""
        return np.abs(self.clamped(angles) - angles).max(axis=-1) <= tolerance

    def rotations(self, angles: np.ndarray) -> np.ndarray:
        """Angles [N, 3] as rotations [B, 3, 3] of all bones of the rig against their parents."""
        radians = np.deg2rad(angles)
        swings = radians[:, :1] * self._axes[:, FLEXION] + radians[:, 1:2] * self._axes[:, ABDUCTION]
        rotations = np.tile(np.eye(3), (self._rig_size, 1, 1))
        rotations[self._rig_rows] = from_swing_and_twist(swings, radians[:, 2], self._axes[:, TWIST])
        return rotations

    def angles(self, rotations: np.ndarray) -> np.ndarray:
        """The inverse of `rotations`, for [..., B, 3, 3]; what bones without a range do is left out."""
        own = rotations[..., self._rig_rows, :, :]
        axes = np.broadcast_to(self._axes, (*own.shape[:-2], 3, 3)).reshape(-1, 3, 3)
        swings, twists = swing_and_twist(own.reshape(-1, 3, 3), axes[:, TWIST])
        flexion, abduction = (np.einsum("nc,nc->n", swings, axes[:, k]) for k in (FLEXION, ABDUCTION))
        return np.rad2deg(np.stack([flexion, abduction, twists], axis=-1)).reshape(*own.shape[:-2], 3)

    def elbow(self, letter: str) -> np.ndarray:
        """[3, 3]: at rest, the directions of upper arm and forearm, and the axis of the elbow's hinge."""
        upper, lower = (
            self._axes[self.index[f"{bone}.{letter}"], TWIST] for bone in ("upperarm01", "lowerarm01")
        )
        side = 1 if letter == "L" else -1
        return np.stack([side * upper, side * lower, self._axes[self.index[f"lowerarm01.{letter}"], FLEXION]])

    def mirrored(self, angles: np.ndarray) -> np.ndarray:
        """The pose [N, 3] with left and right swapped."""
        swapped = [self.index[_other_side(bone)] for bone in self.bones]
        middle = np.array(["." not in bone for bone in self.bones])
        signs = np.where(middle[:, None], (1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
        return angles[swapped] * signs


def _other_side(bone: str) -> str:
    stem, _, letter = bone.partition(".")
    return f"{stem}.{'LR'['RL'.index(letter)]}" if letter else bone


class _RestPose:
    """Directions of the average body at rest, with which angles are measured."""

    def __init__(self, model: BodyModel) -> None:
        self._model = model
        self._heads = model.mean_heads
        self._tips = model.mean_vertices[model.group("tips")].mean(axis=1)

    def axes(self, joint: JointRange, letter: str) -> np.ndarray:
        """[3, 3]: the axes of flexion, abduction and twist; the right side's are the left one's mirrored."""
        if letter == "R":
            return self.axes(joint, "L") * (1, -1, -1)
        bone = unit(self._end(joint.end, letter) - self._head(joint.bone, letter))
        flexion = unit(np.cross(bone, self._direction(joint.flexion_towards, letter)))
        abduction = np.cross(bone, self._direction(joint.abduction_towards, letter))
        abduction = unit(abduction - (abduction @ flexion) * flexion)
        return np.stack([flexion, abduction, bone])

    def _head(self, bone: str, letter: str) -> np.ndarray:
        return self._heads[self._model.bone_index[f"{bone}.{letter}" if letter else bone]]

    def _end(self, name: str, letter: str) -> np.ndarray:
        if name.startswith("tip"):
            return self._tips[int(name[3]) - 1 + 5 * (letter == "L")]
        if name.startswith("joint-"):
            return self._model.mean_vertices[self._model.group(name)].mean(axis=0)
        return self._head(name, letter)

    def _direction(self, towards: Direction | str, letter: str) -> np.ndarray:
        if not isinstance(towards, str):
            return np.array(towards)
        if towards == SHOULDER:
            return self._head("upperarm01", letter) - self._head("lowerarm01", letter)
        index, little = (self._head(f"finger{finger}-1", letter) for finger in (2, 5))
        if towards == THUMB:
            return unit(index - little)
        if towards == "across":
            return unit(little - index)
        wrist = self._head("wrist", letter)
        return unit(np.cross(little - wrist, index - wrist))
