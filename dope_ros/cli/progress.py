# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A progress bar for verbs that go through pictures; needs tqdm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def over_pictures(items: Sequence[Item]) -> Iterable[Item]:
    """The items, a picture each, with a progress bar where somebody looks."""
    bar: Iterable[Item] = tqdm(items, unit="picture", disable=None)
    return bar
