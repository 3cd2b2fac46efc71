# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What git says of this checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def files_in_git(folder: str = ".") -> list[str]:
    """Files below a folder that git keeps or would keep; skips the test where git says nothing.

    Paths begin at the root. Files that are new are among them, those that git ignores are not.
    """
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    options = ["--cached", "--others", "--exclude-standard", "--", folder]
    try:
        done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git does not list the files of {ROOT}: {error}")
    return sorted({name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()})
