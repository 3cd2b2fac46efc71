# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Places people in the camera frame, in metres, by their joints in the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dope_ros.geometry.camera import Intrinsics
from dope_ros.geometry.size import BodySize, resized, size_deviation
from dope_ros.joint_arrays import (
    BODY_SLICE,
    FACE_SLICE,
    LEFT_HAND_SLICE,
    PART_SLICES,
    RIGHT_HAND_SLICE,
    JointArrays,
    lengths,
    with_joints,
)
from dope_ros.poses import PART_NAMES, Person
from dope_ros.skeleton import BODY, HAND_WRIST, HEAD, LEFT_HIP, LEFT_WRIST, RIGHT_HIP, RIGHT_WRIST

REWEIGHTINGS = 4
"""Rounds of the robust fit; the weights of an outlier are negligible after three."""

NEAREST = 0.05
"""Metres. Nothing of a person that is seen lies nearer to the camera; a fit that says so has failed."""

FARTHEST = 1000.0
"""Metres. Joints that fall onto one pixel would be further off; they say nothing of the depth."""

PIXEL_NOISE = 1.0
"""Pixels. No joint is found more exactly than that, however well a pose fits."""

WEIGHTED_SHARE = 0.665
"""The mean square of normal errors in the plane under Geman and McClure's weights, a quarter at two medians,
as a share of that without weights: the integral of w(x) x exp(-x) over that of w(x) exp(-x), where w(x) is
1 / (1 + x / (4 ln 2))^2."""

MID_HIPS_SHARE = 1 / 2 - 2 / len(BODY)
"""The variance of mid-hips in that of a joint, less what they share with the translation: of the joints whose
mean it is the translation takes the noise off, and the hips are two of these."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Where poses lie.

    translations: [P, 3] metres; NaN or infinite where the joints say nothing of the depth.
    covariances: [P, 3, 3] square metres, from the distances in the picture that remain.
    shape_variances: [P], of a joint of the 3D pose along each axis on the plane at z = 1: what remains in the
        picture and is more than the noise of joints in it.
    """

    translations: np.ndarray
    covariances: np.ndarray
    shape_variances: np.ndarray


FitFunction = Callable[[np.ndarray, np.ndarray, float], Fit]


def place(
    people: Sequence[Person],
    intrinsics: Intrinsics,
    nominal_depth: float,
    expected_size: BodySize | None = None,
) -> list[Person]:
    """Put people where their 3D joints project onto their 2D joints.

    Each body, and each hand or face without a body, gets the translation of `fit_translations`. Hands and
    faces of a body keep their orientation: wrist meets wrist, and a face lies at the depth of the head, as
    far beside the head joint as it is seen there.

    Args:
        people: 2D in pixels of the picture that `intrinsics` describe, 3D relative to the parts' own roots.
        nominal_depth: metres, for a person whose joints allow no position in front of the camera.
        expected_size: what is known of the people's sizes; None takes those that the network gives.

    Returns:
        The same people in the camera frame. `metric` is true and `root_covariance` is given, but for those
        at the nominal depth. The covariance is that of the fit, of the mid-hips in the body's shape, and of
        the body's size along the line of sight.
    """
    return _placed(people, intrinsics, nominal_depth, expected_size, fit_translations)


def place_nominally(
    people: Sequence[Person],
    intrinsics: Intrinsics,
    nominal_depth: float,
    expected_size: BodySize | None = None,
) -> list[Person]:
    """Put people at a nominal depth, each on the line of sight on which it is seen.

    For cameras without known intrinsics: `intrinsics` are assumed ones, and `metric` is false throughout.
    """
    return _placed(people, intrinsics, nominal_depth, expected_size, _no_fit)


