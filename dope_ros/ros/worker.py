# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One thread, one slot: the newest frame wins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class NewestWorker(Generic[T]):
    """Hands items to one thread; an item that nobody took yet is replaced by the next.

    So latency never grows: the work is always on the newest item there was when it began.
    """

    def __init__(self, work: Callable[[T], None], name: str) -> None:
        self._work = work
        self._slot: T | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> bool:
        """Offer an item; says whether it replaced one that nobody took."""
        with self._changed:
            replaced = self._slot is not None
            self._slot = item
            self._changed.notify()
        return replaced

    def stop(self) -> None:
        """Let the work under way end, drop what waits, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (item := self._take()) is not None:
            self._work(item)

    def _take(self) -> T | None:
        """The next item, once there is one; None when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._slot is not None)
            if self._stopping:
                return None
            item, self._slot = self._slot, None
            return item
