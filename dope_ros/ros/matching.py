# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds what belongs to an image by its stamp: approximate synchronisation with a bounded queue.

message_filters would hold images back until all their partners came. Here the newest image goes through at
once, and asks for its partner when that is needed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

from dope_ros.transform_tree import JUMP_NS

T = TypeVar("T")

SILENT_SECONDS = 2.0
"""After so long without an item none is awaited: its source is dead, or it has not begun."""


class Matcher(Generic[T]):
    """Keeps the latest items by their stamps; safe to use from several threads.

    Args:
        length: so many items are kept.
        most: so many at most while an older one will be asked for, which `keep_near` says.
        clock: seconds, to know when an item came.
    """

    def __init__(self, length: int = 20, most: int = 120, clock: Callable[[], float] = monotonic) -> None:
        self._length = length
        self._clock = clock
        self._heard: float | None = None
        self._items: deque[tuple[int, T]] = deque(maxlen=most)
        self._kept: tuple[int, int] | None = None
        self._changed = threading.Condition()

    def keep_near(self, stamp: int, tolerance: int) -> None:
        """Let no item go that lies within `tolerance` of this stamp, until `nearest` has been asked for one.

        A slow network takes longer than many a depth camera needs for `length` images.

        Args:
            stamp, tolerance: nanoseconds.
        """
        with self._changed:
            self._kept = stamp - tolerance, stamp + tolerance

    def put(self, stamp: int, item: T) -> None:
        """Take in an item; the oldest one goes where there are too many.

        Args:
            stamp: nanoseconds.
        """
        with self._changed:
            if self._items and stamp < self._items[-1][0] - JUMP_NS:
                self._items.clear()
            self._items.append((stamp, item))
            self._heard = self._clock()
            while len(self._items) > self._length and not self._oldest_is_kept():
                self._items.popleft()
            self._changed.notify_all()

    def nearest(self, stamp: int, tolerance: int, patience: float) -> T | None:
        """The item whose stamp is nearest; None where none is within `tolerance` nanoseconds.

        Waits for up to `patience` seconds while a nearer one may still come; not where none has come for
        `SILENT_SECONDS`, for then each image would wait in vain.
        """
        deadline = monotonic() + patience
        with self._changed:
            if self._is_silent():
                deadline = monotonic()
            while not self._has_reached(stamp) and (left := deadline - monotonic()) > 0:
                self._changed.wait(left)
            self._kept = None
            near = [
                (abs(other - stamp), item) for other, item in self._items if abs(other - stamp) <= tolerance
            ]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    def _oldest_is_kept(self) -> bool:
        return self._kept is not None and self._kept[0] <= self._items[0][0] <= self._kept[1]

    def _is_silent(self) -> bool:
        return self._heard is None or self._clock() - self._heard > SILENT_SECONDS

    def _has_reached(self, stamp: int) -> bool:
        return any(other >= stamp for other, _ in self._items)
