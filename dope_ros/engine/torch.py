# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs a checkpoint with PyTorch: the reference that other engines are compared with, and for debugging."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dope_ros.engine.contract import PAD_VALUE, ModelSpec, OverflowedError
from dope_ros.errors import EngineError
from dope_ros.network.checkpoint import Checkpoint, read_checkpoint
from dope_ros.network.dope import Prediction
from dope_ros.network.picture import normalised, padded
from dope_ros.poses import Proposals
from dope_ros.settings import AnchorClasses, PpiSettings
from dope_ros.skeleton import SKELETONS, Part

ASPECT = 4 / 3

NO_CLASSES = AnchorClasses(1)
"""Stands for the classes of a part that a part expert does not find."""


class TorchEngine:
    """An `Engine` on PyTorch, on CUDA where there is a GPU.

    The input's size is the checkpoint's shorter side at an aspect of 4 to 3.

    Raises:
        ModelError: the checkpoint is missing, refused or does not fit.
        EngineError: the GPU cannot take it.
    """

    def __init__(self, checkpoint: Path, threads: int = 0) -> None:
        loaded = read_checkpoint(checkpoint)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._network = loaded.network.to(self._device)
        except RuntimeError as error:
            raise EngineError(f"{checkpoint.name}: PyTorch cannot put it on the GPU: {error}") from error
        self._network.backbone.register_forward_hook(_check_features)
        if threads:
            torch.set_num_threads(threads)
        self.spec = spec_of(loaded, *input_size(loaded))
        self.description = f"PyTorch {torch.__version__} on {self._device.type.upper()}"

    def run(self, pixels: np.ndarray) -> dict[Part, Proposals]:
        """Run the network on `pixels`, uint8 [H, W, 3], RGB, of the size that `spec` names.

        Raises:
            OverflowedError: the features are not finite.
            EngineError: PyTorch failed.
        """
        try:
            return for_all_parts(proposals_of(predict(self._network, pixels, self._device)))
        except RuntimeError as error:
            raise EngineError(f"PyTorch failed: {error}") from error

    def close(self) -> None:
        """Free the network; the engine cannot run after that."""
        del self._network


def _check_features(_: torch.nn.Module, __: object, features: Tensor) -> None:
    """Of features that are not finite no box is left, which would read as a picture of nobody."""
    if not features.isfinite().all():
        raise OverflowedError("PyTorch: the network's features are infinite or not a number")


@torch.inference_mode()
def predict(
    network: torch.nn.Module, pixels: np.ndarray, device: torch.device | str = "cpu", count: int = 0
) -> Prediction:
    """What a `DopeNetwork` says of `pixels`, uint8 [H, W, 3], RGB, in its pixels.

    In float throughout: on GPUs, too, where convolutions would else round their inputs to TF32.

    Args:
        count: proposals at most; 0 takes the network's own.
    """
    image = torch.tensor(pixels, device=device).permute(2, 0, 1)[None]
    cudnn = torch.backends.cudnn
    own = {"benchmark": cudnn.benchmark, "deterministic": cudnn.deterministic}
    with cudnn.flags(cudnn.enabled, **own, allow_tf32=False):
        (prediction,) = network(padded(normalised(image / 255)), [pixels.shape[:2]], count)
    return prediction


def for_all_parts(found: Mapping[Part, Proposals]) -> dict[Part, Proposals]:
    """The proposals of a part expert, and none for the parts that it does not find."""
    return {part: found[part] if part in found else _nothing(part) for part in Part}


def _nothing(part: Part) -> Proposals:
    """No proposal."""
    classes, joints = NO_CLASSES.count, len(SKELETONS[part])
    shapes = (0, 4), (0, classes + 1), (0, classes, joints, 2), (0, classes, joints, 3)
    return Proposals(*(np.zeros(shape, np.float32) for shape in shapes))


def proposals_of(prediction: Prediction) -> dict[Part, Proposals]:
    """The proposals of each part as arrays."""
    boxes = _array(prediction.boxes)
    return {
        part: Proposals(boxes, _array(of_part.scores), _array(of_part.poses_2d), _array(of_part.poses_3d))
        for part, of_part in prediction.parts.items()
    }


def input_size(checkpoint: Checkpoint, height: int = 0, width: int = 0) -> tuple[int, int]:
    """Height and width of the input; 0 stands for the checkpoint's own."""
    height = height or checkpoint.network.config.min_size
    return height, width or round(height * ASPECT)


def spec_of(checkpoint: Checkpoint, height: int, width: int) -> ModelSpec:
    """What a model made of a checkpoint says of itself."""
    anchors = {part: checkpoint.network.config.anchors.get(part, NO_CLASSES) for part in Part}
    ppi = {part: checkpoint.ppi.get(part, PpiSettings(score_th=1.0)) for part in Part}
    return ModelSpec(height, width, PAD_VALUE, anchors, ppi)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
