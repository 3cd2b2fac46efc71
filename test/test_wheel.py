# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `pip install` brings: all of the package, and nothing else."""

from __future__ import annotations

import subprocess
import sys

from checkout import ROOT, files_in_git


def test_the_python_package_that_setup_py_builds_has_each_file_of_the_sources_and_no_other(tmp_path):
    expected = files_in_git("dope_ros")
    folders = ["--build-base", str(tmp_path / "base"), "--build-lib", str(tmp_path / "lib")]
    command = [sys.executable, "setup.py", "--quiet", "build", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    built = [path for path in (tmp_path / "lib").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(tmp_path / "lib").as_posix() for path in built) == expected
    assert {"dope_ros/py.typed", "dope_ros/models/dope-lite.onnx"} <= set(expected)
