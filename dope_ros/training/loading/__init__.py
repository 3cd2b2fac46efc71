# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From labelled pictures to the tensors of a training step."""
