# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A cache of messages by stamp, to find the one that belongs to an image: approximate synchronisation.

message_filters would hold images back until all their partners came. Here the newest image goes through at
once, and asks for its partner when that is needed.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from time import monotonic
from typing import Generic, TypeVar

from dope_ros.transform_tree import JUMP_NS

T = TypeVar("T")

SILENT_SECONDS = 2.0
"""After so long without an item none is awaited: its source is dead, or it has not begun."""

FEWEST_GAPS = 3
"""Of fewer gaps between stamps no period is read: images may have been lost in each of them."""


def period_of(stamps: Iterable[int]) -> int | None:
    """How soon after an item the next may come, by the stamps of those that came; None of too few.

    It is the shortest gap: images that were lost and a source that slows down only lengthen others, so that
    what may still come is rather awaited in vain than missed.

    Args:
        stamps: nanoseconds, in any order; equal ones count as one.
    """
    gaps = [later - earlier for earlier, later in pairwise(sorted(set(stamps)))]
    return min(gaps) if len(gaps) >= FEWEST_GAPS else None


def may_come_nearer(stamps: Sequence[int], stamp: int) -> bool:
    """Whether the next item may lie nearer to `stamp` than those there are; also where too little is known.

    Not once one came that is not older, nor where the next, a period after the newest, lies further off.

    Args:
        stamps: of the items there are, in any order; all in nanoseconds.
    """
    newest = max(stamps, default=None)
    if newest is None:
        return True
    if newest >= stamp:
        return False
    period = period_of(stamps)
    return period is None or abs(newest + period - stamp) < stamp - newest


class StampCache(Generic[T]):
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

        Waits for up to `patience` seconds while a nearer one may still come (`may_come_nearer`); not where
        none has come for `SILENT_SECONDS`, for then each image would wait in vain.
        """
        deadline = monotonic() + patience
        with self._changed:
            if self._is_silent():
                deadline = monotonic()
            while may_come_nearer(self._stamps(), stamp) and (left := deadline - monotonic()) > 0:
                self._changed.wait(left)
            self._kept = None
            near = [
                (abs(other - stamp), item) for other, item in self._items if abs(other - stamp) <= tolerance
            ]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    def clear(self) -> None:
        """Forget all items, and that any came."""
        with self._changed:
            self._items.clear()
            self._heard = self._kept = None

    def _oldest_is_kept(self) -> bool:
        return self._kept is not None and self._kept[0] <= self._items[0][0] <= self._kept[1]

    def _is_silent(self) -> bool:
        return self._heard is None or self._clock() - self._heard > SILENT_SECONDS

    def _stamps(self) -> list[int]:
        return [stamp for stamp, _ in self._items]
