# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far a model file is from the checkpoint that it was made of, and two engines from each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dope_ros.engine.onnx import OnnxEngine
from dope_ros.engine.torch import predict, proposals_of
from dope_ros.network.checkpoint import Checkpoint
from dope_ros.poses import Proposals
from dope_ros.skeleton import Part

SAME_BOX = 1.0
"""Boxes whose corners are all within this many pixels are the same proposal of two engines."""


@dataclass(frozen=True, slots=True)
class Differences:
    """The largest differences between two engines' proposals, of those whose boxes both have.

    unmatched: proposals that only one of them has.
    boxes, poses_2d: pixels.
    scores: probability.
    poses_3d: metres.
    """

    matched: int
    unmatched: int
    boxes: float
    scores: float
    poses_2d: float
    poses_3d: float

    def __str__(self) -> str:
        return (
            f"{self.matched} proposals in both, {self.unmatched} in one alone; largest differences: "
            f"boxes {self.boxes:.2g} px, scores {self.scores:.2g}, "
            f"2D {self.poses_2d:.2g} px, 3D {1e3 * self.poses_3d:.2g} mm"
        )


def compare_with_network(path: Path, checkpoint: Checkpoint, pixels: np.ndarray) -> Differences:
    """How far a model file on ONNX Runtime is from its checkpoint on PyTorch, on one picture.

    Args:
        path: of the model.
        checkpoint: that it was made of.
        pixels: uint8 [H, W, 3], RGB, of the size of the model's input.

    Raises:
        ModelError, EngineError: the model cannot be loaded or run.
    """
    engine = OnnxEngine(path)
    found = engine.run(pixels)
    engine.close()
    reference = predict(checkpoint.network, pixels, count=len(found[Part.BODY].boxes))
    return differences(found, proposals_of(reference))


def differences(left: Mapping[Part, Proposals], right: Mapping[Part, Proposals]) -> Differences:
    """The largest differences between the proposals of two engines.

    Boxes are matched first; of boxes in one place, which refinement brings together, those of like scores.
    """
    boxes, others = left[Part.BODY].boxes, right[Part.BODY].boxes
    if not len(boxes) or not len(others):
        return Differences(0, len(boxes) + len(others), 0.0, 0.0, 0.0, 0.0)
    distances = np.abs(boxes[:, None] - others).max(axis=2)
    scores, of_others = (np.concatenate([of[part].scores for part in Part], axis=1) for of in (left, right))
    unlike = distances + np.abs(scores[:, None] - of_others).max(axis=2)
    nearest, each = unlike.argmin(axis=1), np.arange(len(boxes))
    mutual = unlike.argmin(axis=0)[nearest] == each
    rows = np.flatnonzero(mutual & (distances[each, nearest] < SAME_BOX))
    columns = nearest[rows]

    def largest(kind: str) -> float:
        pairs = [(getattr(left[part], kind)[rows], getattr(right[part], kind)[columns]) for part in Part]
        return max((float(np.abs(one - other).max(initial=0)) for one, other in pairs), default=0.0)

    return Differences(
        matched=len(rows),
        unmatched=len(boxes) + len(others) - 2 * len(rows),
        boxes=largest("boxes"),
        scores=largest("scores"),
        poses_2d=largest("poses_2d"),
        poses_3d=largest("poses_3d"),
    )
