# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Attaches hands and faces to bodies, all in one assignment.

The paper attaches a hand when its wrist and a body's wrist are each other's nearest (DOPE, section 3.3).
That ignores which hand is a left one and can attach one hand twice; here the cheapest assignment over
all bodies, hands and faces at once decides, and each hand and face goes to one body at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from dope_ros.poses import PartPose, Person
from dope_ros.skeleton import ELBOW, FINGER_BASES, HAND_WRIST, HEAD, WRIST, Part, Side

UNATTACHED_COST = 1.5
"""What leaving a hand or face alone costs: an attachment that costs more is none.

Costs are distances in sizes of the hand or face, plus the penalties below.
"""

WRONG_SIDE_PENALTY = 0.5
DIRECTION_PENALTY = 0.25
SCALE_PENALTY = 0.25
"""A factor of two between the scales of body and part."""

_IMPOSSIBLE = 1e6

_SLOTS = ("right_hand", "left_hand", "face")
_HAND_SIDES = (Side.RIGHT, Side.LEFT)


def assemble(
    bodies: Sequence[PartPose], hands: Sequence[PartPose], faces: Sequence[PartPose]
) -> list[Person]:
    """Make people of bodies, hands and faces.

    Args:
        bodies, hands, faces: detections in any order, 2D in pixels, 3D in metres relative to their own
            roots; hands say which side they look like.

    Returns:
        One person for each body, with what was attached to it, then one for each hand and face that
        belongs to nobody; both by falling score. Ids count from 0 in that order.
    """
    people, lone_hands, lone_faces = attach(people_of(bodies), hands, faces)
    return in_order([*people, *map(person_of, [*lone_hands, *lone_faces])])


def assemble_in_turn(*turns: Mapping[Part, Sequence[PartPose]]) -> list[Person]:
    """Make people of the first detections, as if there were no others; the next ones take what is left then.

    Args:
        turns: detections of each part in any order, as for `assemble`.

    Returns:
        One person for each body, then one for each hand and face that belongs to nobody; not in order yet.
    """
    people: list[Person] = []
    hands: list[PartPose] = []
    faces: list[PartPose] = []
    for poses in filter(_has_any, turns):
        people, hands, faces = attach(
            [*people, *people_of(poses[Part.BODY])],
            [*hands, *poses[Part.HAND]],
            [*faces, *poses[Part.FACE]],
        )
    return [*people, *map(person_of, [*hands, *faces])]


def _has_any(poses: Mapping[Part, Sequence[PartPose]]) -> bool:
    """Whether there is a detection of any part."""
    return any(poses.values())


def people_of(bodies: Iterable[PartPose]) -> list[Person]:
    """A person without hands and face for each body, by falling score."""
    return [Person(id=0, body=body) for body in sorted(bodies, key=_total_order)]


def attach(
    people: Sequence[Person], hands: Sequence[PartPose], faces: Sequence[PartPose]
) -> tuple[list[Person], list[PartPose], list[PartPose]]:
    """Give people the hands and faces that are theirs, where they have none yet.

    Args:
        people: with bodies. What they have they keep.
        hands, faces: detections in any order, as for `assemble`.

    Returns:
        The people in the order given, the hands that belong to none of them, and such faces.
    """
    hands, faces = (sorted(poses, key=_total_order) for poses in (hands, faces))
    costs = _attachment_costs([person.body for person in people if person.body is not None], hands, faces)
    taken = [getattr(person, slot) is not None for person in people for slot in _SLOTS]
    costs[np.array(taken, bool)] = _IMPOSSIBLE
    slots = _cheapest_slots(costs)
    attached: list[dict[str, Any]] = [{} for _ in people]
    for part, slot in zip([*hands, *faces], slots, strict=True):
        if slot is not None:
            person, name = divmod(slot, len(_SLOTS))
            attached[person][_SLOTS[name]] = part
    return (
        [replace(person, **own) for person, own in zip(people, attached, strict=True)],
        [hand for hand, slot in zip(hands, slots[: len(hands)], strict=True) if slot is None],
        [face for face, slot in zip(faces, slots[len(hands) :], strict=True) if slot is None],
    )


def _total_order(pose: PartPose) -> tuple[float, bytes, bytes, str]:
    """By falling score; ties are broken by the pose itself, so that the order of detections never matters."""
    return (-pose.score, pose.keypoints_2d.tobytes(), pose.keypoints_3d.tobytes(), str(pose.side))


def in_order(people: Iterable[Person]) -> list[Person]:
    """People with a body by falling score, then the others likewise, with ids from 0 in that order."""
    ordered = sorted(people, key=lambda person: (person.body is None, -person.score))
    return [replace(person, id=index) for index, person in enumerate(ordered)]


