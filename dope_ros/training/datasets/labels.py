# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a dataset says of a picture: who is in it, and which of their joints are known.

Pixels count from the middle of the top left one, x right, y down. 3D is in metres on optical axes (x right, y
down, z forward). Arrays are read-only by convention: whoever changes labels makes new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from dope_ros.geometry import Intrinsics
from dope_ros.poses import HAND_SIDES, PART_NAMES
from dope_ros.skeleton import SKELETONS, Part, Side

BOX_MARGIN = 0.1
"""Of the size of the joints' extent, on each side (DOPE, section 4.1)."""

OUTER_EYES = 0.09
"""Metres between the outer corners of the eyes of an adult: for faces that have no scale of their own."""


class PictureSource(Protocol):
    """Where the pixels of a picture are. Small, and can be pickled."""

    def read(self) -> np.ndarray:
        """The picture, uint8 [H, W, 3], RGB; raises ImageError."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PartLabels:
    """What is known of one body, hand or face.

    keypoints_2d: [J, 2] float32, pixels; zero where not known. May lie outside of the picture.
    known_2d: [J] bool.
    visible: [J] bool, the joint itself is seen: known, in the picture and not hidden, as far as the set says.
    keypoints_3d: [J, 3] float32, metres, optical axes; zero where not known. In the camera frame if the
        sample has intrinsics, else right up to a translation. None: the set has no 3D for this part.
    known_3d: [J] bool; all false without 3D.
    """

    keypoints_2d: np.ndarray
    known_2d: np.ndarray
    visible: np.ndarray
    keypoints_3d: np.ndarray | None
    known_3d: np.ndarray

    @classmethod
    def of(
        cls,
        keypoints_2d: np.ndarray,
        known_2d: np.ndarray | None = None,
        visible: np.ndarray | None = None,
        keypoints_3d: np.ndarray | None = None,
        known_3d: np.ndarray | None = None,
    ) -> PartLabels:
        """Labels with masks that fit: what is not finite is not known, what is not known is zero.

        Without `known_*` every finite joint is known, without `visible` every known one is seen.
        """
        points_2d, known = _known_or_zero(keypoints_2d, known_2d)
        seen = known if visible is None else known & np.asarray(visible, bool)
        if keypoints_3d is None:
            return cls(points_2d, known, seen, None, np.zeros(len(points_2d), bool))
        return cls(points_2d, known, seen, *_known_or_zero(keypoints_3d, known_3d))

    def box(self, width: int, height: int, margin: float = BOX_MARGIN) -> np.ndarray:
        """The box around the known joints, widened by `margin`, as much of it as is in the picture.

        Returns:
            [4] float32, x1, y1, x2, y2. Empty (x2 <= x1 or y2 <= y1) where nothing of it is in the picture.
        """
        return box_around(self.keypoints_2d[self.known_2d], width, height, margin)

    def relative_3d(self) -> np.ndarray | None:
        """[J, 3] float32, metres, from the mean of the known joints; what is not known stays zero."""
        if self.keypoints_3d is None or not self.known_3d.any():
            return None
        middle = self.keypoints_3d[self.known_3d].mean(axis=0)
        return np.where(self.known_3d[:, None], self.keypoints_3d - middle, np.float32(0))


@dataclass(frozen=True, slots=True, eq=False)
class PersonLabels:
    """What is known of a person. A part that is None is not labelled, or is not there.

    head_size: pixels, the length of the head that PCKh is measured by, where the set tells it.
    """

    body: PartLabels | None = None
    left_hand: PartLabels | None = None
    right_hand: PartLabels | None = None
    face: PartLabels | None = None
    head_size: float | None = None

    @classmethod
    def of(cls, parts: Mapping[str, PartLabels], head_size: float | None = None) -> PersonLabels:
        """A person with the parts that are given by their names."""
        return cls(**{name: parts.get(name) for name in PART_NAMES}, head_size=head_size)

    def parts(self) -> dict[str, PartLabels]:
        """The parts that are labelled, by their name in messages and files."""
        named = {name: getattr(self, name) for name in PART_NAMES}
        return {name: labels for name, labels in named.items() if labels is not None}


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture and what its dataset says of it.

    name: of the picture, unique in its dataset.
    source: where the pixels are.
    people: those who are labelled.
    labelled: the parts that this picture has labels for. Whatever shows such a part is labelled here or lies
        in `ignored`, so the rest of the picture is free of it, but for those that are `incomplete`. Of other
        parts nothing is said: a proposal for them is neither right nor wrong.
    ignored: by part, [N, 4] float32 boxes (x1, y1, x2, y2, pixels) around what shows the part but has no
        usable joints: crowds, people too small to label.
    intrinsics: of the camera, where the set tells them; labels in 3D are then in its frame.
    shown: [4] float32, x1, y1, x2, y2, edges of what was photographed; padding lies beyond. None: all was.
    incomplete: of `labelled`, the parts of which there may be more than is labelled or ignored, such as other
        people behind the one who is labelled. Of what lies beside those who are, nothing is said.
    """

    name: str
    source: PictureSource
    people: tuple[PersonLabels, ...] = ()
    labelled: frozenset[Part] = frozenset()
    ignored: Mapping[Part, np.ndarray] = field(default_factory=dict)
    intrinsics: Intrinsics | None = None
    shown: np.ndarray | None = None
    incomplete: frozenset[Part] = frozenset()

    def instances(self, part: Part) -> Iterator[tuple[Side | None, PartLabels]]:
        """All labelled bodies, hands or faces, hands with their side."""
        for person in self.people:
            for name, labels in person.parts().items():
                if PART_NAMES[name] is part:
                    yield HAND_SIDES.get(name), labels

    def ignored_boxes(self, part: Part) -> np.ndarray:
        """[N, 4] float32."""
        return self.ignored.get(part, np.zeros((0, 4), np.float32))

    def ignored_within(self, part: Part, photographed: Photographed) -> np.ndarray:
        """The ignored boxes of a part, and if it is incomplete, what lies beside its labels: [N, 4] float32.

        Not all of the picture: that a box shows too little or too much of somebody who is labelled is known,
        and without any background in a set a network that is trained on it would see people everywhere.
        """
        told = self.ignored_boxes(part)
        if part not in self.labelled & self.incomplete:
            return told
        boxes = [photographed.box_of(labels) for _, labels in self.instances(part)]
        return np.concatenate([told, photographed.beside(np.array(boxes).reshape(-1, 4))])

    def photographed(self, width: int, height: int) -> Photographed:
        """What was photographed of a picture of that size."""
        edges = picture_edges(width, height)
        if self.shown is not None:
            edges = np.clip(self.shown, np.tile(edges[:2], 2), np.tile(edges[2:], 2))
        return Photographed(edges[:2] + 0.5, edges[2:] - edges[:2])


