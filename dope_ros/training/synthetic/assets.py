# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of assets that pictures are made of: clothes, hair, skins, postures and photographs of garments.

    ASSETS/makehuman/{clothes,hair,eyebrows,eyelashes}/NAME/*.mhclo, *.obj, ...
    ASSETS/makehuman/skins/textures/*_diffuse*.jpg   names tell sex and light or dark skin
    ASSETS/makehuman/poses/*.bvh
    ASSETS/poses/*.npz, *.bvh                        captured postures
    ASSETS/photos/garments/*.jpg

Any of them may be missing; what is there is counted, and said.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from dope_ros.errors import DatasetError, ImageError
from dope_ros.pictures import picture_files
from dope_ros.training.synthetic.body import BodyModel
from dope_ros.training.synthetic.files import files_in
from dope_ros.training.synthetic.garment import Garment, covers, of_segment, pieces, read_garment
from dope_ros.training.synthetic.joint_ranges import Anatomy
from dope_ros.training.synthetic.retarget import PoseLibrary, from_bvh, read_captured, retargeted
from dope_ros.training.synthetic.segments import Segment


@dataclass(frozen=True, slots=True)
class Skin:
    """A skin's texture, by the file's name: female or not, dark or not."""

    path: Path
    female: bool
    dark: bool


@dataclass(frozen=True, slots=True)
class Assets:
    """What was found in the folder."""

    tops: tuple[Garment, ...] = ()
    bottoms: tuple[Garment, ...] = ()
    wholes: tuple[Garment, ...] = ()
    shoes: tuple[Garment, ...] = ()
    hats: tuple[Garment, ...] = ()
    hairs: tuple[Garment, ...] = ()
    brows: tuple[Garment, ...] = ()
    lashes: tuple[Garment, ...] = ()
    skins: tuple[Skin, ...] = ()
    garment_photographs: tuple[Path, ...] = ()
    poses: PoseLibrary | None = None

    def counts(self) -> dict[str, int]:
        """How many there are of each."""
        names = ("tops", "bottoms", "wholes", "shoes", "hats", "hairs", "brows", "lashes", "skins")
        counts = {name: len(getattr(self, name)) for name in (*names, "garment_photographs")}
        return counts | {"poses": len(self.poses) if self.poses else 0}


def load_assets(folder: Path | None, model: BodyModel, anatomy: Anatomy) -> Assets:
    """Read a folder of assets; without one there are none.

    Raises:
        DatasetError: there is no such folder, or something in it is broken.
    """
    if folder is None:
        return Assets()
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder of assets")
    makehuman = folder / "makehuman"
    clothes = _garments(makehuman / "clothes", model)
    suits = [
        piece
        for garment in clothes
        if not garment.name.startswith(("shoes", *_HATS))
        for piece in pieces(garment, model)
    ]
    hairs = _garments(makehuman / "hair", model)
    return Assets(
        tops=_covering(suits, "top", model),
        bottoms=_covering(suits, "bottom", model),
        wholes=_covering(suits, "whole", model),
        shoes=tuple(garment for garment in clothes if garment.name.startswith("shoes")),
        hats=tuple(
            of_segment(garment, Segment.HAIR) for garment in clothes if garment.name.startswith(_HATS)
        ),
        hairs=tuple(of_segment(garment, Segment.HAIR) for garment in hairs),
        brows=tuple(_garments(makehuman / "eyebrows", model)),
        lashes=tuple(_garments(makehuman / "eyelashes", model)),
        skins=tuple(_skins(makehuman / "skins" / "textures")),
        garment_photographs=tuple(picture_files(folder / "photos" / "garments")),
        poses=_poses(folder, model, anatomy),
    )


_HATS = ("fedora", "hat", "cap", "beanie", "helmet")


def read_texture(path: Path, size: int) -> np.ndarray:
    """A texture as uint8 [size, size, 3 or 4], RGB or RGBA.

    Raises:
        ImageError: OpenCV cannot read it.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ImageError(f"{path}: not a picture that OpenCV can read")
    if picture.dtype == np.uint16:
        picture = (np.asarray(picture, np.uint16) >> 8).astype(np.uint8)
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA if picture.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def _garments(folder: Path, model: BodyModel) -> list[Garment]:
    return [read_garment(path.parent, model) for path in _first_of_each_folder(folder, "*.mhclo")]


def _first_of_each_folder(folder: Path, pattern: str) -> list[Path]:
    return [
        files[0] for files in (sorted(below.glob(pattern)) for below in sorted(folder.glob("*"))) if files
    ]


def _covering(suits: list[Garment], what: str, model: BodyModel) -> tuple[Garment, ...]:
    return tuple(piece for piece in suits if covers(piece, model) == what)


def _skins(folder: Path) -> list[Skin]:
    found = [(path, path.name.lower()) for path in picture_files(folder)]
    return [
        Skin(path, "female" in name, "dark" in name or "african" in name)
        for path, name in found
        if "diffuse" in name
    ]


def _poses(folder: Path, model: BodyModel, anatomy: Anatomy) -> PoseLibrary | None:
    captured = [
        retargeted(read_captured(path), model, anatomy) for path in files_in(folder / "poses", (".npz",))
    ]
    clips = [*files_in(folder / "makehuman" / "poses", (".bvh",)), *files_in(folder / "poses", (".bvh",))]
    libraries = [*captured, *(from_bvh(path, model, anatomy) for path in clips)]
    if not libraries:
        return None
    return PoseLibrary(
        np.concatenate([library.angles for library in libraries]),
        np.concatenate([library.roots for library in libraries]),
    )
