# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Poses without jitter: the One-Euro filter (Casiez, Roussel, Vogel, CHI 2012) on all joints at once.

It smooths what rests and follows what moves. The packages that there are filter one number at a time; a
person has 695.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dope_ros.joint_arrays import (
    ALL_JOINTS,
    BODY_SLICE,
    FACE_SLICE,
    LEFT_HAND_SLICE,
    RIGHT_HAND_SLICE,
    JointArrays,
    lengths,
    roots_of,
    with_joints,
)
from dope_ros.poses import Person
from dope_ros.skeleton import HEAD, LEFT_WRIST, RIGHT_WRIST
from dope_ros.tracking.memory import LATE, REMEMBERED

PARENT_JOINTS = (
    (LEFT_HAND_SLICE, LEFT_WRIST),
    (RIGHT_HAND_SLICE, RIGHT_WRIST),
    (FACE_SLICE, HEAD),
)
"""Parts, and the joint of the body that they hang on."""

FORGOTTEN = 1.0
"""Seconds. A pose so old has nothing to do with the next."""

EXTENTS = (
    (BODY_SLICE, 1.7),
    (FACE_SLICE, 0.2),
    (LEFT_HAND_SLICE, 0.2),
    (RIGHT_HAND_SLICE, 0.2),
)
"""Metres. The extent in the picture of the first of these parts that is seen stands for so many, which makes
speeds in it comparable."""


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """Of the One-Euro filter.

    min_cutoff: hertz; the lower, the less jitter of what rests.
    beta: hertz per m/s; the higher, the less lag of what moves.
    derivative_cutoff: hertz, of the speeds that the filter goes by.
    """

    min_cutoff: float = 0.2
    beta: float = 2.0
    derivative_cutoff: float = 0.5


@dataclass(frozen=True, slots=True)
class FilterState:
    """What the filter remembers of one person.

    values, velocities: [139, 5], x and y in the picture, then x, y and z relative to the parent joints, as of
        when each joint was last seen; NaN and 0 where nothing is remembered.
    times: [139] seconds, when that was.
    seconds: when the person was last seen.
    has_body: whether there was a body; without one, x, y and z of hands and faces are relative to nothing.
    metric: whether the position was.
    measured: whether the body's size was measured in a depth image, so that its distance was right.
    """

    values: np.ndarray
    velocities: np.ndarray
    times: np.ndarray
    seconds: float
    has_body: bool
    metric: bool
    measured: bool

    @classmethod
    def begun(cls, person: Person, seconds: float) -> FilterState:
        """Of somebody of whom nothing is known."""
        values = np.full((ALL_JOINTS, 5), np.nan)
        times = np.full(ALL_JOINTS, seconds)
        has_body = person.body is not None
        return cls(
            values, np.zeros_like(values), times, seconds, has_body, person.metric, person.size_measured
        )

    def elapsed(self, seconds: float) -> np.ndarray:
        """Seconds since each joint was seen: [139]; 0 if the person was seen at this time or a later one."""
        return seconds - self.times if seconds > self.seconds else np.zeros(ALL_JOINTS)

    def without(self, dropped: np.ndarray) -> FilterState:
        """The same but for what is `dropped`, [139, 5] bool or what broadcasts to it."""
        if not dropped.any():
            return self
        return replace(
            self,
            values=np.where(dropped, np.nan, self.values),
            velocities=np.where(dropped, 0.0, self.velocities),
        )

    def followed_by(self, values: np.ndarray, velocities: np.ndarray, seconds: float) -> FilterState:
        """The state after one more step; of joints that are not seen, NaN, it is what it was."""
        seen = ~np.isnan(values)
        return replace(
            self,
            values=np.where(seen, values, self.values),
            velocities=np.where(seen, velocities, self.velocities),
            times=np.where(seen[:, 0], seconds, self.times),
            seconds=seconds,
        )


class Smoother:
    """Smooths people by their ids; hands and faces stay where their bodies' wrists and heads go."""

    def __init__(self) -> None:
        self._states: dict[int, FilterState] = {}
        self._frame = ""

    def __call__(
        self, people: Sequence[Person], seconds: float, settings: SmoothingSettings, frame: str = ""
    ) -> list[Person]:
        """The people of one moment, smoothed.

        Args:
            people: with ids that are theirs over time.
            seconds: of the picture. If it goes back, all begins anew. If it stands still, as where nobody
                sets stamps, or goes back by no more than `LATE`, people go through as they are.
            frame: what the frame is called that their positions in space are in. Where it is another than
                before, all begins anew.
        """
        self._forget(seconds, frame)
        if not people:
            return []
        arrays = JointArrays.of(people)
        now = np.concatenate([arrays.keypoints_2d, relative_to_parents(arrays.keypoints_3d)], axis=2)
        states = [self._state_of(person, seconds) for person in people]
        smoothed, velocities = one_euro(
            now,
            np.stack([state.values for state in states]),
            np.stack([state.velocities for state in states]),
            np.stack([state.elapsed(seconds) for state in states]),
            settings,
        )
        for row, person in enumerate(people):
            state = self._states.pop(person.id, None)  # who was seen last is to stand last
            if state is None or seconds > state.seconds:
                state = states[row].followed_by(smoothed[row], velocities[row], seconds)
            self._states[person.id] = state
        joints = from_parents(smoothed[..., 2:])
        changes = [{"root": root} for root in roots_of(people, joints)]
        return with_joints(people, joints, smoothed[..., :2], changes)

    def _forget(self, seconds: float, frame: str) -> None:
        known = list(self._states.items())[-REMEMBERED:] if frame == self._frame else []
        self._states = {key: state for key, state in known if -LATE <= seconds - state.seconds < FORGOTTEN}
        self._frame = frame

    def _state_of(self, person: Person, seconds: float) -> FilterState:
        """What is remembered of a person and comparable with what is seen now."""
        state = self._states.get(person.id)
        if state is None:
            return FilterState.begun(person, seconds)
        too_old = seconds - state.times >= FORGOTTEN
        return comparable(state.without(too_old[:, None]), person)


