# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Part experts that teach a student: what they say of a batch, as labels and as boxes to distil from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from dope_ros.engine.torch import proposals_of
from dope_ros.errors import ModelError
from dope_ros.export.trained import read_trained
from dope_ros.network.checkpoint import Checkpoint
from dope_ros.network.dope import DopeNetwork, Prediction
from dope_ros.network.predictor import PartPrediction
from dope_ros.postprocess.integrate import integrate
from dope_ros.skeleton import Part
from dope_ros.training.distillation.pseudo_labels import Confidence, completed, lacks_something
from dope_ros.training.loading.batches import Batch
from dope_ros.training.loading.joined_targets import BatchTargets
from dope_ros.training.loading.targets import PartTargets, Targets
from dope_ros.training.losses.box_matching import best_overlaps
from dope_ros.training.losses.rois import ExpertBoxes
from dope_ros.training.part_names import part_named

UNSURE = 0.2
"""A detection from this share of the expert's threshold on may be right: its box is ignored."""


@dataclass(frozen=True, slots=True)
class TeachingSettings:
    """What a student takes from the experts.

    experts: for each part that has one the checkpoint of its expert.
    pseudo_labels: their detections complete the labels.
    distil: their positive boxes are distilled from.
    boxes: of them at most that many a part and picture, those most surely of the part.
    sure: for a part the score from which a detection is believed, as `dope eval --threshold best` finds it;
        where it is not told, the threshold that the expert's checkpoint holds.
    """

    experts: Mapping[str, str] = field(default_factory=dict)
    pseudo_labels: bool = True
    distil: bool = True
    boxes: int = 32
    sure: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A batch with its labels completed, and for each picture the experts' boxes."""

    batch: Batch
    experts: list[dict[Part, ExpertBoxes]]


class Teacher:
    """An expert for one part, or for several.

    Args:
        checkpoint: of its network, which stays as it is.
        parts: that it teaches.
        settings: what is taken from it.
        positive_iou: a box of it that overlaps a target at least that much is positive.
        precision: of the network's computation.

    Raises:
        ModelError: the network does not find one of the parts.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        parts: Sequence[Part],
        settings: TeachingSettings,
        positive_iou: float = 0.5,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self._network = checkpoint.network.eval().requires_grad_(False)
        missing = [part.value for part in parts if part not in self._network.parts]
        if missing:
            raise ModelError(f"an expert's network does not find: {', '.join(missing)}; give it other parts")
        self.parts = tuple(parts)
        self._ppi, self._settings = checkpoint.ppi, settings
        self._positive_iou, self._precision = positive_iou, precision

    def check(self, student: DopeNetwork) -> None:
        """Check that the student's anchor-pose classes mean what the expert's mean.

        Raises:
            ModelError: they are other ones, or the student does not find a part that the expert teaches.
        """
        for part in self.parts:
            if part not in student.parts:
                raise ModelError(
                    f"teaching.experts has one for the {part.value}, which the student does not find; "
                    f"leave it out, or name the {part.value} in network.parts"
                )
            own, theirs = (net.predictor.anchor_poses(part) for net in (self._network, student))
            if own.shape != theirs.shape or not torch.allclose(own, theirs.to(own.device), atol=1e-3):
                raise ModelError(
                    f"the {part.value} expert has other anchor poses than the student; "
                    "train both with the same file of anchor poses"
                )

    def to(self, device: torch.device) -> Teacher:
        """Itself, with its network on a device."""
        self._network.to(device)
        return self

    @torch.no_grad()
    def teach(self, lesson: Lesson) -> Lesson:
        """The lesson with what this expert adds; it does not look at pictures that lack nothing of it."""
        batch = lesson.batch
        targets = batch.targets.by_picture()
        rows = [i for i, of_picture in enumerate(targets) if self._is_needed(of_picture)]
        if not rows:
            return lesson
        predictions = self._predict(batch, rows)
        experts = [dict(of_picture) for of_picture in lesson.experts]
        for i, prediction in zip(rows, predictions, strict=True):
            for part in self.parts:
                if self._settings.pseudo_labels:
                    targets[i][part] = self._completed(targets[i][part], part, prediction, batch.sizes[i])
                if self._settings.distil:
                    experts[i][part] = self._positive_boxes(
                        targets[i][part].instances.boxes, part, prediction
                    )
        return Lesson(replace(batch, targets=BatchTargets.of(targets)), experts)

    def _is_needed(self, targets: Targets) -> bool:
        return self._settings.distil or any(lacks_something(targets[part]) for part in self.parts)

    def _predict(self, batch: Batch, rows: Sequence[int]) -> list[Prediction]:
        images, sizes, precision = batch.images()[list(rows)], [batch.sizes[i] for i in rows], self._precision
        with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
            predictions = self._network(images, sizes)
        return [in_float32(prediction) for prediction in predictions]

    def _completed(
        self, targets: PartTargets, part: Part, prediction: Prediction, shape: tuple[int, int]
    ) -> PartTargets:
        accepted = self._settings.sure.get(part.value, self._ppi[part].th_persondetect)
        settings = replace(self._ppi[part], th_persondetect=UNSURE * accepted)
        proposals = proposals_of(prediction)[part]
        detections = integrate(proposals, part, self._network.config.anchors[part], settings)
        return completed(targets, detections, part, shape, Confidence(accepted, UNSURE * accepted))

    def _positive_boxes(self, labelled: Tensor, part: Part, prediction: Prediction) -> ExpertBoxes:
        overlaps, _ = best_overlaps(prediction.proposals, labelled)
        of_part = prediction.parts[part]
        surest = of_part.scores[:, 0].argsort(stable=True)
        picked = surest[overlaps[surest] >= self._positive_iou][: self._settings.boxes]
        return ExpertBoxes(
            prediction.proposals[picked],
            of_part.scores[picked],
            of_part.poses_2d[picked],
            of_part.poses_3d[picked],
        )


def in_float32(prediction: Prediction) -> Prediction:
    """What a network said in lower precision."""
    parts = {
        part: PartPrediction(said.scores.float(), said.poses_2d.float(), said.poses_3d.float())
        for part, said in prediction.parts.items()
    }
    return Prediction(prediction.proposals.float(), prediction.boxes.float(), parts)


def lesson_of(batch: Batch, teachers: Sequence[Teacher]) -> Lesson:
    """A batch with what all teachers add to it; each part has one teacher at most."""
    lesson = Lesson(batch, [{} for _ in batch.sizes])
    for teacher in teachers:
        lesson = teacher.teach(lesson)
    return lesson


def read_teachers(
    settings: TeachingSettings, positive_iou: float, precision: torch.dtype = torch.float32
) -> list[Teacher]:
    """The experts; one whose checkpoint is named for several parts looks at a picture once.

    Raises:
        ModelError: a part is unknown, a checkpoint cannot be read, or it does not find a part it is for.
    """
    for part in settings.sure:
        part_named(part)
    named: dict[str, list[Part]] = {}
    for part, checkpoint in settings.experts.items():
        named.setdefault(checkpoint, []).append(part_named(part))
    return [
        Teacher(read_trained(Path(checkpoint)), parts, settings, positive_iou, precision)
        for checkpoint, parts in named.items()
    ]
