# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Facial expressions as strengths of facial actions (the 52 names of ARKit's blend shapes)."""

from __future__ import annotations

import numpy as np


def _both(action: str, strength: float) -> dict[str, float]:
    return {f"{action}Left": strength, f"{action}Right": strength}


_EXPRESSIONS: dict[str, dict[str, float]] = {
    "neutral": {},
    "smile": {**_both("mouthSmile", 0.8), **_both("cheekSquint", 0.4)},
    "laugh": {
        **_both("mouthSmile", 0.9),
        "jawOpen": 0.5,
        **_both("eyeSquint", 0.6),
        **_both("cheekSquint", 0.7),
    },
    "surprise": {"jawOpen": 0.6, "browInnerUp": 0.9, **_both("browOuterUp", 0.8), **_both("eyeWide", 0.8)},
    "sad": {**_both("mouthFrown", 0.8), "browInnerUp": 0.7, "mouthShrugLower": 0.4},
    "anger": {**_both("browDown", 0.9), **_both("noseSneer", 0.5), **_both("mouthPress", 0.6)},
    "disgust": {**_both("noseSneer", 0.9), **_both("mouthUpperUp", 0.6), **_both("eyeSquint", 0.5)},
    "fear": {**_both("eyeWide", 0.8), "browInnerUp": 0.8, **_both("mouthStretch", 0.7), "jawOpen": 0.2},
    "shout": {"jawOpen": 0.9, **_both("mouthUpperUp", 0.4), **_both("mouthLowerDown", 0.6)},
    "kiss": {"mouthPucker": 0.9, "mouthFunnel": 0.3},
    "speak": {"jawOpen": 0.25, "mouthFunnel": 0.4},
    "pressed": {"mouthRollLower": 0.6, "mouthRollUpper": 0.6},
    "cheeks": {"cheekPuff": 0.9, "mouthPucker": 0.3},
    "closed_eyes": _both("eyeBlink", 1.0),
    "wink": {"eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.6},
    "tongue": {"tongueOut": 0.8, "jawOpen": 0.4},
}

NEUTRAL = 0.3
BLINKS = 0.08
LOOKS_ASIDE = 0.4


def random_expression(rng: np.random.Generator, actions: tuple[str, ...]) -> dict[str, float]:
    """Strengths, 0 to 1, of those of `actions` that take part."""
    names = list(_EXPRESSIONS)
    name = "neutral" if rng.random() < NEUTRAL else names[rng.integers(len(names))]
    strength = rng.uniform(0.4, 1.1)
    strengths = {
        action: share * strength * rng.uniform(0.8, 1.2) for action, share in _EXPRESSIONS[name].items()
    }
    for action in rng.choice(actions, 3, replace=False):
        strengths.setdefault(str(action), rng.uniform(0, 0.25))
    if rng.random() < BLINKS:
        strengths |= _both("eyeBlink", rng.uniform(0.3, 1.0))
    if rng.random() < LOOKS_ASIDE:
        strengths |= _gaze(rng)
    return {action: float(np.clip(share, 0, 1)) for action, share in strengths.items() if action in actions}


def _gaze(rng: np.random.Generator) -> dict[str, float]:
    """Both eyes look to one side, and up or down."""
    aside, height = rng.uniform(0, 0.9), rng.uniform(0, 0.7)
    sideways = (
        ("eyeLookOutLeft", "eyeLookInRight") if rng.random() < 0.5 else ("eyeLookInLeft", "eyeLookOutRight")
    )
    upwards = "eyeLookUp" if rng.random() < 0.4 else "eyeLookDown"
    return {**dict.fromkeys(sideways, aside), **_both(upwards, height)}
