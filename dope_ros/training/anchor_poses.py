# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Anchor poses: what classes stand for and regression starts from (LCR-Net++, section 3.2; DOPE, 3.1).

They are the centres of clusters of 3D poses. Bodies have ten for whole bodies and ten for upper bodies,
seen down to the hips in a box of their own; hands have five for right hands, found among right hands and
mirrored left ones, and their mirror images for left hands; faces have ten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from scipy.cluster.vq import ClusterError, kmeans2

from dope_ros.errors import DatasetError, ModelError
from dope_ros.files import replaced_whole
from dope_ros.network.config import PUBLISHED
from dope_ros.settings import AnchorClasses
from dope_ros.skeleton import LOWER_BODY, SKELETONS, Part, Side
from dope_ros.training.datasets.label_transforms import mirrored_part
from dope_ros.training.datasets.labels import BOX_MARGIN, PartLabels, Sample

ANCHOR_CLASSES: Mapping[Part, AnchorClasses] = PUBLISHED.anchors
"""The paper's numbers of classes."""

RESTARTS = 8
"""K-means from so many random starts, of which the best result stays."""

ROUNDS = 60
"""Of K-means, after which clusters of poses hardly move."""

UPPER_BODY = tuple(joint for joint in range(len(SKELETONS[Part.BODY])) if joint not in LOWER_BODY)


@dataclass(frozen=True)
class AnchorPoses:
    """The anchor poses of all parts.

    poses: by part, [K, J, 5] float32: x, y in sizes of the box from its top left corner, then x, y, z in
        metres on optical axes, about the mean of the joints.
    classes: what the K classes of each part mean.
    """

    poses: Mapping[Part, np.ndarray]
    classes: Mapping[Part, AnchorClasses] = field(default_factory=lambda: dict(ANCHOR_CLASSES))

    def save(self, path: Path) -> None:
        """Write them, as `<part>_anchor_poses` and the beginnings of upper bodies and left hands."""
        arrays: dict[str, Any] = {f"{part.value}_anchor_poses": poses for part, poses in self.poses.items()}
        hand, body = self.classes[Part.HAND].left_from, self.classes[Part.BODY].upper_body_from
        with replaced_whole(path) as partial, partial.open("wb") as file:
            np.savez(file, **arrays, hand_left_from=np.array(hand), body_upper_from=np.array(body))


