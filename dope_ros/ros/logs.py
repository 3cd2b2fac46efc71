# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Logging: the package's own messages in the node's log, and warnings that do not flood it."""

from __future__ import annotations

import logging
import re
from time import monotonic

from rclpy.impl.rcutils_logger import RcutilsLogger

THROTTLE_SECONDS = 5.0


class NodeLogHandler(logging.Handler):
    """Passes records of Python's logging on to a node's logger."""

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
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


_NUMBER = re.compile(r"(?<![\w/])\d+(\.\d+)?")
"""One that is not part of a name: of `/cam0/image_raw` and `/cam1/image_raw` each has its say."""


class Throttle:
    """Lets a message through once in a while, those that differ in numbers only counting as one."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def passes(self, message: str, every: float = THROTTLE_SECONDS) -> bool:
        """Whether it is time to log this message; if so, it is `every` seconds until the next time."""
        kind, now = _NUMBER.sub("#", message), monotonic()
        if kind in self._last and now - self._last[kind] < every:
            return False
        self._last[kind] = now
        return True
