# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
import json
from copy import deepcopy

import numpy as np
import pytest
import scenes

pytest.importorskip("onnx", reason="models for tests are written with onnx")

from onnx import TensorProto
from tiny_model import constant_outputs, default_entry, write_tiny_model

from dope_ros.engine import load_engine
from dope_ros.engine.contract import output_names
from dope_ros.errors import ModelError
from dope_ros.settings import AnchorClasses, PpiSettings
from dope_ros.skeleton import Part, Side

MISSING = object()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tiny.onnx"


def refusal_of(path):
    """What is said of a model that must be refused; it begins with the file's name."""
    with pytest.raises(ModelError) as refusal:
        load_engine(path)
    assert str(refusal.value).startswith("tiny.onnx: ")
    return str(refusal.value)


def entry_with(keys, value):
    """The metadata of a sound model, but for one value deep in it."""
    entry = deepcopy(default_entry())
    *outer, last = keys.split(".")
    place = entry
    for key in outer:
        place = place[key]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return json.dumps(entry)


# A sound file


def test_a_model_says_what_its_metadata_say(path):
    entry = default_entry() | {"pad_value": 7, "hand_left_from": 1, "body_upper_from": None}
    entry["ppi"]["face"] = {"score_th": 0.25, "iou_func": "mje"}
    engine = load_engine(write_tiny_model(path, height=48, width=80, metadata=json.dumps(entry)))
    assert (engine.spec.height, engine.spec.width, engine.spec.pad_value) == (48, 80, 7)
    assert engine.spec.anchors == {
        Part.BODY: AnchorClasses(2),
        Part.HAND: AnchorClasses(2, left_from=1),
        Part.FACE: AnchorClasses(1),
    }
    assert engine.spec.ppi[Part.FACE] == PpiSettings(score_th=0.25, iou_func="mje")
    assert engine.spec.ppi[Part.BODY].th_iou == 0.95


def test_the_last_right_class_and_the_first_left_one_have_their_sides():
    hands = AnchorClasses(10, left_from=5)
    assert [hands.side_of(index) for index in (0, 4, 5, 9)] == [Side.RIGHT, Side.RIGHT, Side.LEFT, Side.LEFT]
    assert AnchorClasses(10).side_of(7) is None


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_rows_that_are_not_valid_are_left_out(path, rows):
    people = [scenes.seen(scenes.standing(parts=["body"]))] if rows else []
    proposals = load_engine(write_tiny_model(path, people, proposals=rows)).run(
        np.zeros((96, 128, 3), np.uint8)
    )
    for part in Part:
        of_part = proposals[part]
        assert len(of_part.boxes) == len(of_part.scores) == len(people)
        assert len(of_part.poses_2d) == len(of_part.poses_3d) == len(people)
    if people:
        np.testing.assert_array_equal(proposals[Part.BODY].poses_2d[0, 0], people[0].body.keypoints_2d)
        np.testing.assert_array_equal(proposals[Part.BODY].poses_3d[0, 0], people[0].body.keypoints_3d)


# Broken inputs


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.INT8, TensorProto.FLOAT16])
def test_an_input_that_is_not_uint8_is_refused(path, kind):
    message = refusal_of(write_tiny_model(path, input_type=kind))
    assert "input 'image'" in message
    assert "not uint8" in message


@pytest.mark.parametrize(
    "shape",
    [
        [1, 3, 96, 128],
        [2, 96, 128, 3],
        [96, 128, 3],
        [1, "height", "width", 3],
        ["n", 96, 128, 3],
        [1, 96, 128, 4],
    ],
    ids=str,
)
def test_an_input_of_another_shape_is_refused(path, shape):
    message = refusal_of(write_tiny_model(path, input_shape=shape))
    assert f"input 'image' is {shape}" in message
    assert "[1, H, W, 3]" in message


def test_an_input_of_another_name_is_refused(path):
    message = refusal_of(write_tiny_model(path, input_name="picture"))
    assert "picture" in message
    assert "image" in message


# Broken outputs


@pytest.mark.parametrize("name", output_names())
def test_a_missing_output_is_refused_by_its_name(path, name):
    message = refusal_of(write_tiny_model(path, outputs={name: None}))
    assert name in message
    assert "missing" in message


@pytest.mark.parametrize("name", output_names())
def test_an_output_of_another_shape_is_refused_by_both_shapes(path, name):
    right = constant_outputs([], proposals=3)[name]
    wrong = np.repeat(right, 2, axis=-1) if right.ndim > 1 else right[:-1]
    message = refusal_of(write_tiny_model(path, proposals=3, outputs={name: wrong}))
    assert f"output '{name}' is {list(wrong.shape)}, not {list(right.shape)}" in message


def test_boxes_that_are_a_single_number_are_refused(path):
    message = refusal_of(write_tiny_model(path, outputs={"boxes": np.array(1, np.float32)}))
    assert "output 'boxes' is " in message


