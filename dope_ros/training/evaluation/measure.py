# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From matched pictures to the numbers of a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dope_ros.boxes import areas, longer_sides
from dope_ros.poses import PartPose
from dope_ros.skeleton import Part
from dope_ros.training.evaluation import metrics
from dope_ros.training.evaluation.matching import Matched, Truth

SIZES: dict[str, tuple[float, float]] = {
    "all": (0.0, np.inf),
    "small": (0.0, 32.0),
    "medium": (32.0, 96.0),
    "large": (96.0, np.inf),
}
"""Square root of the area of the box, pixels; the limits are COCO's."""

LEGIBLE = "legible"
LEGIBLE_FROM = {Part.BODY: 0.0, Part.HAND: 32.0, Part.FACE: 24.0}
"""Longer side of the box, pixels, from which a part's joints can be told apart: one more row of the table."""

PCK_OF_HEAD, PCK_OF_BOX = 0.5, 0.2
NEAR = 0.1
"""Of the longer side of the box; a joint so near its label is where an expert has it, too."""
MILLIMETRES = 1000.0
BODY_3D_THRESHOLD = 150.0
"""Millimetres, of 3DPCK (Mehta et al., 3DV 2017)."""
HAND_3D_THRESHOLDS = (20.0, 50.0)
"""Millimetres, between which hands' AUC is taken (Zimmermann and Brox, ICCV 2017)."""
HAND_2D_THRESHOLDS = (0.0, 30.0)
"""Pixels, likewise (Simon et al., CVPR 2017)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A detection and the label that it belongs to."""

    pose: PartPose
    truth: Truth


@dataclass(frozen=True, slots=True)
class Sized:
    """What counts of all pictures for one range of sizes.

    scores, correct: [N], of the detections that count.
    pairs: by falling score within each picture.
    truths: all labels of that size.
    """

    scores: np.ndarray
    correct: np.ndarray
    pairs: Sequence[Pair]
    truths: Sequence[Truth]


def measure(
    pictures: Sequence[Matched], part: Part, threshold: float | None, own: float = 0.0
) -> dict[str, dict[str, float]]:
    """All numbers of a part, for each of `SIZES`.

    Args:
        threshold: precision, recall and the measures of poses are of the detections that score above it. AP
            and the best threshold look at all. None: the threshold at which F1 is best over all sizes.
        own: the model's own threshold, for where F1 should be best and no detection is right.
    """
    every = _sized(pictures, *SIZES["all"])
    best, _ = metrics.precision_recall(every.scores, every.correct, len(every.truths)).best_f1()
    wanted = best if threshold is None else threshold
    operating = own if np.isnan(wanted) else wanted
    rows = {name: _sized(pictures, *limits) for name, limits in SIZES.items()}
    rows[LEGIBLE] = _sized(pictures, LEGIBLE_FROM[part], np.inf, _longer_side)
    return {name: _measure_size(row, part, operating) for name, row in rows.items()}


def _size(box: np.ndarray) -> float:
    return float(np.sqrt(areas(box)))


def _longer_side(box: np.ndarray) -> float:
    return float(longer_sides(box))


def _sized(
    pictures: Sequence[Matched], low: float, high: float, size: Callable[[np.ndarray], float] = _size
) -> Sized:
    """Detections count by the size of their label, or where they have none, by their own."""
    scores, correct, pairs, truths = [], [], [], []
    for picture in pictures:
        fits = [low <= size(truth.box) < high for truth in picture.truths]
        truths += [truth for truth, fit in zip(picture.truths, fits, strict=True) if fit]
        for pose, box, truth, counts in zip(
            picture.detections, picture.boxes, picture.truth_of, picture.counted, strict=True
        ):
            if counts and (fits[truth] if truth >= 0 else low <= size(box) < high):
                scores.append(pose.score)
                correct.append(truth >= 0)
                pairs += [Pair(pose, picture.truths[truth])] if truth >= 0 else []
    return Sized(np.array(scores, np.float64), np.array(correct, bool), pairs, truths)


def _measure_size(sized: Sized, part: Part, threshold: float) -> dict[str, float]:
    curve = metrics.precision_recall(sized.scores, sized.correct, len(sized.truths))
    best_threshold, best_f1 = curve.best_f1()
    precision, recall = curve.at(threshold)
    pairs = [pair for pair in sized.pairs if pair.pose.score > threshold]
    return {
        "labels": len(sized.truths),
        "found": len(pairs),
        "false_alarms": int((~sized.correct & (sized.scores > threshold)).sum()),
        "ap": curve.average_precision(),
        "precision": precision,
        "recall": recall,
        "threshold": threshold,
        "best_threshold": best_threshold,
        "best_f1": best_f1,
        **_measure_poses(pairs, sized.truths, part),
    }


