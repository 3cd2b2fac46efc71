# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Points the CMake targets of the ROS 2 wheels to this machine's headers.

The wheels' exported targets carry the include folders of Python and NumPy on the machine that built them,
below /opt/python.  CMake's generate step fails on folders that do not exist.  Run it with the environment's
own Python.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

BUILDER = "/opt/python/"
PYTHON_HEADERS = re.compile(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+")
NUMPY_HEADERS = re.compile(r"/opt/python/cp\d+-cp\d+/lib/python3\.\d+/site-packages/numpy/_?core/include")


def relocated(text: str) -> str:
    """The text of a CMake file with this machine's include folders."""
    text = PYTHON_HEADERS.sub(lambda _: sysconfig.get_path("include"), text)
    return NUMPY_HEADERS.sub(lambda _: np.get_include(), text)


def main() -> None:
    """Rewrite the CMake files below the environment's share/; fail where a builder's path is left."""
    for file in Path(sys.prefix, "share").rglob("*.cmake"):
        text = file.read_text()
        if BUILDER not in text:
            continue
        text = relocated(text)
        if BUILDER in text:
            sys.exit(f"{file} still refers to {BUILDER}: the wheels have changed; {__file__} must follow.")
        file.write_text(text)
        print(f"relocated {file}")


main()
