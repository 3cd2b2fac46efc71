# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, told so that the reader knows the mend."""


class DopeError(Exception):
    """Base of the errors that this package tells a user of; a caller's mistakes are `ValueError`s."""


class ModelError(DopeError):
    """A model file is missing, broken, or does not follow the model contract."""


class EngineError(DopeError):
    """An engine is unknown, cannot be had on this machine, or failed while running."""


class ImageError(DopeError):
    """A picture cannot be read or written, or an image message cannot be read."""


class DatasetError(DopeError):
    """Training pictures, labels or assets are missing, broken, or of another layout than they should have."""


class ExpertError(DopeError):
    """An expert that labels pictures cannot be started, or failed while running."""
