# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People of known identity over time, as a camera sees them, with noise and occlusion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scenes import CAMERA, PART_NAMES, SHAPE, pose_of, seen, standing
from scipy.optimize import linear_sum_assignment

from dope_ros.poses import Person
from dope_ros.skeleton import BODY, LEFT_SHOULDER, RIGHT_SHOULDER

HIDDEN_SHARE = 0.5
"""A body that is covered by so much is not detected."""

TRUNK = [BODY.index(name) for name in ("right_shoulder", "left_shoulder", "right_hip", "left_hip", "head")]


@dataclass(frozen=True, slots=True)
class Moment:
    """Who is seen at a time: the people, and which of the actors each of them is."""

    seconds: float
    people: list[Person]
    actors: list[int]


Path = Callable[[float], Sequence[float]]


def walk(start: Sequence[float], velocity: Sequence[float]) -> Path:
    """A straight walk."""
    return lambda seconds: np.array(start) + seconds * np.array(velocity)


def film(
    paths: Sequence[Path],
    seconds: float,
    rate: float,
    noise: float = 0.0,
    shape_noise: float = 0.0,
    seed: int = 0,
    parts: Sequence[str] = tuple(PART_NAMES),
    as_seen: bool = False,
) -> list[Moment]:
    """What is seen of people who go along `paths`.

    Those who stand behind others are not seen. Joints have noise of so many pixels, and of so many metres.

    Args:
        as_seen: as the network sees them, each part relative to its own middle; else in the camera frame.
    """
    rng = np.random.default_rng(seed)
    moments = []
    for frame in range(round(seconds * rate)):
        now = frame / rate
        turns = [_heading(path, now) for path in paths]
        everybody = [standing(path(now), turn=turn) for path, turn in zip(paths, turns, strict=True)]
        visible = [actor for actor in range(len(everybody)) if not _hidden(everybody, actor)]
        rng.shuffle(visible)
        people = [_noisy(_only(everybody[a], parts), noise, shape_noise, rng) for a in visible]
        people = [replace(seen(p) if as_seen else p, id=index) for index, p in enumerate(people)]
        moments.append(Moment(now, people, visible))
    return moments


def five_crossing(seconds: float = 8.0) -> list[Path]:
    """Three who walk from left to right and two from right to left, at their own depths, meeting midway."""
    speeds = (1.2, 0.9, 1.4, -1.1, -1.3)
    depths = (3.0, 4.2, 5.0, 3.6, 5.8)
    middle = seconds / 2
    return [
        walk((-speed * middle + 0.1 * index, 0.1, depth), (speed, 0, 0))
        for index, (speed, depth) in enumerate(zip(speeds, depths, strict=True))
    ]


def idf1(truth: Sequence[Moment], ids: Sequence[Sequence[int]]) -> float:
    """How well ids hold (Ristani et al., ECCV 2016): 1 where each actor has one id of its own throughout."""
    frames = zip(truth, ids, strict=True)
    pairs = [pair for moment, found in frames for pair in zip(moment.actors, found, strict=True)]
    actors, tracks = sorted({a for a, _ in pairs}), sorted({t for _, t in pairs})
    together = np.zeros((len(actors), len(tracks)))
    for actor, track in pairs:
        together[actors.index(actor), tracks.index(track)] += 1
    rows, columns = linear_sum_assignment(-together)
    return float(together[rows, columns].sum() / len(pairs))


def _heading(path: Path, now: float) -> float:
    velocity = np.subtract(path(now + 0.01), path(now)) / 0.01
    return float(np.clip(velocity[0], -1.2, 1.2)) if np.abs(velocity).max() > 0.05 else 0.0


def _hidden(everybody: Sequence[Person], actor: int) -> bool:
    """Whether the trunk of a person is covered by others who stand nearer."""
    joints = everybody[actor].body
    covered = np.zeros(len(TRUNK), bool)
    for other in everybody:
        if other.root[2] >= everybody[actor].root[2]:
            continue
        trunk = other.body.keypoints_2d[TRUNK]
        wide = np.ptp(other.body.keypoints_2d[[RIGHT_SHOULDER, LEFT_SHOULDER], 0]) / 4 + 8
        lower, upper = trunk.min(axis=0) - np.array([wide, 8]), trunk.max(axis=0) + np.array([wide, 80])
        points = joints.keypoints_2d[TRUNK]
        covered |= ((points >= lower) & (points <= upper)).all(axis=1)
    return covered.mean() > HIDDEN_SHARE


def _only(person: Person, parts: Sequence[str]) -> Person:
    return replace(person, **{name: None for name in PART_NAMES if name not in parts})


def _noisy(person: Person, pixels: float, metres: float, rng: np.random.Generator) -> Person:
    """Noise of each joint, and in 3D one of the whole person along its line of sight besides."""
    shift = person.root / np.linalg.norm(person.root) * rng.normal(0, 3 * metres)
    parts = {}
    for name, pose in person.parts().items():
        share = 1.0 if name == "body" else 0.3
        keypoints_2d = pose.keypoints_2d + rng.normal(0, share * pixels, pose.keypoints_2d.shape)
        keypoints_3d = pose.keypoints_3d + shift + rng.normal(0, share * metres, pose.keypoints_3d.shape)
        parts[name] = replace(
            pose, keypoints_2d=np.float32(keypoints_2d), keypoints_3d=np.float32(keypoints_3d)
        )
    return replace(person, root=np.float32(person.root + shift), **parts)


__all__ = ["CAMERA", "SHAPE", "Moment", "film", "five_crossing", "idf1", "pose_of", "walk"]
