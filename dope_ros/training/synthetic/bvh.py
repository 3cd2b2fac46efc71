# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads BVH files: a skeleton at rest and how it turns in each frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from dope_ros.errors import DatasetError


@dataclass(frozen=True, slots=True)
class BvhClip:
    """Motion of a skeleton, but for where its root is.

    joints: J names, parents before children. parents: [J] int, -1 for the root.
    offsets: [J, 3], each joint from its parent at rest, in the file's own unit and frame.
    rotations: [F, J, 3, 3], each joint against its parent.
    """

    joints: tuple[str, ...]
    parents: np.ndarray
    offsets: np.ndarray
    rotations: np.ndarray

    def world_rotations(self) -> np.ndarray:
        """[F, J, 3, 3], each joint against the file's frame."""
        world = np.empty_like(self.rotations)
        for joint, parent in enumerate(self.parents):
            own = self.rotations[:, joint]
            world[:, joint] = own if parent < 0 else world[:, parent] @ own
        return world


def read_bvh(path: Path) -> BvhClip:
    """Read a BVH file.

    Raises:
        DatasetError: it cannot be read, or is not a BVH file.
    """
    try:
        return _parsed(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from error
    except (ValueError, IndexError, StopIteration) as error:
        raise DatasetError(f"{path}: not a BVH file: {error}") from error


def _parsed(text: str) -> BvhClip:
    head, separator, motion = text.partition("MOTION")
    if not separator:
        raise ValueError("it has no MOTION")
    hierarchy = _Hierarchy(iter(head.split()))
    numbers = iter(motion.split())
    count = int(_after(numbers, "Frames:"))
    _after(numbers, "Time:")
    values = np.array(list(numbers), float)
    frames = values.reshape(count, sum(len(channels) for channels in hierarchy.channels))
    return BvhClip(
        tuple(hierarchy.joints),
        np.array(hierarchy.parents),
        np.array(hierarchy.offsets),
        _rotations(frames, hierarchy),
    )


class _Hierarchy:
    """The joints of the HIERARCHY section, in the order of the file."""

    def __init__(self, words: Iterator[str]) -> None:
        self.joints: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float]] = []
        self.channels: list[list[str]] = []
        above: list[int] = []
        for word in words:
            if word in {"ROOT", "JOINT"}:
                self._add(next(words), above[-1] if above else -1)
                above.append(len(self.joints) - 1)
                _after(words, "{")
            elif word == "End":
                _skip_end_site(words)
            elif word == "OFFSET":
                self.offsets.append([float(next(words)) for _ in range(3)])
            elif word == "CHANNELS":
                self.channels.append([next(words) for _ in range(int(next(words)))])
            elif word == "}":
                above.pop()
        if not self.joints or not len(self.joints) == len(self.offsets) == len(self.channels):
            raise ValueError("its HIERARCHY is not complete")

    def _add(self, joint: str, parent: int) -> None:
        self.joints.append(joint)
        self.parents.append(parent)


def _skip_end_site(words: Iterator[str]) -> None:
    _after(words, "}")


def _after(words: Iterator[str], marker: str) -> str:
    """Skip to just past a marker; returns the word after it, or nothing for a brace."""
    for word in words:
        if word == marker:
            return "" if marker in "{}" else next(words)
    raise ValueError(f"it has no {marker}")


def _rotations(frames: np.ndarray, hierarchy: _Hierarchy) -> np.ndarray:
    """[F, J, 3, 3], each joint against its parent, of the values of all channels [F, C]."""
    rotations = np.tile(np.eye(3), (len(frames), len(hierarchy.joints), 1, 1))
    column = 0
    for joint, channels in enumerate(hierarchy.channels):
        values = frames[:, column : column + len(channels)]
        column += len(channels)
        turning = [k for k, channel in enumerate(channels) if channel.endswith("rotation")]
        order = "".join(channels[k][0] for k in turning)
        if turning:
            rotations[:, joint] = Rotation.from_euler(order, values[:, turning], degrees=True).as_matrix()
    return rotations
