# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The colours of overlays and markers: one for each side of the body, each hand, and the face."""

from __future__ import annotations

from dope_ros.skeleton import BODY, Side

Colour = tuple[int, int, int]
"""RGB, 0 to 255."""

SIDE_COLOURS: dict[Side | None, Colour] = {
    Side.RIGHT: (255, 112, 51),
    Side.LEFT: (51, 153, 255),
    None: (235, 235, 235),
}

PART_COLOURS: dict[str, Colour] = {
    "body": (235, 235, 235),
    "right_hand": (255, 190, 60),
    "left_hand": (90, 220, 255),
    "face": (120, 255, 120),
}


def _bone_side(bone: tuple[int, int]) -> Side | None:
    sides = {BODY.joints[joint].split("_")[0] for joint in bone}
    if sides == {"right"}:
        return Side.RIGHT
    return Side.LEFT if sides == {"left"} else None


BODY_BONE_SIDES: tuple[Side | None, ...] = tuple(_bone_side(bone) for bone in BODY.bones)
"""The side that each of the body's bones belongs to, None for the bones between the sides."""
