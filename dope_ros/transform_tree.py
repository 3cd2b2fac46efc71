# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where coordinate frames are over time: a small tree of transforms, for places without tf2."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from time import monotonic

from dope_ros.errors import DopeError
from dope_ros.geometry import Transform

HISTORY_NS = 10_000_000_000
"""So long a frame's places are kept, as in tf2."""

JUMP_NS = 1_000_000_000
"""Stamps that go back so far are those of another time: a bag or a simulation began anew."""

FORGOTTEN_SECONDS = 10.0
"""A frame of which nobody has said anything for so long is gone."""

SWEEP_SECONDS = 1.0
"""Between two looks for frames that are gone."""

MISSES = 5
"""So many times in a row something was awaited in vain before it is awaited less."""

WAITING_SHARE = 0.1
"""The share of the time that may be spent on waiting then."""

LEAST_REST = 1.0
"""Seconds between two waits then, at least."""


class TransformError(DopeError):
    """A transform that is not known; the message says what is missing."""


class Patience:
    """How long to wait for what may never come, so that whoever waits is not slowed down for ever.

    After some misses in a row it is waited now and then only, until it comes: what always comes a little
    late would never be seen otherwise.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._misses = 0
        self._rest_until = 0.0

    def seconds(self, most: float) -> float:
        """How long to wait this time: `most`, or not at all."""
        if self._misses < MISSES:
            return most
        now = self._clock()
        if now < self._rest_until:
            return 0.0
        self._rest_until = now + max(LEAST_REST, most / WAITING_SHARE)
        return most

    def note(self, found: bool) -> None:
        """Take in whether it came."""
        self._misses = 0 if found else self._misses + 1


def await_transform(
    changed: threading.Condition, find: Callable[[], Transform], patience: float
) -> Transform:
    """What is found, as soon as it can be.

    Args:
        changed: whoever adds a transform holds it and notifies it; it is held while `find` looks.
        find: looks now; raises a `TransformError` where something is missing.
        patience: seconds to wait at most.

    Raises:
        TransformError: that of the last look.
    """
    deadline = monotonic() + patience
    with changed:
        while True:
            try:
                return find()
            except TransformError:
                left = deadline - monotonic()
                if left <= 0:
                    raise
                changed.wait(left)


@dataclass(slots=True)
class Edge:
    """A frame's places in its parent. stamps: nanoseconds, in order; empty for a static one."""

    parent: str
    stamps: list[int] = field(default_factory=list)
    places: dict[int, Transform] = field(default_factory=dict)
    static: Transform | None = None

    def add(self, stamp: int, place: Transform) -> None:
        """Take in a place; those older than the history go."""
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


class FrameWatch:
    """Notices when the stamps of a frame go back, and when nothing is said of it any more.

    Each frame is compared with itself only: publishers may set stamps apart from each other by design, such
    as those of a localisation that says in advance where the robot will be.

    Args:
        clock: seconds, to know when something was said.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._newest: dict[str, int] = {}
        self._heard: dict[str, float] = {}
        self._swept = clock()

    def record(self, frame: str, stamp: int) -> bool:
        """Take in a stamp of a frame, in nanoseconds; True where it shows that time went back."""
        self._heard[frame] = self._clock()
        newest = self._newest.get(frame, stamp)
        if stamp < newest - JUMP_NS:
            self.forget()
            self._newest[frame] = stamp
            return True
        self._newest[frame] = max(stamp, newest)
        return False

    def sweep(self) -> list[str]:
        """Forget the frames that are gone, and say which; done now and then, for it takes its time."""
        now = self._clock()
        if now - self._swept < SWEEP_SECONDS:
            return []
        self._swept = now
        gone = [frame for frame, heard in self._heard.items() if now - heard > FORGOTTEN_SECONDS]
        for frame in gone:
            del self._heard[frame]
            self._newest.pop(frame, None)
        return gone

    def forget(self) -> None:
        """Forget all stamps, as those of another time."""
        self._newest.clear()


class TransformTree:
    """Frames, each with a place in its parent; safe to use from several threads.

    When the stamps of a frame go back by more than a second, what is known of all that is not static is
    forgotten: places of two runs of a bag or a simulation are not mixed. So is a frame of which nobody says
    anything any more.

    Args:
        clock: seconds, to know when something was said.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._edges: dict[str, Edge] = {}
        self._watch = FrameWatch(clock)
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """How many frames have a place."""
        return len(self._edges)

    def add(self, parent: str, child: str, stamp: int, place: Transform) -> None:
        """Take in where a frame is in its parent at a time in nanoseconds."""
        with self._changed:
            self._forget_what_is_over(child, stamp)
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or edge.static is not None:
                edge = self._edges[child] = Edge(parent)  # as in tf2, what is said last holds
            edge.add(stamp, place)
            self._changed.notify_all()

    def add_static(self, parent: str, child: str, place: Transform) -> None:
        """Take in where a frame is in its parent at any time."""
        with self._changed:
            self._edges[child] = Edge(parent, static=place)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all but static places: time went back."""
        with self._changed:
            self._clear()
            self._watch.forget()

    def lookup(self, target: str, source: str, stamp: int, patience: float = 0.0) -> Transform:
        """What takes points of `source` to `target` at a time.

        Args:
            stamp: nanoseconds.
            patience: seconds to wait for it.

        Raises:
            TransformError: it is not known; says which frame or time is missing.
        """
        return await_transform(self._changed, lambda: self._lookup(target, source, stamp), patience)

    def _forget_what_is_over(self, child: str, stamp: int) -> None:
        if self._watch.record(child, stamp):
            self._clear()
        for frame in self._watch.sweep():
            edge = self._edges.get(frame)
            if edge is not None and edge.static is None:
                del self._edges[frame]

    def _clear(self) -> None:
        self._edges = {frame: edge for frame, edge in self._edges.items() if edge.static is not None}

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
