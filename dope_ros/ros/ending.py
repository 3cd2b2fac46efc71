# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM as a request to end, after which ROS still works for a last word."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from threading import Lock, Thread
from types import TracebackType

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ending:
    """While entered, SIGINT and SIGTERM ask the process to end, and do nothing else.

    rclpy's own handlers shut the context down at once: what was published to stay could not be taken back.
    Python's raise KeyboardInterrupt, on a second Ctrl-C amid the clean-up. After it is left, both signals are
    ignored for the rest of the process's life, for Python would put back the system's handlers.
    """

    def __init__(self) -> None:
        self._is_told = False
        self._waking = Lock()
        self._wake: Callable[[], object] = _do_nothing

    @property
    def is_told(self) -> bool:
        """Whether the process was told to end."""
        return self._is_told

    def wakes(self, wake: Callable[[], object]) -> None:
        """Have this called by another thread whenever the process is told to end; what was before no more."""
        with self._waking:
            self._wake = wake

    def __enter__(self) -> Ending:
        self._heard, self._written = socket.socketpair()
        self._written.setblocking(False)
        self._listener = Thread(target=self._listen, name="signals", daemon=True)
        self._listener.start()
        # A handler in Python waits until the main thread is back from C; the socket is written to at once.
        signal.set_wakeup_fd(self._written.fileno(), warn_on_full_buffer=False)
        for number in ENDING_SIGNALS:
            signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._written.close()
        self._listener.join()
        self._heard.close()

    def _note(self, *_: object) -> None:
        self._is_told = True

    def _listen(self) -> None:
        """Wait for signals; runs in a thread of its own."""
        while numbers := self._heard.recv(64):
            if not set(ENDING_SIGNALS).isdisjoint(numbers):
                self._note()
                with self._waking:
                    self._wake()


def _do_nothing() -> None:
    """There is nothing to wake yet."""
