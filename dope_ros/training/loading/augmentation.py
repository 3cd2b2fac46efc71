# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Changes of pictures and labels that make more training data of what there is (DOPE, section 4.1).

All are pure functions: a picture, uint8 [H, W, 3], RGB, and a sample go in, new ones come out. Randomness
comes from the generator alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from dope_ros.geometry import ASSUMED_FOV_DEG, Intrinsics
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import Part
from dope_ros.training.datasets.label_transforms import Motion, mirrored, moved, seen_within
from dope_ros.training.datasets.labels import PersonLabels, Sample


@dataclass(frozen=True, slots=True)
class ColourJitter:
    """How far colours may go: factors within 1 +- brightness, contrast and saturation; a turn of the hue."""

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue_deg: float = 18.0


@dataclass(frozen=True, slots=True)
class CameraShake:
    """How far the camera may be turned, degrees, either way."""

    pan: float = 10.0
    tilt: float = 10.0
    roll: float = 20.0


def augment(
    picture: np.ndarray, sample: Sample, part: Part | None, rng: np.random.Generator
) -> tuple[np.ndarray, Sample]:
    """What the paper does for the expert of a part, and for the student (None).

    All are flipped half of the time, the colours of hands and faces jittered, and hands seen in another
    perspective.
    """
    if rng.random() < 0.5:
        picture, sample = flip(picture, sample)
    if part is Part.HAND:
        picture, turned = turn_camera(picture, sample, random_rotation(rng))
        sample = without_uncovered(sample, turned, picture.shape[1], picture.shape[0])
    if part in (Part.HAND, Part.FACE):
        picture = jitter_colours(picture, rng)
    return picture, sample


def flip(picture: np.ndarray, sample: Sample) -> tuple[np.ndarray, Sample]:
    """The mirror image: left and right are swapped in the picture, and so are the names of the two sides."""
    return np.ascontiguousarray(picture[:, ::-1]), mirrored(sample, picture.shape[1] - 1)


def random_rotation(rng: np.random.Generator, shake: CameraShake | None = None) -> np.ndarray:
    """A small turn of the camera: [3, 3] float64, takes points of the old optical frame to the new one."""
    shake = shake or CameraShake()
    limits = np.array([shake.tilt, shake.pan, shake.roll])
    return Rotation.from_euler("xyz", rng.uniform(-limits, limits), degrees=True).as_matrix()


def turn_camera(picture: np.ndarray, sample: Sample, rotation: np.ndarray) -> tuple[np.ndarray, Sample]:
    """What the camera would see, turned about its centre: a change of perspective under which 3D stays right.

    Pixels are warped by the homography K R K^-1, 3D labels turned by R. What comes into view is the nearest
    edge of the picture, repeated.

    Args:
        rotation: [3, 3], takes points of the old optical frame to the new one.
    """
    height, width = picture.shape[:2]
    camera = sample.intrinsics or Intrinsics.assumed(width, height, ASSUMED_FOV_DEG)
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    homography = matrix @ rotation @ np.linalg.inv(matrix)
    warped = cv2.warpPerspective(picture, homography, (width, height), borderMode=cv2.BORDER_REPLICATE)

    def seen_at(points: np.ndarray) -> np.ndarray:
        projected = points @ homography[:, :2].T + homography[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(projected[..., 2:] > 0, projected[..., :2] / projected[..., 2:], np.nan)

    motion = Motion(seen_at, lambda poses: poses @ rotation.T)
    return warped, seen_within(moved(sample, motion), width, height)


def without_uncovered(before: Sample, after: Sample, width: int, height: int) -> Sample:
    """The labels of a turned camera's picture, those ignored with a joint where the old picture had ended.

    What was not photographed has come into view there, as repeated edges: a joint cannot be learnt from them.

    Args:
        before, after: the labels of the old picture and of the new one, the same people in the same order.
        width, height: of both pictures, pixels.
    """
    photographed, in_view = (sample.photographed(width, height) for sample in (before, after))
    people, ignored = [], {part: after.ignored_boxes(part) for part in Part}
    for old, new in zip(before.people, after.people, strict=True):
        kept = {}
        for name, labels in new.parts().items():
            was_outside = ~photographed.contains(old.parts()[name].keypoints_2d)
            if (labels.known_2d & was_outside & in_view.contains(labels.keypoints_2d)).any():
                part = PART_NAMES[name]
                ignored[part] = np.concatenate([ignored[part], in_view.box_of(labels)[None]])
            else:
                kept[name] = labels
        people.append(PersonLabels.of(kept, new.head_size))
    return replace(after, people=tuple(people), ignored=ignored)


def jitter_colours(
    picture: np.ndarray, rng: np.random.Generator, jitter: ColourJitter | None = None
) -> np.ndarray:
    """The picture in other light: brightness, contrast, saturation and hue changed at random."""
    jitter = jitter or ColourJitter()
    brightness, contrast, saturation = (
        rng.uniform(1 - limit, 1 + limit) for limit in (jitter.brightness, jitter.contrast, jitter.saturation)
    )
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.float32)
    # OpenCV counts hue in steps of two degrees.
    hsv[..., 0] = (hsv[..., 0] + rng.uniform(-jitter.hue_deg, jitter.hue_deg) / 2) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 255)
    rgb = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.float32) * brightness
    mean = rgb.mean()
    return np.clip((rgb - mean) * contrast + mean, 0, 255).astype(np.uint8)
