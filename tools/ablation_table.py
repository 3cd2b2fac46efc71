# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Prints what the ablation measured: for each part a table, the mean of the seeds and each of them.

python tools/ablation_table.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

COLUMNS = {
    "body": {
        "ap": "AP",
        "precision": "precision",
        "recall": "recall",
        "pckh": "PCKh@0.5",
        "mpjpe": "MPJPE mm",
    },
    "hand": {"ap": "AP", "precision": "precision", "recall": "recall", "pck": "PCK@0.2", "epe_px": "EPE px"},
    "face": {"ap": "AP", "precision": "precision", "recall": "recall", "nme": "NME", "mpjpe": "MPJPE mm"},
}
"""By part: of `evaluation.json`, and as heads of the table."""

IN_UNITS = ("mpjpe", "epe_px")
"""Measures that are no shares."""

SIZE = "all"


def rows_of(folder: Path, part: str) -> dict[str, list[Path]]:
    """The runs of each row, by seed."""
    students = ("union", "pseudo-labels", "distillation")
    rows = {f"{part} expert": [folder / f"expert-{part}"]}
    return rows | {name: sorted(folder.glob(f"{name}-[0-9]*")) for name in students}


def measured(run: Path, part: str) -> dict[str, Any] | None:
    """What was measured of a run; None as long as nothing was."""
    path = run / "evaluation.json"
    if not path.exists():
        return None
    of_part: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["parts"][part][SIZE]
    return of_part


def cell(values: list[float | None], name: str) -> str:
    """The mean, and behind it the seeds."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    texts = [f"{value:.0f}" if name in IN_UNITS else f"{value:.2f}" for value in (fmean(known), *known)]
    return texts[0] if len(known) == 1 else f"{texts[0]} ({', '.join(texts[1:])})"


def main(folder: Path) -> None:
    """Print the tables."""
    for part, columns in COLUMNS.items():
        print(f"\n| {part} | {' | '.join(columns.values())} |\n|---|{'---|' * len(columns)}")
        for row, runs in rows_of(folder, part).items():
            found = [of for run in runs if (of := measured(run, part))]
            if found:
                cells = [cell([of.get(name) for of in found], name) for name in columns]
                print(f"| {row} | {' | '.join(cells)} |")


main(Path(sys.argv[1]))
