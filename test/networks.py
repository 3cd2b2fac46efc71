# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks with random weights, and pictures, for the tests of the network and of its export."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from dope_ros.network.checkpoint import Checkpoint
from dope_ros.network.config import COMPACT, PUBLISHED, NetworkConfig
from dope_ros.network.dope import DopeNetwork
from dope_ros.network.first_compact import PPI
from dope_ros.network.spatial import SHARPNESS
from dope_ros.skeleton import Part

SMALL_COMPACT = replace(COMPACT, min_size=192)
SMALL_PUBLISHED = replace(
    PUBLISHED, min_size=192, proposals=replace(PUBLISHED.proposals, candidates=300, count=50)
)


def random_checkpoint(config: NetworkConfig, seed: int = 0) -> Checkpoint:
    """A network whose scores, boxes and poses vary from box to box, as those of a trained one do."""
    torch.manual_seed(seed)
    network = DopeNetwork(config).eval()
    with torch.no_grad():
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.normal_(0, _spread(name, module))
        for part in Part:
            poses = network.predictor.anchor_poses(part)
            poses[..., :2].uniform_(0.1, 0.9)
            poses[..., 2:].normal_(0, 0.25)
        if network.spatial is not None:
            network.spatial.depth.weight.normal_(0, 0.002)
            network.spatial.depth.bias.normal_(0, 0.01)
            network.spatial.prior.uniform_(0.5, 1.5)
    return Checkpoint(network, PPI)


def _spread(name: str, module: nn.Conv2d | nn.Linear) -> float:
    """Such that activations keep their size from layer to layer, and outputs are as large as trained ones."""
    if "cls_logits" in name or "cls_score" in name:
        return 0.02
    if "spatial.joints" in name:
        return 0.02 / SHARPNESS
    if "pose_pred" in name:
        return 0.005
    if "refinement" in name:  # boxes move by some hundredths of their size
        return 0.0005
    if "bbox_pred" in name or "spatial.scale" in name:
        return 0.002
    last_of_residual = ".conv3" in name or name.endswith("layers.6") or "hourglass" in name
    gain = 0.25 if last_of_residual else 1.0
    return gain * math.sqrt(2 / module.weight[0].numel())


def pictures(count: int, height: int, width: int, seed: int = 0) -> list[np.ndarray]:
    """Pictures uint8 [height, width, 3] of blobs on a gradient, each another."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    made = []
    for _ in range(count):
        picture = np.stack([x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1) for _ in range(3)], axis=-1)
        for _ in range(6):
            middle, size = rng.uniform(0, 1, 2) * (width, height), rng.uniform(5, height / 3)
            blob = np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / size**2)
            picture += blob[..., None] * rng.uniform(-200, 200, 3)
        noise = rng.normal(0, 10, picture.shape)
        made.append(np.clip(picture + noise + 128, 0, 255).astype(np.uint8))
    return made
