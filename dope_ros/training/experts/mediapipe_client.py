# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MediaPipe's models as experts that need no training.

They run in a process of their own, for their environment is another one (NumPy 1); see `mediapipe_worker`.
They see one crop for each box, so that several people in a picture work.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from dope_ros.boxes import ious, longer_sides
from dope_ros.errors import ExpertError
from dope_ros.skeleton import Part, Side
from dope_ros.training.datasets.labels import PartLabels, cut_to_picture
from dope_ros.training.experts import Estimate
from dope_ros.training.experts.mediapipe_landmarks import to_labels
from dope_ros.training.experts.mediapipe_worker import read_message, write_message

WORKER = Path(__file__).with_name("mediapipe_worker.py")

REQUIREMENT = "mediapipe==0.10.21"
"""Its wheel holds all three models."""

MEND = (
    "Make an environment for it: python3 -m venv mediapipe-env && mediapipe-env/bin/pip install "
    f"{REQUIREMENT}, and name mediapipe-env/bin/python."
)


@dataclass(frozen=True, slots=True)
class CropShape:
    """How a crop is cut for a model.

    margin: of the box's longer side, on each side: the detectors before the models want room.
    size: pixels of its sides.
    """

    margin: float
    size: int


CROPS: dict[Part, CropShape] = {
    Part.BODY: CropShape(0.15, 384),
    Part.HAND: CropShape(0.25, 288),
    Part.FACE: CropShape(0.3, 256),
}

MIN_IOU = 0.25
"""Of the box and that around the found joints: a crop may show somebody else, too."""


class MediaPipeExpert:
    """Bodies, hands and faces by MediaPipe. Close it, or use it in a `with` statement.

    Args:
        python: the interpreter of an environment with requirements/mediapipe.txt.
        least_iou: of a box and that around the joints found there, for these to count; 0 where boxes are not
            tight.

    Raises:
        ExpertError: it cannot be started, or MediaPipe is not in its environment.
    """

    def __init__(self, python: Path, least_iou: float = MIN_IOU) -> None:
        self._least_iou = least_iou
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        try:
            self._process = subprocess.Popen(
                # Isolated: neither this environment's PYTHONPATH nor this folder is on its path.
                [str(python), "-I", str(WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        except OSError as error:
            self._errors.close()
            raise ExpertError(f"{python}: cannot be started: {error.strerror}. {MEND}") from error
        try:
            self._receive()
        except ExpertError as error:
            self.close()
            raise ExpertError(f"{python} cannot run MediaPipe: {error}. {MEND}") from error

    def __enter__(self) -> MediaPipeExpert:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def estimate(self, picture: np.ndarray, part: Part, boxes: np.ndarray) -> Sequence[Estimate | None]:
        """The pose in each box, None where MediaPipe finds none there; see `Expert`."""
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        if not len(boxes):
            return []
        cuts = [crop(picture, box, CROPS[part]) for box in boxes]
        self._send({"part": np.array(part.value), "crops": np.stack([pixels for pixels, _ in cuts])})
        reply = self._receive()
        return [
            self._estimate(reply, index, part, to_picture, box, picture.shape[1::-1])
            for index, ((_, to_picture), box) in enumerate(zip(cuts, boxes, strict=True))
        ]

    def _estimate(
        self,
        reply: dict[str, np.ndarray],
        index: int,
        part: Part,
        to_picture: np.ndarray,
        box: np.ndarray,
        size: tuple[int, int],
    ) -> Estimate | None:
        if not reply["found"][index]:
            return None
        scale, *shift = to_picture
        flat = reply["flat"][index] * scale + np.array([*shift, 0.0])
        beyond = ((flat[:, :2] < -0.5) | (flat[:, :2] >= np.array(size) - 0.5)).any(axis=1)
        labels = to_labels(part, flat, reply["solid"][index], reply["visibility"][index], beyond)
        if not labels.known_2d.any() or _iou(labels, box, size) < self._least_iou:
            return None
        # MediaPipe names hands as if the picture were a mirror's.
        side = (Side.LEFT if reply["rights"][index] else Side.RIGHT) if part is Part.HAND else None
        return Estimate(float(reply["scores"][index]), labels, side)

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                with suppress(BrokenPipeError):  # it had ended before
                    stream.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _send(self, request: dict[str, np.ndarray]) -> None:
        assert self._process.stdin is not None
        try:
            write_message(self._process.stdin, request)
        except (BrokenPipeError, ValueError) as error:
            raise ExpertError(f"MediaPipe's process has ended. {self._last_words()}") from error

    def _receive(self) -> dict[str, np.ndarray]:
        assert self._process.stdout is not None
        reply = read_message(self._process.stdout)
        if reply is None:
            raise ExpertError(f"its process has ended. {self._last_words()}")
        if "error" in reply:
            raise ExpertError(str(reply["error"]))
        return reply

    def _last_words(self) -> str:
        if self._errors.closed:
            return "It was closed."
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"Its last words: {lines[-1]}" if lines else "It said nothing."


def crop(picture: np.ndarray, box: np.ndarray, shape: CropShape) -> tuple[np.ndarray, np.ndarray]:
    """A square around a box, and the way back to the picture.

    What is beyond the picture repeats its edge.

    Returns:
        uint8 [S, S, 3], and [3] float64, scale, x and y: a point p of the crop, counted from its corner, is
        `scale * p + (x, y)` in the picture, counted from the middle of its first pixel.
    """
    side = max(1, round(float(longer_sides(box)) * (1 + 2 * shape.margin)))
    left, top = np.floor((box[:2] + box[2:] - side) / 2).astype(int).tolist()
    height, width = picture.shape[:2]
    above, below = max(0, -top), max(0, top + side - height)
    before, behind = max(0, -left), max(0, left + side - width)
    inside = picture[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    if inside.size == 0:
        raise ExpertError(f"the box {np.round(box).tolist()} is outside of the picture")
    square = cv2.copyMakeBorder(inside, above, below, before, behind, cv2.BORDER_REPLICATE)
    interpolation = cv2.INTER_AREA if side > shape.size else cv2.INTER_CUBIC
    pixels = cv2.resize(square, (shape.size, shape.size), interpolation=interpolation)
    return pixels, np.array([side / shape.size, left - 0.5, top - 0.5])


def _iou(labels: PartLabels, box: np.ndarray, size: tuple[int, int]) -> float:
    """Of the box around the known joints, with its margin, and another box, as much as is in the picture."""
    return float(ious(labels.box(*size), cut_to_picture(box, *size)))
