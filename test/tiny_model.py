# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Model files that follow the model contract and see the same given people in every picture.

They run in a fraction of a millisecond, so that tests of what lies around the network know to the last
digit what comes out of it. Each knob of `write_tiny_model` can also break the contract.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="models for tests are written with onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

from dope_ros.poses import PART_NAMES, PartPose, Person
from dope_ros.skeleton import SKELETONS, Part

CLASSES = {Part.BODY: 2, Part.HAND: 2, Part.FACE: 1}
HAND_LEFT_FROM = 1
BODY_UPPER_FROM = 1

_CLASS_OF = {"body": 0, "right_hand": 0, "left_hand": HAND_LEFT_FROM, "face": 0}

SLOW_SIZE, SLOW_ROUNDS = 640, 12
"""Matrix products of a slow model: 6.3 GFLOP, 50 to 100 ms of one core."""


def default_entry() -> dict[str, Any]:
    """The metadata entry `dope` of a tiny model, before it is written as JSON.

    Only proposals with the same box are merged, so that people may stand as close as they like.
    """
    ppi = {"score_th": 0.01, "iou_func": "bbox", "th_iou": 0.95, "th_pose3D": 0.01, "th_persondetect": 0.1}
    return {
        "contract": 1,
        "parts": {part.value: {"classes": CLASSES[part], "keypoints": len(SKELETONS[part])} for part in Part},
        "hand_left_from": HAND_LEFT_FROM,
        "body_upper_from": BODY_UPPER_FROM,
        "pad_value": 114,
        "ppi": {part.value: dict(ppi) for part in Part},
    }


def write_tiny_model(
    path: Path,
    people: Sequence[Person] = (),
    height: int = 96,
    width: int = 128,
    proposals: int | None = None,
    *,
    slow: bool = False,
    shift_by_red: bool = False,
    metadata: str | None = None,
    outputs: Mapping[str, np.ndarray | None] | None = None,
    input_name: str = "image",
    input_type: int = TensorProto.UINT8,
    input_shape: Sequence[int | str] | None = None,
) -> Path:
    """Write a model that sees `people` in every picture, and return its path.

    The pipeline gives those people back for a picture of `height` x `width` (others scale the 2D), up to the
    last bit of a float32, by falling score and with ids from 0. For that, hands and faces lie where assembly
    looks for them, 2D in network pixels, 3D relative to each part's own root, scores above 0.1 (0.3 for NMS).
    A score above 1 becomes several proposals that add up to it.

    Args:
        proposals: rows of the outputs, the rest of them padding that `valid` rules out; None: no padding.
        slow: compute for 50 to 100 ms of one core on each picture.
        shift_by_red: move all 2D to the right by as many pixels as the top left pixel is red, 0 to 255.
        metadata: what to write as the entry `dope`; None: `default_entry()`. Empty: no entry at all.
        outputs: replaces outputs by name; None removes one.
        input_name, input_type, input_shape: of the input, where it is to differ from the contract.
    """
    given = constant_outputs(people, proposals)
    given.update(outputs or {})
    kept = {name: values for name, values in given.items() if values is not None}
    shape = [1, height, width, 3] if input_shape is None else list(input_shape)
    image = helper.make_tensor_value_info(input_name, input_type, shape)
    graph = helper.make_graph(
        [*_reading_nodes(input_name, slow), *_output_nodes(kept, shift_by_red)],
        "tiny",
        [image],
        [_value_info(name, values) for name, values in kept.items()],
        [
            *_constants(slow),
            *(numpy_helper.from_array(values, f"{name}_given") for name, values in kept.items()),
        ],
    )
    return _written(graph, path, json.dumps(default_entry()) if metadata is None else metadata)


def write_film_model(
    path: Path, frames: Sequence[Sequence[Person]], height: int = 96, width: int = 128
) -> Path:
    """Write a model that sees the people of one of `frames`, at most 256, and return its path.

    Which one, the red of the picture's top left pixel says (`film_picture`).
    """
    rows = max(1, *(len(list(_proposals_of(people))) for people in frames))
    of_frames = [constant_outputs(people, rows) for people in frames]
    stacked = {name: np.stack([outputs[name] for outputs in of_frames]) for name in of_frames[0]}
    nodes = [
        *_reading_nodes("image", slow=False),
        helper.make_node("Min", ["red", "last"], ["there"]),  # the picture of a warm-up may be any
        helper.make_node("Cast", ["there"], ["frame"], to=TensorProto.INT64),
    ]
    for name in stacked:
        nodes += [
            helper.make_node("Gather", [f"{name}_frames", "frame"], [f"{name}_frame"], axis=0),
            helper.make_node("Squeeze", [f"{name}_frame", "first"], [name]),
        ]
    graph = helper.make_graph(
        nodes,
        "film",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, height, width, 3])],
        [_value_info(name, values[0]) for name, values in stacked.items()],
        [
            *_constants(slow=False),
            numpy_helper.from_array(np.array([len(frames) - 1], np.float32), "last"),
            *(numpy_helper.from_array(values, f"{name}_frames") for name, values in stacked.items()),
        ],
    )
    return _written(graph, path, json.dumps(default_entry()))


