# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Composes pictures: labelled hands and portraits, cut out or whole, turned and scaled, before backgrounds.

Hands and faces are labelled. How much of a body goes with them is not known: bodies are not labelled, and
where something was pasted they are ignored. So are hands and faces that are in ignored boxes of a photograph,
and those of which it has no labels, say the hands of a portrait that was labelled for its face. Nothing is
pasted over a hand or a face, so all labelled joints in the picture are seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dope_ros.boxes import areas
from dope_ros.errors import DatasetError
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import Part
from dope_ros.training.composing.cutting import cut_out
from dope_ros.training.composing.pasting import drawn_scale, in_other_light, paste, turn, warped
from dope_ros.training.datasets.label_transforms import transformed
from dope_ros.training.datasets.labels import (
    PartLabels,
    PersonLabels,
    Photographed,
    Sample,
    box_around,
    known_inside,
)
from dope_ros.training.datasets.labels_file import Entry, ExpertLabels, unscored
from dope_ros.training.datasets.records import Dataset
from dope_ros.training.loading.augmentation import flip
from dope_ros.training.synthetic.background import BackgroundSource

PASTED_PARTS = frozenset({Part.HAND, Part.FACE})

TRIES = 12
"""Places that are tried before something is not pasted after all."""

COVERED = 0.02
"""Of an earlier hand's or face's box, what a later thing may cover at most."""

INSIDE = 0.85
"""Of a pasted hand's or face's box, what has to be in the picture at least."""

ENLARGED = 3.0
"""A photograph is enlarged that much at most."""


@dataclass(frozen=True, slots=True)
class Composition:
    """What the pictures are like.

    size: of their sides, pixels.
    most: things pasted into one, at most; from one on, evenly drawn.
    whole: the share of photographs that are pasted whole, with their own background.
    part_size: of the longer side of a hand's or face's box, from and to, in sizes of the picture; evenly in
        its logarithm.
    upright: the share of faces that are turned by some 20 degrees; the others, and hands, by any angle.
    """

    size: int = 400
    most: int = 6
    whole: float = 0.2
    part_size: tuple[float, float] = (0.06, 0.7)
    upright: float = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """Something to paste, in its photograph's pixels.

    pixels: uint8 [H, W, 3], RGB.
    opacity: uint8 [H, W].
    sample: with the one hand or face there is, by the joints that the photograph shows.
    part: that it is there for.
    """

    pixels: np.ndarray
    opacity: np.ndarray
    sample: Sample
    part: Part

    def labels(self) -> PartLabels:
        """Of the part."""
        return next(labels for _, labels in self.sample.instances(self.part))

    def points(self) -> np.ndarray:
        """[N, 2] float32, the known joints of the part."""
        labels = self.labels()
        return labels.keypoints_2d[labels.known_2d]

    def ignored(self, part: Part) -> np.ndarray:
        """[N, 4] float32; if the photograph has no labels of that part, what lies beside its own one, too.

        That a face is no hand is known all the same, and has to be seen in training.
        """
        left, top, right, bottom = _extent(self.opacity)
        shown = Photographed(np.array([left, top]), np.array([right - left + 1, bottom - top + 1]))
        told = self.sample.ignored_within(part, shown)
        if part in self.sample.labelled:
            return told
        return np.concatenate([told, shown.beside(shown.box_of(self.labels())[None])])


class HandsAndFacesComposer:
    """Makes pictures of cut-outs and backgrounds. It keeps the cut-outs, for cutting takes longest.

    Args:
        sources: pictures of one hand or one face each; one source is drawn as often as another.
    """

    def __init__(
        self,
        sources: Sequence[Dataset],
        backgrounds: BackgroundSource,
        composition: Composition | None = None,
    ) -> None:
        self._sources, self._backgrounds = tuple(sources), backgrounds
        self._composition = composition or Composition()
        self._cutouts: dict[tuple[int, int], Cutout] = {}

    def compose(self, name: str, rng: np.random.Generator) -> tuple[np.ndarray, Entry]:
        """A picture, uint8 [size, size, 3], RGB, and its line of labels.

        Raises:
            DatasetError: a picture of the sources shows no hand and no face, or several.
            ImageError: it cannot be read.
        """
        size = self._composition.size
        canvas = self._backgrounds.sample(size, rng) * 255
        people: list[dict[str, ExpertLabels]] = []
        taken: list[np.ndarray] = []
        pasted: list[np.ndarray] = []
        unclear: dict[Part, np.ndarray] = {}
        for _ in range(rng.integers(1, self._composition.most + 1)):
            placed = self._placed(taken, rng)
            if placed is None:
                continue
            paste(canvas, placed.pixels, placed.opacity)
            pasted.append(_extent(placed.opacity))
            unclear = _with_ignored(unclear, placed, size)
            taken.append(placed.labels().box(size, size, margin=0))
            people += map(unscored, placed.sample.people)
        ignored = {Part.BODY: np.array(pasted, np.float32).reshape(-1, 4), **unclear}
        picture = np.clip(canvas, 0, 255).astype(np.uint8)
        return picture, Entry(name, name, tuple(people), PASTED_PARTS, ignored)

    def _placed(self, taken: Sequence[np.ndarray], rng: np.random.Generator) -> Cutout | None:
        """Something at a free place; None where none was found."""
        cutout = self._drawn(rng)
        for _ in range(TRIES):
            placed = _moved(cutout, self._transform(cutout, rng), self._composition.size)
            if _fits(placed, taken):
                return placed
        return None

    def _drawn(self, rng: np.random.Generator) -> Cutout:
        """Cut out or whole, perhaps its mirror image, in other light."""
        which = int(rng.integers(len(self._sources)))
        cutout = self._cutout(which, int(rng.integers(len(self._sources[which]))))
        if rng.random() < self._composition.whole:
            cutout = replace(cutout, opacity=np.full_like(cutout.opacity, 255))
        if rng.random() < 0.5:
            pixels, sample = flip(cutout.pixels, cutout.sample)
            cutout = replace(cutout, pixels=pixels, sample=sample, opacity=cutout.opacity[:, ::-1])
        return replace(cutout, pixels=in_other_light(cutout.pixels, rng))

    def _cutout(self, which: int, index: int) -> Cutout:
        if (which, index) not in self._cutouts:
            self._cutouts[which, index] = cutout_of(self._sources[which][index])
        return self._cutouts[which, index]

    def _transform(self, cutout: Cutout, rng: np.random.Generator) -> np.ndarray:
        """[2, 3], from the photograph to the picture."""
        composition = self._composition
        points = cutout.points()
        extent = float(np.ptp(points, axis=0).max())
        scale = drawn_scale(extent, composition.part_size, composition.size, ENLARGED, rng)
        turned = cutout.part is Part.FACE and rng.random() < composition.upright
        degrees = rng.normal(0, 20) if turned else rng.uniform(-180, 180)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        return turn(middle, degrees, scale, to=rng.uniform(0, composition.size, 2))