def test_a_hand_with_a_joint_too_few_is_refused(path):
    wrong = constant_outputs([])["hand_pose2d"][:, :, :20]
    assert "'hand_pose2d' is [1, 2, 20, 2], not [1, 2, 21, 2]" in refusal_of(
        write_tiny_model(path, outputs={"hand_pose2d": wrong})
    )


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32])
@pytest.mark.parametrize("name", ["boxes", "valid", "body_scores", "hand_pose2d", "face_pose3d"])
def test_an_output_that_is_not_float32_is_refused(path, name, kind):
    wrong = constant_outputs([])[name].astype(kind)
    message = refusal_of(write_tiny_model(path, outputs={name: wrong}))
    assert f"output '{name}' is {np.dtype(kind)}, not float32" in message


# Broken metadata


def test_a_file_without_metadata_is_refused(path):
    assert "metadata entry 'dope' is missing" in refusal_of(write_tiny_model(path, metadata=""))


@pytest.mark.parametrize("text", ["{", "contract: 1", "{'contract': 1}"])
def test_metadata_that_are_not_json_are_refused(path, text):
    assert "'dope' is not JSON" in refusal_of(write_tiny_model(path, metadata=text))


@pytest.mark.parametrize("text", ["1", "[]", '"dope"', "null", "[1, 2]"])
def test_metadata_that_are_no_mapping_are_refused(path, text):
    assert "metadata" in refusal_of(write_tiny_model(path, metadata=text))


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_contract_version_is_refused_with_the_one_that_is_read(path, version):
    message = refusal_of(write_tiny_model(path, metadata=entry_with("contract", version)))
    assert f"contract {version!r}" in message
    assert "reads contract 1" in message


@pytest.mark.parametrize(
    "keys",
    [
        "contract",
        "parts",
        "parts.body",
        "parts.hand.classes",
        "parts.face.keypoints",
        "hand_left_from",
        "ppi",
        "ppi.face",
        "ppi.hand.score_th",
    ],
)
def test_metadata_that_lack_something_are_refused_by_its_name(path, keys):
    message = refusal_of(write_tiny_model(path, metadata=entry_with(keys, MISSING)))
    assert f"'{keys.split('.')[-1]}'" in message


@pytest.mark.parametrize(
    ("keys", "value", "told"),
    [
        ("parts.body.keypoints", 14, "a body has 14 keypoints there, not 13"),
        ("parts.hand.keypoints", 20, "a hand has 20 keypoints there, not 21"),
        ("parts.face.keypoints", "84", "a face has '84' keypoints there, not 84"),
        ("parts.face.classes", 0, "a face has 0 classes"),
        ("parts.body.classes", "ten", "a body has 'ten' classes"),
        ("parts.hand.classes", 2.5, "a hand has 2.5 classes"),
        ("parts", [1, 2, 3], "metadata"),
        ("hand_left_from", -1, "'hand_left_from' is -1"),
        ("hand_left_from", 3, "'hand_left_from' is 3, not a class in 0..2"),
        ("hand_left_from", None, "'hand_left_from' is None"),
        ("body_upper_from", 3, "'body_upper_from' is 3, not a class in 0..2"),
        ("body_upper_from", "1", "'body_upper_from' is '1'"),
        ("pad_value", 256, "'pad_value' is 256"),
        ("pad_value", -1, "'pad_value' is -1"),
        ("pad_value", 0.5, "'pad_value' is 0.5"),
        ("ppi", 3, "metadata"),
        ("ppi.body", None, "metadata"),
        ("ppi.body.iou_func", "torsoo", "'torsoo' of the body"),
        ("ppi.hand.iou_func", "torso", "'torso' of the hand"),
        ("ppi.face.iou_func", 7, "7 of the face"),
        ("ppi.body.score_th", "0.1", "'score_th' is '0.1', not a number"),
        ("ppi.body.th_iou", None, "'th_iou' is None, not a number"),
        ("ppi.hand.th_pose3D", True, "'th_pose3D' is True, not a number"),
        ("ppi.face.th_persondetect", float("nan"), "'th_persondetect' is nan, not a number"),
        ("ppi.face.min_mode_score", float("inf"), "'min_mode_score' is inf, not a number"),
        ("ppi.body.pose_iou", 1.25, "'pose_iou' is 1.25; an overlap is from 0 to 1"),
        ("ppi.hand.max_iou", -0.5, "'max_iou' is -0.5; an overlap is from 0 to 1"),
        ("ppi.body.support", 0.5, "'support' is 0.5; scores are multiplied by 1 or more"),
        ("ppi.face.th_pose3d", 0.3, "unknown PPI settings: th_pose3d"),
    ],
)
def test_a_wrong_value_in_the_metadata_is_refused_by_what_it_is(path, keys, value, told):
    assert told in refusal_of(write_tiny_model(path, metadata=entry_with(keys, value)))


def test_every_number_of_the_integration_is_a_field_of_its_settings(path):
    known = {
        "score_th": 0.5,
        "iou_func": "torsoLR",
        "th_iou": 0.25,
        "th_pose3D": 0.125,
        "th_persondetect": 0.0625,
        "min_mode_score": 0.03125,
        "pose_iou": 0.625,
        "max_iou": 0.375,
        "support": 2.5,
    }
    engine = load_engine(write_tiny_model(path, metadata=entry_with("ppi.body", known)))
    assert engine.spec.ppi[Part.BODY] == PpiSettings(**known)
