# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files that are written whole or not at all, and the folder for those that are kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dope_ros.errors import DopeError


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to; it takes `path`'s place at the end, and is deleted if anything fails.

    Raises:
        OSError: the folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
