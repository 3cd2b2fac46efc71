# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small pictures of drawn people with labels, for tests of the training; nothing is read from disk."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from samples import Pixels
from scenes import SHAPE

from dope_ros.skeleton import FACE_FEATURES, FINGER_BASES, SKELETONS, Part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample

SIDE = 160
"""Pixels of the pictures, which are square."""


@dataclass(frozen=True)
class DrawnPeople:
    """A dataset of drawn people."""

    samples: list[Sample]
    name: str = "drawn people"

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


def drawn_people(count: int, seed: int = 0, labelled: frozenset[Part] = frozenset(Part)) -> DrawnPeople:
    """Pictures, each with a body, a hand and a face side by side; only the `labelled` parts are labelled."""
    rng = np.random.default_rng(seed)
    return DrawnPeople([_sample(f"person {i}", rng, labelled) for i in range(count)])


def _sample(name: str, rng: np.random.Generator, labelled: frozenset[Part]) -> Sample:
    pixels = np.full((SIDE, SIDE, 3), rng.integers(60, 120, 3), np.uint8)
    left = rng.random() < 0.5
    hand = "left_hand" if left else "right_hand"
    poses = {"body": _body(rng), hand: _hand(rng, left), "face": _face(rng)}
    places = {"body": (8, 20, 75, 120), hand: (95, 12, 50, 50), "face": (95, 90, 50, 55)}
    parts = {"body": Part.BODY, hand: Part.HAND, "face": Part.FACE}
    labels = {}
    for part_name, pose in poses.items():
        points = _placed(pose, places[part_name], rng)
        _draw(pixels, points, parts[part_name])
        if parts[part_name] in labelled:
            labels[part_name] = PartLabels.of(points, keypoints_3d=pose)
    return Sample(name, Pixels(pixels), (PersonLabels(**labels),), labelled)


def _body(rng: np.random.Generator) -> np.ndarray:
    """[13, 3], metres."""
    joints = np.array([SHAPE[joint] for joint in SKELETONS[Part.BODY].joints])
    return joints + rng.normal(0, 0.06, joints.shape)


def _hand(rng: np.random.Generator, left: bool) -> np.ndarray:
    """[21, 3], metres: an open hand, fingers up, its thumb to the right if it is a left one."""
    joints = np.zeros((21, 3))
    for number, base in enumerate(FINGER_BASES):
        angle = np.deg2rad(-50 + 25 * number) + rng.normal(0, 0.06)
        direction = np.array([np.sin(angle), -np.cos(angle), rng.normal(0, 0.2)])
        chain = [base, *range(3 * base + 3, 3 * base + 6)]
        lengths = rng.uniform(0.08, 0.1) + rng.uniform(0.02, 0.03) * np.arange(4)
        joints[chain] = lengths[:, None] * direction
    return joints * ((-1 if left else 1), 1, 1)


def _face(rng: np.random.Generator) -> np.ndarray:
    """[84, 3], metres: a contour, and features within it."""
    joints = np.zeros((84, 3))
    middles = {
        "right_brow": (-0.03, -0.04),
        "left_brow": (0.03, -0.04),
        "nose_bridge": (0, -0.01),
        "nose_base": (0, 0.01),
        "right_eye": (-0.03, -0.025),
        "left_eye": (0.03, -0.025),
        "outer_lips": (0, 0.04),
        "inner_lips": (0, 0.04),
    }
    for name, span in FACE_FEATURES.items():
        angles = np.linspace(0, 2 * np.pi, len(span), endpoint=False)
        circle = np.stack([-np.cos(angles), np.sin(angles)], axis=1)
        if name == "contour":
            circle = np.stack([-np.cos(angles / 2), np.sin(angles / 2)], axis=1) * (0.07, 0.09)
            joints[span, :2] = circle - (0, 0.02)
            continue
        joints[span, :2] = circle * (0.015, 0.006) + middles[name] + rng.normal(0, 0.003, 2)
    joints[:, 2] = 2 * (joints[:, :2] ** 2).sum(axis=1) + rng.normal(0, 0.002, 84)
    return joints


def _placed(pose: np.ndarray, place: tuple[int, int, int, int], rng: np.random.Generator) -> np.ndarray:
    """The pose's joints [J, 2] in pixels, filling a place (x, y, width, height) of the picture."""
    low, high = pose[:, :2].min(axis=0), pose[:, :2].max(axis=0)
    scale = min(np.array(place[2:]) / (high - low)) * rng.uniform(0.85, 1)
    return ((pose[:, :2] - low) * scale + place[:2]).astype(np.float32)


def _draw(pixels: np.ndarray, points: np.ndarray, part: Part) -> None:
    thick = 4 if part is Part.BODY else 1
    for number, (start, end) in enumerate(SKELETONS[part].bones):
        colour = np.array(
            [(number * 53) % 200 + 55, (number * 101) % 200 + 55, (number * 29) % 200 + 55]
        ).tolist()
        cv2.line(pixels, _pixel(points[start]), _pixel(points[end]), colour, thick, cv2.LINE_AA)


def _pixel(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
