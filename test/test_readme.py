# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The README's tables say what the node does."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from dope_ros.msg import PartPose3D, WholeBodyPose3D, WholeBodyPose3DArray
from dope_ros.ros.images import BYTES_PER_PIXEL
from dope_ros.ros.parameters import PARAMETERS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ROWS = {row.split("|")[1].strip(): row for row in README.splitlines() if row.startswith("| `")}


@pytest.mark.parametrize("spec", PARAMETERS, ids=lambda spec: spec.name)
def test_each_parameter_has_a_row_with_its_default_its_range_and_when_it_may_change(spec):
    _, _, default, values, change, meaning, _ = ROWS[f"`{spec.name}`"].split("|")
    shown = str(spec.default).lower() if isinstance(spec.default, bool) else str(spec.default)
    assert default.strip() == f"`{shown or repr(shown)}`"
    if math.isfinite(spec.low):
        assert values.strip() == f"{spec.low:g} to {spec.high:g}"
    assert all(choice in values for choice in spec.choices)
    assert change.strip() == ("read-only" if spec.read_only else "live" if spec.live else "")
    assert meaning.strip()


def test_every_field_of_the_messages_is_named():
    for message in (PartPose3D, WholeBodyPose3D, WholeBodyPose3DArray):
        for field in message.get_fields_and_field_types():
            assert f"`{field}`" in README, field


def test_every_encoding_that_is_read_is_named():
    plain = [name for name in BYTES_PER_PIXEL if not name.startswith("bayer")]
    assert all(re.search(rf"\b{name}\b", README) for name in (*plain, "bayer"))
