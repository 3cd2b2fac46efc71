# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of rendered people share: bodies made once, and assets where a folder of them is named."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import pytest
from processes import one_at_a_time

from dope_ros.training.synthetic.bodies import BODIES_VERSION, ensure_bodies
from dope_ros.training.synthetic.body import BodyModel
from dope_ros.training.synthetic.joint_ranges import Anatomy
from dope_ros.training.synthetic.render import Renderer, Sources

SIZE = 96
"""Pixels. Small pictures take milliseconds."""

COUNT = 6
"""Bodies; making them is what takes time."""


@lru_cache(maxsize=1)
def bodies_file() -> Path:
    """A file of few bodies, kept between runs of the tests."""
    cache = Path(__file__).resolve().parent.parent / ".pytest_cache" / f"bodies-v{BODIES_VERSION}-{COUNT}.npz"
    with one_at_a_time(cache.with_suffix(".lock")):
        ensure_bodies(cache, COUNT)
    return cache


@lru_cache(maxsize=1)
def body_model() -> BodyModel:
    return BodyModel(bodies_file())


@lru_cache(maxsize=1)
def anatomy() -> Anatomy:
    return Anatomy(body_model())


@lru_cache(maxsize=2)
def renderer(with_assets: bool = False) -> Renderer:
    """Backgrounds are drawn, whatever wallpapers are installed."""
    return Renderer(
        Sources(bodies_file(), assets_folder() if with_assets else None, (Path("/nowhere"),)), SIZE
    )


def assets_folder() -> Path:
    """The folder that DOPE_ASSETS names; the test is skipped where it names none."""
    if "DOPE_ASSETS" not in os.environ:
        pytest.skip("needs assets: name a folder of them (docs/synthetic.md) in the variable DOPE_ASSETS")
    return Path(os.environ["DOPE_ASSETS"])
