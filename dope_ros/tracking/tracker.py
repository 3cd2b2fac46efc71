# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who is who from picture to picture: ids that outlast occlusion and crossing.

People are assigned to tracks all at once (scipy's linear_sum_assignment), by how far they are from where
the tracks would be by now, in the picture and in space. The trackers that there are as packages count
frames, not seconds, and know boxes alone; a camera drops frames, and a pose tells people apart better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from dope_ros.joint_arrays import (
    BODY_SLICE,
    FACE_SLICE,
    LEFT_HAND_SLICE,
    RIGHT_HAND_SLICE,
    JointArrays,
    lengths,
)
from dope_ros.poses import Person
from dope_ros.tracking.memory import LATE, REMEMBERED
from dope_ros.tracking.stature import limb_lengths

PAUSE = 3.0
"""After a gap of more than so many usual intervals only tracks within `memory` last; after a shorter one all
that the last picture had do."""

PICTURE_GATE, PICTURE_DRIFT = 0.35, 0.5
"""How far a person may be from where it was expected, as a share of its extent in the picture; and how much
further for each second that it was not seen."""

SPACE_GATE, SPACE_SHARE, SPACE_DRIFT = 0.6, 0.15, 1.0
"""The same in metres, plus a share of the distance: that is how exactly a distance is known."""

VELOCITY_SECONDS, ROOT_VELOCITY_SECONDS = 0.25, 1.0
"""Seconds over which a track's velocities are averaged, in the picture and in space: distances are noisy."""

SPACE_WEIGHT = 0.5
"""What the way in space counts, next to that in the picture."""

NEW_COST = 1 + SPACE_WEIGHT
"""What taking a person for somebody new costs: as much as a match can at most. A good match is not given up
so that another person gets any match at all."""

USUAL_LIMBS = 3.3
"""Metres. The summed length of an adult's limbs, as `limb_lengths` has it."""

IMPOSSIBLE = 1e6


@dataclass(slots=True)
class IdCounter:
    """Gives out ids, each once. `given` says how many it gave."""

    given: int = 0

    def take(self, count: int) -> np.ndarray:
        """So many new ids: [count] int."""
        ids = self.given + np.arange(count)
        self.given += count
        return ids


@dataclass(frozen=True, slots=True)
class Seen:
    """What people are compared by; one row a person or track.

    landmarks: [P, 16, 2] pixels: the body's joints, the middles of the hands and the face; NaN where unseen.
    extents: [P] pixels, the diagonal of the box around all joints.
    roots: [P, 3] metres, where people would be if all were of one size (`USUAL_LIMBS`): a size that is taken
        for another one, as when depth is lost, moves nobody. NaN without a body or a metric place.
    """

    landmarks: np.ndarray
    extents: np.ndarray
    roots: np.ndarray

    def rows(self, index: np.ndarray) -> Seen:
        """Some of the people."""
        return Seen(self.landmarks[index], self.extents[index], self.roots[index])

    def joined(self, other: Seen) -> Seen:
        """These people and others."""
        return Seen(
            np.concatenate([self.landmarks, other.landmarks]),
            np.concatenate([self.extents, other.extents]),
            np.concatenate([self.roots, other.roots]),
        )


@dataclass(frozen=True, slots=True)
class Tracks:
    """People as they were last seen, and how they moved; one row a track.

    velocities: [T, 2] pixels per second. root_velocities: [T, 3] metres per second.
    last: [T] seconds. hits: [T], how often each was seen.
    given: [T], how many ids were given by the time each was last seen.
    """

    ids: np.ndarray
    seen: Seen
    velocities: np.ndarray
    root_velocities: np.ndarray
    last: np.ndarray
    hits: np.ndarray
    given: np.ndarray

    @classmethod
    def begun(cls, ids: np.ndarray, seen: Seen, seconds: float, given: int) -> Tracks:
        """Tracks of people who are seen for the first time."""
        count = len(ids)
        return cls(
            ids,
            seen,
            np.zeros((count, 2)),
            np.zeros((count, 3)),
            np.full(count, seconds),
            np.ones(count, int),
            np.full(count, given),
        )

    def rows(self, index: np.ndarray) -> Tracks:
        """Some of the tracks."""
        return Tracks(
            self.ids[index],
            self.seen.rows(index),
            self.velocities[index],
            self.root_velocities[index],
            self.last[index],
            self.hits[index],
            self.given[index],
        )

    def joined(self, other: Tracks) -> Tracks:
        """These tracks and others."""
        if not len(other.ids):
            return self
        return Tracks(
            np.concatenate([self.ids, other.ids]),
            self.seen.joined(other.seen),
            np.concatenate([self.velocities, other.velocities]),
            np.concatenate([self.root_velocities, other.root_velocities]),
            np.concatenate([self.last, other.last]),
            np.concatenate([self.hits, other.hits]),
            np.concatenate([self.given, other.given]),
        )

    def expected(self, seconds: float) -> Seen:
        """Where all would be by now, had they gone on as they did."""
        elapsed = (seconds - self.last)[:, None]
        return Seen(
            self.seen.landmarks + (self.velocities * elapsed)[:, None],
            self.seen.extents,
            self.seen.roots + self.root_velocities * elapsed,
        )

    def moved_to(self, now: Seen, seconds: float, given: int) -> Tracks:
        """The same tracks, seen again."""
        elapsed = seconds - self.last
        gains = _gains(elapsed, VELOCITY_SECONDS, self.hits)
        root_gains = _gains(elapsed, ROOT_VELOCITY_SECONDS, self.hits)
        rate = 1 / np.maximum(elapsed, 1e-3)[:, None]
        shift = _mean_seen(now.landmarks - self.seen.landmarks)
        root_shift = np.nan_to_num(now.roots - self.seen.roots)
        return Tracks(
            self.ids,
            now,
            self.velocities + gains * (shift * rate - self.velocities),
            self.root_velocities + root_gains * (root_shift * rate - self.root_velocities),
            np.maximum(self.last, seconds),
            self.hits + 1,
            np.full_like(self.given, given),
        )


class Tracker:
    """Gives people ids that stay theirs. An id is never used for another person, after a reset neither.

    Args:
        ids: where new ids come from; None: they begin at 0.
    """

    def __init__(self, ids: IdCounter | None = None) -> None:
        self._ids = ids or IdCounter()
        self._now = np.nan
        self._interval = np.nan
        self._tracks = Tracks.begun(np.empty(0, int), seen_of([]), 0.0, 0)

    def __call__(self, people: Sequence[Person], seconds: float, memory: float) -> list[Person]:
        """The same people in the same order, with the ids of their tracks.

        Args:
            seconds: when they were seen. If it goes back by more than `LATE`, all tracks end.
            memory: seconds that a track lasts without being seen; it lasts until the next picture at least,
                unless that is one after a pause.
        """
        tracks = self._tracks.rows(self._lasting(seconds, memory))
        self._interval = np.fmax(seconds - self._now, self._interval / 2)  # past pictures that come twice
        self._now = seconds
        now = seen_of(people)
        rows, columns = _cheapest_matches(
            assignment_costs(tracks.expected(seconds), now, seconds - tracks.last)
        )
        ids = np.full(len(people), -1)
        ids[columns] = tracks.ids[rows]
        new = np.flatnonzero(ids < 0)
        ids[new] = self._ids.take(len(new))
        given = self._ids.given
        unseen = given - tracks.given < REMEMBERED  # else forgotten, after so many others
        unseen[rows] = False
        self._tracks = (
            tracks.rows(rows)
            .moved_to(now.rows(columns), seconds, given)
            .joined(tracks.rows(unseen))
            .joined(Tracks.begun(ids[new], now.rows(new), seconds, given))
        )
        return [replace(person, id=int(ids[row])) for row, person in enumerate(people)]

    def _lasting(self, seconds: float, memory: float) -> np.ndarray:
        """Which tracks there still are: [T] bool."""
        last, interval = self._tracks.last, seconds - self._now
        if interval < -LATE:
            return np.zeros(len(last), bool)
        remembered = seconds - last <= memory
        if interval > PAUSE * self._interval:
            return remembered
        return remembered | (last >= self._now)


def seen_of(people: Sequence[Person]) -> Seen:
    """What tracks are compared by, of the people of one picture."""
    arrays = JointArrays.of(people)
    joints = arrays.keypoints_2d
    middles = [
        joints[:, part].mean(axis=1, keepdims=True)
        for part in (LEFT_HAND_SLICE, RIGHT_HAND_SLICE, FACE_SLICE)
    ]
    landmarks = np.concatenate([joints[:, BODY_SLICE], *middles], axis=1)
    spans = np.fmax.reduce(joints, axis=1) - np.fmin.reduce(joints, axis=1)  # past what is NaN
    roots = [person.root if person.metric and person.body is not None else None for person in people]
    nowhere = np.full(3, np.nan)
    places = np.array([nowhere if root is None else root for root in roots], float).reshape(-1, 3)
    limbs = np.maximum(limb_lengths(arrays.keypoints_3d[:, BODY_SLICE]), 1e-3)
    return Seen(landmarks, np.maximum(lengths(spans), 1.0), places * (USUAL_LIMBS / limbs)[:, None])


def assignment_costs(expected: Seen, now: Seen, unseen: np.ndarray) -> np.ndarray:
    """What it costs to take each person for each track: [T, P]; `IMPOSSIBLE` where it cannot be.

    Args:
        expected: of T tracks.
        now: of P people.
        unseen: [T] seconds since each track was seen.
    """
    apart = _mean_seen(lengths(expected.landmarks[:, None] - now.landmarks[None])[..., None], axis=2)[..., 0]
    shared = (~np.isnan(expected.landmarks[:, None, :, 0]) & ~np.isnan(now.landmarks[None, :, :, 0])).any(-1)
    extents = np.minimum(expected.extents[:, None], now.extents[None])
    in_picture = apart / (extents * (PICTURE_GATE + PICTURE_DRIFT * unseen[:, None]))
    distances = lengths(expected.roots[:, None] - now.roots[None])
    gates = SPACE_GATE + SPACE_SHARE * lengths(now.roots)[None] + SPACE_DRIFT * unseen[:, None]
    in_space = np.where(np.isnan(distances), in_picture, distances / gates)
    possible = shared & (in_picture < 1) & (in_space < 1)
    return np.where(possible, in_picture + SPACE_WEIGHT * in_space, IMPOSSIBLE)


def _cheapest_matches(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tracks and the people in the cheapest assignment of costs [T, P]; the others are somebody new."""
    tracks, people = costs.shape
    being_new = np.full((people, people), IMPOSSIBLE)
    np.fill_diagonal(being_new, NEW_COST)
    rows, columns = linear_sum_assignment(np.concatenate([costs, being_new]))
    matched = rows < tracks
    return rows[matched], columns[matched]


def _gains(elapsed: np.ndarray, seconds: float, hits: np.ndarray) -> np.ndarray:
    """How much a new velocity counts: [T, 1]; the first ones are plainly averaged."""
    gains = np.maximum(1 - np.exp(-elapsed / seconds), 1 / hits)
    return np.where(elapsed > 0, gains, 0.0)[:, None]


def _mean_seen(vectors: np.ndarray, axis: int = 1) -> np.ndarray:
    """The mean over an axis of vectors [..., D] of what is not NaN; 0 where all is."""
    seen = ~np.isnan(vectors)
    return np.where(seen, vectors, 0.0).sum(axis=axis) / np.maximum(seen.sum(axis=axis), 1)
