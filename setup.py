# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`pip install .` where there is no ROS 2: training servers and the `dope` command.

With ROS 2, CMakeLists.txt installs the package.  The version is package.xml's, the requirements are those in
requirements/.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
MANIFEST = ElementTree.parse(HERE / "package.xml").getroot()


def manifest(tag: str) -> str:
    """The text of a tag of package.xml, on one line."""
    return " ".join(MANIFEST.findtext(tag, "").split())


def requirements(name: str) -> list[str]:
    """The requirements in requirements/<name>.txt."""
    lines = (HERE / "requirements" / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


setup(
    name=manifest("name"),
    version=manifest("version"),
    description=manifest("description"),
    author=manifest("author"),
    license=manifest("license"),
    python_requires=">=3.10",
    packages=find_packages(include=["dope_ros", "dope_ros.*"]),
    package_data={"dope_ros": ["cli/*.jpg", "models/*", "py.typed", "training/synthetic/*.csv"]},
    install_requires=requirements("runtime"),
    extras_require={
        name: requirements(name) for name in ("bags", "dev", "network", "synthetic", "tensorrt", "training")
    },
    entry_points={"console_scripts": ["dope = dope_ros.cli:main"]},
    # Away from colcon's build/dope_ros, and from a build/lib that outlives deleted modules.
    options={"build": {"build_base": "build/setuptools"}},
)
