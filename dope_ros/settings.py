# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers that a model ships with, or that a user may turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from math import isfinite
from typing import Any

from dope_ros.skeleton import Part, Side

BOX_OVERLAP = "bbox"

BODY_JOINT_OVERLAPS = ("torso", "torsohead", "head", "shoulderhead")
"""Overlaps measured over some joints of the body; see `postprocess.integrate`."""

ALL_JOINT_OVERLAP = "mje"
MIRRORED_SUFFIX = "LR"


def _allowed_overlaps(part: Part) -> tuple[str, ...]:
    over_joints = (ALL_JOINT_OVERLAP, *(BODY_JOINT_OVERLAPS if part is Part.BODY else ()))
    mirrored = tuple(name + MIRRORED_SUFFIX for name in over_joints)
    return (BOX_OVERLAP, *over_joints, *mirrored)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


@dataclass(frozen=True, slots=True)
class PpiSettings:
    """Thresholds of pose proposals integration; the names are those of published checkpoints.

    `pose_iou`, `max_iou` and `support` are this package's additions; their defaults switch them off.

    score_th: a (box, class) pair below this score is no candidate.
    iou_func: what "overlap" means: `bbox` (boxes), or the mean 2D distance over `torso`,
        `torsohead`, `head`, `shoulderhead` (bodies) or all joints (`mje`); with `LR` behind it, the
        smaller of that and the one with left and right swapped.
    th_iou: overlap above which (`bbox`), or distance below which (others), candidates form a group.
    th_pose3D: mean 3D joint distance below which candidates of a group are the same pose, metres.
    th_persondetect: a mode must have more than this summed score to be a detection without help.
    min_mode_score: candidates below it start no further mode of a group.
    pose_iou: 2D joints are averaged over the candidates of a mode whose boxes overlap its best box by about
        this IoU or more, for a box that holds half a person puts all joints into that half; 0 takes all.
    max_iou: of two detections whose joints' boxes overlap more than this, the better one stays.
    support: by what a detection's score is multiplied if another part of the same person is one without help;
        see `postprocess.support`.
    """

    score_th: float
    iou_func: str = BOX_OVERLAP
    th_iou: float = 0.2
    th_pose3D: float = 0.3  # noqa: N815 (the name in published checkpoints)
    th_persondetect: float = 0.002
    min_mode_score: float = 0.05
    pose_iou: float = 0.0
    max_iou: float = 1.0
    support: float = 1.0

    @classmethod
    def from_metadata(cls, values: Mapping[str, Any], part: Part) -> PpiSettings:
        """Settings as a model file stores them.

        Raises:
            ValueError: a name is unknown or missing, or a value is of the wrong kind.
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown PPI settings: {', '.join(sorted(unknown))}")
        if "score_th" not in values:
            raise ValueError("PPI setting 'score_th' is missing")
        for name, value in values.items():
            if name != "iou_func" and not _is_number(value):
                raise ValueError(f"PPI setting '{name}' is {value!r}, not a number")
        settings = cls(**values)
        settings._check_ranges()
        allowed = _allowed_overlaps(part)
        if settings.iou_func not in allowed:
            raise ValueError(f"iou_func {settings.iou_func!r} of the {part.value} is not one of {allowed}")
        return settings

    def _check_ranges(self) -> None:
        for name in ("pose_iou", "max_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"PPI setting '{name}' is {getattr(self, name)}; an overlap is from 0 to 1")
        if self.support < 1:
            raise ValueError(f"PPI setting 'support' is {self.support}; scores are multiplied by 1 or more")


BOX_MARGIN = 0.1
"""By how much of its size a box around a 2D pose is widened on each side, unless settings say otherwise."""


@dataclass(frozen=True, slots=True)
class NmsSettings:
    """Thresholds of non-maximum suppression, the cheap alternative to PPI.

    min_score: a box whose best class scores less is dropped.
    max_iou: of two detections that overlap more than this, the better one stays.
    margin: by how much of its size a box around a 2D pose is widened, each side.
    """

    min_score: float = 0.3
    max_iou: float = 0.1
    margin: float = BOX_MARGIN


@dataclass(frozen=True, slots=True)
class AnchorClasses:
    """What the anchor-pose classes of a part mean; classes count from 0, the background left out.

    count: K, how many there are.
    left_from: hands: the first class that is a left hand. None for other parts.
    upper_body_from: bodies: the first class that is an upper body only. None where there is none.
    """

    count: int
    left_from: int | None = None
    upper_body_from: int | None = None

    def side_of(self, anchor_class: int) -> Side | None:
        """Which hand a class is; None for bodies and faces."""
        if self.left_from is None:
            return None
        return Side.LEFT if anchor_class >= self.left_from else Side.RIGHT


class Storage(Enum):
    """What a file keeps weights in; they compute in float all the same."""

    FLOAT = "float"
    HALF = "half"
    INT8 = "int8"
    """Each output channel of a weight has a scale of its own."""
