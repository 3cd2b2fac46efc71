# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People of known shape in front of a known camera, for tests of what turns proposals into people.

Frames are optical: x right, y down, z forward, in metres. The people face the camera, so that their right
side is on the left of the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import settings

from dope_ros.geometry import Intrinsics
from dope_ros.poses import PART_NAMES, PartPose, Person, Proposals
from dope_ros.settings import AnchorClasses
from dope_ros.skeleton import (
    ELBOW,
    FACE_FEATURES,
    FACE_JOINTS,
    HEAD,
    LEFT_HIP,
    RIGHT_HIP,
    SKELETONS,
    WRIST,
    Part,
    Side,
)

HEIGHT, WIDTH = 480, 640
CAMERA = Intrinsics(fx=520.0, fy=510.0, cx=322.0, cy=236.0)

HANDS = {"right_hand": Side.RIGHT, "left_hand": Side.LEFT}

light = settings(max_examples=30)
"""For property tests: modest, and no limit on the time of an example, for that is the machine's matter."""

SHAPE = {
    "right_ankle": (-0.12, 0.85, 0.05),
    "left_ankle": (0.12, 0.85, -0.05),
    "right_knee": (-0.13, 0.45, -0.02),
    "left_knee": (0.12, 0.44, -0.08),
    "right_hip": (-0.10, 0.0, 0.0),
    "left_hip": (0.10, 0.0, 0.0),
    "right_wrist": (-0.58, -0.25, -0.15),
    "left_wrist": (0.52, -0.10, -0.25),
    "right_elbow": (-0.38, -0.30, 0.05),
    "left_elbow": (0.36, -0.22, 0.0),
    "right_shoulder": (-0.19, -0.48, 0.02),
    "left_shoulder": (0.19, -0.48, 0.0),
    "head": (0.0, -0.70, -0.05),
}
"""A standing body with its arms spread, from the middle of its hips."""


def standing(
    at: Sequence[float] = (0.0, 0.0, 3.0),
    score: float = 0.875,
    turn: float = 0.0,
    parts: Iterable[str] = PART_NAMES,
) -> Person:
    """A person in the camera frame, its 2D the exact projection of its 3D.

    Args:
        at: where the middle of the hips is.
        turn: about the vertical axis, radians.
        parts: those that are seen, by name.
    """
    joints = _turned(np.array([SHAPE[name] for name in SKELETONS[Part.BODY].joints]), turn) + at
    shapes = {"body": joints, "face": joints[HEAD] + _turned(_face(), turn)}
    for name, side in HANDS.items():
        forearm = joints[WRIST[side]] - joints[ELBOW[side]]
        shapes[name] = joints[WRIST[side]] + hand_shape(side, forearm)
    poses = {name: pose_of(shapes[name], score, HANDS.get(name)) for name in parts}
    return Person(0, **poses, root=joints[[RIGHT_HIP, LEFT_HIP]].mean(axis=0), metric=True)


def hand_shape(side: Side, forearm: Sequence[float]) -> np.ndarray:
    """An open hand, 18 cm long, that points along the forearm: [21, 3] from its wrist."""
    along = forearm / np.linalg.norm(forearm)
    across = np.cross(along, (0.0, 0.0, 1.0))
    across *= (1 if side is Side.RIGHT else -1) / np.linalg.norm(across)
    reaches = (0.09, 0.12, 0.15, 0.18)  # of a finger's base and its three joints
    fan = [[(reach, 0.2 * reach * (finger - 2), 0.01 * finger) for reach in reaches] for finger in range(5)]
    bases, joints = [finger[0] for finger in fan], [joint for finger in fan for joint in finger[1:]]
    return np.array([(0, 0, 0), *bases, *joints]) @ np.stack([along, across, np.cross(along, across)])


def pose_of(joints: np.ndarray, score: float = 0.875, side: Side | None = None) -> PartPose:
    """A pose whose 2D is the projection of its 3D [J, 3] in the camera frame."""
    return PartPose(score, project(joints).astype(np.float32), joints.astype(np.float32), side)


def project(points: np.ndarray, camera: Intrinsics = CAMERA) -> np.ndarray:
    """Points [..., 3] of the camera frame to pixels [..., 2]."""
    return points[..., :2] / points[..., 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)


def seen(person: Person) -> Person:
    """The person as the network sees it: each part in 3D relative to the mean of its own joints."""
    parts = {name: _from_its_mean(pose) for name, pose in person.parts().items()}
    return replace(person, **parts, root=None, metric=False)


def detections(people: Iterable[Person]) -> tuple[list[PartPose], list[PartPose], list[PartPose]]:
    """Bodies, hands and faces that are seen of `people`."""
    named = [item for person in people for item in seen(person).parts().items()]
    of_part = {part: [pose for name, pose in named if PART_NAMES[name] is part] for part in Part}
    return of_part[Part.BODY], of_part[Part.HAND], of_part[Part.FACE]


def moved(pose: PartPose, pixels: Sequence[float]) -> PartPose:
    """The pose elsewhere in the picture."""
    return replace(pose, keypoints_2d=pose.keypoints_2d + np.float32(pixels))


def scaled(pose: PartPose, scale: float) -> PartPose:
    """The pose in a picture `scale` times as large."""
    return replace(pose, keypoints_2d=pose.keypoints_2d * np.float32(scale))


