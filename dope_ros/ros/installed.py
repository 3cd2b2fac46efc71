# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the installed package keeps what is not Python."""

from __future__ import annotations

import sys
from pathlib import Path

from ament_index_python.packages import get_package_prefix, get_package_share_directory

from dope_ros.errors import DopeError


def shared_file(path: str) -> Path:
    """A file that the package installs below its share folder.

    Raises:
        DopeError: it is not there.
    """
    file = Path(get_package_share_directory("dope_ros")) / path
    if not file.is_file():
        raise DopeError(f"{file} is missing: build and install the package again")
    return file


def node_command() -> list[str]:
    """What starts the node as `ros2 run dope_ros dope_node` does, with this process's Python.

    `python -m` would take the package from the current folder where that is a checkout, without the messages.
    """
    return [sys.executable, str(Path(get_package_prefix("dope_ros"), "lib", "dope_ros", "dope_node"))]
