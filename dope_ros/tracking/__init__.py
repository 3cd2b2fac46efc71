# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People over time: ids that outlast occlusion, statures that were measured, and poses without jitter."""

from dope_ros.tracking.people_over_time import TRACKINGS, PeopleOverTime, TrackingSettings
from dope_ros.tracking.smoothing import SmoothingSettings
from dope_ros.tracking.tracker import IdCounter

__all__ = ["TRACKINGS", "IdCounter", "PeopleOverTime", "SmoothingSettings", "TrackingSettings"]
