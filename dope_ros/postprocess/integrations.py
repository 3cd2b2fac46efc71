# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ways from a picture's pose proposals to people, by the names that users choose them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from dope_ros.poses import PartPose, Person, Proposals
from dope_ros.postprocess.integrate import integrate
from dope_ros.postprocess.nms import assemble_suppressed, suppress
from dope_ros.postprocess.support import assemble_supported, awaiting_support
from dope_ros.settings import AnchorClasses, NmsSettings, PpiSettings
from dope_ros.skeleton import Part


class Integration(Protocol):
    """Makes people of pose proposals, in two steps: detections of each part, then people of all of them."""

    @property
    def min_scores(self) -> Mapping[Part, float]:
        """The lowest scores of what comes out in the end, of every part."""
        ...

    def promising(self, part: Part, proposals: Proposals) -> Proposals:
        """The proposals that `detect` looks at: some dozen of a thousand, so that the others cost nothing."""
        ...

    def detect(self, part: Part, proposals: Proposals) -> list[PartPose]:
        """Detections of a part by falling score; also such as `assemble` may leave out.

        Args:
            proposals: with boxes and 2D in the original picture's pixels.
        """
        ...

    def assemble(self, poses: Mapping[Part, Sequence[PartPose]]) -> list[Person]:
        """Make people of the detections of all parts, ordered and numbered as `assemble.assemble` does."""
        ...


class PoseProposalsIntegration:
    """Merges overlapping proposals (`integrate`); a person's parts vouch for each other (`support`).

    Args:
        anchors: the anchor-pose classes of each part.
        ppi: the model's settings of each part.
        min_scores: the lowest scores of some parts; others keep their `th_persondetect`.
    """

    def __init__(
        self,
        anchors: Mapping[Part, AnchorClasses],
        ppi: Mapping[Part, PpiSettings],
        min_scores: Mapping[Part, float],
    ) -> None:
        self._anchors, self._ppi = anchors, ppi
        own = {part: settings.th_persondetect for part, settings in ppi.items()}
        self.min_scores: Mapping[Part, float] = own | dict(min_scores)

    def promising(self, part: Part, proposals: Proposals) -> Proposals:
        """Those that have a class of at least `score_th`."""
        return proposals.scoring(self._ppi[part].score_th)

    def detect(self, part: Part, proposals: Proposals) -> list[PartPose]:
        """Detections, also those that another part would have to vouch for."""
        settings = awaiting_support(self._ppi[part], self.min_scores[part])
        return integrate(proposals, part, self._anchors[part], settings)

    def assemble(self, poses: Mapping[Part, Sequence[PartPose]]) -> list[Person]:
        """People of detections, without those that nothing vouches for."""
        return assemble_supported(poses, self._ppi, self.min_scores)


class NonMaximumSuppression:
    """Keeps the best of overlapping proposals as they are (`nms`).

    Args:
        anchors: the anchor-pose classes of each part.
        min_scores: the lowest scores of some parts; others keep that of `NmsSettings`.
    """

    def __init__(self, anchors: Mapping[Part, AnchorClasses], min_scores: Mapping[Part, float]) -> None:
        self._anchors = anchors
        own = dict.fromkeys(Part, NmsSettings().min_score)
        self.min_scores: Mapping[Part, float] = own | dict(min_scores)

    def promising(self, part: Part, proposals: Proposals) -> Proposals:
        """Those that have a class of at least the lowest score."""
        return proposals.scoring(self.min_scores[part])

    def detect(self, part: Part, proposals: Proposals) -> list[PartPose]:
        """The best poses."""
        return suppress(proposals, self._anchors[part], NmsSettings(min_score=self.min_scores[part]))

    def assemble(self, poses: Mapping[Part, Sequence[PartPose]]) -> list[Person]:
        """People of all detections."""
        return assemble_suppressed(poses)


IntegrationMaker = Callable[
    [Mapping[Part, AnchorClasses], Mapping[Part, PpiSettings], Mapping[Part, float]], Integration
]
"""Takes a model's anchor-pose classes and PPI settings, and lowest scores of the parts that get others."""

INTEGRATIONS: Mapping[str, IntegrationMaker] = {
    "ppi": PoseProposalsIntegration,
    "nms": lambda anchors, _, min_scores: NonMaximumSuppression(anchors, min_scores),
}
