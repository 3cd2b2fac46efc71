# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, told so that the reader knows the mend."""


class DopeError(Exception):
    """Base of every error that this package raises on purpose."""


class ModelError(DopeError):
    """A model file is missing, broken, or does not follow the model contract."""


class EngineError(DopeError):
    """An engine is unknown, cannot be had on this machine, or failed while running."""


class ImageError(DopeError):
    """A picture or an image message cannot be read."""


class DatasetError(DopeError):
    """Training pictures, labels or assets are missing, broken, or of another layout than they should have."""
