# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT: engines are built for a GPU, kept in a cache, and run."""