def _written(graph: onnx.GraphProto, path: Path, entry: str) -> Path:
    """Write the graph as a model with that entry `dope`, if it is not empty, and return its path."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if entry:
        helper.set_model_props(model, {"dope": entry})
    onnx.save(model, path)
    return path


def write_hanging_model(path: Path, height: int = 96, width: int = 128) -> Path:
    """Write a model that hangs on pictures that are white at the top left, and return its path.

    ONNX Runtime counts for decades then.
    """
    model = onnx.load(write_tiny_model(path, [], height, width))
    nodes = list(model.graph.node)
    (at,) = [index for index, node in enumerate(nodes) if "zero" in node.output]
    nodes[at].output[0] = "nothing"
    counting = [
        helper.make_node("Greater", ["red", "light"], ["is_light"]),
        helper.make_node("Where", ["is_light", "many", "none"], ["rounds"]),
        helper.make_node("Loop", ["rounds", "", "nothing"], ["zero"], body=_empty_round()),
    ]
    del model.graph.node[:]
    model.graph.node.extend([*nodes[: at + 1], *counting, *nodes[at + 1 :]])
    constants = {"light": np.float32([200]), "many": np.array([2**50]), "none": np.array([0])}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    onnx.save(model, path)
    return path


def _empty_round() -> onnx.GraphProto:
    """The body of a loop that goes on and changes nothing."""
    truth, number = (TensorProto.BOOL, []), (TensorProto.FLOAT, [1])
    return helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still_on"]), helper.make_node("Identity", ["it"], ["same"])],
        "round",
        [
            helper.make_tensor_value_info("index", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", *truth),
            helper.make_tensor_value_info("it", *number),
        ],
        [helper.make_tensor_value_info("still_on", *truth), helper.make_tensor_value_info("same", *number)],
    )


def film_picture(frame: int, height: int = 96, width: int = 128) -> np.ndarray:
    """The picture in which a film's model sees the people of a frame."""
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[:, :, 0] = frame
    return picture


def constant_outputs(people: Sequence[Person], proposals: int | None = None) -> dict[str, np.ndarray]:
    """The outputs of the contract that describe `people`; padding rows look like people, and are invalid."""
    seen = list(_proposals_of(people))
    rows = max(len(seen), 1) if proposals is None else proposals
    if rows < len(seen):
        raise ValueError(f"{len(seen)} proposals do not fit into {rows} rows")
    outputs = {"boxes": np.full((rows, 4), (0, 0, 20, 20), np.float32), "valid": np.zeros(rows, np.float32)}
    for part in Part:
        classes, joints = CLASSES[part], len(SKELETONS[part])
        outputs[f"{part.value}_scores"] = np.full((rows, classes + 1), 1 / (classes + 1), np.float32)
        outputs[f"{part.value}_pose2d"] = np.full((rows, classes, joints, 2), 10, np.float32)
        outputs[f"{part.value}_pose3d"] = np.zeros((rows, classes, joints, 3), np.float32)
    for row, (name, pose, score) in enumerate(seen):
        _fill(outputs, row, name, pose, score)
    return outputs


def _proposals_of(people: Sequence[Person]) -> Iterator[tuple[str, PartPose, float]]:
    for person in people:
        for name, pose in person.parts().items():
            shares = max(1, ceil(pose.score))
            yield from [(name, pose, pose.score / shares)] * shares


def _fill(outputs: dict[str, np.ndarray], row: int, name: str, pose: PartPose, score: float) -> None:
    part, anchor_class = PART_NAMES[name].value, _CLASS_OF[name]
    for other in Part:
        outputs[f"{other.value}_scores"][row] = np.eye(CLASSES[other] + 1)[0]
    outputs["valid"][row] = 1
    outputs["boxes"][row] = *pose.keypoints_2d.min(axis=0), *pose.keypoints_2d.max(axis=0)
    outputs[f"{part}_scores"][row, [0, anchor_class + 1]] = 1 - score, score
    outputs[f"{part}_pose2d"][row] = pose.keypoints_2d
    outputs[f"{part}_pose3d"][row] = pose.keypoints_3d


def _reading_nodes(input_name: str, slow: bool) -> list[onnx.NodeProto]:
    """Read the red of the top left pixel into `red`, and what is always zero into `zero`."""
    nodes = [
        helper.make_node("Cast", [input_name], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["floats"], ["flat"], axis=0),
        helper.make_node("Gather", ["flat", "first"], ["first_column"], axis=1),
        helper.make_node("Reshape", ["first_column", "one_number"], ["red"]),
    ]
    if not slow:
        return [*nodes, helper.make_node("Mul", ["red", "nought"], ["zero"])]
    names = ["product_0", *(f"product_{i + 1}" for i in range(SLOW_ROUNDS))]
    return [
        *nodes,
        helper.make_node("Mul", ["red", "identity"], [names[0]]),
        *(helper.make_node("MatMul", [before, "identity"], [after]) for before, after in pairwise(names)),
        helper.make_node("ReduceMax", [names[-1]], ["largest"], keepdims=0),
        helper.make_node("Mul", ["largest", "nought"], ["zero"]),
    ]


def _output_nodes(outputs: Mapping[str, np.ndarray], shift_by_red: bool) -> list[onnx.NodeProto]:
    """Each output is its constant plus what was read from the picture, so that the picture is needed."""
    nodes = [helper.make_node("Mul", ["red", "rightwards"], ["shift"])]
    for name, values in outputs.items():
        addend = "shift" if shift_by_red and name.endswith("pose2d") and values.shape[-1] == 2 else "zero"
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        nodes += [
            helper.make_node("Cast", [addend], [f"{name}_addend"], to=kind),
            helper.make_node("Add", [f"{name}_given", f"{name}_addend"], [name]),
        ]
    return nodes


def _constants(slow: bool) -> list[onnx.TensorProto]:
    constants = {
        "first": np.array([0]),
        "one_number": np.array([1]),
        "nought": np.zeros(1, np.float32),
        "rightwards": np.array([1, 0], np.float32),
    }
    if slow:
        constants["identity"] = np.eye(SLOW_SIZE, dtype=np.float32)
    return [numpy_helper.from_array(values, name) for name, values in constants.items()]


def _value_info(name: str, values: np.ndarray) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
