# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""People as RViz markers: bones as line lists, joints as sphere lists, ids as text.

A marker's namespace is the part (`body/bones`, `left_hand/joints`, ...) or `id`, its id the person's, so
that RViz moves a person's markers instead of making new ones. Hands begin at the wrists of their bodies,
and a line joins a face to its head.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from geometry_msgs.msg import Point
from rclpy.duration import Duration
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from dope_ros.palette import BODY_BONE_SIDES, PART_COLOURS, SIDE_COLOURS, Colour
from dope_ros.poses import PART_NAMES, PartPose, Person
from dope_ros.skeleton import HEAD, SKELETONS, Part

LINE_WIDTH = {Part.BODY: 0.02, Part.HAND: 0.006, Part.FACE: 0.003}
"""Metres."""

JOINT_DIAMETER = {Part.BODY: 0.04, Part.HAND: 0.010, Part.FACE: 0.005}
"""Metres."""

ID_HEIGHT, ID_ABOVE = 0.12, 0.3
"""Metres: of the letters of an id, and from the head to them."""

MarkerKey = tuple[str, int]


class MarkerState:
    """What RViz shows: makes the markers of each frame, and deletes those of people and parts that vanished.

    Deleting all in each frame would make RViz flicker.
    """

    def __init__(self) -> None:
        self._shown: set[MarkerKey] = set()
        self._header = Header()

    def update(self, header: Header, people: Iterable[Person], lifetime: float) -> MarkerArray:
        """Markers for `people`, and deletions.

        Args:
            header: of the image, in the frame that the people are in.
            people: placed ones, 3D in metres in the frame that `header` names.
            lifetime: seconds after which RViz removes a marker that was not renewed; 0 keeps it.
        """
        markers = [marker for person in people for marker in _person_markers(header, person, lifetime)]
        shown = {(marker.ns, marker.id) for marker in markers}
        vanished = [_deletion(header, key) for key in sorted(self._shown - shown)]
        self._shown, self._header = shown, header
        return MarkerArray(markers=markers + vanished)

    def clear(self) -> MarkerArray:
        """Deletions of all that is shown, if anything is."""
        return self.update(self._header, [], lifetime=0.0)


def _person_markers(header: Header, person: Person, lifetime: float) -> Iterable[Marker]:
    for name, pose in person.parts().items():
        part = PART_NAMES[name]
        points = [Point(x=x, y=y, z=z) for x, y, z in pose.keypoints_3d.tolist()]
        yield _bones(header, person.id, name, part, points, lifetime)
        yield _joints(header, person.id, name, part, points, lifetime)
    if person.body is not None and person.face is not None:
        yield _attachment(header, person.id, person.body, person.face, lifetime)
    if person.root is not None:
        yield _id_text(header, person, person.root, lifetime)


def _bones(
    header: Header, person_id: int, name: str, part: Part, points: list[Point], lifetime: float
) -> Marker:
    marker = _marker(header, f"{name}/bones", person_id, Marker.LINE_LIST, lifetime)
    marker.scale.x = LINE_WIDTH[part]
    marker.color = _colour(PART_COLOURS[name])
    marker.points = [points[joint] for bone in SKELETONS[part].bones for joint in bone]
    if part is Part.BODY:
        colours = [_colour(SIDE_COLOURS[side]) for side in BODY_BONE_SIDES]
        marker.colors = [colour for colour in colours for _end in range(2)]
    return marker


def _joints(
    header: Header, person_id: int, name: str, part: Part, points: list[Point], lifetime: float
) -> Marker:
    marker = _marker(header, f"{name}/joints", person_id, Marker.SPHERE_LIST, lifetime)
    marker.scale.x = marker.scale.y = marker.scale.z = JOINT_DIAMETER[part]
    marker.color = _colour(PART_COLOURS[name])
    marker.points = points
    return marker


def _attachment(header: Header, person_id: int, body: PartPose, face: PartPose, lifetime: float) -> Marker:
    """A line from the head to the landmark that is nearest to it."""
    marker = _marker(header, "face/attachment", person_id, Marker.LINE_LIST, lifetime)
    marker.scale.x = LINE_WIDTH[Part.FACE]
    marker.color = _colour(PART_COLOURS["face"])
    head = body.keypoints_3d[HEAD]
    nearest = np.linalg.norm(face.keypoints_3d - head, axis=1).argmin()
    marker.points = [_point(head), _point(face.keypoints_3d[nearest])]
    return marker


def _id_text(header: Header, person: Person, root: np.ndarray, lifetime: float) -> Marker:
    """The id over the head, away from the hips, whichever way the frame's axes go."""
    marker = _marker(header, "id", person.id, Marker.TEXT_VIEW_FACING, lifetime)
    marker.scale.z = ID_HEIGHT
    marker.color = _colour(PART_COLOURS["face"])
    marker.text = str(person.id)
    place = root
    if person.body is not None:
        upwards = person.body.keypoints_3d[HEAD] - root
        place = person.body.keypoints_3d[HEAD] + upwards * (
            ID_ABOVE / max(float(np.linalg.norm(upwards)), 1e-3)
        )
    marker.pose.position = _point(place)
    return marker


def _point(place: np.ndarray) -> Point:
    x, y, z = place.tolist()
    return Point(x=x, y=y, z=z)


def _marker(header: Header, namespace: str, marker_id: int, kind: int, lifetime: float) -> Marker:
    marker = Marker(header=header, ns=namespace, id=marker_id, type=kind, action=Marker.ADD)
    marker.pose.orientation.w = 1.0
    marker.lifetime = Duration(seconds=lifetime).to_msg()
    return marker


def _deletion(header: Header, key: MarkerKey) -> Marker:
    return Marker(header=header, ns=key[0], id=key[1], action=Marker.DELETE)


def _colour(colour: Colour) -> ColorRGBA:
    red, green, blue = (np.array(colour) / 255).tolist()
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)
