# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Time for what is given a clock."""


class Clock:
    """A clock that is put forward by hand: `now`, in seconds."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
