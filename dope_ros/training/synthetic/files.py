# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files of a kind in a folder and those below it."""

from __future__ import annotations

from pathlib import Path


def files_in(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a folder and all folders below it with one of the suffixes, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