def one_euro(
    now: np.ndarray,
    before: np.ndarray,
    velocities: np.ndarray,
    elapsed: np.ndarray,
    settings: SmoothingSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of the filter: smoothed values and velocities, both [P, 139, 5].

    Args:
        now: [P, 139, 5]; NaN where there is nothing.
        before: the smoothed values of when each joint was seen before; NaN begins anew.
        velocities: of then, units per second.
        elapsed: [P, 139] seconds since then; where it is 0, `now` goes through.
    """
    known = ~np.isnan(before)
    steps = np.where(known, now - before, 0.0)
    elapsed = elapsed[..., None]
    change = steps / np.maximum(elapsed, 1e-3) - velocities
    velocities = velocities + _gain(settings.derivative_cutoff, elapsed) * change
    velocities = np.where(np.isnan(velocities), 0.0, velocities)
    cutoffs = settings.min_cutoff + settings.beta * _speeds(velocities, now)
    gains = np.where(elapsed > 0, _gain(cutoffs, elapsed), 1.0)
    smoothed = np.where(known, before, now) + gains * steps
    return smoothed, velocities


def comparable(state: FilterState, person: Person) -> FilterState:
    """The state without those places in space that say something else than the person's do now.

    A body that is lost or found again takes hands and faces with it: what was seen from its wrist is then
    seen from the camera, or the other way round. Where positions become metric, or sizes measured, or where
    they cease to be, that is true of everything.
    """
    has_body = person.body is not None
    changed = np.zeros((ALL_JOINTS, 5), bool)
    if state.has_body != has_body:
        for part, _ in PARENT_JOINTS:
            changed[part, 2:] = True
    if (state.metric, state.measured) != (person.metric, person.size_measured):
        changed[:, 2:] = True
    kept = state.without(changed)
    return replace(kept, has_body=has_body, metric=person.metric, measured=person.size_measured)


def relative_to_parents(joints: np.ndarray) -> np.ndarray:
    """Joints [P, 139, 3], those of hands and faces as seen from the wrists and heads of their bodies."""
    relative = joints.copy()
    for part, parent in PARENT_JOINTS:
        relative[:, part] -= _or_nothing(joints[:, [parent]])
    return relative


def from_parents(relative: np.ndarray) -> np.ndarray:
    """The way back from `relative_to_parents`."""
    joints = relative.copy()
    for part, parent in PARENT_JOINTS:
        joints[:, part] += _or_nothing(relative[:, [parent]])
    return joints


def _or_nothing(parents: np.ndarray) -> np.ndarray:
    """The parent joints; zero for people without a body."""
    return np.where(np.isnan(parents), 0.0, parents)


def _gain(cutoff: float | np.ndarray, elapsed: np.ndarray) -> np.ndarray:
    """The share of a step that a low-pass of first order takes."""
    turns = 2 * np.pi * cutoff * elapsed
    return turns / (turns + 1)


def _speeds(velocities: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Metres per second of each joint, in the picture and in space: [P, 139, 5]."""
    metres_per_pixel = _metres_per_pixel(now[..., :2])
    in_picture = np.sqrt(np.einsum("pji,pji->pj", velocities[..., :2], velocities[..., :2]))
    in_space = np.sqrt(np.einsum("pji,pji->pj", velocities[..., 2:], velocities[..., 2:]))
    speeds = np.empty_like(velocities)
    speeds[..., :2] = (in_picture * metres_per_pixel[:, None])[..., None]
    speeds[..., 2:] = in_space[..., None]
    return speeds


def _metres_per_pixel(pixels: np.ndarray) -> np.ndarray:
    """About how large a pixel is where people are, from their joints [P, 139, 2]: [P]."""
    scales = np.full(len(pixels), np.nan)
    for part, extent in EXTENTS:
        diagonals = lengths(np.ptp(pixels[:, part], axis=1))
        scales = np.where(np.isnan(scales), extent / np.maximum(diagonals, 1.0), scales)
    return scales
