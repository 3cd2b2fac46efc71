# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What flows through the pipeline: proposals, then poses of parts, then people.

All are frozen; a stage returns new ones. Each is equal to itself only: arrays have no single truth value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dope_ros.skeleton import Part, Side


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """What the network says of one part: a pose for each box and anchor pose.

    boxes: [N, 4] float32, x1, y1, x2, y2 in pixels.
    scores: [N, K + 1] float32, softmaxed, 0 is the background, then the K anchor-pose classes.
    poses_2d: [N, K, J, 2] float32, pixels, x right, y down.
    poses_3d: [N, K, J, 3] float32, metres, optical axes, relative to the part's own root.
    """

    boxes: np.ndarray
    scores: np.ndarray
    poses_2d: np.ndarray
    poses_3d: np.ndarray

    def scoring(self, least: float) -> Proposals:
        """Those of which a class, not the background, has a score of at least `least`, in their order."""
        rows = np.flatnonzero((self.scores[:, 1:] >= least).any(axis=1))
        return Proposals(self.boxes[rows], self.scores[rows], self.poses_2d[rows], self.poses_3d[rows])


@dataclass(frozen=True, slots=True, eq=False)
class PartPose:
    """One detected body, hand or face.

    score: a sum of proposal scores after pose proposals integration, raised where other parts of the person
        vouch for it, so it can exceed 1.
    keypoints_2d: [J, 2] float32, pixels, x right, y down.
    keypoints_3d: [J, 3] float32, metres, optical axes (x right, y down, z forward); relative to the
        part's own root until `geometry.place` puts it into the camera frame.
    side: which hand the network takes it for; None for bodies and faces.
    """

    score: float
    keypoints_2d: np.ndarray
    keypoints_3d: np.ndarray
    side: Side | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A person: a body with what was attached to it, or a lone hand or face.

    root: [3] float32, metres, camera optical frame: mid-hips of the body, or the mean of the joints
        of a person without a body. None before placement.
    metric: whether the position comes from the camera's intrinsics. False means an assumed field of
        view and a nominal depth.
    depth_measured: whether the distance is that of a depth image. False means that it follows from the
        body's size, or is nominal.
    size_measured: whether the body's size follows from a depth image, this picture's or an earlier one of the
        same person. False means that it is the one that the network sees, or what is expected of it.
    root_covariance: [3, 3] float64, square metres, of the root. None where the position is not metric.
    """

    id: int
    body: PartPose | None = None
    left_hand: PartPose | None = None
    right_hand: PartPose | None = None
    face: PartPose | None = None
    root: np.ndarray | None = None
    metric: bool = False
    depth_measured: bool = False
    size_measured: bool = False
    root_covariance: np.ndarray | None = None

    def parts(self) -> dict[str, PartPose]:
        """The parts that were seen, by their name in messages and files."""
        named = {
            "body": self.body,
            "left_hand": self.left_hand,
            "right_hand": self.right_hand,
            "face": self.face,
        }
        return {name: pose for name, pose in named.items() if pose is not None}

    @property
    def score(self) -> float:
        """The body's score, or that of the only part of a person without a body; it can exceed 1."""
        return next(iter(self.parts().values())).score


PART_NAMES: dict[str, Part] = {
    "body": Part.BODY,
    "left_hand": Part.HAND,
    "right_hand": Part.HAND,
    "face": Part.FACE,
}
"""The parts of a person by their name in messages and files, and what kind each is."""

HAND_SIDES: dict[str, Side] = {"left_hand": Side.LEFT, "right_hand": Side.RIGHT}
"""Of those parts that have one, the side."""
