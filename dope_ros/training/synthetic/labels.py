# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels of a rendered picture: where the joints are, and which of them are seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import BODY_JOINTS, Side
from dope_ros.training.synthetic.camera import project
from dope_ros.training.synthetic.drawing import Drawing
from dope_ros.training.synthetic.format import PictureLabels, RenderedPartLabels, Visibility
from dope_ros.training.synthetic.people import PersonInView
from dope_ros.training.synthetic.segments import (
    Segment,
    body_joint_segments,
    hand_joint_segments,
)

_BODY_DEPTHS = {
    "ankle": 0.1,
    "knee": 0.12,
    "hip": 0.2,
    "wrist": 0.07,
    "elbow": 0.1,
    "shoulder": 0.16,
    "head": 0.2,
}
"""Metres from a joint to the skin and clothes before it, at most."""

BODY_DEPTHS = np.array([_BODY_DEPTHS[joint.split("_")[-1]] for joint in BODY_JOINTS])
HAND_DEPTH = 0.022
FACE_DEPTH = 0.012

_FACE_SEGMENTS = {int(Segment.HEAD)}


def label_picture(
    people: Sequence[PersonInView], drawing: Drawing, intrinsics: Intrinsics, size: int
) -> PictureLabels:
    """Labels of all people of a drawing, seen or not, in their order.

    Args:
        people: in the optical frame.
        drawing: of the whole scene; person p is the p-th owner in it.
        size: the picture's height and width in pixels.
    """
    around = body_joint_segments()
    bodies, faces = [], []
    hands: dict[Side, list[_Labels]] = {side: [] for side in Side}
    for owner, person in enumerate(people):
        look = _Look(owner, drawing, intrinsics, size)
        outline = np.concatenate([mesh.vertices[np.unique(mesh.triangles)] for mesh in person.meshes])
        bodies.append(look.at(person.joints.body, around, BODY_DEPTHS, outline))
        for side in Side:
            depths = np.full(len(person.joints.hands[side]), HAND_DEPTH)
            hand = look.at(person.joints.hands[side], hand_joint_segments(side), depths, person.hands[side])
            hands[side].append(hand)
        landmarks = person.joints.face
        segments = [_FACE_SEGMENTS] * len(landmarks)
        faces.append(look.at(landmarks, segments, np.full(len(landmarks), FACE_DEPTH), landmarks))
    return PictureLabels(
        width=size,
        height=size,
        intrinsics=intrinsics,
        bodies=_stacked(bodies, 13),
        hands={side: _stacked(hands[side], 21) for side in Side},
        faces=_stacked(faces, 84),
    )


_Labels = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""The fields of `RenderedPartLabels`, of one person."""


class _Look:
    """What a drawing shows of one person."""

    def __init__(self, owner: int, drawing: Drawing, intrinsics: Intrinsics, size: int) -> None:
        self._owner = owner
        self._drawing = drawing
        self._intrinsics = intrinsics
        self._size = size

    def at(
        self, joints: np.ndarray, segments: list[set[int]], depths: np.ndarray, outline: np.ndarray
    ) -> _Labels:
        """The labels of a part.

        Args:
            joints: [J, 3] metres, in the camera frame.
            segments: of each joint, on which segments of the drawing it may be seen.
            depths: [J] metres that a joint may lie behind what is seen there.
            outline: [N, 3] metres, what the box is drawn around.
        """
        pixels = project(joints, self._intrinsics)
        seen = self._visibility(joints, pixels, segments, depths)
        box = _box(project(outline, self._intrinsics))
        return pixels.astype(np.float32), joints.astype(np.float32), seen, box

    def _visibility(
        self, joints: np.ndarray, pixels: np.ndarray, segments: list[set[int]], depths: np.ndarray
    ) -> np.ndarray:
        """[J] uint8, `Visibility`."""
        inside = np.all((pixels >= 0) & (pixels < self._size), axis=1)
        where = np.where(inside[:, None], pixels, 0)
        owners, found, distance = self._drawing.look_up(where)
        meets = np.array([segment in allowed for segment, allowed in zip(found, segments, strict=True)])
        before = joints[:, 2] - distance
        shown = inside & (owners == self._owner) & meets & (before <= depths)
        shown &= before >= -np.minimum(depths, 0.03)
        visibility = np.where(inside, Visibility.HIDDEN, Visibility.OUTSIDE)
        return np.where(shown, Visibility.VISIBLE, visibility).astype(np.uint8)


def _box(pixels: np.ndarray) -> np.ndarray:
    """[4] float32 around pixels [N, 2], those behind the camera left out; NaN where none are left."""
    before = pixels[~np.isnan(pixels[:, 0])]
    if not len(before):
        return np.full(4, np.nan, np.float32)
    return np.concatenate([before.min(axis=0), before.max(axis=0)]).astype(np.float32)


def _stacked(parts: list[_Labels], joints: int) -> RenderedPartLabels:
    if not parts:
        return RenderedPartLabels(
            np.zeros((0, joints, 2), np.float32),
            np.zeros((0, joints, 3), np.float32),
            np.zeros((0, joints), np.uint8),
            np.zeros((0, 4), np.float32),
        )
    return RenderedPartLabels(*(np.stack(field) for field in zip(*parts, strict=True)))
