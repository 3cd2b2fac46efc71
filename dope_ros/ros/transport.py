# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shared memory that holds images, for processes that publish them with Fast DDS."""

from __future__ import annotations

import os

from dope_ros.ros.installed import shared_file

PROFILES_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""What names the file to Fast DDS: up to version 2 (Jazzy), and from version 3 on (Kilted)."""


def use_large_shared_memory() -> None:
    """Make Fast DDS use `config/fastdds.xml` here and in child processes, unless a profile is set already.

    By default most best-effort images of 640x480 and more are lost between two processes; the file says why.
    To be called before `rclpy.init`. Other middlewares do not read it.

    Raises:
        DopeError: the file is not installed.
    """
    if any(variable in os.environ for variable in PROFILES_VARIABLES):
        return
    os.environ.update(dict.fromkeys(PROFILES_VARIABLES, str(shared_file("config/fastdds.xml"))))
