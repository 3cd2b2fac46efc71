# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Human3.6M (Ionescu et al., PAMI 2014): bodies in 2D and 3D.

    FOLDER/S1/Videos/Directions 1.54138969.mp4
    FOLDER/S1/MyPoseFeatures/D2_Positions/Directions 1.54138969.cdf        pixels
    FOLDER/S1/MyPoseFeatures/D3_Positions_mono/Directions 1.54138969.cdf   millimetres in the camera's frame

These are the owners' archives Videos_S1, Poses_D2_Positions_S1, Poses_D3_Positions_mono_S1 and so on,
unpacked in one folder. Each file of positions holds `Pose` [1, T, 32 x D]; the order of the 32 joints is
that of `skel_pos` in the `metadata.xml` of the owners' software. Subjects 1, 5, 6, 7 and 8 are for
training, 9 and 11 for tests. There is no camera file: the intrinsics are fitted to both kinds of positions,
by least squares; what lens distortion leaves is a few pixels at the edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cdflib
import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, reorder
from dope_ros.training.datasets.pictures import VideoFrame
from dope_ros.training.datasets.records import BrokenRecord, Dataset, RecordDataset, converted, existing

SPLITS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
EVERY = {"train": 16, "test": 64}
"""Frames from one sample to the next, of 50 a second; 64 in tests as the published protocols have it."""

JOINTS = (
    "Hips",
    "RightUpLeg",
    "RightLeg",
    "RightFoot",
    "RightToeBase",
    "RightToeSite",
    "LeftUpLeg",
    "LeftLeg",
    "LeftFoot",
    "LeftToeBase",
    "LeftToeSite",
    "Spine",
    "Spine1",
    "Neck",
    "Head",
    "HeadSite",
    "LeftShoulder",
    "LeftArm",
    "LeftForeArm",
    "LeftHand",
    "LeftHandThumb",
    "LeftThumbSite",
    "L_Wrist_End",
    "LeftSite",
    "RightShoulder",
    "RightArm",
    "RightForeArm",
    "RightHand",
    "RightHandThumb",
    "RightThumbSite",
    "R_Wrist_End",
    "RightSite",
)
"""The sites are nameless there: ends of the bones before them."""

_LIMBS = {
    "ankle": "Foot",
    "knee": "Leg",
    "hip": "UpLeg",
    "wrist": "Hand",
    "elbow": "ForeArm",
    "shoulder": "Arm",
}
NAMES = {
    f"{side}_{ours}": side.capitalize() + theirs
    for ours, theirs in _LIMBS.items()
    for side in ("left", "right")
} | {"head": "Head"}

MILLIMETRE = 1e-3


@dataclass(frozen=True, slots=True)
class Record:
    """A frame: 2D [32, 2], pixels, and 3D [32, 3], metres in the frame of its camera."""

    video: Path
    frame: int
    points_2d: np.ndarray
    points_3d: np.ndarray
    intrinsics: Intrinsics

    @property
    def name(self) -> str:
        """Subject, action, camera and frame."""
        return f"{self.video.parts[-3]}/{self.video.stem}:{self.frame}"


def read(folder: Path, split: str) -> Dataset:
    """All actions seen by all cameras; `split` is `train` or `test`."""
    if split not in SPLITS:
        raise DatasetError(f"human36m has the splits {', '.join(SPLITS)}, not '{split}'")
    subjects = [existing(folder / subject, "a subject's folder") for subject in SPLITS[split]]
    clips = [
        clip
        for subject in subjects
        for clip in sorted((subject / "MyPoseFeatures/D2_Positions").glob("*.cdf"))
    ]
    name = f"human36m {split}"
    of_clips = converted(name, clips, lambda clip: _records(clip, EVERY[split]), lambda clip: clip.name)
    return RecordDataset(name, [record for of_clip in of_clips for record in of_clip], _sample)


def _records(path_2d: Path, every: int) -> list[Record]:
    subject = path_2d.parents[2]
    video = subject / "Videos" / f"{path_2d.stem}.mp4"
    if not video.is_file():
        raise BrokenRecord(f"{video} does not exist")
    path_3d = subject / "MyPoseFeatures" / "D3_Positions_mono" / path_2d.name
    points_2d, points_3d = _poses(path_2d, 2, every), _poses(path_3d, 3, every) * MILLIMETRE
    if len(points_2d) != len(points_3d):
        raise BrokenRecord(f"{len(points_2d)} frames in 2D, {len(points_3d)} in 3D")
    intrinsics = fit_intrinsics(points_2d.reshape(-1, 2), points_3d.reshape(-1, 3))
    return [
        Record(video, index * every, *frame, intrinsics)
        for index, frame in enumerate(zip(points_2d, points_3d, strict=True))
    ]


def _poses(path: Path, dimensions: int, every: int) -> np.ndarray:
    """[T, 32, D] float64, of one frame in `every`; a copy, which keeps nothing of the others."""
    if not path.is_file():
        raise BrokenRecord(f"{path} does not exist")
    try:
        poses = np.asarray(cdflib.CDF(path).varget("Pose"), np.float64)
        return poses.reshape(-1, len(JOINTS), dimensions)[::every].copy()
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BrokenRecord(f"{path}: {error}") from error


def fit_intrinsics(pixels: np.ndarray, points: np.ndarray) -> Intrinsics:
    """The pinhole camera that projects points [N, 3] nearest to pixels [N, 2], errors weighted by depth."""
    depth = points[:, 2]
    lines = []
    for axis in (0, 1):
        unknowns, *_ = np.linalg.lstsq(
            np.stack([points[:, axis], depth], axis=1), pixels[:, axis] * depth, rcond=None
        )
        lines.append(unknowns)
    (fx, cx), (fy, cy) = lines
    return Intrinsics(float(fx), float(fy), float(cx), float(cy))


def _sample(record: Record) -> Sample:
    rows = reorder(np.concatenate([record.points_2d, record.points_3d], axis=1), NAMES, JOINTS, Part.BODY)
    return Sample(
        name=record.name,
        source=VideoFrame(record.video, record.frame),
        people=(PersonLabels(body=PartLabels.of(rows[:, :2], keypoints_3d=rows[:, 2:])),),
        labelled=frozenset({Part.BODY}),
        intrinsics=record.intrinsics,
    )
