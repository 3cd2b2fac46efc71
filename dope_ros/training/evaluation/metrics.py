# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measures of detections and poses, each a function of arrays.

Errors of poses are NaN where a joint is not labelled; fractions and means leave those out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid
from scipy.spatial.transform import Rotation

from dope_ros.skeleton import HAND_WRIST, LEFT_HIP, RIGHT_HIP, Part

ROOTS: dict[Part, tuple[int, ...]] = {
    Part.BODY: (RIGHT_HIP, LEFT_HIP),
    Part.HAND: (HAND_WRIST,),
    Part.FACE: (),
}
"""Joints whose mean is a part's root in 3D errors: the pelvis, the wrist. Of a face, and wherever one of them
is not labelled, all that are."""


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """What becomes of precision and recall as the threshold falls past each score.

    scores: [N], falling.
    precisions, recalls: [N], of all detections with at least that score.
    """

    scores: np.ndarray
    precisions: np.ndarray
    recalls: np.ndarray

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision and recall of the detections that score above the threshold; (1, 0) without any."""
        above = int((self.scores > threshold).sum())
        return (
            (1.0, 0.0) if above == 0 else (float(self.precisions[above - 1]), float(self.recalls[above - 1]))
        )

    def average_precision(self) -> float:
        """The area under the curve; precision at a recall is the best at that recall or more (VOC 2010)."""
        envelope = np.maximum.accumulate(self.precisions[::-1])[::-1]
        return float((np.diff(self.recalls, prepend=0.0) * envelope).sum())

    def best_f1(self) -> tuple[float, float]:
        """The threshold at which F1 is best, and that F1; (NaN, 0) where no detection is right.

        It lies half-way from the last score above it to the next.
        """
        if not self.recalls.any():
            return float("nan"), 0.0
        f1 = f1_score(self.precisions, self.recalls)
        # Of equal scores none can be had without the others.
        last_of_equals = np.append(np.diff(self.scores) != 0, True)
        best = int(np.where(last_of_equals, f1, -1.0).argmax())
        below = self.scores[best + 1] if best + 1 < len(self.scores) else 0.0
        return float((self.scores[best] + below) / 2), float(f1[best])


def f1_score(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """The harmonic mean; 0 where both are."""
    total = np.asarray(precision + recall, np.float64)
    return 2 * precision * recall / np.where(total > 0, total, 1.0)


def precision_recall(scores: np.ndarray, correct: np.ndarray, truths: int) -> PrecisionRecall:
    """The curve of detections [N] of which some are correct, where there are so many truths to find."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(correct[order], dtype=np.float64)
    return PrecisionRecall(scores[order], hits / np.arange(1, len(hits) + 1), hits / max(truths, 1))


def joint_errors(found: np.ndarray, truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Distances of joints [P, J, D]: [P, J] float64, NaN where not known."""
    distances = np.linalg.norm(np.asarray(found, np.float64) - truth, axis=-1)
    return np.where(known, distances, np.nan)


def rooted(points: np.ndarray, known: np.ndarray, part: Part) -> np.ndarray:
    """Points [P, J, 3] from their root; each pose by joints that are known in it ([P, J])."""
    return np.stack(
        [pose - pose[_root_joints(mask, part)].mean(axis=0) for pose, mask in zip(points, known, strict=True)]
    )


def _root_joints(known: np.ndarray, part: Part) -> np.ndarray:
    joints = np.array(ROOTS[part], int)
    return joints if len(joints) and known[joints].all() else np.flatnonzero(known)


def aligned(found: np.ndarray, truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Poses [P, J, 3] moved, turned and scaled so that the known joints fit the truth best (Procrustes)."""
    return np.stack([_aligned(*pose) for pose in zip(found, truth, known, strict=True)])


def _aligned(found: np.ndarray, truth: np.ndarray, known: np.ndarray) -> np.ndarray:
    middle, target_middle = found[known].mean(axis=0), truth[known].mean(axis=0)
    source, target = found[known] - middle, truth[known] - target_middle
    size = (source**2).sum()
    if known.sum() < 2 or size == 0:
        return found - middle + target_middle
    rotation, _ = Rotation.align_vectors(target, source)
    scale = (target * rotation.apply(source)).sum() / size
    return rotation.apply((found - middle) * scale) + target_middle


def fraction_within(errors: np.ndarray, thresholds: np.ndarray | float, missed: int = 0) -> float:
    """The share of known joints whose error is at most the threshold (PCK).

    Args:
        errors: [P, J], NaN where not known.
        thresholds: one, or one a pose [P, 1].
        missed: known joints of poses that were not found; they count as wrong.
    """
    known = np.isfinite(errors)
    total = known.sum() + missed
    return float((known & (errors <= thresholds)).sum() / total) if total else float("nan")


def area_under_pck(errors: np.ndarray, low: float, high: float, missed: int = 0, steps: int = 31) -> float:
    """The mean share of joints within thresholds from `low` to `high` (AUC), by the trapezium rule."""
    thresholds = np.linspace(low, high, steps)
    shares = [fraction_within(errors, threshold, missed) for threshold in thresholds]
    return float(trapezoid(shares, thresholds) / (high - low))


def mean_error(errors: np.ndarray) -> float:
    """The mean over known joints of all poses; NaN without any."""
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if known.size else float("nan")
