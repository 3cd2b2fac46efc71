# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a network is trained for: which boxes, what each should say, and how far off it is (DOPE, 3)."""
