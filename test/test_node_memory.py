# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a robot's computer has to hold for the node."""

from __future__ import annotations

from pathlib import Path

import skimage.data
from robot import running_node


def test_the_node_with_the_default_model_stays_within_400_megabytes_and_without_torch(robot):
    with running_node({}) as node:
        for _ in range(5):
            robot.show(robot.image(skimage.data.astronaut()))
        assert node.resident_mb() < 400
        loaded = Path(f"/proc/{node.pid}/maps").read_text()
    assert "onnxruntime" in loaded
    assert "torch" not in loaded
