# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SURREAL (Varol et al., CVPR 2017): rendered bodies in 2D and 3D.

    FOLDER/cmu/train/run0/01_01/01_01_c0001.mp4
    FOLDER/cmu/train/run0/01_01/01_01_c0001_info.mat

The layout, the fields (`joints2D` [2, 24, T] pixels, `joints3D` [3, 24, T] metres, `camLoc`) and the camera
are those of the repository gulvarol/surreal: README.md and datageneration/misc/3Dto2D. The 24 joints of
SMPL are named in its smpl_relations.py, which notes that left and right are swapped in the pictures: the
world is a mirror image (the documented camera matrix has a determinant of -1), so what is called left there
is seen on the right. They are swapped back here; the repository's sample clip confirms it, toes pointing
forward.

SMPL's head joint is where the head meets the neck, lower than the middle of the head in other sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, reorder
from dope_ros.training.datasets.matlab import matlab_shapes, read_matlab
from dope_ros.training.datasets.pictures import VideoFrame
from dope_ros.training.datasets.records import BrokenRecord, Dataset, RecordDataset, converted, existing

SPLITS = ("train", "val", "test")

EVERY = 10
"""Frames from one sample to the next: they are a thirtieth of a second apart."""

INTRINSICS = Intrinsics(600.0, 600.0, 160.0, 120.0)
WIDTH, HEIGHT = 320, 240

WORLD_TO_CAMERA = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""A reflection; `getExtrinsicBlender.m`."""

JOINTS = (
    "hips",
    "leftUpLeg",
    "rightUpLeg",
    "spine",
    "leftLeg",
    "rightLeg",
    "spine1",
    "leftFoot",
    "rightFoot",
    "spine2",
    "leftToeBase",
    "rightToeBase",
    "neck",
    "leftShoulder",
    "rightShoulder",
    "head",
    "leftArm",
    "rightArm",
    "leftForeArm",
    "rightForeArm",
    "leftHand",
    "rightHand",
    "leftHandIndex1",
    "rightHandIndex1",
)

_MIRRORED = {"left": "right", "right": "left"}
_LIMBS = {
    "ankle": "Foot",
    "knee": "Leg",
    "hip": "UpLeg",
    "wrist": "Hand",
    "elbow": "ForeArm",
    "shoulder": "Arm",
}
NAMES = {
    f"{side}_{ours}": _MIRRORED[side] + theirs for ours, theirs in _LIMBS.items() for side in _MIRRORED
} | {"head": "head"}


@dataclass(frozen=True, slots=True)
class Record:
    """A frame of a clip."""

    info: Path
    frame: int

    @property
    def video(self) -> Path:
        """The clip's pictures."""
        return self.info.with_name(self.info.name.removesuffix("_info.mat") + ".mp4")

    @property
    def name(self) -> str:
        """Run, clip and frame."""
        return f"{self.info.parts[-3]}/{self.video.stem}:{self.frame}"


def read(folder: Path, split: str) -> Dataset:
    """Every tenth frame of all clips of all runs; `split` is `train`, `val` or `test`."""
    if split not in SPLITS:
        raise DatasetError(f"surreal has the splits {', '.join(SPLITS)}, not '{split}'")
    clips = sorted(existing(folder / "cmu" / split, "the folder of runs").glob("run*/*/*_info.mat"))
    name = f"surreal {split}"
    of_clips = converted(name, clips, _records, lambda clip: clip.name)
    return RecordDataset(name, [record for of_clip in of_clips for record in of_clip], _sample)


def _records(info: Path) -> list[Record]:
    video = Record(info, 0).video
    if not video.is_file():
        raise BrokenRecord(f"{video} does not exist")
    return [Record(info, frame) for frame in range(0, _frame_count(info), EVERY)]


def _frame_count(info: Path) -> int:
    """From the file's header: reading all of them takes an hour."""
    shape = matlab_shapes(info).get("joints2D", ())
    if shape[:2] != (2, len(JOINTS)):
        raise BrokenRecord(f"{info}: joints2D is {shape or 'missing'}, not (2, {len(JOINTS)}, T)")
    return shape[2] if len(shape) > 2 else 1


@lru_cache(maxsize=64)
def _clip(info: Path) -> tuple[np.ndarray, np.ndarray]:
    """2D [T, 24, 2] and, in the camera's frame, 3D [T, 24, 3]."""
    clip = read_matlab(info, "joints2D", "joints3D", "camLoc")
    try:
        points_2d = clip["joints2D"].reshape(2, len(JOINTS), -1)
        points_3d = clip["joints3D"].reshape(3, len(JOINTS), -1)
        location = clip["camLoc"].reshape(3)
    except ValueError as error:
        raise BrokenRecord(f"{info}: {error}") from error
    in_camera = np.einsum("ij,jkt->tki", WORLD_TO_CAMERA, points_3d - location[:, None, None])
    return points_2d.transpose(2, 1, 0), in_camera


def _sample(record: Record) -> Sample:
    points_2d, points_3d = (values[record.frame] for values in _clip(record.info))
    rows = reorder(np.concatenate([points_2d, points_3d], axis=1), NAMES, JOINTS, Part.BODY)
    inside = np.all((rows[:, :2] >= 0) & (rows[:, :2] < (WIDTH, HEIGHT)), axis=1)
    body = PartLabels.of(rows[:, :2], visible=inside, keypoints_3d=rows[:, 2:])
    return Sample(
        name=record.name,
        source=VideoFrame(record.video, record.frame),
        people=(PersonLabels(body=body),),
        labelled=frozenset({Part.BODY}),
        intrinsics=INTRINSICS,
    )
