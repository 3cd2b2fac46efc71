# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C while an engine is built.

Python raises KeyboardInterrupt in whatever TensorRT's builder calls back, which swallows it and builds on.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dope_ros.engine import Progress


@contextmanager
def given_up_on_interrupt(tell: Callable[[str], object]) -> Iterator[Progress]:
    """What is to be told how far a build is, and gives it up once somebody has pressed Ctrl-C.

    Args:
        tell: is told each step.

    Raises:
        KeyboardInterrupt: at the end, where nothing asked meanwhile whether to go on.
    """
    pressed = threading.Event()

    def progress(step: str) -> bool:
        tell(step)
        return not pressed.is_set()

    if not _interrupts_raise():
        yield progress
        return

    def give_up(*_: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)  # who presses again does not want to wait

    before = signal.signal(signal.SIGINT, give_up)
    try:
        yield progress
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed.is_set():
        raise KeyboardInterrupt


def _interrupts_raise() -> bool:
    """Whether Ctrl-C raises KeyboardInterrupt here, and nobody has another use for it."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    return in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler
