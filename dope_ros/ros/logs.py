# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Logging: the package's own messages in the node's log, and warnings that do not flood it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from time import monotonic

from rclpy.impl.rcutils_logger import RcutilsLogger

THROTTLE_SECONDS = 5.0

FIRST_SECONDS, RARELY_SECONDS = 60.0, 60.0
"""What goes on for longer than the first is told of again only so often."""


PACKAGE_LOG = logging.getLogger("dope_ros")
"""What the package's own messages pass through: its modules do not know of nodes."""


class NodeLogHandler(logging.Handler):
    """Passes what the package logs on to a node's logger.

    The package's modules do not say for which node they work. So of several nodes in a process one alone has
    their messages in its log: that which came first, of those that are there.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__()
        self._logger = logger

    def open(self) -> None:
        """Pass on from now on."""
        PACKAGE_LOG.addHandler(self)
        PACKAGE_LOG.setLevel(logging.INFO)

    def close(self) -> None:
        """Pass on no longer."""
        PACKAGE_LOG.removeHandler(self)
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record, unless another node's handler does."""
        first = next((each for each in PACKAGE_LOG.handlers if isinstance(each, NodeLogHandler)), None)
        if first is self:
            self._log(record)

    def _log(self, record: logging.LogRecord) -> None:
        """Log at the record's level; rclpy wants each level at a line of its own."""
        message = record.getMessage()
        if record.levelno >= logging.ERROR:
            self._logger.error(message)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(message)
        elif record.levelno >= logging.INFO:
            self._logger.info(message)
        else:
            self._logger.debug(message)


_WORD, _NUMBER = re.compile(r"[\w/.]+"), re.compile(r"(?<![^\W_])\d+(\.\d+)?")
"""A number begins a word or a part of it: `3.2`, `body_12`. Words with a slash are left alone: of
`/cam_0/image_raw` and `/cam_1/image_raw` each has its say."""


class Throttle:
    """Lets a message through once in a while, those that differ in numbers only counting as one.

    Args:
        clock: what says the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._quiet_until: dict[str, float] = {}

    def passes(self, message: str, every: float = THROTTLE_SECONDS) -> bool:
        """Whether it is time to log this message; if so, it is `every` seconds until the next time."""
        kind, now = _kind(message), self._clock()
        if self._quiet_until.get(kind, now) > now:
            return False
        self._quiet_until = {other: until for other, until in self._quiet_until.items() if until > now}
        self._quiet_until[kind] = now + every
        return True

    def __len__(self) -> int:
        """How many kinds of messages are remembered."""
        return len(self._quiet_until)


class Reminder:
    """Says when to tell of what goes on: often at first, then rarely.

    Args:
        clock: what says the time, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._throttle = Throttle(clock)
        self._since: dict[str, float] = {}

    def due(self, messages: Iterable[str]) -> list[str]:
        """Those of the messages that it is time to log.

        Args:
            messages: all that hold now; to be asked of again and again.
        """
        now = self._clock()
        self._since = {message: self._since.get(message, now) for message in messages}
        return [message for message, since in self._since.items() if self._is_due(message, now - since)]

    def _is_due(self, message: str, seconds: float) -> bool:
        every = THROTTLE_SECONDS if seconds < FIRST_SECONDS else RARELY_SECONDS
        return self._throttle.passes(message, every)


def _kind(message: str) -> str:
    """The message without its numbers."""
    return _WORD.sub(lambda word: word[0] if "/" in word[0] else _NUMBER.sub("#", word[0]), message)
