# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Captured postures on the rig: by each bone's rotation, so that lengths do not matter.

A limb of the rig gets the direction and the twist that the captured limb has against its own rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from scipy.spatial.transform import Rotation

from dope_ros.errors import DatasetError
from dope_ros.training.synthetic.body import BodyModel
from dope_ros.training.synthetic.bvh import BvhClip, read_bvh
from dope_ros.training.synthetic.joint_ranges import Anatomy
from dope_ros.training.synthetic.rotations import aligning

Y_UP_TO_BODY = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
"""From a frame with y up and the person's left at +x to the body frame (z up, the back at +y)."""

_ACCLAIM = {
    "root": ("root",),
    "lowerback": ("spine05", "spine04"),
    "upperback": ("spine03", "spine02"),
    "thorax": ("spine01",),
    "upperneck": ("neck01", "neck02"),
    "head": ("neck03", "head"),
    "clavicle": ("clavicle", "shoulder01"),
    "humerus": ("upperarm01", "upperarm02"),
    "radius": ("lowerarm01", "lowerarm02"),
    "femur": ("upperleg01", "upperleg02"),
    "tibia": ("lowerleg01", "lowerleg02"),
    "foot": ("foot",),
}
"""Bones of the CMU database's skeleton, without their sides, and the rig's bones that follow them."""

_BIPED = {
    "Hips": ("root",),
    "LowerBack": ("spine05", "spine04"),
    "Spine": ("spine03", "spine02"),
    "Spine1": ("spine01",),
    "Neck": ("neck01", "neck02"),
    "Neck1": ("neck01", "neck02"),
    "Head": ("neck03", "head"),
    "Shoulder": ("clavicle", "shoulder01"),
    "Arm": ("upperarm01", "upperarm02"),
    "ForeArm": ("lowerarm01", "lowerarm02"),
    "UpLeg": ("upperleg01", "upperleg02"),
    "Leg": ("lowerleg01", "lowerleg02"),
    "Foot": ("foot",),
}
"""The same for the names that most BVH files have."""

_LIMB_ENDS = {
    "upperarm01": "lowerarm01",
    "upperarm02": "lowerarm01",
    "lowerarm01": "wrist",
    "lowerarm02": "wrist",
    "upperleg01": "lowerleg01",
    "upperleg02": "lowerleg01",
    "lowerleg01": "foot",
    "lowerleg02": "foot",
}
_LIMB_STARTS = {name: f"{name[:-2]}01" for name in _LIMB_ENDS}

_HALF_FOLLOWED = ("clavicle", "shoulder01", "spine05", "spine03", "neck01", "neck03")
"""Bones that follow only half: the first of two that share a bend, and the collar bones, for captured ones
take the shoulder's whole movement on themselves."""

STRAIGHT_ELBOW = 12.0
"""Degrees. The plane in which an elbow bends says nothing where it bends less than this."""


@dataclass(frozen=True, slots=True)
class CapturedPoses:
    """Postures of a captured skeleton, y up, the left hip at +x where the root is not turned.

    names: bones. rest: [J, 3], each bone's own vector at rest.
    rotations: [F, J, 3, 3], each bone's from rest, all in one frame.
    """

    names: tuple[str, ...]
    rest: np.ndarray
    rotations: np.ndarray


@dataclass(frozen=True, slots=True)
class PoseLibrary:
    """Postures on the rig.

    angles: [F, N, 3] float32, of `Anatomy`, within its ranges. roots: [F, 3, 3] float32, of the hips.
    """

    angles: np.ndarray
    roots: np.ndarray

    def __len__(self) -> int:
        return len(self.angles)