def cutout_of(sample: Sample) -> Cutout:
    """The hand or the face of a photograph; all of it is opaque where it cannot be cut out cleanly.

    Raises:
        DatasetError: it shows no hand and no face, or several, or its joints are not known.
        ImageError: it cannot be read.
    """
    instances = [(part, labels) for part in PASTED_PARTS for _, labels in sample.instances(part)]
    if len(instances) != 1:
        raise DatasetError(
            f"{sample.name}: {len(instances)} hands and faces; only pictures of one can be cut"
        )
    ((part, _),) = instances
    picture = sample.source.read()
    cutout = Cutout(picture, np.full(picture.shape[:2], 255, np.uint8), _shown_by(picture, sample), part)
    if not _has_extent(cutout.labels()):
        raise DatasetError(f"{sample.name}: joints of the {part.value} are not known; it cannot be placed")
    opacity = cut_out(picture, part, cutout.labels())
    return cutout if opacity is None else replace(cutout, opacity=opacity)


def _shown_by(picture: np.ndarray, sample: Sample) -> Sample:
    """Hands and faces by the joints in the photograph: where the others would be, a background is."""
    height, width = picture.shape[:2]
    people = (
        {
            name: known_inside(labels, width, height)
            for name, labels in person.parts().items()
            if PART_NAMES[name] in PASTED_PARTS
        }
        for person in sample.people
    )
    return replace(sample, people=tuple(PersonLabels.of(parts) for parts in people if parts))


def _has_extent(labels: PartLabels) -> bool:
    """Whether joints are known at different places: it takes that to scale a part."""
    points = labels.keypoints_2d[labels.known_2d]
    return bool(len(points) and np.ptp(points, axis=0).max() > 0)


def _moved(cutout: Cutout, transform: np.ndarray, size: int) -> Cutout:
    """In the pixels of a picture with sides of `size`."""
    pixels, opacity = warped(cutout.pixels, cutout.opacity, transform, size)
    return Cutout(pixels, opacity, transformed(cutout.sample, transform, size, size), cutout.part)


def _fits(placed: Cutout, taken: Sequence[np.ndarray]) -> bool:
    """Whether enough of the part is in the picture, and nothing covers an earlier one."""
    size = len(placed.opacity)
    points = placed.points()
    low, high = points.min(axis=0), points.max(axis=0)
    box = box_around(points, size, size, margin=0)
    if areas(box) < INSIDE * (high - low).prod():
        return False
    return all(_shown(placed.opacity, other) <= COVERED for other in taken)


def _shown(opacity: np.ndarray, box: np.ndarray) -> float:
    """The share of a box that something pasted covers."""
    left, top, right, bottom = np.round(box).astype(int)
    return float((opacity[top : bottom + 1, left : right + 1] > 0).mean())


def _extent(opacity: np.ndarray) -> np.ndarray:
    """[4] float32, the box around what is opaque."""
    rows, columns = np.nonzero(opacity)
    return box_around(np.stack([columns, rows], axis=1), opacity.shape[1], opacity.shape[0], margin=0)


def _with_ignored(boxes: dict[Part, np.ndarray], placed: Cutout, size: int) -> dict[Part, np.ndarray]:
    """Ignored boxes [N, 4] of hands and faces by part, and those of what was placed in a picture."""
    known = dict(boxes)
    for part in (Part.HAND, Part.FACE):
        more = placed.ignored(part)
        shown = more[(more[:, 2:] > 0).all(axis=1) & (more[:, :2] < size - 1).all(axis=1)]
        if len(shown):
            known[part] = np.concatenate([known[part], shown]) if part in known else shown
    return known
