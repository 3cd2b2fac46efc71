# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kinds of numbers that verbs take; argparse names the argument and says what is wrong with it."""

from __future__ import annotations

import argparse

from dope_ros.engine import MOST_THREADS


def positive(text: str) -> int:
    """A whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: it is another one, or none.
    """
    return _from_least(1, text)


def not_negative(text: str) -> int:
    """A whole number from 0 on.

    Raises:
        argparse.ArgumentTypeError: it is another one, or none.
    """
    return _from_least(0, text)


def thread_count(text: str) -> int:
    """A number of CPU threads, 0 for the runtime's choice.

    Raises:
        argparse.ArgumentTypeError: it is no whole number, or more than `MOST_THREADS`.
    """
    value = not_negative(text)
    if value > MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{value} is too large; give {MOST_THREADS} or less")
    return value


def picture_side(text: str) -> int:
    """A whole number of pixels that shows something, from 32 on.

    Raises:
        argparse.ArgumentTypeError: it is another one, or none.
    """
    return _from_least(32, text)


def _from_least(least: int, text: str) -> int:
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number") from error
    if value < least:
        raise argparse.ArgumentTypeError(f"{value} is too small; give {least} or more")
    return value
