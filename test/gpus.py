# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether tests may use a GPU: those that are marked so, in a run that asks for them."""

from __future__ import annotations

import os
import re

SHOWN = "CUDA_VISIBLE_DEVICES"


def asks_for_gpus(marks: str) -> bool:
    """Whether the expression of `pytest -m` names the mark `gpu`, other than to leave it out."""
    return re.search(r"(?<!not )\bgpu\b", marks) is not None


def hide_gpus() -> None:
    """From this process and those that it starts; before CUDA is started."""
    os.environ[SHOWN] = ""


def missing_gpu() -> str:
    """Why there is no GPU for a test; empty where there is one."""
    import torch

    if torch.cuda.is_available():
        return ""
    if os.environ.get(SHOWN) == "":
        return "no GPU is shown to this run: run with -m gpu where there is one"
    return "there is no NVIDIA GPU that PyTorch can use"
