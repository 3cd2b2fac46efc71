# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The model in this package, in its two forms, and which of them suits this machine's CPU."""

from __future__ import annotations

import re
from pathlib import Path

_MODELS = Path(__file__).resolve().parent.parent / "models"

DEFAULT_MODEL = _MODELS / "dope-lite.onnx"
"""In float."""

DEFAULT_MODEL_INT8 = _MODELS / "dope-lite-int8.onnx"
"""The same network in 8-bit integers; see `int8`."""

CPU_DESCRIPTION = Path("/proc/cpuinfo")

_INTEGER_DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "asimddp", "i8mm")
"""What Linux calls them on x86 and on Arm."""


def model_for_cpu(description: Path = CPU_DESCRIPTION) -> tuple[Path, str]:
    """The form that is faster on a CPU, and why.

    Without instructions for dot products of integers, integers are hardly faster; and on x86 what they have
    instead adds up in 16 bits, which overflows.

    Args:
        description: Linux's file that lists what a CPU can do.
    """
    found = _first_of(_INTEGER_DOT_PRODUCTS, description)
    if found is None:
        return DEFAULT_MODEL, "the CPU is not known to have instructions for dot products of 8-bit integers"
    return DEFAULT_MODEL_INT8, f"the CPU has instructions for dot products of 8-bit integers ({found})"


def _first_of(features: tuple[str, ...], description: Path) -> str | None:
    try:
        text = description.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    listed = set(line[1].split()) if line else set()
    return next((feature for feature in features if feature in listed), None)
