# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Menpo 3D (Zafeiriou et al., ICCV workshops 2017; Deng et al., IJCV 2019): faces with 84 landmarks.

    FOLDER/projected_image_space/VIDEO/000001.ljson    84 points in the picture
    FOLDER/<any other>/VIDEO/000001.ljson              the same on the face model, [84, 3]; optional
    FOLDER/frames/VIDEO/000001.png (or jpg), or FOLDER/videos/VIDEO/vid.avi with frames counted from 1

The owners' page describes the landmarks but not the files; the folder of landmarks is as participants of
the challenge read it (its training set, `final_published`), and its videos are those of 300-VW, whose
folders hold a `vid.avi` each. Files are Menpo's LJSON, version 1, 2 or 3, points in pictures with y before
x and counted from 0 (menpo's io/input/landmark.py); the order of the 84 is that of the figure in
jiankangdeng/MenpoBenchmark, which is ours. One face is labelled in each picture: of what is
beside it nothing is known.

The model's coordinates have neither the camera's axes nor a unit. They are turned by the rotation under
which their orthographic projection fits the landmarks in the picture, and scaled to a mean adult face, the
outer corners of whose eyes are `labels.OUTER_EYES` apart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.geometry.size import OUTER_EYE_CORNERS
from dope_ros.skeleton import FACE, Part
from dope_ros.training.datasets.labels import OUTER_EYES, PartLabels, PersonLabels, PictureSource, Sample
from dope_ros.training.datasets.pictures import PictureFile, VideoFrame
from dope_ros.training.datasets.records import (
    BrokenRecord,
    Dataset,
    FolderListing,
    existing,
    verified,
)

PICTURE_LANDMARKS = "projected_image_space"


@dataclass(frozen=True, slots=True)
class Record:
    """A frame: its landmarks in the picture, those on the model where there are any, and its pixels."""

    landmarks: Path
    model: Path | None
    source: PictureSource

    @property
    def name(self) -> str:
        """Video and frame."""
        return f"{self.landmarks.parent.name}/{self.landmarks.stem}"


def read(folder: Path, split: str) -> Dataset:
    """Faces; `split` is `all`, or the name of one video."""
    landmarks = existing(folder / PICTURE_LANDMARKS, "the folder of landmarks")
    pattern = "*" if split == "all" else split
    listing = FolderListing()
    models = [path for path in sorted(folder.iterdir()) if path.is_dir() and path != landmarks]
    records = [
        _record(folder, path, models, listing) for path in sorted(landmarks.glob(f"{pattern}/*.ljson"))
    ]

    def verify(record: Record) -> None:
        if isinstance(record.source, PictureFile | VideoFrame):
            listing.require(record.source.path)

    return verified(f"menpo {split}", records, verify, _sample, lambda record: record.name)


def _record(folder: Path, landmarks: Path, models: list[Path], listing: FolderListing) -> Record:
    video = landmarks.parent.name
    model = next((path for root in models if (path := root / video / landmarks.name) in listing), None)
    return Record(landmarks, model, _source(folder, video, landmarks.stem, listing))


def _source(folder: Path, video: str, frame: str, listing: FolderListing) -> PictureSource:
    frames = [folder / "frames" / video / f"{frame}{suffix}" for suffix in (".png", ".jpg")]
    picture = next((path for path in frames if path in listing), None)
    if picture is not None:
        return PictureFile(picture)
    if not frame.isdigit():
        raise DatasetError(
            f"{folder}: the frame of {video}/{frame}.ljson is not a number, and {frames[0]} is missing"
        )
    return VideoFrame(folder / "videos" / video / "vid.avi", int(frame) - 1)


def read_ljson(path: Path) -> np.ndarray:
    """The points of a landmark file, [N, D] float64, in the file's order of axes; raises BrokenRecord."""
    try:
        document = json.loads(path.read_bytes())
        points = np.array(_points(document), np.float64)
    except (OSError, KeyError, TypeError, ValueError, StopIteration) as error:
        raise BrokenRecord(f"{path}: not a landmark file: {error!r}") from error
    if points.ndim != 2 or len(points) != len(FACE):
        raise BrokenRecord(f"{path}: points are {points.shape}, not ({len(FACE)}, 2 or 3)")
    return points


def _points(document: dict[str, Any]) -> list[list[float]]:
    version = document.get("version")
    if version == 1:
        return [mark["point"] for group in document["groups"] for mark in group["landmarks"]]
    group = document if version == 2 else next(iter(document["groups"].values()))
    return group["landmarks"]["points"]


def _sample(record: Record) -> Sample:
    points_2d = read_ljson(record.landmarks)[:, 1::-1]
    points_3d = None if record.model is None else turned_like_picture(read_ljson(record.model), points_2d)
    return Sample(
        name=record.name,
        source=record.source,
        people=(PersonLabels(face=PartLabels.of(points_2d, keypoints_3d=points_3d)),),
        labelled=frozenset({Part.FACE}),
        incomplete=frozenset({Part.FACE}),
    )


def turned_like_picture(points: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """A face's points on optical axes, in metres about their mean, turned as they appear in the picture.

    Args:
        points: [84, 3], on a face model, right-handed axes, any unit.
        pixels: [84, 2], where they are seen.

    Returns:
        [84, 3] float64.

    Raises:
        BrokenRecord: the points lie in a plane, or all on one spot.
    """
    if points.shape[1] != 3:
        raise BrokenRecord(f"points of the model have {points.shape[1]} numbers, not 3")
    centred = points - points.mean(axis=0)
    affine, _, rank, _ = np.linalg.lstsq(centred, pixels - pixels.mean(axis=0), rcond=None)
    size = np.linalg.norm(np.subtract(*centred[list(OUTER_EYE_CORNERS)]))
    if rank < 3 or size == 0:
        raise BrokenRecord("the points of the model lie in a plane")
    u, _, vt = np.linalg.svd(affine.T, full_matrices=False)
    right, down = u @ vt
    rotation = np.stack([right, down, np.cross(right, down)])
    return centred @ rotation.T * (OUTER_EYES / size)
