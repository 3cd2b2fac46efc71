# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Segments of a person: which part of the body a piece of the mesh belongs to.

A joint counts as seen where the surface before it belongs to one of the segments that meet there.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from dope_ros.skeleton import BODY_JOINTS, FINGERS, HAND_JOINTS, Side

SIDE_LETTER = {Side.RIGHT: "R", Side.LEFT: "L"}
"""How the rig marks the sides in the names of its bones."""


class Segment(IntEnum):
    """What a triangle shows. Right and left are the person's own."""

    NOTHING = 0
    OBJECT = 1
    TORSO = 2
    HEAD = 3
    HAIR = 4
    RIGHT_UPPER_ARM = 5
    RIGHT_FOREARM = 6
    RIGHT_THIGH = 7
    RIGHT_SHANK = 8
    RIGHT_FOOT = 9
    LEFT_UPPER_ARM = 10
    LEFT_FOREARM = 11
    LEFT_THIGH = 12
    LEFT_SHANK = 13
    LEFT_FOOT = 14
    RIGHT_PALM = 20
    RIGHT_THUMB = 21
    RIGHT_INDEX = 22
    RIGHT_MIDDLE = 23
    RIGHT_RING = 24
    RIGHT_LITTLE = 25
    LEFT_PALM = 30
    LEFT_THUMB = 31
    LEFT_INDEX = 32
    LEFT_MIDDLE = 33
    LEFT_RING = 34
    LEFT_LITTLE = 35


HAND_SEGMENTS = {
    side: np.arange(palm, palm + 1 + len(FINGERS))
    for side, palm in ((Side.RIGHT, Segment.RIGHT_PALM), (Side.LEFT, Segment.LEFT_PALM))
}
"""The palm, then the fingers from the thumb on."""

_LIMB_PREFIXES = {
    "clavicle": "TORSO",
    "shoulder": "TORSO",
    "breast": "TORSO",
    "pelvis": "TORSO",
    "upperarm": "UPPER_ARM",
    "lowerarm": "FOREARM",
    "upperleg": "THIGH",
    "lowerleg": "SHANK",
    "foot": "FOOT",
    "toe": "FOOT",
    "wrist": "PALM",
    "metacarpal": "PALM",
}

_FINGER_NAMES = tuple(finger.upper() for finger in FINGERS)


def segment_of_bone(bone: str) -> Segment:
    """The segment that a bone of the rig moves, by the bone's name."""
    if bone == "root" or bone.startswith("spine"):
        return Segment.TORSO
    stem, _, letter = bone.partition(".")
    side = {"R": "RIGHT", "L": "LEFT"}.get(letter)
    if side is None:
        return Segment.HEAD
    if stem.startswith("finger"):
        return Segment[f"{side}_{_FINGER_NAMES[int(stem[6]) - 1]}"]
    for prefix, name in _LIMB_PREFIXES.items():
        if stem.startswith(prefix):
            return Segment[name if name == "TORSO" else f"{side}_{name}"]
    return Segment.HEAD


_MEETING_AT = {
    "ankle": ("SHANK", "FOOT"),
    "knee": ("THIGH", "SHANK"),
    "hip": ("THIGH", "TORSO"),
    "wrist": ("FOREARM", "PALM", "THUMB"),
    "elbow": ("UPPER_ARM", "FOREARM"),
    "shoulder": ("UPPER_ARM", "TORSO"),
}


def body_joint_segments() -> list[set[int]]:
    """For each of the 13 body joints the segments that meet there."""
    return [_segments_at(joint) for joint in BODY_JOINTS]


def _segments_at(joint: str) -> set[int]:
    side, _, kind = joint.partition("_")
    if not kind:
        return {Segment.HEAD, Segment.HAIR}
    names = (name if name == "TORSO" else f"{side.upper()}_{name}" for name in _MEETING_AT[kind])
    return {int(Segment[name]) for name in names}


def hand_joint_segments(side: Side) -> list[set[int]]:
    """For each of a hand's 21 joints the segments that meet there."""
    palm = int(HAND_SEGMENTS[side][0])
    forearm = int(Segment[f"{side.name}_FOREARM"])
    around = []
    for joint in HAND_JOINTS:
        finger, _, place = joint.partition("_")
        if not place:
            around.append({palm, forearm, palm + 1})
            continue
        own = palm + 1 + FINGERS.index(finger)
        around.append({own, palm} if place == "base" else {own})
    return around
