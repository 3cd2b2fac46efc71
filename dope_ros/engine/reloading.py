# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An engine that is opened again after it failed, a few times."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from dope_ros.engine.contract import ModelSpec
from dope_ros.engine.protocol import Engine
from dope_ros.errors import DopeError, EngineError
from dope_ros.poses import Proposals
from dope_ros.skeleton import Part

logger = logging.getLogger(__name__)

MAX_FAILURES = 3


class ReloadingEngine:
    """An `Engine` that opens another one, and opens it again when it fails.

    The frame that failed is lost, and its caller is told.  After `MAX_FAILURES` in a row the engine is given
    up: a GPU that is lost to a process comes back only to a new one.

    Raises:
        ModelError, EngineError: it cannot be opened the first time.
    """

    def __init__(self, open_engine: Callable[[], Engine]) -> None:
        self._open = open_engine
        self._engine: Engine | None = open_engine()
        self.spec: ModelSpec = self._engine.spec
        self.description = self._engine.description
        self._failures = 0

    def run(self, pixels: np.ndarray) -> dict[Part, Proposals]:
        """Run the network on `pixels`; see `Engine.run`.

        Raises:
            EngineError: it failed, and the next call opens it again; or it is given up.
        """
        if self._failures >= MAX_FAILURES:
            raise EngineError(f"given up after {MAX_FAILURES} failures in a row: restart the process")
        try:
            if self._engine is None:
                self._engine = self._open()
            proposals = self._engine.run(pixels)
        except DopeError as error:
            self._failures += 1
            self.close()
            raise EngineError(f"{error} (failure {self._failures} of {MAX_FAILURES} in a row)") from error
        self._failures = 0
        return proposals

    def close(self) -> None:
        """Free the engine."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