def load_anchor_poses(path: Path) -> AnchorPoses:
    """Read what `AnchorPoses.save` wrote.

    Raises:
        ModelError: the file is missing or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            poses = {part: arrays[f"{part.value}_anchor_poses"] for part in Part}
            left_from, upper_from = int(arrays["hand_left_from"]), int(arrays["body_upper_from"])
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    except (KeyError, ValueError, EOFError, BadZipFile) as error:
        raise ModelError(f"{path}: not anchor poses: {error}. Make them with `dope anchors`.") from error
    for part, array in poses.items():
        if array.ndim != 3 or array.shape[1:] != (len(SKELETONS[part]), 5):
            raise ModelError(f"{path}: anchor poses of the {part.value} are {list(array.shape)}")
    classes = {
        Part.BODY: AnchorClasses(len(poses[Part.BODY]), upper_body_from=upper_from),
        Part.HAND: AnchorClasses(len(poses[Part.HAND]), left_from=left_from),
        Part.FACE: AnchorClasses(len(poses[Part.FACE])),
    }
    return AnchorPoses(poses, classes)


KINDS = ("whole body", "upper body", "right hand", "face")
"""Anchor poses are found for each; those of left hands are mirror images of the right ones."""


def collect(samples: Iterable[Sample], limit: int) -> dict[str, np.ndarray]:
    """Whole 3D poses of samples, by kind; left hands mirrored.

    Args:
        limit: poses of a kind that are enough; no more samples are read once every kind has them.

    Returns:
        For each of `KINDS` [P, J, 5] float32, in the form of anchor poses; P is 0 where there are none.
    """
    poses: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    counts: Counter[str] = Counter()
    for sample in samples:
        if all(counts[kind] >= limit for kind in KINDS):
            break
        for kind, pose in _poses_of(sample):
            if counts[kind] < limit:
                poses[kind].append(pose)
                counts[kind] += 1
    return {kind: _stacked(found, kind) for kind, found in poses.items()}


def _poses_of(sample: Sample) -> Iterable[tuple[str, np.ndarray]]:
    for _, labels in sample.instances(Part.BODY):
        yield from _as_anchor("whole body", labels, range(len(SKELETONS[Part.BODY])))
        yield from _as_anchor("upper body", labels, UPPER_BODY)
    for side, labels in sample.instances(Part.HAND):
        hand = mirrored_part(labels, Part.HAND, 0) if side is Side.LEFT else labels
        yield from _as_anchor("right hand", hand, range(len(SKELETONS[Part.HAND])))
    for _, labels in sample.instances(Part.FACE):
        yield from _as_anchor("face", labels, range(len(SKELETONS[Part.FACE])))


def _as_anchor(kind: str, labels: PartLabels, boxed: Iterable[int]) -> Iterable[tuple[str, np.ndarray]]:
    """A wholly known pose as [J, 5], its 2D in the box around the joints `boxed`; else nothing."""
    points_3d = labels.relative_3d()
    if points_3d is None or not (labels.known_2d.all() and labels.known_3d.all()):
        return
    inside = labels.keypoints_2d[list(boxed)]
    low, high = inside.min(axis=0), inside.max(axis=0)
    extent = np.maximum(high - low, 1e-3)
    points_2d = (labels.keypoints_2d - (low - BOX_MARGIN * extent)) / (extent * (1 + 2 * BOX_MARGIN))
    yield kind, np.concatenate([points_2d, points_3d], axis=1).astype(np.float32)


def _stacked(poses: list[np.ndarray], kind: str) -> np.ndarray:
    joints = {"right hand": Part.HAND, "face": Part.FACE}.get(kind, Part.BODY)
    return np.array(poses, np.float32).reshape(-1, len(SKELETONS[joints]), 5)


def find_anchor_poses(collected: Mapping[str, np.ndarray], seed: int = 0) -> AnchorPoses:
    """Cluster poses, as `collect` gives them, into anchor poses, the most frequent first within each kind.

    Raises:
        DatasetError: there are too few poses of a kind.
    """
    body, hand, face = (ANCHOR_CLASSES[part] for part in (Part.BODY, Part.HAND, Part.FACE))
    assert body.upper_body_from is not None
    assert hand.left_from is not None
    whole = _clustered(collected, "whole body", body.upper_body_from, range(len(SKELETONS[Part.BODY])), seed)
    upper = _clustered(collected, "upper body", body.count - body.upper_body_from, UPPER_BODY, seed)
    right = _clustered(collected, "right hand", hand.left_from, range(len(SKELETONS[Part.HAND])), seed)
    faces = _clustered(collected, "face", face.count, range(len(SKELETONS[Part.FACE])), seed)
    poses = {
        Part.BODY: np.concatenate([whole, upper]),
        Part.HAND: np.concatenate([right, mirrored(right)]),
        Part.FACE: faces,
    }
    return AnchorPoses(poses)


def mirrored(hands: np.ndarray) -> np.ndarray:
    """Anchor poses of the other hand, [K, 21, 5]."""
    return hands * np.array([-1, 1, -1, 1, 1], np.float32) + np.array([1, 0, 0, 0, 0], np.float32)


def _clustered(
    collected: Mapping[str, np.ndarray], kind: str, count: int, joints: Iterable[int], seed: int
) -> np.ndarray:
    """[count, J, 5]: the means of clusters in the 3D space of `joints`."""
    poses = collected[kind]
    if len(poses) < count:
        raise DatasetError(
            f"kind '{kind}': {len(poses)} poses have all joints in 2D and 3D, too few for {count} anchor "
            f"poses. Add a dataset with 3D labels of it."
        )
    points_3d = poses[:, list(joints), 2:].astype(np.float64)
    features = (points_3d - points_3d.mean(axis=1, keepdims=True)).reshape(len(poses), -1)
    labels = best_clustering(features, count, seed)
    by_size = [cluster for cluster, _ in Counter(labels.tolist()).most_common()]
    return np.stack([poses[labels == cluster].mean(axis=0) for cluster in by_size])


def best_clustering(features: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The cluster of each row of `features` [P, D] by K-means, the best of several starts: [P] int.

    Raises:
        DatasetError: the rows do not make `count` clusters, for too many are alike.
    """
    if len(np.unique(features, axis=0)) < count:
        raise DatasetError(f"the {len(features)} poses do not make {count} clusters: too many are alike")
    best: tuple[float, np.ndarray] | None = None
    for restart in range(RESTARTS):
        rng = np.random.default_rng((seed, restart))
        try:
            centres, labels = kmeans2(features, count, iter=ROUNDS, minit="++", missing="raise", seed=rng)
        except ClusterError:
            continue
        spread = float(((features - centres[labels]) ** 2).sum())
        if len(np.unique(labels)) == count and (best is None or spread < best[0]):
            best = spread, labels
    if best is None:
        raise DatasetError(f"K-means made no {count} clusters of {len(features)} poses in {RESTARTS} starts")
    return best[1]
