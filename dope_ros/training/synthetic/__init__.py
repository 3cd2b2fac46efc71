# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered people with exact labels."""
