# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MediaPipe as an expert: its landmarks are our joints, its process is robust, and it finds people."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import scenes
from hypothesis import given
from hypothesis import strategies as st

from dope_ros.errors import ExpertError
from dope_ros.skeleton import BODY, ELBOW, FACE, HAND, HEAD, LEFT_HIP, RIGHT_HIP, WRIST, Part, Side
from dope_ros.training.datasets import open_dataset
from dope_ros.training.experts.mediapipe_client import CROPS, REQUIREMENT, CropShape, MediaPipeExpert, crop
from dope_ros.training.experts.mediapipe_landmarks import HAND_LANDMARKS, POSE_LANDMARKS, to_labels
from dope_ros.training.experts.mediapipe_worker import LANDMARKS, read_message, write_message

ROOT = Path(__file__).parent.parent
DEMO_PICTURES = ROOT / "demo" / "pictures"
ENVIRONMENT = os.environ.get("DOPE_MEDIAPIPE_PYTHON")

needs_mediapipe = pytest.mark.skipif(
    not ENVIRONMENT,
    reason="DOPE_MEDIAPIPE_PYTHON does not name an interpreter with requirements/mediapipe.txt",
)

# From MediaPipe's documentation of its pose landmarks.
POSE = {
    "left_shoulder": 11,
    "right_shoulder": 12,
    "left_elbow": 13,
    "right_elbow": 14,
    "left_wrist": 15,
    "right_wrist": 16,
    "left_hip": 23,
    "right_hip": 24,
    "left_knee": 25,
    "right_knee": 26,
    "left_ankle": 27,
    "right_ankle": 28,
}


def landmarks(part):
    """Landmark i is at (i, 2 i, 3 i)."""
    return np.arange(LANDMARKS[part.value])[:, None] * np.array([1.0, 2.0, 3.0])


def labels_of_indices(part, visibility=1.0, beyond=False):
    points = landmarks(part)
    of_each = (np.broadcast_to(value, len(points)) for value in (visibility, beyond))
    return to_labels(part, points, points, *of_each)


def test_the_limbs_of_a_body_are_those_of_the_same_names():
    labels = labels_of_indices(Part.BODY)
    for name, index in POSE.items():
        np.testing.assert_array_equal(labels.keypoints_2d[BODY.index(name)], (index, 2 * index))
        np.testing.assert_array_equal(labels.keypoints_3d[BODY.index(name)], (index, 2 * index, 3 * index))


def test_the_head_is_between_the_ears():
    np.testing.assert_array_equal(labels_of_indices(Part.BODY).keypoints_2d[HEAD], (7.5, 15))


def test_joints_out_of_sight_are_not_known_in_2d():
    visibility = np.ones(33)
    visibility[[POSE["left_knee"], 7]] = 0.1
    known = labels_of_indices(Part.BODY, visibility).known_2d
    assert [BODY.joints[index] for index in np.flatnonzero(~known)] == ["left_knee", "head"]


def test_joints_beyond_the_picture_are_known_though_nobody_sees_them():
    visibility, beyond = np.ones(33), np.zeros(33, bool)
    hidden = [POSE["left_knee"], POSE["right_knee"], 7]
    visibility[hidden], beyond[hidden[1:]] = 0.1, True
    known = labels_of_indices(Part.BODY, visibility, beyond).known_2d
    assert [BODY.joints[index] for index in np.flatnonzero(~known)] == ["left_knee", "head"]


@pytest.mark.parametrize(
    ("name", "index"),
    [("wrist", 0), ("thumb_base", 1), ("thumb_tip", 4), ("index_base", 5), ("little_distal", 19)],
)
def test_the_joints_of_a_hand_are_those_of_the_same_fingers(name, index):
    np.testing.assert_array_equal(
        labels_of_indices(Part.HAND).keypoints_2d[HAND.index(name)], (index, 2 * index)
    )


@pytest.mark.parametrize(
    ("name", "vertex"),
    [
        ("contour_0", 127),
        ("contour_32", 356),
        ("right_eye_0", 33),
        ("left_eye_3", 263),
        ("inner_lips_4", 308),
    ],
)
def test_landmarks_of_the_face_are_vertices_of_the_mesh(name, vertex):
    labels = labels_of_indices(Part.FACE)
    np.testing.assert_array_equal(labels.keypoints_2d[FACE.index(name)], (vertex, 2 * vertex))


def test_faces_are_of_adult_size():
    solid = labels_of_indices(Part.FACE).keypoints_3d
    corners = solid[[FACE.index("right_eye_0"), FACE.index("left_eye_3")]]
    assert np.linalg.norm(corners[0] - corners[1]) == pytest.approx(0.09, rel=1e-4)


def test_the_worker_and_the_client_count_alike():
    assert {"body": len(POSE_LANDMARKS), "hand": len(HAND_LANDMARKS), "face": 468} == LANDMARKS


@scenes.light
@given(st.floats(20, 600), st.floats(20, 440), st.floats(30, 300), st.sampled_from(list(Part)))
def test_a_point_in_a_crop_is_that_point_of_the_picture(x, y, side, part):
    picture = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(picture, (round(x), round(y)), 5, (255, 255, 255), -1)
    box = np.array([x - side / 3, y - side / 2, x + side * 2 / 3, y + side / 2])
    pixels, (scale, left, top) = crop(picture, box, CROPS[part])
    weights = pixels[..., 0].astype(float)
    rows, columns = np.indices(weights.shape)
    middle = np.array([((columns + 0.5) * weights).sum(), ((rows + 0.5) * weights).sum()]) / weights.sum()
    np.testing.assert_allclose(middle * scale + (left, top), (round(x), round(y)), atol=0.5)


