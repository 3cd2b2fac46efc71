# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What makes one DOPE network differ from another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from dope_ros.settings import AnchorClasses
from dope_ros.skeleton import Part


@dataclass(frozen=True, slots=True)
class AnchorBoxes:
    """The boxes that region proposals start from (Faster R-CNN, Ren et al., 2015).

    sizes: square root of an anchor's area, pixels.
    ratios: height over width.
    rounded: corners are rounded to whole pixels, as torchvision does.
    centred: a cell's anchors sit on its middle, not on its top left corner.
    """

    sizes: tuple[float, ...]
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    rounded: bool = False
    centred: bool = False

    @property
    def count(self) -> int:
        """Anchors a cell."""
        return len(self.sizes) * len(self.ratios)


@dataclass(frozen=True, slots=True)
class ProposalSettings:
    """How region proposals are chosen.

    candidates: the best anchors that go into non-maximum suppression.
    groups: 1, or the number of the anchors' sizes: then as many candidates are taken of each size, as from
        the levels of a feature pyramid. Else one large thing has hundreds of good anchors, and small things
        have none among the candidates.
    count: proposals that come out of it, at most; N of the model contract.
    max_iou: of two boxes that overlap more, the better one stays.
    min_side: boxes whose width or height is below it are dropped, pixels.
    max_log_scale: limit of the logarithm by which a box may outgrow its anchor.
    """

    candidates: int = 1000
    groups: int = 1
    count: int = 1000
    max_iou: float = 0.7
    min_side: float = 1e-3
    max_log_scale: float = math.log(1000 / 16)

    def __post_init__(self) -> None:
        if self.candidates % self.groups:
            raise ValueError(f"{self.candidates} candidates cannot be shared alike by {self.groups} groups")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The shape of a network and the numbers its weights were trained with.

    backbone: a name in `backbones.BACKBONES`; it brings the box head.
    anchors: the anchor-pose classes of each part that the network finds; a part expert has one.
    boxes: the anchor boxes.
    proposals: how region proposals are chosen.
    aligned: RoIAlign takes a pixel's middle for its position (the half-pixel shift of Mask R-CNN's
        successors); the published network does not.
    refined: the box head mends the proposals' boxes; see `refinement.py`.
    spatial: a spatial head says where joints are; see `spatial.py`.
    min_size, max_size: pixels; a picture's shorter side is scaled to `min_size` unless its longer side
        would pass `max_size`.
    """

    backbone: str
    anchors: Mapping[Part, AnchorClasses]
    boxes: AnchorBoxes
    proposals: ProposalSettings = field(default_factory=ProposalSettings)
    aligned: bool = False
    refined: bool = False
    spatial: bool = False
    min_size: int = 800
    max_size: int = 1333


PUBLISHED = NetworkConfig(
    backbone="resnet50",
    anchors={
        Part.BODY: AnchorClasses(20, upper_body_from=10),
        Part.HAND: AnchorClasses(10, left_from=5),
        Part.FACE: AnchorClasses(10),
    },
    boxes=AnchorBoxes(sizes=(32, 64, 128, 256, 512), rounded=True),
)
"""The network of the paper (DOPE, section 4): ResNet-50, 1,000 proposals."""

COMPACT = NetworkConfig(
    backbone="efficientnet_lite0",
    anchors={
        Part.BODY: AnchorClasses(10),
        Part.HAND: AnchorClasses(10, left_from=5),
        Part.FACE: AnchorClasses(10),
    },
    boxes=AnchorBoxes(sizes=(20, 40, 80, 160, 300), centred=True),
    proposals=ProposalSettings(candidates=1000, groups=5, count=50, min_side=4.0, max_log_scale=3.0),
    aligned=True,
    refined=True,
    spatial=True,
    min_size=384,
)
"""The network for CPUs and small Jetsons, some 10 million parameters."""