def with_pixels(person: Person, pixels: Mapping[str, np.ndarray]) -> Person:
    """The person with other 2D in the parts that are named."""
    parts = {
        name: replace(person.parts()[name], keypoints_2d=values.astype(np.float32))
        for name, values in pixels.items()
    }
    return replace(person, **parts)


def flipped(pose: PartPose, part: Part) -> PartPose:
    """What is seen of a pose when the picture is flipped: a hand's side and the joints of both sides swap."""
    order = SKELETONS[part].mirrored
    return replace(
        pose,
        keypoints_2d=(np.float32([WIDTH, 0]) + pose.keypoints_2d * np.float32([-1, 1]))[order],
        keypoints_3d=(pose.keypoints_3d * np.float32([-1, 1, 1]))[order],
        side=None if pose.side is None else pose.side.other,
    )


def identity(pose: PartPose | None) -> tuple:
    """What tells a pose from others, to be compared and sorted."""
    if pose is None:
        return ()
    return (pose.score, str(pose.side), pose.keypoints_2d.tobytes(), pose.keypoints_3d.tobytes())


def random_proposals(rng: np.random.Generator, part: Part, anchors: AnchorClasses, count: int) -> Proposals:
    """Proposals in a few clusters, alike within each as a network's are, every score a different one."""
    joints, classes = len(SKELETONS[part]), anchors.count
    clusters = 3
    middles, sizes = rng.uniform(100, 400, (clusters, 1, 2)), rng.uniform(40, 120, (clusters, 1, 1))
    shapes_2d = middles + sizes * rng.uniform(-0.5, 0.5, (clusters, joints, 2))
    shapes_3d = rng.normal(0, 0.3, (clusters, joints, 3))
    of = rng.integers(clusters, size=count)
    poses_2d = shapes_2d[of][:, None] + rng.normal(0, 4, (count, classes, joints, 2))
    poses_3d = shapes_3d[of][:, None] + rng.normal(0, 0.15, (count, classes, 1, 3))
    boxes = np.concatenate([poses_2d.min(axis=(1, 2)), poses_2d.max(axis=(1, 2))], axis=1)
    scores = rng.dirichlet(np.full(classes + 1, 0.3), count)
    return Proposals(*(array.astype(np.float32) for array in (boxes, scores, poses_2d, poses_3d)))


def rows(proposals: Proposals, index: np.ndarray) -> Proposals:
    """Some of the proposals, or all in another order."""
    return Proposals(
        proposals.boxes[index], proposals.scores[index], proposals.poses_2d[index], proposals.poses_3d[index]
    )


def assert_same_poses(found: Sequence[PartPose], expected: Sequence[PartPose], tolerance: float) -> None:
    """The same poses in the same order, to `tolerance` in score, pixels and metres."""
    assert len(found) == len(expected)
    for pose, other in zip(found, expected, strict=True):
        assert pose.side == other.side
        np.testing.assert_allclose(pose.score, other.score, rtol=0, atol=tolerance)
        np.testing.assert_allclose(pose.keypoints_2d, other.keypoints_2d, rtol=0, atol=tolerance)
        np.testing.assert_allclose(pose.keypoints_3d, other.keypoints_3d, rtol=0, atol=tolerance)


def _turned(points: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])


def _from_its_mean(pose: PartPose) -> PartPose:
    return replace(pose, keypoints_3d=pose.keypoints_3d - pose.keypoints_3d.mean(axis=0))


def _face() -> np.ndarray:
    """Landmarks on ovals about a head's middle, their mean depth zero: [84, 3]."""
    ovals = {  # middle, half width, half height, from angle to angle (0 is the right of the picture)
        "contour": ((0, 0), 0.07, 0.1, np.pi, 0.0),
        "right_brow": ((-0.035, -0.045), 0.02, 0.008, -np.pi, 0.0),
        "left_brow": ((0.035, -0.045), 0.02, 0.008, -np.pi, 0.0),
        "nose_bridge": ((0, -0.01), 0.0, 0.03, -np.pi / 2, np.pi / 2),
        "nose_base": ((0, 0.025), 0.015, 0.005, np.pi, 0.0),
        "right_eye": ((-0.035, -0.025), 0.015, 0.006, -np.pi, np.pi * 2 / 3),
        "left_eye": ((0.035, -0.025), 0.015, 0.006, -np.pi, np.pi * 2 / 3),
        "outer_lips": ((0, 0.055), 0.025, 0.012, -np.pi, np.pi * 5 / 6),
        "inner_lips": ((0, 0.055), 0.018, 0.006, -np.pi, np.pi * 3 / 4),
    }
    landmarks = np.zeros((len(FACE_JOINTS), 3))
    for name, (middle, half_width, half_height, start, end) in ovals.items():
        angles = np.linspace(start, end, len(FACE_FEATURES[name]))
        outline = np.stack([np.cos(angles) * half_width, np.sin(angles) * half_height], axis=1)
        landmarks[list(FACE_FEATURES[name]), :2] = middle + outline
    landmarks[:, 2] = 5 * (landmarks[:, :2] ** 2).sum(axis=1)  # the cheeks lie behind the nose
    landmarks[:, 2] -= landmarks[:, 2].mean()
    return landmarks
