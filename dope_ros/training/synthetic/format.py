# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A rendered set on disk: pictures, labels and masks in a folder.

    SET/set.json               what made the set: format version, seed, size, scenes, how many assets of each
                               kind and backgrounds there were
    SET/pictures/0000007.jpg   RGB
    SET/labels/0000007.npz     `PictureLabels`; written last, so a picture with labels is complete
    SET/masks/0000007.png      uint8 [height, width]: 0 nobody, p + 1 where person p of the labels is seen

Pixel coordinates: x right, y down; (0, 0) is the outer corner of the top left pixel, whose middle is
(0.5, 0.5), so scaling a picture by s scales its coordinates by s.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from dope_ros.errors import DatasetError
from dope_ros.files import replaced_whole
from dope_ros.geometry import Intrinsics
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import SKELETONS, Part, Side

FORMAT = 1
"""Version of the layout; `generate` goes on with no set of another one."""


class Visibility(IntEnum):
    """What is seen of a joint. The numbers are part of the file format."""

    OUTSIDE = 0
    """Outside the picture (its 2D position lies beyond the edge), or behind the camera (2D is NaN)."""
    HIDDEN = 1
    """Within the picture, behind another body part, person or object."""
    VISIBLE = 2
    """Within the picture, and nothing before it but the skin and clothes around it."""


@dataclass(frozen=True, slots=True)
class RenderedPartLabels:
    """One part of each of the picture's P people; row p belongs to person p everywhere.

    keypoints_2d: [P, J, 2] float32, pixels, beyond the picture too; NaN for joints behind the camera.
    keypoints_3d: [P, J, 3] float32, metres, optical frame of the camera (x right, y down, z forward).
    visibility: [P, J] uint8, `Visibility`.
    boxes: [P, 4] float32, x1, y1, x2, y2 in pixels around what the part would show if nothing hid it, beyond
        the picture too; NaN where nothing of it is before the camera.
    """

    keypoints_2d: np.ndarray
    keypoints_3d: np.ndarray
    visibility: np.ndarray
    boxes: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True, slots=True)
class PictureLabels:
    """All that is known of one picture; a picture without people has parts of length zero.

    width, height: of the picture, in pixels.
    intrinsics: `keypoints_3d` project through them onto `keypoints_2d`; the camera has no distortion.
    bodies: 13 joints; boxes go round the whole person, hair and clothes included.
    hands: 21 joints each, by the person's own side.
    faces: 84 landmarks; HIDDEN throughout where the face is seen from behind.
    """

    width: int
    height: int
    intrinsics: Intrinsics
    bodies: RenderedPartLabels
    hands: dict[Side, RenderedPartLabels]
    faces: RenderedPartLabels

    def __len__(self) -> int:
        """How many people there are."""
        return len(self.bodies)

    def parts(self) -> dict[str, RenderedPartLabels]:
        """All parts by their name in messages and files."""
        named = {
            "body": self.bodies,
            "left_hand": self.hands[Side.LEFT],
            "right_hand": self.hands[Side.RIGHT],
            "face": self.faces,
        }
        return {name: named[name] for name in PART_NAMES}


def picture_path(folder: Path, index: int) -> Path:
    """Where picture `index` of the set lies."""
    return folder / "pictures" / f"{index:07d}.jpg"


def labels_path(folder: Path, index: int) -> Path:
    """Where the labels of picture `index` lie."""
    return folder / "labels" / f"{index:07d}.npz"


def mask_path(folder: Path, index: int) -> Path:
    """Where the mask of picture `index` lies."""
    return folder / "masks" / f"{index:07d}.png"


def complete_pictures(folder: Path) -> list[int]:
    """The indices of all complete pictures of a set, rising."""
    return sorted(int(path.stem) for path in (folder / "labels").glob("[0-9]*.npz"))


def write_labels(path: Path, labels: PictureLabels) -> None:
    """Write one picture's labels; the file appears whole or not at all."""
    arrays: dict[str, Any] = {
        "size": np.array([labels.width, labels.height]),
        "intrinsics": _as_array(labels.intrinsics),
    }
    for name, part in labels.parts().items():
        for field in RenderedPartLabels.__slots__:
            arrays[f"{name}_{field}"] = getattr(part, field)
    with replaced_whole(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def read_labels(path: Path) -> PictureLabels:
    """Read one picture's labels.

    Raises:
        DatasetError: the file is missing, broken or of other shapes.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            width, height = (int(length) for length in arrays["size"])
            parts = {name: _read_part(arrays, name, part) for name, part in PART_NAMES.items()}
            fx, fy, cx, cy = map(float, arrays["intrinsics"])
            intrinsics = Intrinsics(fx, fy, cx, cy)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    except (KeyError, ValueError, EOFError, BadZipFile) as error:
        raise DatasetError(f"{path}: not the labels of a rendered picture: {error}") from error
    hands = {Side.RIGHT: parts["right_hand"], Side.LEFT: parts["left_hand"]}
    return PictureLabels(width, height, intrinsics, parts["body"], hands, parts["face"])


def _as_array(camera: Intrinsics) -> np.ndarray:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy])


def _read_part(arrays: np.lib.npyio.NpzFile, name: str, part: Part) -> RenderedPartLabels:
    labels = RenderedPartLabels(*(arrays[f"{name}_{field}"] for field in RenderedPartLabels.__slots__))
    people, joints = len(labels), len(SKELETONS[part])
    expected = ((people, joints, 2), (people, joints, 3), (people, joints), (people, 4))
    for field, shape in zip(RenderedPartLabels.__slots__, expected, strict=True):
        if getattr(labels, field).shape != shape:
            raise ValueError(f"{name}_{field} is {getattr(labels, field).shape}, not {shape}")
    return labels
