# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The contract between a model file and the engines that run it.

Input `image`: uint8 [1, H, W, 3], RGB, the picture scaled to fit and padded at the right and bottom.
Outputs, all float32: `boxes` [N, 4], `valid` [N] (0 where a row is padding), and for each part
`{part}_scores` [N, K + 1] (softmaxed, 0 is the background), `{part}_pose2d` [N, K, J, 2],
`{part}_pose3d` [N, K, J, 3]; boxes and 2D in network pixels, 3D in metres on optical axes. The metadata
entry `dope` is JSON: `contract`, `parts` (classes and keypoints of each), `hand_left_from`,
`body_upper_from`, `pad_value`, `ppi` (settings of each part).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.errors import EngineError, ModelError
from dope_ros.poses import Proposals
from dope_ros.settings import AnchorClasses, PpiSettings
from dope_ros.skeleton import SKELETONS, Part

CONTRACT_VERSION = 1
METADATA_KEY = "dope"
INPUT_NAME = "image"

PAD_VALUE = 114
"""ImageNet's mean as one grey level, so that padding is as good as nothing to the network."""

EXPORT_HINT = "The file does not follow the model contract (docs/models.md)."


def require_model_file(model: Path) -> None:
    """A model that somebody names is there.

    Raises:
        ModelError: it is not.
    """
    if not model.is_file():
        raise ModelError(f"{model}: no such model file")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model file says of itself.

    height, width: of the network's input, pixels.
    pad_value: grey level of the padding.
    anchors: the anchor-pose classes of each part.
    ppi: the settings of pose proposals integration for each part, tuned for this model.
    """

    height: int
    width: int
    pad_value: int
    anchors: Mapping[Part, AnchorClasses]
    ppi: Mapping[Part, PpiSettings]


def metadata_of(spec: ModelSpec) -> str:
    """What a model file says of itself, as its metadata entry `dope`; `parse_spec` reads it."""
    entry = {
        "contract": CONTRACT_VERSION,
        "parts": {
            part.value: {"classes": spec.anchors[part].count, "keypoints": len(SKELETONS[part])}
            for part in Part
        },
        "hand_left_from": spec.anchors[Part.HAND].left_from,
        "body_upper_from": spec.anchors[Part.BODY].upper_body_from,
        "pad_value": spec.pad_value,
        "ppi": {part.value: asdict(spec.ppi[part]) for part in Part},
    }
    return json.dumps(entry)


def output_names() -> list[str]:
    """The names of all outputs, in the order of the contract."""
    per_part = [f"{part.value}_{kind}" for part in Part for kind in ("scores", "pose2d", "pose3d")]
    return ["boxes", "valid", *per_part]


def parse_spec(
    source: str, input_shape: list[Any], input_type: str, metadata: Mapping[str, str]
) -> ModelSpec:
    """Read and check what a model file says of itself.

    Args:
        source: the file's name, for messages.
        input_shape: of the input `image`; symbolic dimensions are strings or None.
        input_type: element type of the input, as the runtime names it, for instance `tensor(uint8)`.
        metadata: the file's metadata entries.

    Raises:
        ModelError: the file breaks the contract; the message says where.
    """
    height, width = _input_size(source, input_shape, input_type)
    if METADATA_KEY not in metadata:
        raise ModelError(f"{source}: the metadata entry '{METADATA_KEY}' is missing. {EXPORT_HINT}")
    try:
        entry = json.loads(metadata[METADATA_KEY])
    except json.JSONDecodeError as error:
        raise ModelError(f"{source}: the metadata entry '{METADATA_KEY}' is not JSON: {error}") from error
    try:
        return _spec_from_entry(entry, height, width)
    except KeyError as error:
        raise ModelError(f"{source}: the metadata lacks {error}. {EXPORT_HINT}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{source}: the metadata is wrong: {error}. {EXPORT_HINT}") from error


def _input_size(source: str, shape: list[Any], element_type: str) -> tuple[int, int]:
    if "uint8" not in element_type:
        raise ModelError(f"{source}: input '{INPUT_NAME}' is {element_type}, not uint8. {EXPORT_HINT}")
    fixed = len(shape) == 4 and all(isinstance(size, int) and size > 0 for size in shape)
    if not fixed or shape[0] != 1 or shape[3] != 3:
        raise ModelError(f"{source}: input '{INPUT_NAME}' is {shape}, not [1, H, W, 3]. {EXPORT_HINT}")
    return shape[1], shape[2]


def _spec_from_entry(entry: Mapping[str, Any], height: int, width: int) -> ModelSpec:
    version = entry["contract"]
    if version != CONTRACT_VERSION:
        raise ValueError(f"contract {version!r}; this release reads contract {CONTRACT_VERSION}")
    counts = {part: _class_count(entry["parts"][part.value], part) for part in Part}
    anchors = {
        Part.BODY: AnchorClasses(
            counts[Part.BODY],
            upper_body_from=None
            if entry.get("body_upper_from") is None
            else _first_class("body_upper_from", entry["body_upper_from"], counts[Part.BODY]),
        ),
        Part.HAND: AnchorClasses(
            counts[Part.HAND],
            left_from=_first_class("hand_left_from", entry["hand_left_from"], counts[Part.HAND]),
        ),
        Part.FACE: AnchorClasses(counts[Part.FACE]),
    }
    ppi = {part: PpiSettings.from_metadata(entry["ppi"][part.value], part) for part in Part}
    return ModelSpec(height, width, _grey_level(entry.get("pad_value", PAD_VALUE)), anchors, ppi)


def _class_count(entry: Mapping[str, Any], part: Part) -> int:
    keypoints, classes = entry["keypoints"], entry["classes"]
    if keypoints != len(SKELETONS[part]):
        raise ValueError(f"a {part.value} has {keypoints!r} keypoints there, not {len(SKELETONS[part])}")
    if not isinstance(classes, int) or classes < 1:
        raise ValueError(f"a {part.value} has {classes!r} classes there")
    return classes


def _first_class(name: str, value: object, count: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= count:
        raise ValueError(f"'{name}' is {value!r}, not a class in 0..{count}")
    return value


def _grey_level(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value <= 255:
        raise ValueError(f"'pad_value' is {value!r}, not a grey level in 0..255")
    return value


def check_outputs(source: str, spec: ModelSpec, outputs: Mapping[str, np.ndarray]) -> None:
    """Check the shapes and types of a run's outputs against the contract.

    Raises:
        ModelError: an output is missing, or has the wrong shape or type.
    """
    for name in output_names():
        if name not in outputs:
            raise ModelError(f"{source}: output '{name}' is missing. {EXPORT_HINT}")
    rows = len(np.atleast_1d(outputs["boxes"]))
    for name, shape in _output_shapes(spec, rows).items():
        if outputs[name].shape != shape:
            found = list(outputs[name].shape)
            raise ModelError(f"{source}: output '{name}' is {found}, not {list(shape)}. {EXPORT_HINT}")
        if outputs[name].dtype != np.float32:
            found_type = outputs[name].dtype
            raise ModelError(f"{source}: output '{name}' is {found_type}, not float32. {EXPORT_HINT}")


def _output_shapes(spec: ModelSpec, rows: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"boxes": (rows, 4), "valid": (rows,)}
    for part in Part:
        classes, joints = spec.anchors[part].count, len(SKELETONS[part])
        shapes[f"{part.value}_scores"] = (rows, classes + 1)
        shapes[f"{part.value}_pose2d"] = (rows, classes, joints, 2)
        shapes[f"{part.value}_pose3d"] = (rows, classes, joints, 3)
    return shapes


class OverflowedError(EngineError):
    """What the network says of a picture is not finite; the engine is none the worse."""


def check_finite(source: str, outputs: Mapping[str, np.ndarray]) -> None:
    """Check that boxes and scores are numbers; those of padding, too.

    Where features are not finite no box is valid, which would read as a picture of nobody. Poses that are not
    finite are left out one by one (`postprocess.candidates`).

    Raises:
        OverflowedError: they are infinite or not a number.
    """
    deciding = [name for name in output_names() if not name.endswith(("pose2d", "pose3d"))]
    unusable = [name for name in deciding if not np.isfinite(outputs[name]).all()]
    if unusable:
        raise OverflowedError(
            f"{source}: infinite or not a number: {', '.join(unusable)}. If the network overflows in half "
            "precision, it needs an engine in float: `dope build --float`"
        )


def proposals_from_outputs(source: str, outputs: Mapping[str, np.ndarray]) -> dict[Part, Proposals]:
    """The proposals of each part, padding rows left out; see `poses.Proposals`.

    Raises:
        OverflowedError: see `check_finite`.
    """
    check_finite(source, outputs)
    valid = np.flatnonzero(outputs["valid"] > 0)
    rows = slice(None) if len(valid) == len(outputs["valid"]) else valid
    boxes = outputs["boxes"][rows]
    return {
        part: Proposals(
            boxes,
            outputs[f"{part.value}_scores"][rows],
            outputs[f"{part.value}_pose2d"][rows],
            outputs[f"{part.value}_pose3d"][rows],
        )
        for part in Part
    }
