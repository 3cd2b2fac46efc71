# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""New pictures composed of labelled ones: pasted before backgrounds, or tiled; see docs/datasets.md."""
