# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An engine that is opened again after it failed, for a while."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from time import monotonic

import numpy as np

from dope_ros.engine.contract import ModelSpec, OverflowedError
from dope_ros.engine.protocol import Engine
from dope_ros.errors import DopeError, EngineError
from dope_ros.poses import Proposals
from dope_ros.skeleton import Part

logger = logging.getLogger(__name__)

FAILING_SECONDS = 60.0
"""For so long at least an engine fails before it is given up."""

LEAST_FAILURES = 5
"""So many in a row at least: where pictures are rare, one of them says little."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 16.0
"""Seconds before another attempt, doubled from one failure to the next; there is none after the first."""


class ReloadingEngine:
    """An `Engine` that opens another one, and opens it again when it fails.

    The frame that failed is lost, and its caller is told.  Other programs may take a GPU's memory for a
    while: attempts go on for `FAILING_SECONDS`, with growing pauses in which frames fail at once.  Then the
    engine is given up; what opened this one may open another.

    Args:
        clock: seconds.

    Raises:
        ModelError, EngineError: it cannot be opened the first time.
    """

    def __init__(self, open_engine: Callable[[], Engine], clock: Callable[[], float] = monotonic) -> None:
        self._open = open_engine
        self._clock = clock
        self._engine: Engine | None = open_engine()
        self.spec: ModelSpec = self._engine.spec
        self.description = self._engine.description
        self._failures = 0
        self._fault = ""
        self._failing_since = self._next_attempt = 0.0

    def run(self, pixels: np.ndarray) -> dict[Part, Proposals]:
        """Run the network on `pixels`; see `Engine.run`.

        Raises:
            OverflowedError: the picture is too much for its precision; the next one may not be.
            EngineError: it failed, and says when it is opened again; or it is given up.
        """
        if self._clock() < self._next_attempt:
            raise EngineError(self._explanation())
        try:
            proposals = self._opened().run(pixels)
        except OverflowedError:
            self._failures = 0
            raise
        except DopeError as error:
            self._note(error)
            self.close()
            raise EngineError(self._explanation()) from error
        self._failures = 0
        return proposals

    def close(self) -> None:
        """Free the engine."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _opened(self) -> Engine:
        """The engine; opened, if the last one failed."""
        if self._engine is not None:
            return self._engine
        try:
            self._engine = self._open()
        except OverflowedError as error:  # of a grey picture: no other one would fare better
            raise EngineError(str(error)) from error
        return self._engine

    def _note(self, error: DopeError) -> None:
        """Take in a failure, and decide what follows."""
        now = self._clock()
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        self._fault = str(error)
        is_given_up = self._failures >= LEAST_FAILURES and now - self._failing_since >= FAILING_SECONDS
        self._next_attempt = math.inf if is_given_up else now + _pause_after(self._failures)

    def _explanation(self) -> str:
        failures = f"{self._fault} (failure {self._failures} in a row"
        if math.isinf(self._next_attempt):
            return (
                f"{failures}; given up after {FAILING_SECONDS:.0f} s: deactivate, clean up, configure and "
                "activate the node to open the engine anew; only a GPU that was lost needs a new process)"
            )
        seconds = self._next_attempt - self._clock()
        when = f"in {seconds:.1f} s" if seconds > 0 else "with the next picture"
        return f"{failures}; tried again {when})"


def _pause_after(failures: int) -> float:
    """Seconds till the next attempt, after so many failures in a row."""
    return 0.0 if failures < 2 else float(min(FIRST_PAUSE * 2 ** min(failures - 2, 30), LONGEST_PAUSE))
