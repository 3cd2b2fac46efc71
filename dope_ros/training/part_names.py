# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The parts as configurations name them."""

from __future__ import annotations

from dope_ros.errors import ModelError
from dope_ros.skeleton import Part


def part_named(name: str) -> Part:
    """The part of that name.

    Raises:
        ModelError: there is none.
    """
    try:
        return Part(name)
    except ValueError as error:
        parts = ", ".join(part.value for part in Part)
        raise ModelError(f"unknown part '{name}'; there are: {parts}") from error
