# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs MediaPipe's models on crops, in an environment of its own (requirements/mediapipe.txt).

`mediapipe_client` starts this file as a script and talks to it over its standard input and output. A
message is four bytes, little-endian, that say how long it is, and an npz archive. Requests hold `part`
(body, hand or face) and `crops` uint8 [N, S, S, 3], RGB; replies hold, for each crop:

    found       [N] bool
    scores      [N] float32
    rights      [N] bool, hands: whether MediaPipe takes it for a right one in a mirrored picture
    flat        [N, L, 3] float32, x and y in pixels of the crop, z on the same scale
    solid       [N, L, 3] float32, metres; zero for faces
    visibility  [N, L] float32

or `error`, a string. The first message says that the worker is ready. Nothing of dope_ros is imported here.
"""

from __future__ import annotations

import io
import os
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

LANDMARKS = {"body": 33, "hand": 21, "face": 468}
MIN_CONFIDENCE = 0.5


@dataclass
class Found:
    """What a model says of a crop; landmarks are MediaPipe's own objects."""

    score: float
    flat: Any
    solid: Any = None
    right: bool = False
    with_visibility: bool = False


def read_message(stream: IO[bytes]) -> dict[str, np.ndarray] | None:
    """The next message; None at the end of the stream, which may cut a message off."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (length,) = struct.unpack("<I", head)
    body = stream.read(length)
    if len(body) < length:
        return None
    with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
        return dict(arrays)


def write_message(stream: IO[bytes], arrays: Mapping[str, Any]) -> None:
    """Write a message."""
    body = io.BytesIO()
    np.savez(body, **arrays)
    stream.write(struct.pack("<I", body.tell()))
    stream.write(body.getvalue())
    stream.flush()


def main() -> None:
    """Answer requests until the input ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(
        sys.stderr.fileno(), sys.stdout.fileno()
    )  # MediaPipe's own words must not get between the messages
    try:
        models = Models()
    except ImportError as error:
        write_message(replies, {"error": np.array(str(error))})
        return
    write_message(replies, {"ready": np.array(True)})
    while (request := read_message(sys.stdin.buffer)) is not None:
        try:
            reply = answer(models, str(request["part"]), request["crops"])
        except Exception as error:  # whatever it is, the other side must hear of it
            reply = {"error": np.array(f"{type(error).__name__}: {error}")}
        write_message(replies, reply)


class Models:
    """MediaPipe's models, each made when it is first asked for."""

    def __init__(self) -> None:
        os.environ.setdefault("GLOG_minloglevel", "2")
        import mediapipe

        self._solutions = mediapipe.solutions
        self._made: dict[str, Any] = {}
        self._find: dict[str, Callable[[np.ndarray], Found | None]] = {
            "body": self._body,
            "hand": self._hand,
            "face": self._face,
        }

    def find(self, part: str, crop: np.ndarray) -> Found | None:
        """What there is in a crop; None if there is nothing."""
        return self._find[part](crop)

    def _body(self, crop: np.ndarray) -> Found | None:
        result = self._model("pose", self._solutions.pose.Pose).process(crop)
        if result.pose_landmarks is None:
            return None
        flat = result.pose_landmarks.landmark
        score = float(np.mean([landmark.visibility for landmark in flat]))
        return Found(score, flat, result.pose_world_landmarks.landmark, with_visibility=True)

    def _hand(self, crop: np.ndarray) -> Found | None:
        result = self._model("hands", self._solutions.hands.Hands, max_num_hands=1).process(crop)
        if not result.multi_hand_landmarks:
            return None
        side = result.multi_handedness[0].classification[0]
        flat, solid = result.multi_hand_landmarks[0].landmark, result.multi_hand_world_landmarks[0].landmark
        return Found(side.score, flat, solid, right=side.label == "Right")

    def _face(self, crop: np.ndarray) -> Found | None:
        result = self._model("mesh", self._solutions.face_mesh.FaceMesh, max_num_faces=1).process(crop)
        return Found(1.0, result.multi_face_landmarks[0].landmark) if result.multi_face_landmarks else None

    def _model(self, name: str, make: Any, **options: int) -> Any:
        if name not in self._made:
            self._made[name] = make(
                static_image_mode=True, min_detection_confidence=MIN_CONFIDENCE, **options
            )
        return self._made[name]


def answer(models: Models, part: str, crops: np.ndarray) -> dict[str, np.ndarray]:
    """The reply to a request."""
    count, size, landmarks = len(crops), crops.shape[1], LANDMARKS[part]
    reply = {
        "found": np.zeros(count, bool),
        "scores": np.zeros(count, np.float32),
        "rights": np.zeros(count, bool),
        "flat": np.zeros((count, landmarks, 3), np.float32),
        "solid": np.zeros((count, landmarks, 3), np.float32),
        "visibility": np.ones((count, landmarks), np.float32),
    }
    for index, crop in enumerate(crops):
        found = models.find(part, np.ascontiguousarray(crop))
        if found is not None:
            reply["found"][index], reply["scores"][index], reply["rights"][index] = (
                True,
                found.score,
                found.right,
            )
            reply["flat"][index] = _points(found.flat)[:landmarks] * size
            if found.solid is not None:
                reply["solid"][index] = _points(found.solid)
            if found.with_visibility:
                reply["visibility"][index] = [landmark.visibility for landmark in found.flat]
    return reply


def _points(landmarks: Any) -> np.ndarray:
    return np.array([(landmark.x, landmark.y, landmark.z) for landmark in landmarks], np.float32)


if __name__ == "__main__":
    main()