@dataclass(frozen=True, slots=True, eq=False)
class Photographed:
    """A rectangle of a picture, beyond which nothing is seen.

    origin: [2], pixels: of the middle of its top left pixel.
    size: [2], pixels: width and height.
    """

    origin: np.ndarray
    size: np.ndarray

    def contains(self, points: np.ndarray) -> np.ndarray:
        """[...] bool, which of the points [..., 2] lie in it."""
        return in_picture(points - self.origin, *self.size)

    def box_of(self, labels: PartLabels) -> np.ndarray:
        """What `PartLabels.box` says of the rectangle: [4] float32, pixels of the picture."""
        points = labels.keypoints_2d[labels.known_2d] - self.origin
        return (box_around(points, *self.size) + np.tile(self.origin, 2)).astype(np.float32)

    def beside(self, boxes: np.ndarray) -> np.ndarray:
        """What lies left and right of all boxes [N, 4], above and below them: [M, 4] float32, M up to 4.

        All of the rectangle if none of the boxes has an extent.
        """
        (x1, y1), (x2, y2) = self.origin - 0.5, self.origin + self.size - 0.5
        inside = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
        if not len(inside):
            return np.array([[x1, y1, x2, y2]], np.float32)
        (left, top), (right, bottom) = inside[:, :2].min(axis=0), inside[:, 2:].max(axis=0)
        sides = [[x1, y1, left, y2], [right, y1, x2, y2], [x1, y1, x2, top], [x1, bottom, x2, y2]]
        found = np.array(sides, np.float32)
        return found[(found[:, 2:] > found[:, :2]).all(axis=1)]


def picture_edges(width: int, height: int) -> np.ndarray:
    """[4] float32, x1, y1, x2, y2: a picture's edges, half a pixel beyond the middles of its outer pixels."""
    return np.array([-0.5, -0.5, width - 0.5, height - 0.5], np.float32)


def cut_to_picture(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """As much of boxes [..., 4] as is in a picture; what lies beyond it becomes a line at its edge."""
    return np.clip(boxes, 0, (width - 1, height - 1) * 2)


def in_picture(points: np.ndarray, width: float, height: float) -> np.ndarray:
    """[...] bool, which of the points [..., 2] lie in a picture of that size."""
    return np.asarray(((points >= -0.5) & (points < np.array([width, height]) - 0.5)).all(axis=-1))


def known_inside(labels: PartLabels, width: int, height: int) -> PartLabels:
    """Labels whose joints outside of a picture of that size are not known in it; 3D stays."""
    inside = in_picture(labels.keypoints_2d, width, height)
    known = labels.known_2d & inside
    return replace(
        labels,
        keypoints_2d=np.where(known[:, None], labels.keypoints_2d, np.float32(0)),
        known_2d=known,
        visible=labels.visible & inside,
    )


def box_around(points: np.ndarray, width: float, height: float, margin: float = BOX_MARGIN) -> np.ndarray:
    """The box around points [N, 2], widened by `margin` of its size on each side and cut to the picture.

    Returns:
        [4] float32, x1, y1, x2, y2; zero without points.
    """
    if not len(points):
        return np.zeros(4, np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    border = margin * (high - low)
    last = np.array([width - 1, height - 1])
    return np.concatenate([np.maximum(low - border, 0), np.minimum(high + border, last)]).astype(np.float32)


def _known_or_zero(keypoints: np.ndarray, known: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    keypoints = np.asarray(keypoints, np.float32)
    finite = np.isfinite(keypoints).all(axis=1)
    mask = finite if known is None else finite & np.asarray(known, bool)
    return np.where(mask[:, None], keypoints, np.float32(0)), mask


def reorder(values: np.ndarray, names: Mapping[str, str], order: tuple[str, ...], part: Part) -> np.ndarray:
    """Rows of a dataset's joints in this package's order.

    Args:
        values: [M, ...], a row for each of `order`.
        names: the dataset's name of each joint of ours that it has.
        order: the dataset's names, in its order.

    Returns:
        [J, ...] float32, NaN for joints that the dataset does not have.
    """
    rows = np.full((len(SKELETONS[part]), *values.shape[1:]), np.nan, np.float32)
    for ours, theirs in names.items():
        rows[SKELETONS[part].index(ours)] = values[order.index(theirs)]
    return rows
