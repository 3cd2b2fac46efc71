# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Says which optional requirements a verb is missing, and which folders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dope_ros.errors import DatasetError, DopeError


@contextmanager
def needed_for(verb: str, extra: str) -> Iterator[None]:
    """Around imports that a verb needs and that come with `pip install '.[extra]'`.

    Raises:
        DopeError: one is missing.
    """
    try:
        yield
    except ImportError as error:
        raise DopeError(
            f"`dope {verb}` needs {error.name}: pip install '.[{extra}]' in a checkout of dope_ros"
        ) from error


def make_out_folder(folder: Path) -> None:
    """Make the folder that `--out` names, before the work is done that goes there.

    Raises:
        DopeError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise DopeError(f"--out {folder}: that is a file; name a folder") from error
    except OSError as error:
        raise DopeError(f"--out {folder}: {error.strerror}") from error


def check_folders(purpose: str, folders: Iterable[Path]) -> None:
    """Folders that a user names are there.

    Args:
        purpose: what they hold.

    Raises:
        DatasetError: one is missing.
    """
    missing = [str(folder) for folder in folders if not folder.is_dir()]
    if missing:
        raise DatasetError(f"{missing[0]}: there is no such folder of {purpose}")
