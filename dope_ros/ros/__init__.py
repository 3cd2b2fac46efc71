# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All that needs ROS 2: the node, and what turns messages into arrays and people into messages."""
