# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Renders a set into a folder, with as many processes as told; what is there already is kept."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg

from dope_ros.errors import DatasetError
from dope_ros.training.synthetic.format import (
    FORMAT,
    complete_pictures,
    labels_path,
    mask_path,
    picture_path,
    write_labels,
)
from dope_ros.training.synthetic.render import Rendered, Renderer, Sources

JPEG_QUALITY = 93

LEAST_SIZE, LARGEST_SIZE = 64, 2048
"""Pixels."""


@dataclass(frozen=True, slots=True)
class SetSettings:
    """What a set consists of.

    Picture i depends on `seed`, i, `size` and the sources alone: not on `count` or the number of workers.
    """

    sources: Sources
    count: int
    seed: int
    size: int


def generate(folder: Path, settings: SetSettings, workers: int) -> int:
    """Render the pictures of a set that its folder lacks.

    Returns:
        How many were rendered.

    Raises:
        DatasetError: the folder holds another set, or something that is needed is missing.
    """
    if workers < 1 or settings.count < 0 or not LEAST_SIZE <= settings.size <= LARGEST_SIZE:
        raise DatasetError(
            f"a set needs at least one worker, no fewer than 0 pictures, and {LEAST_SIZE} to {LARGEST_SIZE} "
            f"pixels, not {workers}, {settings.count} and {settings.size}"
        )
    renderer = Renderer(settings.sources, settings.size)
    _claim(folder, settings, renderer)
    lacking = sorted(set(range(settings.count)) - set(complete_pictures(folder)))
    task = _Task(folder, renderer, settings.seed)
    with _pool(task, min(workers, max(len(lacking), 1))) as write_all:
        for _ in _with_progress(write_all(lacking), len(lacking), settings.count):
            pass
    return len(lacking)


def _claim(folder: Path, settings: SetSettings, renderer: Renderer) -> None:
    """Write what the set is made from, or see that it is the same as before."""
    made_from = {
        "format": FORMAT,
        "seed": settings.seed,
        "size": settings.size,
        "assets": renderer.assets.counts(),
        "backgrounds": len(renderer.backgrounds),
        "bodies": settings.sources.bodies.name,
    }
    path = folder / "set.json"
    if path.exists():
        _check_same(path, made_from)
        return
    if folder.exists() and any(folder.iterdir()):
        raise DatasetError(f"{folder} holds something else than a rendered set; name an empty folder")
    for name in ("pictures", "labels", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made_from, indent=2) + "\n", encoding="utf-8")


def _check_same(path: Path, made_from: dict[str, Any]) -> None:
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not the description of a rendered set: {error}") from error
    changed = [name for name, value in made_from.items() if before.get(name) != value]
    if changed:
        told = "; ".join(f"{name} was {before.get(name)}, is {made_from[name]}" for name in changed)
        raise DatasetError(
            f"{path.parent} holds another set ({told}); name another folder, or the same settings"
        )


@dataclass(frozen=True, slots=True)
class _Task:
    """Renders one picture and writes it."""

    folder: Path
    renderer: Renderer
    seed: int

    def write(self, index: int) -> int:
        rendered = self.renderer.render(self.seed, index)
        write_rendered(self.folder, index, rendered)
        return index


def write_rendered(folder: Path, index: int, rendered: Rendered) -> None:
    """Write a picture, its mask and, last, its labels."""
    coded = simplejpeg.encode_jpeg(np.ascontiguousarray(rendered.picture), quality=JPEG_QUALITY)
    picture_path(folder, index).write_bytes(coded)
    _, mask = cv2.imencode(".png", rendered.mask)
    mask_path(folder, index).write_bytes(mask.tobytes())
    write_labels(labels_path(folder, index), rendered.labels)


_task_of_this_process: _Task | None = None


def _start_process(task: _Task) -> None:
    global _task_of_this_process  # a pool's way to give its processes what all tasks share
    cv2.setNumThreads(1)
    _task_of_this_process = task


def _write_in_process(index: int) -> int:
    assert _task_of_this_process is not None
    return _task_of_this_process.write(index)


@contextmanager
def _pool(task: _Task, workers: int) -> Iterator[Any]:
    """What writes pictures, here or in processes that share this one's memory; order does not matter."""
    if workers == 1:
        yield lambda indices: map(task.write, indices)
        return
    fork = multiprocessing.get_context("fork")
    with fork.Pool(workers, initializer=_start_process, initargs=(task,)) as pool:
        yield lambda indices: pool.imap_unordered(_write_in_process, indices, chunksize=4)


def _with_progress(done: Iterable[int], lacking: int, count: int) -> Iterable[int]:
    from tqdm import tqdm

    return tqdm(
        done, total=count, initial=count - lacking, desc="rendering", unit="picture", dynamic_ncols=True
    )
