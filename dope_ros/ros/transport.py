# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shared memory that holds images, for processes that publish them with Fast DDS."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory

from dope_ros.errors import DopeError

PROFILES_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"


def use_large_shared_memory() -> None:
    """Make Fast DDS use `config/fastdds.xml` here and in child processes, unless a profile is set already.

    By default most best-effort images of 640x480 and more are lost between two processes; the file says why.
    To be called before `rclpy.init`. Other middlewares do not read it.

    Raises:
        DopeError: the file is not installed.
    """
    profiles = Path(get_package_share_directory("dope_ros")) / "config" / "fastdds.xml"
    if not profiles.is_file():
        raise DopeError(f"{profiles} is missing: build and install the package again")
    os.environ.setdefault(PROFILES_VARIABLE, str(profiles))
