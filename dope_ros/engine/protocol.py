# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an engine is to the rest of the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from dope_ros.engine.contract import ModelSpec
from dope_ros.errors import EngineError
from dope_ros.poses import Proposals
from dope_ros.skeleton import Part

ENGINE_SUFFIX = ".engine"
"""Of engine files: models that TensorRT compiled for one GPU."""

Progress = Callable[[str], bool | None]
"""Is told in a few words what goes on while a model is opened; it may be called from another thread.

What answers False wants it given up.
"""


class GivenUpError(EngineError):
    """Whoever wanted a model opened does not want it any more: nothing else is to be tried."""


class Engine(Protocol):
    """Runs the network on one picture of a fixed size.

    spec: what the model file says of itself.
    description: runtime and device, for people.
    """

    spec: ModelSpec
    description: str

    def run(self, pixels: np.ndarray) -> dict[Part, Proposals]:
        """Proposals of each part for `pixels`, uint8 [H, W, 3], RGB, of the size in `spec`.

        Raises:
            EngineError: the runtime failed, or what it gives is not finite.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds; it cannot run after that."""
        ...
