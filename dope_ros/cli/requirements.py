# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Says which optional requirements a verb is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dope_ros.errors import DopeError


@contextmanager
def needed_for(verb: str, extra: str) -> Iterator[None]:
    """Around imports that a verb needs and that come with `pip install '.[extra]'`.

    Raises:
        DopeError: one is missing.
    """
    try:
        yield
    except ImportError as error:
        raise DopeError(
            f"`dope {verb}` needs {error.name}: pip install '.[{extra}]' in a checkout of dope_ros"
        ) from error