def person_of(part: PartPose) -> Person:
    """A person of whom only a hand or a face was seen."""
    if part.side is None:
        return Person(id=0, face=part)
    return Person(id=0, left_hand=part) if part.side is Side.LEFT else Person(id=0, right_hand=part)


def _cheapest_slots(costs: np.ndarray) -> list[int | None]:
    """The slot of each part in the cheapest assignment, None for a part that stays alone.

    Args:
        costs: [slots, parts]; a slot takes one part at most.
    """
    slots, parts = costs.shape
    staying_alone = np.full((parts, parts), _IMPOSSIBLE)
    np.fill_diagonal(staying_alone, UNATTACHED_COST)
    rows, columns = linear_sum_assignment(np.concatenate([costs, staying_alone]))
    chosen = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    return [chosen[part] if chosen[part] < slots else None for part in range(parts)]


@dataclass(frozen=True, slots=True)
class _Stack:
    """Poses of a part, stacked.

    joints: [M, J, 2] float64, pixels.
    pixels_per_metre: [M] float64, from the spread of the joints in 2D and in 3D across the optical axis.
    """

    joints: np.ndarray
    pixels_per_metre: np.ndarray

    @classmethod
    def of(cls, poses: Sequence[PartPose]) -> _Stack:
        joints = np.array([pose.keypoints_2d for pose in poses], np.float64)
        metres = np.array([pose.keypoints_3d[:, :2] for pose in poses], np.float64)
        scales = _spreads(joints, at_least=1.0) / _spreads(metres, at_least=1e-3)
        return cls(joints, scales)


def _attachment_costs(
    bodies: Sequence[PartPose], hands: Sequence[PartPose], faces: Sequence[PartPose]
) -> np.ndarray:
    """What attaching each hand and face to each slot of each body costs: [3 B, H + F] float64.

    Slots are a body's right hand, left hand and face, body by body; parts are hands, then faces.
    """
    costs = np.full((len(bodies), len(_SLOTS), len(hands) + len(faces)), _IMPOSSIBLE)
    if bodies:
        stack = _Stack.of(bodies)
        if hands:
            costs[:, :2, : len(hands)] = _hand_costs(stack, _Stack.of(hands), [hand.side for hand in hands])
        if faces:
            costs[:, 2, len(hands) :] = _face_costs(stack, _Stack.of(faces))
    return costs.reshape(len(bodies) * len(_SLOTS), len(hands) + len(faces))


def _hand_costs(bodies: _Stack, hands: _Stack, sides: Sequence[Side | None]) -> np.ndarray:
    """What attaching each hand to each body's right and left wrist costs: [B, 2, H]."""
    wrists = bodies.joints[:, [WRIST[side] for side in _HAND_SIDES]]
    forearms = _directions(wrists - bodies.joints[:, [ELBOW[side] for side in _HAND_SIDES]])
    hand_wrists = hands.joints[:, HAND_WRIST]
    palms = _directions(hands.joints[:, FINGER_BASES].mean(axis=1) - hand_wrists)
    distances = np.linalg.norm(wrists[:, :, None] - hand_wrists, axis=-1) / _sizes(hands)
    wrong_side = np.array([[side not in (None, slot) for side in sides] for slot in _HAND_SIDES])
    turned = (1 - np.einsum("bsd,hd->bsh", forearms, palms)) / 2
    scales = _scale_differences(bodies, hands)[:, None]
    return distances + WRONG_SIDE_PENALTY * wrong_side + DIRECTION_PENALTY * turned + SCALE_PENALTY * scales


def _face_costs(bodies: _Stack, faces: _Stack) -> np.ndarray:
    """What attaching each face to each body's head costs: [B, F]."""
    middles = (faces.joints.min(axis=1) + faces.joints.max(axis=1)) / 2
    distances = np.linalg.norm(bodies.joints[:, None, HEAD] - middles, axis=-1) / _sizes(faces)
    return distances + SCALE_PENALTY * _scale_differences(bodies, faces)


def _sizes(stack: _Stack) -> np.ndarray:
    """The longer side of the box around each pose, at least a pixel: [M]."""
    return np.maximum(np.ptp(stack.joints, axis=1).max(axis=1), 1.0)


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Unit vectors; a vector without length has no direction and stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _scale_differences(bodies: _Stack, parts: _Stack) -> np.ndarray:
    """By how many powers of two the pixels a metre differ, two at most: [B, M].

    A hand that belongs to a body is about as far from the camera as the body is.
    """
    ratios = bodies.pixels_per_metre[:, None] / parts.pixels_per_metre
    return np.minimum(np.abs(np.log2(ratios)), 2.0)


def _spreads(joints: np.ndarray, at_least: float) -> np.ndarray:
    """Root mean square distance of the joints [M, J, 2] to their mean: [M]."""
    return np.maximum(np.sqrt(joints.var(axis=1).sum(axis=1)), at_least)
