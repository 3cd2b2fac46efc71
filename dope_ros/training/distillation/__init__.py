# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Part experts teach a student: their detections as labels, and as boxes to distil from (DOPE, 3.3)."""
