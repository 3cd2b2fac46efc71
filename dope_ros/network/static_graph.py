# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network as one graph of fixed shapes and standard operators, for ONNX.

The stages and weights are those of `DopeNetwork`. What has data-dependent shapes there is replaced: non-
maximum suppression by a fixed point, and the list of proposals by N rows with a `valid` flag.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torchvision.ops import FrozenBatchNorm2d

from dope_ros.network.anchors import grid_anchors, limits_of
from dope_ros.network.dope import DopeNetwork, Prediction
from dope_ros.network.picture import GRID, MEAN, STD, padded
from dope_ros.network.rpn import best_anchors, candidate_boxes
from dope_ros.network.static_nms import NMS_ROUNDS, fixed_point_nms
from dope_ros.skeleton import Part


class StaticGraph(nn.Module):
    """`DopeNetwork` for one picture of a fixed size, in and out as the model contract says.

    Args:
        network: its weights and configuration; it is copied.
        height, width: of the input, pixels.
        count: proposals that come out, N of the contract; no more than there are candidates.
    """

    def __init__(self, network: DopeNetwork, height: int, width: int, count: int) -> None:
        super().__init__()
        self._network = without_batch_norm(network)
        self.size = (height, width)
        rows, columns = (-(-side // GRID) * GRID // self._network.backbone.stride for side in (height, width))
        boxes = network.config.boxes
        self._anchors: Tensor
        self._mean: Tensor
        self._scale: Tensor
        self.register_buffer("_anchors", grid_anchors(boxes, rows, columns, self._network.backbone.stride))
        self.register_buffer("_mean", 255 * torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("_scale", 1 / (255 * torch.tensor(STD).view(1, 3, 1, 1)))
        candidates = min(network.config.proposals.candidates, len(self._anchors))  # both are shared by groups
        self._proposals = replace(
            network.config.proposals, candidates=candidates, count=min(count, candidates)
        )

    @property
    def count(self) -> int:
        """N of the contract."""
        return self._proposals.count

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Those of the network without its batch norms, by their names in it."""
        return self._network.state_dict()

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """The outputs of the model contract, in its order, for `image`, uint8 [1, H, W, 3], RGB."""
        features = self._network.backbone(self._normalised(image))
        proposals, valid = self.propose(features)
        return _outputs(self._network.predict(features, proposals, self.size), valid)

    def _normalised(self, image: Tensor) -> Tensor:
        """[1, 3, H, W], H and W multiples of 32; the cast comes first, for TensorRT transposes no bytes."""
        pixels = image.float().permute(0, 3, 1, 2)
        return padded((pixels - self._mean) * self._scale)

    def propose(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The proposals of an image's features [1, C, rows, columns].

        Returns:
            [N, 4] float32, pixels, best first, and [N] float32, 1 for proposals, 0 for padding behind them.
        """
        settings = self._proposals
        logits, deltas = self._network.rpn.head(features)
        best = best_anchors(logits[0], settings)
        limits = limits_of(self.size, self._anchors)
        boxes, wide = candidate_boxes(self._anchors[best], deltas[0][best], limits, settings)
        kept = fixed_point_nms(boxes, wide, settings.max_iou, NMS_ROUNDS)
        ranks = kept.float() * torch.arange(len(boxes), 0, -1, dtype=torch.float32)
        ranks, chosen = ranks.topk(settings.count)
        return boxes[chosen], (ranks > 0).float()


def _outputs(prediction: Prediction, valid: Tensor) -> tuple[Tensor, ...]:
    values = [prediction.boxes, valid]
    for part in Part:
        of_part = prediction.parts[part]
        values += [of_part.scores, of_part.poses_2d, of_part.poses_3d]
    return tuple(values)


def without_batch_norm(network: DopeNetwork) -> DopeNetwork:
    """A copy for inference whose batch norms are folded into the convolutions before them, in float."""
    folded = deepcopy(network).eval().requires_grad_(False)
    for conv, norm in batch_norms(network):
        _fold(folded.get_submodule(conv), folded.get_submodule(norm))
        folded.set_submodule(norm, nn.Identity())
    return folded


def batch_norms(network: DopeNetwork) -> Iterator[tuple[str, str]]:
    """The names of all convolutions that a batch norm follows, each with the batch norm's."""
    for module_name, module in network.named_modules():
        before = f"{module_name}." if module_name else ""
        for (conv_name, conv), (norm_name, norm) in pairwise(module.named_children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d | FrozenBatchNorm2d):
                yield before + conv_name, before + norm_name


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d | FrozenBatchNorm2d) -> None:
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
