# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all, and the folder for those that are kept."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time

from dope_ros.errors import DopeError

ABANDONED_SECONDS = 3600.0
"""A partial file that nobody has written to for so long is one of a process that was killed."""


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes `path`'s place at the end, and is deleted if anything fails.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    partial.touch(exist_ok=False)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replaced_durably(path: Path) -> Iterator[Path]:
    """The same, and on the disk before it takes that place: it outlasts a loss of power, as robots have it.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    with replaced_whole(path) as partial:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())


def delete_abandoned(folder: Path) -> None:
    """Delete the partial files that `replaced_whole` left in a folder when processes were killed."""
    for partial in folder.glob(f".*.{'[0-9a-f]' * 8}"):
        with suppress(OSError):  # another process deletes it, or it is another user's
            if time() - partial.stat().st_mtime > ABANDONED_SECONDS:
                partial.unlink()


def user_cache() -> Path:
    """This package's part of the user's cache folder (XDG base directories).

    Raises:
        DopeError: the user has no home, as in some containers.
    """
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:
        raise DopeError("this user has no home for a cache: set XDG_CACHE_HOME") from error
    return Path(base) / "dope_ros"