def fit_translations(poses_3d: np.ndarray, sightlines: np.ndarray, pixel: float) -> Fit:
    """The translations that make 3D joints project onto the 2D joints.

    Linear least squares in closed form, two equations a joint for three unknowns: x + tx = u (z + tz) and
    likewise for v; reweighted so that it is the error in the picture that counts, and outliers do not.

    Args:
        poses_3d: [P, J, 3], metres.
        sightlines: [P, J, 2], the 2D joints on the plane at z = 1; NaN for joints that have none.
        pixel: the size of a pixel on that plane.
    """
    seen = np.isfinite(sightlines[..., 0])
    counts = seen.sum(axis=1)
    sightlines = np.where(seen[..., None], sightlines, 0.0)
    equations = NormalEquations.of(poses_3d, sightlines)
    translations = equations.solved(_weights_near_the_middle(sightlines, seen, counts))
    for _ in range(REWEIGHTINGS):
        depths, errors = _errors(poses_3d, sightlines, translations)
        weights = _geman_mcclure(np.where(seen, errors, np.inf), counts, 2)
        translations = equations.solved(weights / depths**2)
    depths, errors = _errors(poses_3d, sightlines, translations)
    noise = pixel * PIXEL_NOISE
    return Fit(
        translations,
        _covariances(sightlines, depths, errors, weights, noise),
        _shape_variances(errors, weights, counts, noise),
    )


