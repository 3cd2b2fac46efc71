# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Says how long each stage took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Stopwatch:
    """Seconds of each stage, the last time it ran, by its name in `seconds`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside; a stage that raises is not recorded."""
        start = perf_counter()
        yield
        self.seconds[name] = perf_counter() - start
