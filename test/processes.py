# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What tests in several processes at once (pytest-xdist) must share, and what they must not."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOMAIN_COUNT = 100
"""ROS domains 1 to 100 have ports of their own on every Linux."""


def ros_domains() -> list[int]:
    """The ROS domains of this process's tests; the processes beside it have others."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return _domains_from(os.getpid(), DOMAIN_COUNT)
    size = max(1, DOMAIN_COUNT // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    return _domains_from(os.getppid() + size * int(worker.removeprefix("gw")), size)


def _domains_from(first: int, count: int) -> list[int]:
    return [1 + (first + i) % DOMAIN_COUNT for i in range(count)]


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Only one process is in here with the same file; the others wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
