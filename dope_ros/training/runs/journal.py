# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How a run goes: a CSV file of losses, a picture of them, and a progress bar."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from dope_ros.files import replaced_whole

logger = logging.getLogger(__name__)

CSV_NAME = "losses.csv"
PICTURE_NAME = "losses.png"

SMOOTHING = 0.9
"""Of the curves: the share of the mean so far that a line of the log keeps."""


class Journal:
    """The log of a run, a line every so many steps.

    Args:
        folder: of the run.
        step: that the run goes on from; later lines, of an attempt that was lost, are taken out.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / CSV_NAME
        kept = [row for row in read_journal(self._path) if row["step"] <= step]
        with replaced_whole(self._path) as partial:
            for row in kept:
                _add(partial, row)

    def add(self, row: Mapping[str, float]) -> None:
        """Write a line; the columns are those of the first one."""
        _add(self._path, row)


def _add(path: Path, row: Mapping[str, float]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if not file.tell():
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})


def read_journal(path: Path) -> list[dict[str, float]]:
    """The lines of a log; none where there is no file.

    A last line that was cut off, as on a full disk, is left out, and so is one that holds something else.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    rows = map(_numbers, csv.DictReader(whole))
    return [row for row in rows if row is not None]


def _numbers(row: Mapping[str, str]) -> dict[str, float] | None:
    """The values of a line; None where they are too few, too many, or no numbers."""
    try:
        return {name: float(value) for name, value in row.items()}
    except (TypeError, ValueError):
        return None


def draw_losses(folder: Path) -> None:
    """Draw the losses of a run over its steps, smoothed, on a logarithmic scale.

    Without matplotlib there is no picture; that is said in the log.
    """
    if find_spec("matplotlib") is None:
        logger.info("no %s: matplotlib is not installed; the numbers are in %s", PICTURE_NAME, CSV_NAME)
        return
    from matplotlib.figure import Figure

    rows = read_journal(folder / CSV_NAME)
    if not rows:
        return
    names = [name for name in rows[0] if "_" in name]
    columns = 3
    figure = Figure(figsize=(4 * columns, 2.6 * math.ceil(len(names) / columns)), layout="constrained")
    for number, name in enumerate(names):
        axes = figure.add_subplot(math.ceil(len(names) / columns), columns, number + 1)
        axes.plot([row["step"] for row in rows], _smoothed([row[name] for row in rows]))
        axes.set(title=name, yscale="log", xlabel="step")
        axes.grid(alpha=0.3)
    figure.savefig(folder / PICTURE_NAME, dpi=100)


def _smoothed(values: list[float]) -> list[float]:
    smooth, mean = [], values[0]
    for value in values:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        smooth.append(max(mean, 1e-6))
    return smooth
