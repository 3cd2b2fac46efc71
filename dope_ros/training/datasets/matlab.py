# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MATLAB files, as scipy reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat, whosmat
from scipy.io.matlab import MatReadError

from dope_ros.training.datasets.records import BrokenRecord

_UNREADABLE = (OSError, ValueError, TypeError, NotImplementedError, MatReadError)


def read_matlab(path: Path, *names: str) -> dict[str, Any]:
    """The variables of those names, as arrays.

    Raises:
        BrokenRecord: it is no MATLAB file, or a variable is missing.
    """
    return _read(path, names)


def read_matlab_structs(path: Path, *names: str) -> dict[str, Any]:
    """The variables of those names: structs as objects with attributes, lone elements without their array.

    Raises:
        BrokenRecord: it is no MATLAB file, or a variable is missing.
    """
    return _read(path, names, struct_as_record=False, squeeze_me=True)


def _read(path: Path, names: Sequence[str], **options: bool) -> dict[str, Any]:
    try:
        variables: dict[str, Any] = loadmat(path, variable_names=list(names), **options)
    except _UNREADABLE as error:
        raise BrokenRecord(f"{path}: not a MATLAB file that can be read: {error}") from error
    missing = [name for name in names if name not in variables]
    if missing:
        raise BrokenRecord(f"{path}: lacks {', '.join(missing)}")
    return {name: variables[name] for name in names}


def matlab_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of a file's variables, from their heads alone; raises BrokenRecord."""
    try:
        return {name: shape for name, shape, _ in whosmat(path)}
    except _UNREADABLE as error:
        raise BrokenRecord(f"{path}: not a MATLAB file that can be read: {error}") from error


def each(value: Any) -> Iterator[Any]:
    """The elements of a struct array that was squeezed to one, or to nothing."""
    return iter(np.atleast_1d(np.array([], object) if value is None else value))


def field(struct: Any, name: str) -> Any:
    """A field of a struct, None where it is missing or empty."""
    value = getattr(struct, name, None)
    return None if isinstance(value, np.ndarray) and not value.size else value
