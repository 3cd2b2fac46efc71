# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Prints the requirements in the given files that this Python does not meet.

pip alone would not do beside a ROS 2: it does not know some of what apt installs (OpenCV), and a second copy
would shadow the one that ROS 2's extension modules were built against.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement

IMPORTED_AS = {"opencv-python-headless": "cv2"}


def is_met(requirement: Requirement) -> bool:
    """Whether the distribution is there in the right version; where apt names it otherwise, its module."""
    if module := IMPORTED_AS.get(requirement.name):
        return find_spec(module) is not None
    try:
        return version(requirement.name) in requirement.specifier
    except PackageNotFoundError:
        return False


def main(files: list[str]) -> None:
    """Print one requirement a line."""
    lines = [line for file in files for line in Path(file).read_text().splitlines()]
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for requirement in requirements:
        if not is_met(requirement):
            print(requirement)


main(sys.argv[1:])
