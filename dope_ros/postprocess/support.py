# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parts of one person vouch for each other: a weak body under a sure face is more than a weak body.

The network judges each box by itself, and a threshold that keeps ghosts out loses people with them. Once
hands and faces are attached, the others of a person are evidence too. A body's score rises if its face or a
hand is a detection without help, that of a hand or face if its body is. What belongs to nobody needs its full
score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dope_ros.poses import PART_NAMES, PartPose, Person
from dope_ros.postprocess.assemble import in_order, person_of
from dope_ros.settings import PpiSettings
from dope_ros.skeleton import Part

_BODY = "body"


def supported(
    people: Sequence[Person], settings: Mapping[Part, PpiSettings], min_scores: Mapping[Part, float]
) -> list[Person]:
    """People with scores that know of their other parts, and without what scores too little even so.

    Args:
        people: of `assemble`. They may hold parts that score as little as `min_scores` over `support`.
        settings: a part that scores more than its `th_persondetect` without help vouches for others, and the
            score of one that it vouches for is multiplied by `support`.
        min_scores: a part must score more than this in the end.

    Returns:
        Ordered and numbered as `assemble` does. Parts whose body is left out are people of their own.
    """
    return in_order(left for person in people for left in _accepted(person, settings, min_scores))


def _accepted(
    person: Person, settings: Mapping[Part, PpiSettings], min_scores: Mapping[Part, float]
) -> list[Person]:
    """What is left of a person: them, or, where their body is left out, each other part by itself."""
    raised = _raised(person, settings)
    accepted = {name: pose for name, pose in raised.items() if pose.score > min_scores[PART_NAMES[name]]}
    if _BODY not in accepted:
        return [person_of(pose) for pose in accepted.values()]
    return [
        replace(
            person,
            body=accepted[_BODY],
            left_hand=accepted.get("left_hand"),
            right_hand=accepted.get("right_hand"),
            face=accepted.get("face"),
        )
    ]


def _raised(person: Person, settings: Mapping[Part, PpiSettings]) -> dict[str, PartPose]:
    """The parts of a person, with raised scores where others vouch for them."""
    parts = person.parts()
    sure = {name for name, pose in parts.items() if pose.score > settings[PART_NAMES[name]].th_persondetect}
    vouching = {name: sure - {_BODY} if name == _BODY else sure & {_BODY} for name in parts}
    return {
        name: replace(pose, score=pose.score * settings[PART_NAMES[name]].support) if vouching[name] else pose
        for name, pose in parts.items()
    }
