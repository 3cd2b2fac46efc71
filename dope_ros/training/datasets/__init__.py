# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with labels, one reader a dataset, all behind one interface; see docs/datasets.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from dope_ros.errors import DatasetError
from dope_ros.training.datasets.records import Dataset


@dataclass(frozen=True, slots=True)
class Reader:
    """How to open a kind of dataset.

    module, function: of the reader, imported when it is used: not everybody has what each needs.
    split: the one that is opened if none is named.
    """

    module: str
    function: str
    split: str

    def __call__(self, folder: Path, split: str | None) -> Dataset:
        """Open the dataset in `folder`; None is the split that is opened if none is named."""
        read: Callable[[Path, str], Dataset] = getattr(
            import_module(f"{__name__}.{self.module}"), self.function
        )
        return read(folder, split or self.split)


READERS: dict[str, Reader] = {
    "mpii": Reader("mpii", "read", "train"),
    "coco": Reader("coco", "read", "train2017"),
    "coco-wholebody": Reader("coco", "read_whole_body", "train2017"),
    "lsp": Reader("lsp", "read", "train"),
    "lspe": Reader("lsp", "read_extended", "train"),
    "human36m": Reader("human36m", "read", "train"),
    "surreal": Reader("surreal", "read", "train"),
    "rhd": Reader("rendered_hand", "read", "training"),
    "menpo": Reader("menpo", "read", "all"),
    "rendered": Reader("rendered", "read", "all"),
    "cameras": Reader("cameras", "read", "all"),
    "labelled": Reader("labelled", "read", "all"),
    "folder": Reader("unlabelled", "read", "all"),
    "negatives": Reader("unlabelled", "read_negatives", "all"),
}
"""By the name of the kind."""

SPECIFICATION = "KIND[@SPLIT]:FOLDER"


def open_dataset(specification: str) -> Dataset:
    """Open a dataset.

    Args:
        specification: `KIND[@SPLIT]:FOLDER`, for instance `coco@val2017:/data/coco`; kinds are the keys of
            `READERS`.

    Raises:
        DatasetError: the specification is wrong; or the dataset is missing, broken, or has another layout.
    """
    head, colon, folder = specification.partition(":")
    kind, _, split = head.partition("@")
    if not colon or not folder:
        raise DatasetError(f"'{specification}' is not {SPECIFICATION}, for instance rendered:people")
    if kind not in READERS:
        raise DatasetError(f"'{kind}' is not a kind of dataset; there are {', '.join(READERS)}")
    if not Path(folder).is_dir():
        raise DatasetError(f"{folder}: there is no such folder")
    named = Path(folder).resolve() if Path(folder).name in ("", "..") else Path(folder)  # for the set's name
    return READERS[kind](named, split or None)