def _measure_poses(pairs: Sequence[Pair], truths: Sequence[Truth], part: Part) -> dict[str, float]:
    """Poses that were not found count as wrong in PCK and AUC; errors are means over those that were."""
    total = sum(int(truth.labels.known_2d.sum()) for truth in truths)
    missed = total - sum(int(pair.truth.labels.known_2d.sum()) for pair in pairs)
    errors = _errors_2d(pairs)
    return {
        "near": _share_near(errors, pairs, missed),
        **_measures_2d(errors, pairs, part, missed),
        **_measures_3d(pairs, truths, part),
    }


def _errors_2d(pairs: Sequence[Pair]) -> np.ndarray:
    """[P, J], pixels; [0, 1] without pairs."""
    if not pairs:
        return np.zeros((0, 1))
    known = np.stack([pair.truth.labels.known_2d for pair in pairs])
    found = np.stack([pair.pose.keypoints_2d for pair in pairs])
    truth = np.stack([pair.truth.labels.keypoints_2d for pair in pairs])
    return metrics.joint_errors(found, truth, known)


def _share_near(errors: np.ndarray, pairs: Sequence[Pair], missed: int) -> float:
    longer = np.array([_longer_side(pair.truth.box) for pair in pairs]).reshape(-1, 1)
    return metrics.fraction_within(errors, NEAR * longer, missed)


def _measures_2d(errors: np.ndarray, pairs: Sequence[Pair], part: Part, missed: int) -> dict[str, float]:
    boxes = np.array([pair.truth.box for pair in pairs]).reshape(-1, 4)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    longer = sides.max(axis=1, keepdims=True)
    error = {"error_2d": metrics.mean_error(errors / longer)}
    if part is Part.BODY:
        heads = np.array([pair.truth.head_size for pair in pairs]).reshape(-1, 1)
        return error | {"pckh": metrics.fraction_within(errors, PCK_OF_HEAD * heads, missed)}
    if part is Part.HAND:
        right_side = [pair.pose.side is pair.truth.side for pair in pairs]
        return error | {
            "pck": metrics.fraction_within(errors, PCK_OF_BOX * longer, missed),
            "auc_2d": metrics.area_under_pck(errors, *HAND_2D_THRESHOLDS, missed),
            "epe_px": metrics.mean_error(errors),
            "side": float(np.mean(right_side)) if right_side else float("nan"),
        }
    return error | {"nme": metrics.mean_error(errors / np.sqrt(sides.prod(axis=1))[:, None])}


def _measures_3d(pairs: Sequence[Pair], truths: Sequence[Truth], part: Part) -> dict[str, float]:
    """Millimetres; nothing where no label has 3D."""
    total = sum(int(truth.labels.known_3d.sum()) for truth in truths)
    if not total:
        return {}
    in_3d = [pair for pair in pairs if pair.truth.labels.known_3d.any()]
    errors, procrustes = _errors_3d(in_3d, part)
    missed = total - sum(int(pair.truth.labels.known_3d.sum()) for pair in in_3d)
    measures = {"mpjpe": metrics.mean_error(errors), "pa_mpjpe": metrics.mean_error(procrustes)}
    if part is Part.BODY:
        return measures | {"pck_3d": metrics.fraction_within(errors, BODY_3D_THRESHOLD, missed)}
    if part is Part.HAND:
        return measures | {"auc_3d": metrics.area_under_pck(errors, *HAND_3D_THRESHOLDS, missed)}
    return measures


def _errors_3d(pairs: Sequence[Pair], part: Part) -> tuple[np.ndarray, np.ndarray]:
    """From the root, and after Procrustes: [P, J], millimetres; [0, 1] without pairs."""
    if not pairs:
        return np.zeros((0, 1)), np.zeros((0, 1))
    known = np.stack([pair.truth.labels.known_3d for pair in pairs])
    found = np.stack([pair.pose.keypoints_3d for pair in pairs]).astype(np.float64) * MILLIMETRES
    truth = np.array([pair.truth.labels.keypoints_3d for pair in pairs], np.float64) * MILLIMETRES
    errors = metrics.joint_errors(
        metrics.rooted(found, known, part), metrics.rooted(truth, known, part), known
    )
    return errors, metrics.joint_errors(metrics.aligned(found, truth, known), truth, known)
