# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One thread, a slot for each source: the newest frame wins, and sources take turns."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

STOP_SECONDS = 10.0
"""For so long the work under way may go on after it is told to end; work that takes longer hangs."""

SLOWER = 2.0
"""So many times as long as any item before one may take as well."""


class NewestWorker(Generic[T]):
    """Hands items to one thread; an item that nobody took yet is replaced by the next of its source.

    So latency never grows: the work is always on the newest item there was when it began. Of several
    sources with an item, the one whose turn is longest ago goes first.

    Args:
        clock: seconds, to know how long the work takes.
    """

    def __init__(
        self,
        work: Callable[[T], None],
        name: str,
        sources: int = 1,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._work, self._clock = work, clock
        self._slots: list[T | None] = [None] * sources
        self._turns = list(range(sources))
        self._stopping = False
        self._slowest = 0.0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T, source: int = 0) -> bool:
        """Offer an item of a source; says whether it replaced one that nobody took."""
        with self._changed:
            replaced = self._slots[source] is not None
            self._slots[source] = item
            self._changed.notify()
        return replaced

    @property
    def patience(self) -> float:
        """Seconds in which the work under way ought to end."""
        return max(STOP_SECONDS, SLOWER * self._slowest)

    def stop(self, patience: float | None = None) -> bool:
        """Let the work under way end, drop what waits, and end the thread.

        Args:
            patience: seconds; None is what it ought to need. Asked again, it is looked only whether the work
                has ended meanwhile.

        Returns:
            Whether the thread has ended. If not, what it works with must be left to it; as a daemon it ends
            with the process.
        """
        with self._changed:
            patience = self.patience if patience is None else patience
            patience = 0.0 if self._stopping else patience
            self._stopping = True
            self._changed.notify()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._take()) is not None:
            began = self._clock()
            self._work(item)
            self._slowest = max(self._slowest, self._clock() - began)

    def _take(self) -> T | None:
        """The next item, once there is one; None when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or any(slot is not None for slot in self._slots))
            if self._stopping:
                return None
            source = next(source for source in self._turns if self._slots[source] is not None)
            self._turns.remove(source)
            self._turns.append(source)
            item, self._slots[source] = self._slots[source], None
            return item
