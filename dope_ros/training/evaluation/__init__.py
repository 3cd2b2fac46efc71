# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How good a model is on pictures with labels; docs/evaluation.md explains the measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dope_ros.pipeline import Pipeline
from dope_ros.postprocess.integrations import INTEGRATIONS
from dope_ros.skeleton import Part
from dope_ros.training.datasets.records import Dataset, Faults, read_sample
from dope_ros.training.evaluation.matching import Matched, match_picture, poses_of
from dope_ros.training.evaluation.measure import measure
from dope_ros.training.evaluation.report import Report


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's detections on a dataset, matched to its labels.

    dataset: what was run on.
    pictures: for each part, the pictures that it is labelled in.
    count: of all pictures.
    own_thresholds: by part, the scores above which the model's detections are reported in use.
    """

    dataset: Dataset
    pictures: Mapping[Part, Sequence[Matched]]
    count: int
    own_thresholds: Mapping[Part, float]

    def report(self, model: str, thresholds: Mapping[Part, float | None]) -> Report:
        """All numbers; `thresholds` are scores by part, None for the one at which F1 is best.

        Where no detection is right no threshold is the best, and the model's own is taken.
        """
        measures = {
            part: measure(pictures, part, thresholds[part], self.own_thresholds[part])
            for part, pictures in self.pictures.items()
            if pictures
        }
        return Report(model, self.dataset.name, self.count, measures)


def evaluate(
    pipeline: Pipeline,
    dataset: Dataset,
    indices: Sequence[int],
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Evaluation:
    """Run a model on pictures of a dataset.

    Args:
        pipeline: its settings should let every score pass, or AP and the best thresholds mean little.
        indices: of the samples.
        progress: wraps the indices to show how far they are.

    Raises:
        DatasetError: too many of the pictures cannot be read.
    """
    faults = Faults(dataset.name, len(indices))
    pictures: dict[Part, list[Matched]] = {part: [] for part in Part}
    count = 0
    for index in progress(indices):
        read = read_sample(dataset, index, faults)
        if read is None:
            continue
        sample, picture = read
        people, size = pipeline(picture, sample.intrinsics), (picture.shape[1], picture.shape[0])
        count += 1
        for part in sample.labelled:
            pictures[part].append(match_picture(poses_of(people, part), sample, index, part, size))
    faults.summarise()
    spec = pipeline.engine.spec
    in_use = INTEGRATIONS[pipeline.settings.integration](spec.anchors, spec.ppi, {})
    return Evaluation(dataset, pictures, count, in_use.min_scores)
