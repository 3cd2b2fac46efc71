# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From pose proposals to people: integration or NMS for each part, then assembly."""
