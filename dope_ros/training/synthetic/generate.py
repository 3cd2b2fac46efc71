# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Renders a set into a folder, with as many processes as told; what is there already is kept."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
import simplejpeg

from dope_ros.errors import DatasetError
from dope_ros.files import replaced_whole
from dope_ros.training.synthetic.format import (
    FORMAT,
    complete_pictures,
    labels_path,
    mask_path,
    picture_path,
    write_labels,
)
from dope_ros.training.synthetic.render import Rendered, Renderer, Sources

WriteAll = Callable[[Iterable[int]], Iterable[int]]
"""Writes the pictures of some indices and gives back the indices as they are done."""

JPEG_QUALITY = 93

HANDED_OUT = 4
"""Pictures that a process has before it, at most."""

LEAST_SIZE, LARGEST_SIZE = 64, 2048
"""Pixels."""


@dataclass(frozen=True, slots=True)
class SetSettings:
    """What a set consists of.

    Picture i depends on `seed`, i, `size` and the sources alone: not on `count` or the number of workers.

    Raises:
        DatasetError: there can be no set of such a count or size.
    """

    sources: Sources
    count: int
    seed: int
    size: int

    def __post_init__(self) -> None:
        if self.count < 0 or not LEAST_SIZE <= self.size <= LARGEST_SIZE:
            raise DatasetError(
                f"a set needs no fewer than 0 pictures, and {LEAST_SIZE} to {LARGEST_SIZE} pixels along a "
                f"side, not {self.count} and {self.size}"
            )


def generate(folder: Path, settings: SetSettings, workers: int) -> int:
    """Render the pictures of a set that its folder lacks.

    Returns:
        How many were rendered.

    Raises:
        DatasetError: the folder holds another set, or something that is needed is missing.
    """
    if workers < 1:
        raise DatasetError(f"a set needs at least one worker, not {workers}")
    renderer = Renderer(settings.sources, settings.size)
    _claim(folder, settings, renderer)
    lacking = sorted(set(range(settings.count)) - set(complete_pictures(folder)))
    with _writers(folder, settings, renderer, min(workers, max(len(lacking), 1))) as write_all:
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
        "scenes": settings.sources.mix.name,
    }
    path = folder / "set.json"
    if path.exists():
        _check_same(path, made_from)
    elif folder.exists() and any(not other.name.startswith(f".{path.name}.") for other in folder.iterdir()):
        raise DatasetError(f"{folder} holds something else than a rendered set; name an empty folder")
    else:
        with replaced_whole(path) as partial:
            partial.write_text(json.dumps(made_from, indent=2) + "\n", encoding="utf-8")
    for name in ("pictures", "labels", "masks"):
        (folder / name).mkdir(exist_ok=True)


def _check_same(path: Path, made_from: dict[str, Any]) -> None:
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: not the description of a rendered set: {error}") from error
    if not isinstance(before, dict):
        raise DatasetError(f"{path}: not the description of a rendered set")
    changed = [name for name, value in made_from.items() if before.get(name) != value]
    if changed:
        told = "; ".join(f"{name} was {before.get(name)}, is {made_from[name]}" for name in changed)
        raise DatasetError(
            f"{path.parent} holds another set ({told}); name another folder, or the same settings"
        )


def write_rendered(folder: Path, index: int, rendered: Rendered) -> None:
    """Write a picture, its mask and, last, its labels."""
    coded = simplejpeg.encode_jpeg(np.ascontiguousarray(rendered.picture), quality=JPEG_QUALITY)
    picture_path(folder, index).write_bytes(coded)
    _, mask = cv2.imencode(".png", rendered.mask)
    mask_path(folder, index).write_bytes(mask.tobytes())
    write_labels(labels_path(folder, index), rendered.labels)


class _Writer:
    """Renders and writes pictures of one set."""

    def __init__(self, folder: Path, renderer: Renderer, seed: int) -> None:
        self._folder = folder
        self._renderer = renderer
        self._seed = seed

    def write(self, index: int) -> int:
        write_rendered(self._folder, index, self._renderer.render(self._seed, index))
        return index


_writer_of_this_process: _Writer | None = None


def _start_process(folder: Path, settings: SetSettings) -> None:
    global _writer_of_this_process  # a pool's way to give its processes what all their tasks share
    Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _writer_of_this_process = _Writer(folder, Renderer(settings.sources, settings.size), settings.seed)


def _end_with_parent() -> None:
    """A process would wait for pictures for ever where the one that hands them out was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _write_in_process(index: int) -> int:
    assert _writer_of_this_process is not None
    return _writer_of_this_process.write(index)


@contextmanager
def _writers(folder: Path, settings: SetSettings, renderer: Renderer, workers: int) -> Iterator[WriteAll]:
    """What writes pictures, here or in other processes; they are done in any order.

    The processes start afresh and load all for themselves: a fork would inherit locks of OpenCV's threads.

    Raises:
        DatasetError: one of them was killed.
    """
    if workers == 1:
        writer = _Writer(folder, renderer, settings.seed)
        yield lambda indices: map(writer.write, indices)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, _start_process, (folder, settings))
    try:
        yield partial(_written_by, pool, HANDED_OUT * workers)
    except BrokenProcessPool as error:
        raise DatasetError(
            f"{folder}: a process that rendered was killed, perhaps for want of memory. Run the same again, "
            "with fewer --workers; the pictures that are there are kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _written_by(pool: ProcessPoolExecutor, ahead: int, indices: Iterable[int]) -> Iterator[int]:
    """The indices as their pictures are done; so many are handed out ahead."""
    waiting = iter(indices)
    handed_out = {pool.submit(_write_in_process, index) for index in islice(waiting, ahead)}
    while handed_out:
        done, handed_out = wait(handed_out, return_when=FIRST_COMPLETED)
        handed_out |= {pool.submit(_write_in_process, index) for index in islice(waiting, len(done))}
        yield from (future.result() for future in done)


def _with_progress(done: Iterable[int], lacking: int, count: int) -> Iterable[int]:
    from tqdm import tqdm

    return tqdm(
        done, total=count, initial=count - lacking, desc="rendering", unit="picture", dynamic_ncols=True
    )
