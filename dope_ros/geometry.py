# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Places people in the camera frame, in metres.

The frame is the optical one of REP-103: x right, y down, z forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dope_ros.poses import PartPose, Person
from dope_ros.skeleton import HAND_WRIST, HEAD, LEFT_HIP, RIGHT_HIP, WRIST, Side

REWEIGHTINGS = 5
"""Rounds of the robust fit; the weights of an outlier are negligible after three."""

NEAREST = 0.05
"""Metres. Nothing of a person that is seen lies nearer to the camera; a fit that says so has failed."""

FARTHEST = 1000.0
"""Metres. Joints that fall onto one pixel would be further off; they say nothing of the depth."""


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera without distortion, in pixels: u = fx x / z + cx, v = fy y / z + cy."""

    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def assumed(cls, width: int, height: int, horizontal_fov_deg: float) -> Intrinsics:
        """A camera that looks through the middle of the picture with an assumed field of view."""
        focal = width / 2 / np.tan(np.deg2rad(horizontal_fov_deg) / 2)
        return cls(focal, focal, width / 2, height / 2)

    def normalise(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] to the plane at z = 1: [..., 2] float64."""
        return (np.asarray(pixels, np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)


def place(people: Sequence[Person], intrinsics: Intrinsics, nominal_depth: float) -> list[Person]:
    """Put people where their 3D joints project onto their 2D joints.

    Each body, and each hand or face without a body, gets the translation of `fit_translations`. Hands and
    faces of a body keep their own scale and orientation: wrist meets wrist, and a face lies at the depth
    of the head, as far beside the head joint as it is seen there.

    Args:
        people: 2D in pixels of the picture that `intrinsics` describe, 3D relative to the parts' own roots.
        nominal_depth: metres, for a person whose joints allow no position in front of the camera.

    Returns:
        The same people in the camera frame. `metric` is true, but for those at the nominal depth.
    """
    return _placed(people, intrinsics, nominal_depth, fit_translations)


def place_nominally(people: Sequence[Person], intrinsics: Intrinsics, nominal_depth: float) -> list[Person]:
    """Put people at a nominal depth, each on the line of sight on which it is seen.

    For cameras without known intrinsics: `intrinsics` are assumed ones, and `metric` is false throughout.
    """
    return _placed(people, intrinsics, nominal_depth, _no_translations)


def fit_translations(poses_3d: np.ndarray, sightlines: np.ndarray) -> np.ndarray:
    """The translations that make 3D joints project onto the 2D joints.

    Linear least squares in closed form, two equations a joint for three unknowns: x + tx = u (z + tz) and
    likewise for v; reweighted so that it is the error in the picture that counts, and outliers do not.

    Args:
        poses_3d: [P, J, 3], metres.
        sightlines: [P, J, 2], the 2D joints on the plane at z = 1.

    Returns:
        [P, 3] float64, metres; NaN or infinite where the joints say nothing of the depth.
    """
    poses_3d = np.asarray(poses_3d, np.float64)
    translations = _weighted_translations(poses_3d, sightlines, _weights_near_the_middle(sightlines))
    for _ in range(REWEIGHTINGS):
        moved = poses_3d + translations[:, None]
        depths = np.maximum(np.abs(moved[..., 2]), NEAREST)
        errors = np.linalg.norm(moved[..., :2] / depths[..., None] - sightlines, axis=-1)
        weights = _geman_mcclure(errors, 2) / depths**2
        translations = _weighted_translations(poses_3d, sightlines, weights)
    return translations


def _weights_near_the_middle(sightlines: np.ndarray) -> np.ndarray:
    """Weights to start with: a joint far from all others would else pull the first fit to itself for good."""
    from_middle = np.linalg.norm(sightlines - np.median(sightlines, axis=1, keepdims=True), axis=-1)
    return _geman_mcclure(from_middle, 3)


def _geman_mcclure(errors: np.ndarray, medians: float) -> np.ndarray:
    """Geman and McClure's weights [P, J], a quarter where an error is so many times the median."""
    scale = np.maximum(medians * np.median(errors, axis=1, keepdims=True), 1e-9)
    return 1 / (1 + (errors / scale) ** 2) ** 2


def _weighted_translations(poses_3d: np.ndarray, sightlines: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The normal equations, solved by hand: tx and ty eliminated, tz a ratio of (co)variances."""
    weights = weights[..., None] / weights.sum(axis=1)[:, None, None]
    offsets = sightlines * poses_3d[..., 2:] - poses_3d[..., :2]
    mean_sightline = (weights * sightlines).sum(axis=1)
    mean_offset = (weights * offsets).sum(axis=1)
    spread = sightlines - mean_sightline[:, None]
    covariance = (weights * spread * offsets).sum(axis=(1, 2))
    variance = (weights * spread**2).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -covariance / variance
        across = mean_offset + depth[:, None] * mean_sightline
    return np.concatenate([across, depth[:, None]], axis=1)


def _no_translations(poses_3d: np.ndarray, sightlines: np.ndarray) -> np.ndarray:
    del sightlines
    return np.full((len(poses_3d), 3), np.nan)


def _translations_at_depth(poses_3d: np.ndarray, sightlines: np.ndarray, depth: float) -> np.ndarray:
    """What puts the mean joint at `depth` and the joints onto their lines of sight: [P, 3]."""
    forward = depth - poses_3d[..., 2].mean(axis=1)
    depths = poses_3d[..., 2] + forward[:, None]
    across = (sightlines * depths[..., None] - poses_3d[..., :2]).mean(axis=1)
    return np.concatenate([across, forward[:, None]], axis=1)


def _placed(
    people: Sequence[Person],
    intrinsics: Intrinsics,
    nominal_depth: float,
    fit: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> list[Person]:
    placed = list(people)
    leading = [next(iter(person.parts().values())) for person in people]
    for indices in _alike([len(pose.keypoints_3d) for pose in leading]):
        poses_3d = np.stack([leading[i].keypoints_3d for i in indices]).astype(np.float64)
        sightlines = intrinsics.normalise(np.stack([leading[i].keypoints_2d for i in indices]))
        fitted = fit(poses_3d, sightlines)
        nearest = (poses_3d[..., 2] + fitted[:, 2:]).min(axis=1)
        metric = np.isfinite(fitted).all(axis=1) & (nearest > NEAREST) & (fitted[:, 2] < FARTHEST)
        nominal = _translations_at_depth(poses_3d, sightlines, nominal_depth)
        translations = np.where(metric[:, None], fitted, nominal)
        for i, translation, is_metric in zip(indices, translations, metric, strict=True):
            placed[i] = _moved(people[i], translation, bool(is_metric))
    return placed


def _alike(keys: Sequence[int]) -> Iterator[list[int]]:
    """Indices of equal keys, together."""
    for key in sorted(set(keys)):
        yield [index for index, other in enumerate(keys) if other == key]


def _moved(person: Person, translation: np.ndarray, metric: bool) -> Person:
    """A person with its leading part moved by `translation`, and the others attached to it."""
    if person.body is None:
        name, part = next(iter(person.parts().items()))
        moved = _shifted(part, translation)
        alone: dict[str, Any] = {name: moved}
        return replace(person, root=moved.keypoints_3d.mean(axis=0), metric=metric, **alone)
    body = _shifted(person.body, translation)
    return replace(
        person,
        body=body,
        right_hand=_at_wrist(person.right_hand, body, Side.RIGHT),
        left_hand=_at_wrist(person.left_hand, body, Side.LEFT),
        face=_at_head(person.face, body),
        root=body.keypoints_3d[[RIGHT_HIP, LEFT_HIP]].mean(axis=0),
        metric=metric,
    )


def _at_wrist(hand: PartPose | None, body: PartPose, side: Side) -> PartPose | None:
    if hand is None:
        return None
    return _shifted(hand, body.keypoints_3d[WRIST[side]] - hand.keypoints_3d[HAND_WRIST])


def _at_head(face: PartPose | None, body: PartPose) -> PartPose | None:
    """A face at the head's depth, as far beside the head joint as it is seen, at the body's own scale."""
    if face is None:
        return None
    pixels = (face.keypoints_2d - body.keypoints_2d[HEAD]).mean(axis=0)
    beside = np.append(pixels * _metres_per_pixel(body), 0)
    return _shifted(face, body.keypoints_3d[HEAD] + beside - face.keypoints_3d.mean(axis=0))


def _metres_per_pixel(pose: PartPose) -> float:
    """From the spread of the joints across the optical axis and in the picture."""
    metres, pixels = pose.keypoints_3d[:, :2].std(axis=0), pose.keypoints_2d.std(axis=0)
    return float(np.linalg.norm(metres) / np.maximum(np.linalg.norm(pixels), 1.0))


def _shifted(pose: PartPose, translation: np.ndarray) -> PartPose:
    return replace(pose, keypoints_3d=(pose.keypoints_3d + translation).astype(np.float32))
