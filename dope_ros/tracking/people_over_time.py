# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The people of one camera from picture to picture: who is who, how tall they are, and how they move."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dope_ros.poses import Person
from dope_ros.tracking.smoothing import Smoother, SmoothingSettings
from dope_ros.tracking.stature import Statures
from dope_ros.tracking.tracker import IdCounter, Tracker

logger = logging.getLogger(__name__)

TRACKINGS = ("off", "ids", "smooth")

STANDSTILL = 5
"""So many pictures with one stamp are no chance: whoever publishes them does not set stamps."""


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """mode: `off`, `ids`, or `smooth`: ids, statures that depth images measured, and smoothing.

    memory: seconds that an id is kept for somebody who is not seen.
    """

    mode: str = "off"
    memory: float = 2.5
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)


class PeopleOverTime:
    """Gives the people of one camera their ids, puts them where their stature says, and smooths them.

    Args:
        ids: where new ids come from; None: they begin at 0.
    """

    def __init__(self, ids: IdCounter | None = None) -> None:
        self._tracker = Tracker(ids)
        self._statures = Statures()
        self._smoother = Smoother()
        self._seconds = -np.inf
        self._repetitions = 0
        self._announced = False

    def identified(
        self, people: Sequence[Person], seconds: float, settings: TrackingSettings
    ) -> list[Person]:
        """The people of one picture with their ids, as they are to be smoothed where their statures say.

        With `off` they come back as they are, with `ids` where they were seen.

        Args:
            people: in the camera frame.
            seconds: when the picture was taken.
        """
        if settings.mode == "off":
            return list(people)
        self._watch_stamps(seconds)
        tracked = self._tracker(people, seconds, settings.memory)
        recalled = self._statures(tracked)  # what is measured now is of use when the mode changes, too
        return tracked if settings.mode == "ids" else recalled

    def smoothed(
        self, people: Sequence[Person], frame: str, seconds: float, settings: TrackingSettings
    ) -> list[Person]:
        """The same people without jitter, where that is asked for.

        Who stands still does so in a frame that does: seen from a camera that turns they move, and would lag.

        Args:
            people: with the ids of `identified`, in the frame that they are published in.
            frame: its name.
            seconds: when the picture was taken.
        """
        if settings.mode != "smooth":
            return list(people)
        return self._smoother(people, seconds, settings.smoothing, frame)

    def _watch_stamps(self, seconds: float) -> None:
        """Say so, once, where stamps come to stand still; those in whole seconds do again and again."""
        self._repetitions = self._repetitions + 1 if seconds == self._seconds else 0
        self._seconds = seconds
        if self._repetitions == STANDSTILL and not self._announced:
            self._announced = True
            logger.warning(
                "%d images in a row have the stamp %.3f s: without stamps people are not smoothed, "
                "and ids go by positions alone",
                STANDSTILL + 1,
                seconds,
            )
