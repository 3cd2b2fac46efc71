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
from dope_ros.postprocess.assemble import assemble_in_turn, in_order, person_of
from dope_ros.settings import PpiSettings
from dope_ros.skeleton import Part

_BODY = "body"


def awaiting_support(settings: PpiSettings, min_score: float) -> PpiSettings:
    """Settings by which `integrate` also gives what support can raise above `min_score`."""
    return replace(settings, th_persondetect=min_score / settings.support)


def assemble_supported(
    poses: Mapping[Part, Sequence[PartPose]],
    settings: Mapping[Part, PpiSettings],
    min_scores: Mapping[Part, float],
) -> list[Person]:
    """Make people of detections, where weak ones count that another part of their person vouches for.

    Sure detections, which need no help, are assembled first, as if there were no others. What is weak takes
    what is left then: free places of sure bodies, and sure hands and faces that belong to nobody. Last comes
    what support could not make sure, if lower thresholds than the model's let it through: all else is then as
    it is without it.

    Args:
        poses: detections of each part in any order, as weak as `awaiting_support` lets them be.
        settings: a detection that scores more than its `th_persondetect` is sure, and the score of one that a
            sure one vouches for is multiplied by `support`.
        min_scores: a part must score more than this in the end.

    Returns:
        Ordered and numbered as `assemble` does.
    """
    sure, weak, weakest = {}, {}, {}
    for part, of_part in poses.items():
        least = settings[part].th_persondetect
        least_with_support = least / settings[part].support
        sure[part] = [pose for pose in of_part if pose.score > least]
        weak[part] = [pose for pose in of_part if least_with_support < pose.score <= least]
        weakest[part] = [pose for pose in of_part if pose.score <= least_with_support]
    everybody = assemble_in_turn(sure, weak, weakest)
    return in_order(left for person in everybody for left in _accepted(person, settings, min_scores))


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