def test_a_crop_at_the_edge_repeats_the_edge():
    picture = np.full((100, 100, 3), 7, np.uint8)
    pixels, _ = crop(picture, np.array([-20, -20, 30, 30]), CropShape(0.5, 64))
    assert pixels.shape == (64, 64, 3)
    assert (pixels == 7).all()


def test_a_box_outside_of_the_picture_is_refused():
    with pytest.raises(ExpertError, match="outside of the picture"):
        crop(np.zeros((100, 100, 3), np.uint8), np.array([300, 300, 350, 350]), CropShape(0.1, 64))


def test_messages_survive_a_pipe_and_end_with_it():
    stream = io.BytesIO()
    sent = [
        {"part": np.array("hand"), "crops": np.arange(24, dtype=np.uint8).reshape(2, 4, 3)},
        {"empty": np.zeros(0)},
    ]
    for message in sent:
        write_message(stream, message)
    stream.seek(0)
    for message in sent:
        received = read_message(stream)
        assert received.keys() == message.keys()
        for name, array in message.items():
            np.testing.assert_array_equal(received[name], array)
    assert read_message(stream) is None


@pytest.mark.parametrize("kept", [1, 3, 6, 50])
def test_a_message_that_was_cut_off_is_none(kept):
    stream = io.BytesIO()
    write_message(stream, {"part": np.array("body")})
    assert kept < stream.tell()
    stream.truncate(kept)
    stream.seek(0)
    assert read_message(stream) is None


def test_the_requirement_in_the_mend_is_that_of_the_file():
    lines = (ROOT / "requirements" / "mediapipe.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [REQUIREMENT]


def test_an_environment_without_mediapipe_is_refused_with_its_mend():
    with pytest.raises(
        ExpertError, match=r"cannot run MediaPipe: No module named 'mediapipe'.*pip install mediapipe=="
    ):
        MediaPipeExpert(Path(sys.executable))


def test_an_interpreter_that_is_not_there_is_refused_with_its_mend():
    with pytest.raises(ExpertError, match=r"/none/python: cannot be started.*pip install mediapipe=="):
        MediaPipeExpert(Path("/none/python"))


def test_a_program_that_is_no_interpreter_is_refused():
    with pytest.raises(ExpertError, match="process has ended"):
        MediaPipeExpert(Path("/bin/false"))


@pytest.fixture(scope="module")
def expert():
    with MediaPipeExpert(Path(ENVIRONMENT)) as expert:
        yield expert


def demo_picture(name):
    dataset = open_dataset(f"cameras:{DEMO_PICTURES}")
    sample = next(sample for sample in dataset if sample.name == name)
    return sample, sample.source.read()


def bodies_and_boxes(sample, picture):
    bodies = [labels for _, labels in sample.instances(Part.BODY)]
    return bodies, np.array([labels.box(picture.shape[1], picture.shape[0]) for labels in bodies])


@needs_mediapipe
def test_both_people_in_a_picture_are_found_where_they_are(expert):
    sample, picture = demo_picture("talking.jpg")
    bodies, boxes = bodies_and_boxes(sample, picture)
    estimates = expert.estimate(picture, Part.BODY, boxes)
    for body, box, estimate in zip(bodies, boxes, estimates, strict=True):
        errors = np.linalg.norm(estimate.labels.keypoints_2d - body.keypoints_2d, axis=1)
        assert errors[estimate.labels.known_2d].mean() < 0.05 * (box[3] - box[1])
        spread = estimate.labels.relative_3d() - body.relative_3d()
        assert np.linalg.norm(spread, axis=1).mean() < 0.15


@needs_mediapipe
def test_of_a_bust_the_hips_are_sought_below_the_picture(expert):
    sample, picture = demo_picture("talking.jpg")
    bodies, boxes = bodies_and_boxes(sample, picture)
    body, box, hips = bodies[0], boxes[0], [RIGHT_HIP, LEFT_HIP]
    waist = round(float(body.keypoints_2d[hips, 1].min())) - 10
    (estimate,) = expert.estimate(picture[:waist], Part.BODY, np.array([[*box[:3], waist - 1]]))
    assert estimate.labels.known_2d[hips].all()
    errors = np.linalg.norm(estimate.labels.keypoints_2d - body.keypoints_2d, axis=1)
    assert errors[hips].max() < 0.15 * (box[3] - box[1])


@needs_mediapipe
def test_hands_are_told_from_one_another(expert):
    sample, picture = demo_picture("hands.jpg")
    (body,), _ = bodies_and_boxes(sample, picture)
    for side in Side:
        wrist, elbow = body.keypoints_2d[WRIST[side]], body.keypoints_2d[ELBOW[side]]
        middle = wrist + 0.35 * (wrist - elbow)
        (estimate,) = expert.estimate(picture, Part.HAND, np.array([[*(middle - 70), *(middle + 70)]]))
        assert estimate.side is side
        assert np.linalg.norm(estimate.labels.keypoints_2d[0] - wrist) < 20
        assert 0.1 < np.ptp(estimate.labels.keypoints_3d, axis=0).max() < 0.3


@needs_mediapipe
def test_where_there_is_nobody_nobody_is_found(expert):
    picture = np.full((300, 300, 3), 90, np.uint8)
    for part in Part:
        assert expert.estimate(picture, part, np.array([[20, 20, 250, 250]])) == [None]
    assert list(expert.estimate(picture, Part.BODY, np.zeros((0, 4)))) == []


@needs_mediapipe
def test_an_expert_that_was_closed_says_so():
    expert = MediaPipeExpert(Path(ENVIRONMENT))
    expert.close()
    expert.close()
    with pytest.raises(ExpertError, match="has ended"):
        expert.estimate(np.zeros((50, 50, 3), np.uint8), Part.FACE, np.array([[0, 0, 40, 40]]))
