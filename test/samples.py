# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Samples of people whose shape and camera are known, as a dataset would give them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scenes

from dope_ros.poses import PartPose, Person
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample


@dataclass(frozen=True)
class Pixels:
    """A picture in memory."""

    pixels: np.ndarray = field(
        default_factory=lambda: np.full((scenes.HEIGHT, scenes.WIDTH, 3), 90, np.uint8)
    )

    def read(self) -> np.ndarray:
        return self.pixels


def labels_of(pose: PartPose) -> PartLabels:
    return PartLabels.of(pose.keypoints_2d, keypoints_3d=pose.keypoints_3d)


def person_labels(person: Person) -> PersonLabels:
    return PersonLabels(**{name: labels_of(pose) for name, pose in person.parts().items()})


def sample_of(*people: Person, name: str = "picture", **changes) -> Sample:
    """Everybody whole, in the frame of `scenes.CAMERA`."""
    given = {
        "people": tuple(map(person_labels, people)),
        "labelled": frozenset(Part),
        "intrinsics": scenes.CAMERA,
    }
    return Sample(name, Pixels(), **(given | changes))
