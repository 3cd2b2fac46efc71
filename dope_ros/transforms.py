# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where coordinate frames are over time: a small tree of transforms, for places without tf2."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from time import monotonic

from dope_ros.errors import DopeError
from dope_ros.geometry import Transform

HISTORY_NS = 10_000_000_000
"""So long a frame's places are kept, as in tf2."""


class TransformError(DopeError):
    """A transform that is not known; the message says what is missing."""


@dataclass(slots=True)
class Edge:
    """A frame's places in its parent. stamps: nanoseconds, in order; empty for a static one."""

    parent: str
    stamps: list[int] = field(default_factory=list)
    places: dict[int, Transform] = field(default_factory=dict)
    static: Transform | None = None

    def add(self, stamp: int, place: Transform) -> None:
        """Take in a place; those older than the history go, and all of them if time went back."""
        if self.stamps and stamp < self.stamps[0] - HISTORY_NS:
            self.stamps, self.places = [], {}
        if stamp not in self.places:
            insort(self.stamps, stamp)
        self.places[stamp] = place
        while self.stamps[-1] - self.stamps[0] > HISTORY_NS:
            del self.places[self.stamps.pop(0)]

    def at(self, frame: str, stamp: int) -> Transform:
        """The place at a time, between the two nearest.

        Raises:
            TransformError: the time lies outside of what is known.
        """
        if self.static is not None:
            return self.static
        after = bisect_left(self.stamps, stamp)
        if after < len(self.stamps) and self.stamps[after] == stamp:
            return self.places[stamp]
        if after in (0, len(self.stamps)):
            first, last = self.stamps[0] * 1e-9, self.stamps[-1] * 1e-9
            raise TransformError(
                f"'{frame}' in '{self.parent}' is known from {first:.3f} to {last:.3f} s, "
                f"not at {stamp * 1e-9:.3f} s"
            )
        before, behind = self.stamps[after - 1], self.stamps[after]
        share = (stamp - before) / (behind - before)
        return self.places[before].towards(self.places[behind], share)


class TransformTree:
    """Frames, each with a place in its parent; safe to use from several threads."""

    def __init__(self) -> None:
        self._edges: dict[str, Edge] = {}
        self._changed = threading.Condition()

    def add(self, parent: str, child: str, stamp: int, place: Transform, static: bool = False) -> None:
        """Take in where a frame is in its parent, at a time in nanoseconds."""
        with self._changed:
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or static:
                edge = self._edges[child] = Edge(parent)
            if static:
                edge.static = place
            else:
                edge.add(stamp, place)
            self._changed.notify_all()

    def lookup(self, target: str, source: str, stamp: int, patience: float = 0.0) -> Transform:
        """What takes points of `source` to `target` at a time.

        Args:
            stamp: nanoseconds.
            patience: seconds to wait for it.

        Raises:
            TransformError: it is not known; says which frame or time is missing.
        """
        deadline = monotonic() + patience
        with self._changed:
            while True:
                try:
                    return self._lookup(target, source, stamp)
                except TransformError:
                    left = deadline - monotonic()
                    if left <= 0:
                        raise
                    self._changed.wait(left)

    def _lookup(self, target: str, source: str, stamp: int) -> Transform:
        up, down = list(self._ancestors(source)), list(self._ancestors(target))
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            raise TransformError(self._what_is_missing(target, source, up[-1], down[-1]))
        to_common = self._chain(up[: up.index(common)], stamp)
        from_common = self._chain(down[: down.index(common)], stamp).inverse()
        return from_common.after(to_common)

    def _what_is_missing(self, target: str, source: str, source_root: str, target_root: str) -> str:
        known = {*self._edges, *(edge.parent for edge in self._edges.values())}
        unknown = [f"'{frame}'" for frame in (target, source) if frame not in known]
        if unknown:
            return f"nobody publishes a transform of {' or '.join(unknown)}"
        return (
            f"'{source}' and '{target}' are not connected: they hang on '{source_root}' and '{target_root}'"
        )

    def _ancestors(self, frame: str) -> Iterator[str]:
        visited: set[str] = set()
        while frame not in visited:
            visited.add(frame)
            yield frame
            if frame not in self._edges:
                return
            frame = self._edges[frame].parent

    def _chain(self, frames: list[str], stamp: int) -> Transform:
        """From the first of some frames to the parent of the last."""
        places = [self._edges[frame].at(frame, stamp) for frame in frames]
        return reduce(lambda so_far, place: place.after(so_far), places, Transform.identity())
