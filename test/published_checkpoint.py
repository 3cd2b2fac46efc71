# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of the published layout with reproducible random weights.

The published weights cannot be redistributed (CC BY-NC-SA 4.0).  What is made here has the same names, shapes
and other entries; `data/forward.npz` holds what the published network computes with the weights of seed 0.
"""

from __future__ import annotations

import json
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

SHAPES: dict[str, list[int]] = json.loads(
    (Path(__file__).parent / "data" / "checkpoint_keys.json").read_text()
)

COPY, ORIGINAL = "roi_heads.dope_head.resnet_backbone.", "backbone.resnet_backbone."

UNUSED = ".fc."


def published_checkpoint(seed: int = 0, half: bool = False) -> dict[str, Any]:
    """The content of a checkpoint file."""
    state = OrderedDict()
    for name, shape in SHAPES.items():
        if name.startswith(COPY):
            state[name] = state[name.replace(COPY, ORIGINAL)]
            continue
        values = torch.zeros(shape) if UNUSED in name else torch.from_numpy(_values(name, shape, seed))
        state[name] = values.half() if half else values
    ppi = {"th_pose3D": 0.3, "min_mode_score": 0.05, "th_persondetect": 0.002}
    return {
        "state_dict": state,
        "half": half,
        "dope_kwargs": {
            "num_anchor_poses": {"body": 20, "hand": 10, "face": 10},
            "min_size": 400,
            "max_size": 1333,
            "rpn_post_nms_top_n_test": 50,
        },
        "body_ppi_kwargs": {"K": 10, "iou_func": "torsohead", "th_iou": 0.2, **ppi},
        "hand_ppi_kwargs": {"K": 5, "iou_func": "bbox", "th_iou": 0.2, **ppi},
        "face_ppi_kwargs": {"K": 10, "iou_func": "bbox", "th_iou": 0.2, **ppi},
    }


def _values(name: str, shape: list[int], seed: int) -> np.ndarray:
    """The values of a tensor: they depend on its name and the seed alone."""
    rng = np.random.default_rng(zlib.crc32(name.encode()) + seed)
    if name.endswith("anchor_poses"):
        poses = rng.uniform(0.1, 0.9, shape).astype(np.float32)
        poses[..., 2:] = rng.normal(0, 0.25, poses[..., 2:].shape)
        return poses
    leaf = name.rsplit(".", 1)[1]
    if leaf == "running_var" or (leaf == "weight" and len(shape) == 1):
        return np.ones(shape, np.float32)
    if leaf == "running_mean":
        return np.zeros(shape, np.float32)
    return rng.normal(0, _spread(name, shape), shape).astype(np.float32)


def _spread(name: str, shape: list[int]) -> float:
    if len(shape) == 1:
        return 0.01
    if len(shape) == 2 or "cls_logits" in name:
        return 0.02
    if "bbox_pred" in name:
        return 0.002
    return float(np.sqrt(2.0 / np.prod(shape[1:]))) * (0.25 if ".conv3." in name else 1.0)
