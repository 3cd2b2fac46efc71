# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered Hand Pose Dataset (RHD; Zimmermann and Brox, ICCV 2017): hands in 2D and 3D.

    FOLDER/training/anno_training.pickle, FOLDER/training/color/00000.png ...
    FOLDER/evaluation/anno_evaluation.pickle, FOLDER/evaluation/color/00000.png ...

The layout is that of the archive RHD_published_v2 and of the owners' `create_binary_db.py`
(lmb-freiburg/hand3d): for each picture `uv_vis` [42, 3] (pixels, and 1 where visible), `xyz` [42, 3]
(metres in the camera's frame) and `K`. The archive's README and `view_samples.py` give the order: 0 left
wrist, 1-4 left thumb from its tip to the palm, then index, middle, ring and little finger likewise; 21-41
the right hand.

Both hands are always annotated: one without any visible joint is not in the picture; one with fewer than
`ENOUGH_VISIBLE` is an ignored box.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import FINGERS, HAND, Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample, box_around, reorder
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import BrokenRecord, Dataset, checked, existing

SPLITS = ("training", "evaluation")
SIZE = 320
"""Pixels, both sides of every picture."""

JOINTS = (
    "wrist",
    *(f"{finger}_{joint}" for finger in FINGERS for joint in ("tip", "distal", "proximal", "base")),
)
SAME_NAMES = {name: name for name in HAND.joints}
HANDS = {"left_hand": slice(0, 21), "right_hand": slice(21, 42)}

ENOUGH_VISIBLE = 5


@dataclass(frozen=True, slots=True)
class Record:
    """A picture and what is annotated in it, as in the pickle."""

    path: Path
    annotation: Any


def read(folder: Path, split: str) -> Dataset:
    """Hands; `split` is `training` or `evaluation`."""
    if split not in SPLITS:
        raise DatasetError(f"rhd has the splits {', '.join(SPLITS)}, not '{split}'")
    path = existing(folder / split / f"anno_{split}.pickle", "the file of annotations")
    pictures = existing(folder / split / "color", "the folder of pictures")
    try:
        annotations = ArrayUnpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load()
        records = [Record(pictures / f"{index:05d}.png", one) for index, one in sorted(annotations.items())]
    except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError) as error:
        raise DatasetError(f"{path}: not the annotations of RHD: {error}") from error
    return checked(f"rhd {split}", records, _sample, lambda record: record.path.name)


class ArrayUnpickler(pickle.Unpickler):
    """Loads arrays of numbers and nothing else: a pickle from elsewhere could run any code."""

    def find_class(self, module: str, name: str) -> Any:
        """What a NumPy array is made of; UnpicklingError for everything else."""
        makers = {"_reconstruct", "scalar", "ndarray", "dtype", "_frombuffer"}
        if module.split(".")[0] == "numpy" and name in makers:
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in it")


def _sample(record: Record) -> Sample:
    try:
        uv_vis, xyz = (np.asarray(record.annotation[key], np.float64) for key in ("uv_vis", "xyz"))
        matrix = np.asarray(record.annotation["K"], np.float64).reshape(3, 3)
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenRecord(f"its annotation lacks or garbles {error}") from error
    if uv_vis.shape != (42, 3) or xyz.shape != (42, 3):
        raise BrokenRecord(f"uv_vis is {uv_vis.shape} and xyz {xyz.shape}, not (42, 3)")
    hands = {name: _hand(uv_vis[rows], xyz[rows]) for name, rows in HANDS.items()}
    hands_seen = {name: hand for name, hand in hands.items() if hand.visible.sum() >= ENOUGH_VISIBLE}
    return Sample(
        name=record.path.name,
        source=PictureFile(record.path),
        people=(PersonLabels.of(hands_seen),),
        labelled=frozenset({Part.HAND}),
        ignored={Part.HAND: _barely_seen(list(hands.values()))},
        intrinsics=Intrinsics(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]),
    )


def _hand(uv_vis: np.ndarray, xyz: np.ndarray) -> PartLabels:
    rows = reorder(np.concatenate([uv_vis, xyz], axis=1), SAME_NAMES, JOINTS, Part.HAND)
    return PartLabels.of(rows[:, :2], visible=rows[:, 2] > 0.5, keypoints_3d=rows[:, 3:])


def _barely_seen(hands: list[PartLabels]) -> np.ndarray:
    barely = [hand for hand in hands if 0 < hand.visible.sum() < ENOUGH_VISIBLE]
    boxes = [box_around(hand.keypoints_2d[hand.visible], SIZE, SIZE, margin=0.5) for hand in barely]
    return np.array(boxes, np.float32).reshape(-1, 4)
