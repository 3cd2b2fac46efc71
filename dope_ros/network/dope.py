# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The DOPE network: one pass from an image to poses of bodies, hands and faces.

Weinzaepfel, Bregier, Combaluzier, Leroy, Rogez, "DOPE: Distillation Of Part Experts for whole-body 3D pose
estimation in the wild", ECCV 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from dope_ros.network.anchors import limits_of
from dope_ros.network.backbones import stages_of
from dope_ros.network.box_coordinates import rebased, to_pixels
from dope_ros.network.config import NetworkConfig
from dope_ros.network.predictor import PartPrediction, PosePredictor, expected_2d
from dope_ros.network.refinement import BoxRefinement
from dope_ros.network.regions import region_features
from dope_ros.network.rpn import RegionProposalNetwork, RpnHead
from dope_ros.network.spatial import Located, SpatialHead, merge
from dope_ros.skeleton import Part

ROI_SIZE = 7
ROI_SAMPLES = 2


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the network says of one image.

    proposals: [N, 4] float32, pixels, best first: what the box head looked at.
    boxes: [N, 4] float32, pixels: the same, refined where the network does that.
    parts: for each part its scores and poses, a row a box.
    """

    proposals: Tensor
    boxes: Tensor
    parts: dict[Part, PartPrediction]


class DopeNetwork(nn.Module):
    """Image to pose proposals (DOPE, figure 2): backbone, RPN, RoIAlign, box head, six branches.

    The compact network has more: better boxes than the proposals, and a spatial head that looks at them.
    Training looks at boxes of several images at once, by the same `box_vectors`, `reduced` and `located`.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        stages = stages_of(config.backbone)
        self.backbone, self.box_head = stages.backbone(), stages.box_head()
        channels, stride = self.backbone.channels, self.backbone.stride
        rpn_head = RpnHead(channels, config.boxes.count)
        self.rpn = RegionProposalNetwork(rpn_head, stride, config.boxes)
        classes = {part: anchors.count for part, anchors in config.anchors.items()}
        self.predictor = PosePredictor(self.box_head.channels, classes)
        self.refinement: BoxRefinement | None = None
        if config.refined:
            self.refinement = BoxRefinement(self.box_head.channels, tuple(config.anchors))
        self.spatial: SpatialHead | None = None
        if config.spatial:
            self.spatial = SpatialHead(channels, self.box_head.channels, tuple(config.anchors))

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that it finds: all three, or the one of a part expert."""
        return tuple(self.config.anchors)

    def forward(
        self, images: Tensor, sizes: list[tuple[int, int]] | None = None, count: int = 0
    ) -> list[Prediction]:
        """Pose proposals of each image.

        Args:
            images: [B, 3, H, W] float32, normalised, H and W multiples of 32.
            sizes: height and width of each image without its padding; None where there is none.
            count: proposals of an image at most; 0 takes the configuration's.

        Returns:
            For each image its prediction, in pixels of `images`.
        """
        height, width = images.shape[-2:]
        features = self.backbone(images)
        sizes = sizes or [(height, width)] * len(images)
        settings = self.config.proposals
        proposals = self.rpn(features, sizes, replace(settings, count=count or settings.count))
        return [
            self.predict(features[i : i + 1], of_image, size)
            for i, (of_image, size) in enumerate(zip(proposals, sizes, strict=True))
        ]

    def predict(self, features: Tensor, proposals: Tensor, size: tuple[int, int]) -> Prediction:
        """What the heads say of the proposals of one image.

        Args:
            features: [1, C, rows, columns], of the image.
            proposals: [N, 4] float32, pixels, within the image.
            size: height and width of the image without its padding.
        """
        vectors = self.box_vectors(features, proposals)
        logits = {part: self.predictor.logits(vectors, part) for part in self.parts}
        poses = {part: self.predictor.poses(vectors, part) for part in self.parts}
        boxes = proposals
        if self.refinement is not None:
            boxes = self.refinement(proposals, vectors, logits, limits_of(size, proposals))
            poses = {
                part: (rebased(of_2d, proposals, boxes), of_3d) for part, (of_2d, of_3d) in poses.items()
            }
        reduced = self.reduced(features)
        if reduced is not None:
            expected = {part: expected_2d(logits[part], poses[part][0]) for part in self.parts}
            located = self.located(reduced, boxes, vectors, expected)
            poses = {part: merge(poses[part], located[part], boxes) for part in self.parts}
        parts = {
            part: PartPrediction(logits[part].softmax(dim=1), to_pixels(poses_2d, boxes), poses_3d)
            for part, (poses_2d, poses_3d) in poses.items()
        }
        return Prediction(proposals, boxes, parts)

    def box_vectors(self, features: Tensor, boxes: Tensor, images: Tensor | None = None) -> Tensor:
        """What the box head makes of each box: [N, channels].

        Args:
            features: [B, C, rows, columns], of the images.
            boxes: [N, 4] float32, pixels.
            images: [N] int64, which image each box is of; None where there is but one.
        """
        stride, aligned = self.backbone.stride, self.config.aligned
        regions = region_features(features, boxes, stride, ROI_SIZE, ROI_SAMPLES, aligned, images)
        vectors: Tensor = self.box_head(regions)
        return vectors

    def reduced(self, features: Tensor) -> Tensor | None:
        """Features [B, C, rows, columns] as `located` takes them; None where there is no spatial head."""
        if self.spatial is None:
            return None
        reduced: Tensor = self.spatial.reduce(features)
        return reduced

    def located(
        self,
        reduced: Tensor,
        boxes: Tensor,
        vectors: Tensor,
        expected: Mapping[Part, Tensor],
        images: Tensor | None = None,
    ) -> dict[Part, Located]:
        """Where the spatial head finds each joint.

        Args:
            reduced: [B, C, rows, columns], as `reduced` gives them.
            boxes: [N, 4] float32, pixels, refined.
            vectors: [N, channels], of the boxes that they were refined from.
            expected: for each part [N, J, 2], where the branches expect its joints, in sizes of the box.
            images: [N] int64, which image each box is of; None where there is but one.
        """
        assert self.spatial is not None  # else `reduced` gave None
        regions = self.spatial.region_features(reduced, boxes, self.backbone.stride, images)
        located: dict[Part, Located] = self.spatial(regions, vectors, expected)
        return located