def read_captured(path: Path) -> CapturedPoses:
    """Postures from an archive with `names`, `rest` and `rotations`.

    Raises:
        DatasetError: the file is missing, broken or lacks one of them.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = tuple(str(name) for name in arrays["names"])
            return CapturedPoses(names, arrays["rest"].astype(float), arrays["rotations"].astype(float))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise DatasetError(f"{path}: not a file of captured postures: {error}") from error


def retargeted(poses: CapturedPoses, model: BodyModel, anatomy: Anatomy) -> PoseLibrary:
    """Captured postures on the rig, within the joint ranges."""
    sources = _sources(poses.names)
    turned = Y_UP_TO_BODY @ poses.rotations @ Y_UP_TO_BODY.T
    rest = poses.rest @ Y_UP_TO_BODY.T
    world = np.tile(np.eye(3), (len(turned), len(model.bones), 1, 1))
    for bone, name in enumerate(model.bones):
        parent = model.parents[bone]
        above = world[:, parent] if parent >= 0 else world[:, bone]
        world[:, bone] = above
        if name in sources:
            source = poses.names.index(sources[name])
            world[:, bone] = turned[:, source] @ _rest_difference(model, name, rest[source])
            if name.startswith(_HALF_FOLLOWED):
                world[:, bone] = _nearest_rotation(world[:, bone] + above)
    local = _local(world, model)
    for letter in "LR":
        _bend_elbow_as_a_hinge(local, model, anatomy, letter)
    return _library(local, world[:, 0], anatomy)


def from_bvh(path: Path, model: BodyModel, anatomy: Anatomy) -> PoseLibrary:
    """Every frame of a BVH file, made for this rig or for a skeleton with the usual names.

    Raises:
        DatasetError: it cannot be read, or its joints have other names.
    """
    clip = read_bvh(path)
    if {"upperleg01.L", "lowerarm01.R"} <= set(clip.joints):
        return _library(_named_alike(clip, model), clip.rotations[:, 0], anatomy)
    if "Hips" not in clip.joints:
        raise DatasetError(f"{path}: its joints are named neither as MakeHuman's nor as Hips, LeftUpLeg, ...")
    ends = {int(parent): offset for parent, offset in zip(clip.parents, clip.offsets, strict=True)}
    rest = np.array([ends.get(joint, (0.0, 0.0, 0.0)) for joint in range(len(clip.joints))])
    poses = CapturedPoses(clip.joints, rest, clip.world_rotations())
    return retargeted(poses, model, anatomy)


def _sources(names: tuple[str, ...]) -> dict[str, str]:
    """Which captured bone each bone of the rig follows."""
    biped = "Hips" in names
    table = _BIPED if biped else _ACCLAIM
    prefixes = {"L": "Left" if biped else "l", "R": "Right" if biped else "r"}
    sources: dict[str, str] = {}
    for source, bones in table.items():
        if source in names and not source.startswith("Shoulder"):
            sources |= dict.fromkeys(bones, source)
        for letter, prefix in prefixes.items():
            if prefix + source in names:
                sources |= {f"{bone}.{letter}": prefix + source for bone in bones}
    return sources


def _rest_difference(model: BodyModel, bone: str, captured: np.ndarray) -> np.ndarray:
    """What turns the rig's limb at rest to the captured one at rest; nothing for bones of the trunk."""
    stem, _, letter = bone.partition(".")
    if stem not in _LIMB_ENDS or not np.any(captured):
        return np.eye(3)
    start, end = (
        model.mean_heads[model.bone_index[f"{name}.{letter}"]]
        for name in (_LIMB_STARTS[stem], _LIMB_ENDS[stem])
    )
    return aligning(end - start, captured)


def _bend_elbow_as_a_hinge(local: np.ndarray, model: BodyModel, anatomy: Anatomy, letter: str) -> None:
    """Turn upper arms about themselves so that elbows bend as hinges; the forearms keep their directions.

    Captured upper arms are turned about themselves by what the captured skeleton happens to count from.
    """
    upper, lower = (model.bone_index[f"{bone}.{letter}"] for bone in ("upperarm01", "lowerarm01"))
    along, forearm, hinge = anatomy.elbow(letter)
    inward = np.cross(hinge, along)
    seen = local[:, lower] @ forearm
    angle_seen = np.arctan2(np.linalg.norm(np.cross(along, seen), axis=-1), seen @ along)
    angle_at_rest = np.arctan2(forearm @ inward, forearm @ along)
    turn = np.arctan2(seen @ hinge, seen @ inward)
    turn *= np.clip(np.rad2deg(angle_seen) / STRAIGHT_ELBOW, 0, 1)
    local[:, upper] = local[:, upper] @ Rotation.from_rotvec(turn[:, None] * along).as_matrix()
    local[:, lower] = Rotation.from_rotvec((angle_seen - angle_at_rest)[:, None] * hinge).as_matrix()


def _nearest_rotation(matrices: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(matrices)
    return left @ right


def _local(world: np.ndarray, model: BodyModel) -> np.ndarray:
    parents = np.maximum(model.parents, 0)
    local = np.swapaxes(world[:, parents], -1, -2) @ world
    local[:, 0] = np.eye(3)
    return local


def _named_alike(clip: BvhClip, model: BodyModel) -> np.ndarray:
    local = np.tile(np.eye(3), (len(clip.rotations), len(model.bones), 1, 1))
    for joint, name in enumerate(clip.joints):
        if joint > 0 and name in model.bone_index:
            local[:, model.bone_index[name]] = clip.rotations[:, joint]
    return local


def _library(local: np.ndarray, roots: np.ndarray, anatomy: Anatomy) -> PoseLibrary:
    return PoseLibrary(anatomy.clamped(anatomy.angles(local)).astype(np.float32), roots.astype(np.float32))
