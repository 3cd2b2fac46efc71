# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Composes mosaics: rows of whole labelled photographs, mostly shrunk, of people who then seem far away.

People who are far away are rare in photographs that were worth publishing, and experts find few of them. Up
close they are labelled well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dope_ros.boxes import ious
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import Part
from dope_ros.training.datasets.label_transforms import transformed
from dope_ros.training.datasets.labels import (
    PartLabels,
    PersonLabels,
    Photographed,
    Sample,
    in_picture,
    known_inside,
)
from dope_ros.training.datasets.labels_file import Entry, unscored
from dope_ros.training.datasets.records import Dataset
from dope_ros.training.loading.targets import CLARITY
from dope_ros.training.loading.views import resized

SAME_BOX = 0.8
"""The overlap (IoU) that the box of all joints and that of those in the picture have at least."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What mosaics are like.

    size: of their sides, pixels.
    row_height: from and to, in sizes of the mosaic; evenly in its logarithm.
    """

    size: int = 640
    row_height: tuple[float, float] = (0.2, 0.7)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A photograph in its place.

    pixels: uint8 [h, w, 3], RGB, scaled.
    corner: x, y of its top left pixel in the mosaic.
    sample: its labels, in the mosaic's pixels.
    """

    pixels: np.ndarray
    corner: tuple[int, int]
    sample: Sample

    @property
    def box(self) -> np.ndarray:
        """[4] float32, x1, y1, x2, y2, the middles of its first and last pixels."""
        height, width = self.pixels.shape[:2]
        x, y = self.corner
        return np.array([x, y, x + width - 1, y + height - 1], np.float32)

    def ignored(self, part: Part) -> np.ndarray:
        """[N, 4] float32; all of the photograph where it has no labels of the part."""
        if part not in self.sample.labelled:
            return self.box[None]
        height, width = self.pixels.shape[:2]
        here = Photographed(np.array(self.corner), np.array([width, height]))
        return self.sample.ignored_within(part, here)


class MosaicComposer:
    """Makes mosaics.

    Args:
        sources: photographs with labels; one source is drawn as often as another.
    """

    def __init__(self, sources: Sequence[Dataset], layout: Layout | None = None) -> None:
        self._sources, self._layout = tuple(sources), layout or Layout()

    def compose(self, name: str, rng: np.random.Generator) -> tuple[np.ndarray, Entry]:
        """A picture, uint8 [size, size, 3], RGB, and its line of labels.

        Rows are filled from the left, from the top; those at the right and at the bottom are cut off. What a
        photograph has no labels for is ignored where it lies.

        Raises:
            ImageError: a photograph cannot be read.
        """
        size = self._layout.size
        canvas = np.zeros((size, size, 3), np.uint8)
        tiles = list(self._tiles(rng))
        for tile in tiles:
            _put(canvas, tile)
        labelled = frozenset[Part]().union(*(tile.sample.labelled for tile in tiles))
        people = (person for tile in tiles for person in tile.sample.people)
        shown = (_shown(person, size) for person in people)
        entries = tuple(unscored(person) for person in shown if person.parts())
        return canvas, Entry(name, name, entries, labelled, _ignored(tiles, labelled, size))

    def _tiles(self, rng: np.random.Generator) -> Iterator[Tile]:
        """Row by row, until the mosaic is full."""
        size, (low, high) = self._layout.size, np.log(self._layout.row_height)
        top = 0
        while top < size:
            height = max(1, round(size * float(np.exp(rng.uniform(low, high)))))
            left = 0
            while left < size:
                tile = tile_of(self._drawn(rng), height, (left, top), size)
                yield tile
                left += tile.pixels.shape[1]
            top += height

    def _drawn(self, rng: np.random.Generator) -> Sample:
        source = self._sources[rng.integers(len(self._sources))]
        return source[int(rng.integers(len(source)))]


def tile_of(sample: Sample, height: int, corner: tuple[int, int], size: int) -> Tile:
    """A photograph scaled to a height, pixels, in its place in a mosaic with sides of `size`.

    Raises:
        ImageError: it cannot be read.
    """
    picture = sample.source.read()
    shown = clearly_in_picture(sample, picture.shape[1], picture.shape[0])
    pixels, scaled = resized(picture, shown, height / picture.shape[0])
    to_corner = np.array([[1.0, 0.0, corner[0]], [0.0, 1.0, corner[1]]])
    return Tile(pixels, corner, transformed(scaled, to_corner, size, size))


def clearly_in_picture(sample: Sample, width: int, height: int) -> Sample:
    """Labels without the joints that lie outside of the picture: something else will be there.

    A part of which too little is left is ignored: one that is not clear enough to be trained on, or whose box
    the other joints do not tell, such as a body of which the shoulders are seen. One that is wholly outside
    is left out.
    """
    people: list[PersonLabels] = []
    ignored = {part: [sample.ignored_boxes(part)] for part in Part}
    for person in sample.people:
        kept: dict[str, PartLabels] = {}
        for name, labels in person.parts().items():
            inside = known_inside(labels, width, height)
            if _tells_whole(inside, labels, PART_NAMES[name], width, height):
                kept[name] = inside
            elif inside.known_2d.any():
                ignored[PART_NAMES[name]].append(labels.box(width, height)[None])
        if kept:
            people.append(PersonLabels.of(kept))
    joined = {part: np.concatenate(found).astype(np.float32) for part, found in ignored.items()}
    return replace(sample, people=tuple(people), ignored=joined)


def _tells_whole(inside: PartLabels, labels: PartLabels, part: Part, width: int, height: int) -> bool:
    """Whether the joints in a picture are most of a part's, and their box is about that of all of them."""
    if inside.known_2d.sum() < max(1, CLARITY[part].inside * labels.known_2d.sum()):
        return False
    if inside.known_2d.sum() == labels.known_2d.sum():  # of one joint, too, whose box has no extent
        return True
    return bool(ious(*(joints.box(width, height) for joints in (inside, labels))) >= SAME_BOX)


def _put(canvas: np.ndarray, tile: Tile) -> None:
    """Write a tile's pixels into the mosaic; what lies outside of it is cut off."""
    x, y = tile.corner
    height, width = tile.pixels.shape[:2]
    place = canvas[y : y + height, x : x + width]
    place[:] = tile.pixels[: place.shape[0], : place.shape[1]]


def _shown(person: PersonLabels, size: int) -> PersonLabels:
    """The parts of which the mosaic shows something."""
    shown = {
        name: labels
        for name, labels in person.parts().items()
        if in_picture(labels.keypoints_2d[labels.known_2d], size, size).any()
    }
    return PersonLabels.of(shown)


def _ignored(tiles: Sequence[Tile], labelled: frozenset[Part], size: int) -> dict[Part, np.ndarray]:
    """Boxes [N, 4] by part: those of the photographs, and all of a photograph without labels of a part."""
    ignored = {
        part: np.concatenate([tile.ignored(part) for tile in tiles]) for part in Part if part in labelled
    }
    return {part: boxes[(boxes[:, :2] < size - 0.5).all(axis=1)] for part, boxes in ignored.items()}
