# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Leeds Sports Pose (Johnson and Everingham, BMVC 2010) and its extension LSPE (CVPR 2011): bodies in 2D.

    FOLDER/joints.mat
    FOLDER/images/im0001.jpg       LSP: 2,000 pictures, the first 1,000 for training
    FOLDER/images/im00001.jpg      LSPE: 10,000 pictures

The layout and the order of the 14 joints are those of the README in each archive. `joints` is [3, 14, 2000]
in LSP and [14, 3, 10000] in LSPE: x, y and a flag. The flags differ: in LSP every joint is labelled and the
flag is 1 for a hidden one (Convolutional Pose Machines' genJSON.m inverts it); in LSPE 0 stands for a joint
that is not labelled. One person is labelled in each picture, the most prominent one: of what is beside them
nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.skeleton import HEAD, Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, reorder
from dope_ros.training.datasets.matlab import read_matlab
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import BrokenRecord, Dataset, checked, existing

JOINTS = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "neck",
    "head_top",
)
SAME_NAMES = {name: name for name in JOINTS if name.split("_")[0] in ("left", "right")}

LSP_SPLITS = {"train": slice(0, 1000), "test": slice(1000, 2000)}


@dataclass(frozen=True, slots=True)
class Record:
    """A picture and the joints of its person.

    joints: [14, 4] float32, x, y from 1, whether it is labelled, whether it is seen.
    """

    path: Path
    joints: np.ndarray


def read(folder: Path, split: str) -> Dataset:
    """LSP; `split` is `train` (the first thousand) or `test`."""
    if split not in LSP_SPLITS:
        raise DatasetError(f"lsp has the splits {', '.join(LSP_SPLITS)}, not '{split}'")
    joints = _joints(folder, axes=(2, 1, 0))
    hidden = joints[..., 2:] > 0
    rows = np.concatenate([joints[..., :2], np.ones_like(hidden), ~hidden], axis=2).astype(np.float32)
    return _read(f"lsp {split}", folder, rows, digits=4, chosen=LSP_SPLITS[split])


def read_extended(folder: Path, split: str) -> Dataset:
    """LSPE; `split` is `train`, there is no other."""
    if split != "train":
        raise DatasetError(f"lspe has the split 'train' alone, not '{split}'")
    joints = _joints(folder, axes=(2, 0, 1))
    labelled = joints[..., 2:] > 0
    rows = np.concatenate([joints[..., :2], labelled, labelled], axis=2).astype(np.float32)
    return _read("lspe train", folder, rows, digits=5, chosen=slice(None))


def _joints(folder: Path, axes: tuple[int, int, int]) -> np.ndarray:
    """[N, 14, 3] float64."""
    path = existing(folder / "joints.mat", "the file of joints")
    try:
        joints = np.transpose(read_matlab(path, "joints")["joints"], axes).astype(np.float64)
    except (BrokenRecord, ValueError, TypeError) as error:
        raise DatasetError(f"{path}: not the joints of Leeds Sports Pose: {error}") from error
    if joints.shape[1:] != (len(JOINTS), 3):
        raise DatasetError(f"{path}: joints are {joints.shape[1:]} a picture, not ({len(JOINTS)}, 3)")
    return joints


def _read(name: str, folder: Path, rows: np.ndarray, digits: int, chosen: slice) -> Dataset:
    images = existing(folder / "images", "the folder of pictures")
    records = [Record(images / f"im{i + 1:0{digits}d}.jpg", joints) for i, joints in enumerate(rows)]
    return checked(name, records[chosen], _sample, lambda record: record.path.name)


def _sample(record: Record) -> Sample:
    body = _body(record.joints)
    if not body.known_2d.any():
        raise BrokenRecord("no joint is labelled")
    return Sample(
        name=record.path.name,
        source=PictureFile(record.path),
        people=(PersonLabels(body=body),),
        labelled=frozenset({Part.BODY}),
        incomplete=frozenset({Part.BODY}),
    )


def _body(joints: np.ndarray) -> PartLabels:
    rows = reorder(joints, SAME_NAMES, JOINTS, Part.BODY)
    ends = joints[[JOINTS.index("neck"), JOINTS.index("head_top")]]
    rows[HEAD] = [*ends[:, :2].mean(axis=0), *ends[:, 2:].min(axis=0)]
    return PartLabels.of(rows[:, :2] - 1, known_2d=rows[:, 2] > 0, visible=rows[:, 3] > 0)