@dataclass(frozen=True, slots=True)
class NormalEquations:
    """What of the least squares does not depend on the weights.

    terms: [P, 6, J]: for each joint the line of sight (from `middle`), the offset u z - x, their product and
        the square of the line of sight.
    middle: [P, 2], a line of sight amid those of the joints; sums about it keep their digits.
    """

    terms: np.ndarray
    middle: np.ndarray

    @classmethod
    def of(cls, poses_3d: np.ndarray, sightlines: np.ndarray) -> NormalEquations:
        """Of poses [P, J, 3] and their lines of sight [P, J, 2]."""
        middle = sightlines[:, sightlines.shape[1] // 2]
        lines = sightlines - middle[:, None]
        offsets = sightlines * poses_3d[..., 2:] - poses_3d[..., :2]
        products = np.einsum("pji,pji->pj", lines, offsets)
        squares = np.einsum("pji,pji->pj", lines, lines)
        terms = np.concatenate([lines, offsets, products[..., None], squares[..., None]], axis=2)
        return cls(np.ascontiguousarray(terms.swapaxes(1, 2)), middle)

    def solved(self, weights: np.ndarray) -> np.ndarray:
        """The translations [P, 3]: tx and ty eliminated, tz a ratio of a covariance and a variance."""
        means = (self.terms @ weights[..., None])[..., 0] / weights.sum(axis=1, keepdims=True)
        line, offset = means[:, :2], means[:, 2:4]
        covariance = means[:, 4] - (line * offset).sum(axis=1)
        variance = means[:, 5] - (line * line).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = (-covariance / variance)[:, None]
            return np.concatenate([offset + depth * (line + self.middle), depth], axis=1)


def _errors(
    poses_3d: np.ndarray, sightlines: np.ndarray, translations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Depths, and distances on the plane at z = 1, of each joint: twice [P, J]."""
    moved = poses_3d + translations[:, None]
    depths = np.maximum(np.abs(moved[..., 2]), NEAREST)
    return depths, lengths(moved[..., :2] / depths[..., None] - sightlines)


def _weights_near_the_middle(sightlines: np.ndarray, seen: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weights to start with: a joint far from all others would else pull the first fit to itself for good."""
    ordered = np.sort(np.where(seen[..., None], sightlines, np.inf), axis=1)
    middle = (_at_ranks(ordered, (counts - 1) // 2) + _at_ranks(ordered, counts // 2)) / 2
    return _geman_mcclure(np.where(seen, lengths(sightlines - middle), np.inf), counts, 3)


def _geman_mcclure(errors: np.ndarray, counts: np.ndarray, medians: float) -> np.ndarray:
    """Geman and McClure's weights [P, J], a quarter where an error is so many times the median.

    Args:
        errors: [P, J]; infinite for joints that are not seen, whose weight is 0 and which are no part of the
            median. Of a pose with no others the weights are NaN.
        counts: [P], how many joints are seen.
    """
    scale = np.maximum(medians * _at_ranks(np.sort(errors, axis=1), counts // 2), 1e-9)
    with np.errstate(invalid="ignore"):
        return 1 / (1 + (errors / scale) ** 2) ** 2


def _at_ranks(ordered: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Of ordered values [P, J, ...] those of the ranks [P]: [P, 1, ...]."""
    return ordered[np.arange(len(ranks)), ranks][:, None]


def _covariances(
    sightlines: np.ndarray, depths: np.ndarray, errors: np.ndarray, weights: np.ndarray, noise: float
) -> np.ndarray:
    """Of the translations: the noise of a joint, squared, times the inverse of the normal matrix."""
    equations = np.maximum(2 * weights.sum(axis=1) - 3, 1.0)
    variance = np.maximum((weights * errors**2).sum(axis=1) / equations, noise**2)
    information = weights / depths**2
    u, v = sightlines[..., 0], sightlines[..., 1]
    # The normal matrix is [[a, 0, -b], [0, a, -c], [-b, -c, d]]; its inverse is written out.
    a, b, c = information.sum(axis=1), (information * u).sum(axis=1), (information * v).sum(axis=1)
    d = (information * (u**2 + v**2)).sum(axis=1)
    inverse = np.empty((len(a), 3, 3))
    inverse[:, 0, 0], inverse[:, 1, 1], inverse[:, 2, 2] = a * d - c * c, a * d - b * b, a * a
    inverse[:, 0, 1] = inverse[:, 1, 0] = b * c
    inverse[:, 0, 2] = inverse[:, 2, 0] = a * b
    inverse[:, 1, 2] = inverse[:, 2, 1] = a * c
    with np.errstate(divide="ignore", invalid="ignore"):  # a pose that has none is not placed by its fit
        return inverse * (variance / (a * (a * d - b * b - c * c)))[:, None, None]


def _shape_variances(errors: np.ndarray, weights: np.ndarray, counts: np.ndarray, noise: float) -> np.ndarray:
    """Of a joint in the 3D poses, on the plane at z = 1: [P]. All that pixels do not explain is theirs."""
    equations = np.maximum(2 * counts, 4)
    left_by_fit = (equations - 3) / equations
    squares = (weights * errors**2).sum(axis=1) / (2 * weights.sum(axis=1))
    return np.maximum(squares / (WEIGHTED_SHARE * left_by_fit) - noise**2, 0.0)


def _no_fit(poses_3d: np.ndarray, sightlines: np.ndarray, pixel: float) -> Fit:
    del sightlines, pixel
    unknown = np.full((len(poses_3d), 3, 3), np.nan)
    return Fit(unknown[:, 0], unknown, unknown[:, 0, 0])


def _translations_at_depth(poses_3d: np.ndarray, sightlines: np.ndarray, depth: float) -> np.ndarray:
    """What puts the mean joint at `depth` and the joints onto their lines of sight: [P, 3]."""
    forward = depth - poses_3d[..., 2].mean(axis=1)
    depths = poses_3d[..., 2] + forward[:, None]
    offsets = sightlines * depths[..., None] - poses_3d[..., :2]
    seen = np.isfinite(offsets)
    across = np.where(seen, offsets, 0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.concatenate([across, forward[:, None]], axis=1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where the leading parts of P people are: their bodies, or the only parts of people without one.

    translations: [P, 3] metres, from the part's own coordinates to the camera's.
    roots: [P, 3] metres.
    metric: [P] bool, whether the fit says so; at the nominal depth otherwise.
    covariances: [P, 3, 3] square metres, of the roots.
    """

    translations: np.ndarray
    roots: np.ndarray
    metric: np.ndarray
    covariances: np.ndarray

    @classmethod
    def empty(cls, count: int) -> Places:
        """To be filled in."""
        zeros = np.zeros((count, 3))
        return cls(zeros, zeros.copy(), np.zeros(count, bool), np.zeros((count, 3, 3)))


def _placed(
    people: Sequence[Person],
    intrinsics: Intrinsics,
    nominal_depth: float,
    expected_size: BodySize | None,
    fit: FitFunction,
) -> list[Person]:
    if not people:
        return []
    arrays = JointArrays.of(people)
    shapes = arrays.keypoints_3d if expected_size is None else resized(arrays.keypoints_3d, expected_size)
    leading = np.array([next(iter(person.parts())) for person in people])
    places = Places.empty(len(people))
    for name, part in PART_NAMES.items():
        rows = np.flatnonzero(leading == name)
        if not len(rows):
            continue
        alike = JointArrays(arrays.keypoints_2d[rows], shapes[rows])
        found = _leading_places(alike, name, intrinsics, nominal_depth, fit)
        _fill_in(places, rows, found, size_deviation(expected_size, part))
    joints = shapes + places.translations[:, None]
    with_body = np.flatnonzero(leading == "body")
    joints[with_body] = _attached(joints[with_body], arrays.keypoints_2d[with_body])
    changes = [
        {
            "root": places.roots[row].astype(np.float32),
            "metric": bool(places.metric[row]),
            "root_covariance": places.covariances[row] if places.metric[row] else None,
        }
        for row in range(len(people))
    ]
    return with_joints(people, joints, changes=changes)


def _leading_places(
    people: JointArrays, name: str, intrinsics: Intrinsics, nominal_depth: float, fit: FitFunction
) -> Places:
    """Places of people whose leading parts are of one kind."""
    part = PART_SLICES[name]
    joints, pixels = people.keypoints_3d[:, part], people.keypoints_2d[:, part]
    sightlines = intrinsics.normalise(pixels)
    fitted = fit(joints, sightlines, 2 / (intrinsics.fx + intrinsics.fy))
    metric = _plausible(joints, fitted.translations)
    nominal = _translations_at_depth(joints, sightlines, nominal_depth)
    translations = np.where(metric[:, None], fitted.translations, nominal)
    if name != "body":  # the fit puts the mean of the joints on its line of sight, whatever their shape is
        return Places(translations, joints.mean(axis=1) + translations, metric, fitted.covariances)
    roots = joints[:, [RIGHT_HIP, LEFT_HIP]].mean(axis=1) + translations
    of_hips = MID_HIPS_SHARE * fitted.shape_variances * roots[:, 2] ** 2
    return Places(translations, roots, metric, fitted.covariances + of_hips[:, None, None] * np.eye(3))


def _fill_in(places: Places, rows: np.ndarray, found: Places, size_deviation: float) -> None:
    """Take over what was found; a size that is off puts a person further off by the same share."""
    places.translations[rows], places.roots[rows] = found.translations, found.roots
    places.metric[rows] = found.metric
    along_sight = found.roots[:, :, None] * found.roots[:, None] * size_deviation**2
    places.covariances[rows] = found.covariances + along_sight


def _plausible(joints: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """Whether all joints lie in front of the camera, and not at the end of the world: [P] bool."""
    nearest = (joints[..., 2] + translations[:, 2:]).min(axis=1)
    finite = np.isfinite(translations).all(axis=1)
    return finite & (nearest > NEAREST) & (translations[:, 2] < FARTHEST)


def _attached(joints: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The joints [P, 139, 3] of people with bodies, their hands and faces where the bodies have them.

    Wrists of hands go to those of the bodies. Faces go to the depth of the head joint, as far beside it as
    they are seen, at the body's own scale. Parts that were not seen stay NaN.

    Args:
        joints: the bodies where they are, hands and faces anywhere.
        pixels: [P, 139, 2], of the same joints.
    """
    attached = joints.copy()
    body, body_pixels = joints[:, BODY_SLICE], pixels[:, BODY_SLICE]
    for hand, wrist in ((LEFT_HAND_SLICE, LEFT_WRIST), (RIGHT_HAND_SLICE, RIGHT_WRIST)):
        attached[:, hand] += body[:, [wrist]] - joints[:, hand][:, [HAND_WRIST]]
    attached[:, FACE_SLICE] += body[:, [HEAD]] - joints[:, FACE_SLICE].mean(axis=1, keepdims=True)
    beside = (pixels[:, FACE_SLICE] - body_pixels[:, [HEAD]]).mean(axis=1)
    attached[:, FACE_SLICE, :2] += (beside * _metres_per_pixel(body, body_pixels))[:, None]
    return attached


def _metres_per_pixel(joints: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """From the spread of the joints across the optical axis and in the picture: [P, 1]."""
    metres, in_picture = joints[..., :2].std(axis=1), pixels.std(axis=1)
    return (lengths(metres) / np.maximum(lengths(in_picture), 1.0))[:, None]
