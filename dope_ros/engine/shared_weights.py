# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a model says of the file that it reads weights from, so that it is not run with those of another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from dope_ros.engine.contract import METADATA_KEY
from dope_ros.errors import ModelError

WEIGHTS_KEY = f"{METADATA_KEY}_weights"
"""The metadata entry: JSON, the SHA-256 of each such file by its name."""


def weights_entry(other: Path) -> str:
    """The entry of a model that reads weights from another one's file.

    Raises:
        OSError: that file cannot be read.
    """
    return json.dumps({other.name: _sha256(other)})


def check_weights(model: Path, metadata: Mapping[str, str]) -> None:
    """Make sure that the files that a model reads weights from are those that it was exported with.

    Args:
        model: its file.
        metadata: its entries; those of earlier releases name no such files, which are taken as they are.

    Raises:
        ModelError: a file is another one or cannot be read, or the entry is broken.
    """
    if WEIGHTS_KEY not in metadata:
        return
    try:
        wanted = dict(json.loads(metadata[WEIGHTS_KEY]))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{model.name}: its metadata entry '{WEIGHTS_KEY}' cannot be read") from error
    for name, digest in wanted.items():
        try:
            found = _sha256(model.parent / name)
        except OSError as error:
            raise ModelError(f"{model.name}: weights in {name} cannot be read: {error.strerror}") from error
        if found != digest:
            raise ModelError(
                f"{model.name}: {name}, which it reads weights from, has changed since it was exported; "
                "export it again"
            )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
