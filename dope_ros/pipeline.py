# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A picture in, people out: the whole way on one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from dope_ros.engine import Engine
from dope_ros.geometry import (
    ASSUMED_FOV_DEG,
    BODY_SIZES,
    DepthImage,
    Intrinsics,
    measure,
    place,
    place_nominally,
)
from dope_ros.poses import Person
from dope_ros.postprocess.integrations import INTEGRATIONS
from dope_ros.preprocess import fit
from dope_ros.skeleton import Part
from dope_ros.stopwatch import Stopwatch

DepthSource = Callable[[], DepthImage | None]
"""Gives the depth image of a picture, or None where there is none; called only if somebody is seen."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What a user may turn while the pipeline runs.

    integration: one of `INTEGRATIONS`; `ppi` merges proposals, `nms` keeps the best ones.
    min_scores: lowest score of a detection by part; a part that is missing keeps the model's own (`ppi`),
        or that of `NmsSettings`.
    nominal_depth: metres, where people are put without intrinsics.
    assumed_fov_deg: horizontal field of view of a camera without intrinsics.
    body_size: what is known of the people's sizes, one of `geometry.BODY_SIZES`.

    Raises:
        ValueError: there is no such integration or body size.
    """

    integration: str = "ppi"
    min_scores: Mapping[Part, float] = field(default_factory=dict)
    nominal_depth: float = 3.0
    assumed_fov_deg: float = ASSUMED_FOV_DEG
    body_size: str = "seen"

    def __post_init__(self) -> None:
        if self.integration not in INTEGRATIONS:
            raise ValueError(f"integration {self.integration!r} is not one of {', '.join(INTEGRATIONS)}")
        if self.body_size not in BODY_SIZES:
            raise ValueError(f"body size {self.body_size!r} is not one of {', '.join(BODY_SIZES)}")


class Pipeline:
    """A picture in, people out: the network and what turns its proposals into people.

    `settings` may be replaced at any time; a picture under way keeps those it began with.
    `stopwatch` holds the seconds that each stage took, the last time it ran.
    """

    def __init__(self, engine: Engine, settings: PipelineSettings | None = None) -> None:
        self.engine = engine
        self.settings = settings or PipelineSettings()
        self.stopwatch = Stopwatch()

    def __call__(
        self,
        picture: np.ndarray,
        intrinsics: Intrinsics | None = None,
        depth_source: DepthSource | None = None,
    ) -> list[Person]:
        """Find the people in a picture (DOPE, figure 2).

        Args:
            picture: uint8 [height, width, 3], RGB.
            intrinsics: of the camera; None where they are not known.
            depth_source: of the picture's depth image, for cameras with known intrinsics.

        Returns:
            People with a body by falling score, then those of whom only a hand or a face is seen, likewise.
            2D is in the picture's pixels, 3D in metres in the camera's optical frame; without intrinsics at
            a nominal depth under an assumed field of view, `metric` false.

        Raises:
            ImageError: the picture is empty or not uint8 RGB.
            EngineError: the network failed.
        """
        settings, spec = self.settings, self.engine.spec
        integration = INTEGRATIONS[settings.integration](spec.anchors, spec.ppi, settings.min_scores)
        with self.stopwatch.stage("preprocess"):
            fitted = fit(picture, spec.height, spec.width, spec.pad_value)
        with self.stopwatch.stage("network"):
            proposals = self.engine.run(fitted.pixels)
        with self.stopwatch.stage("integrate"):
            promising = {part: integration.promising(part, proposals[part]) for part in Part}
            poses = {part: integration.detect(part, fitted.to_picture(promising[part])) for part in Part}
        with self.stopwatch.stage("assemble"):
            people = integration.assemble(poses)
        with self.stopwatch.stage("place"):
            people = _in_camera_frame(people, intrinsics, picture.shape, settings)
        if depth_source is None or intrinsics is None or not people:
            return people
        with self.stopwatch.stage("depth"):
            depth = depth_source()
            return people if depth is None else measure(people, depth, intrinsics, *picture.shape[:2])

    def close(self) -> None:
        """Free the engine; the pipeline cannot run after that."""
        self.engine.close()


def _in_camera_frame(
    people: list[Person], intrinsics: Intrinsics | None, shape: tuple[int, ...], settings: PipelineSettings
) -> list[Person]:
    size = BODY_SIZES[settings.body_size]
    if intrinsics is not None:
        return place(people, intrinsics, settings.nominal_depth, size)
    height, width = shape[:2]
    assumed = Intrinsics.assumed(width, height, settings.assumed_fov_deg)
    return place_nominally(people, assumed, settings.nominal_depth, size)
