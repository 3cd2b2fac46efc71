# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How many people are remembered, and what is made of stamps that go back."""

REMEMBERED = 300
"""Of so many people at most something is remembered; where stamps stand still, nothing grows too old."""

LATE = 0.1
"""Seconds. Stamps go back so far where a camera's clock is not strict; if further, time itself went back."""
