# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The numbers as a table and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dope_ros.skeleton import Part

Measures = Mapping[str, Mapping[str, float]]
"""By size, then by name."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, and on what.

    model: the network, its runtime and how its proposals were integrated.
    dataset, pictures: what it was measured on.
    measures: for each part that the dataset labels, by size and name.
    """

    model: str
    dataset: str
    pictures: int
    measures: Mapping[Part, Measures]

    def to_json(self) -> str:
        """The report as JSON; what could not be measured is null."""
        document: dict[str, Any] = {"model": self.model, "dataset": self.dataset, "pictures": self.pictures}
        document["parts"] = {
            part.value: {
                size: {name: _json_number(_value(values, name)) for name in values}
                for size, values in sizes.items()
            }
            for part, sizes in self.measures.items()
        }
        return json.dumps(document, indent=1) + "\n"

    def to_table(self) -> str:
        """The report as text, a block a part and a row a size."""
        lines = [f"{self.model}", f"{self.dataset}, {self.pictures} pictures"]
        for part, sizes in self.measures.items():
            lines += ["", *_block(part, sizes)]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its head, and how its numbers are written."""

    head: str
    form: str = "{:.3f}"


COLUMNS: dict[str, Column] = {
    "labels": Column("labels", "{:.0f}"),
    "found": Column("found", "{:.0f}"),
    "false_alarms": Column("false alarms", "{:.0f}"),
    "ap": Column("AP"),
    "precision": Column("precision"),
    "recall": Column("recall"),
    "threshold": Column("at", "{:.3g}"),
    "best_f1": Column("best F1"),
    "best_threshold": Column("at", "{:.3g}"),
    "error_2d": Column("2D error"),
    "near": Column("within 0.1"),
    "pckh": Column("PCKh@0.5"),
    "pck": Column("PCK@0.2"),
    "auc_2d": Column("AUC 2D"),
    "epe_px": Column("EPE px", "{:.1f}"),
    "side": Column("side"),
    "nme": Column("NME"),
    "mpjpe": Column("MPJPE mm", "{:.0f}"),
    "pa_mpjpe": Column("PA-MPJPE mm", "{:.0f}"),
    "pck_3d": Column("3DPCK"),
    "auc_3d": Column("AUC 3D"),
}
"""By the name in JSON, in the order of the table."""


def _block(part: Part, sizes: Measures) -> list[str]:
    names = [name for name in COLUMNS if any(name in measures for measures in sizes.values())]
    head = [part.value, *(COLUMNS[name].head for name in names)]
    rows = [[size, *(_cell(measures, name) for name in names)] for size, measures in sizes.items()]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in (head, *rows)
    ]


WITHOUT_LABELS = ("labels", "false_alarms", "threshold")
"""What can be said where nothing is labelled, because nobody is there."""


def _value(measures: Mapping[str, float], name: str) -> float:
    """What was measured; NaN for what cannot be: where nothing is labelled, nothing is found or missed."""
    unknown = not measures["labels"] and name not in WITHOUT_LABELS
    return math.nan if unknown else measures.get(name, math.nan)


def _cell(measures: Mapping[str, float], name: str) -> str:
    value = _value(measures, name)
    return "-" if math.isnan(value) else COLUMNS[name].form.format(value)


def _json_number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)
