# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What half precision costs, from the picture to the poses: the roundings of a GPU, on ONNX Runtime."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="models are put into half precision with onnx")

import onnx
from rounding import rounded_after_every_node

from dope_ros.engine import DEFAULT_MODEL, load_engine
from dope_ros.onnx_graph.half import in_half
from dope_ros.pictures import read_picture
from dope_ros.pipeline import Pipeline

PICTURES = sorted((Path(__file__).parent.parent / "demo" / "pictures").glob("*.jpg"))
"""Rendered people."""


@pytest.fixture(scope="module")
def pipelines(make_folder):
    """The model in the package, in float and in half precision."""
    half = make_folder("half") / "half.onnx"
    onnx.save(rounded_after_every_node(in_half(onnx.load(DEFAULT_MODEL))), half)
    return Pipeline(load_engine(DEFAULT_MODEL, "onnx")), Pipeline(load_engine(half, "onnx"))


def poses(people):
    return [pose for person in people for pose in person.parts().values()]


def test_half_precision_finds_the_same_people_and_moves_hardly_a_joint(pipelines):
    for path in PICTURES:
        picture = read_picture(path)
        in_float, in_half = (poses(pipeline(picture)) for pipeline in pipelines)
        assert len(in_half) == len(in_float) > 0, path.name
        for one, other in zip(in_float, in_half, strict=True):
            assert one.side == other.side
            pixels = np.linalg.norm(one.keypoints_2d - other.keypoints_2d, axis=1)
            one_shape, other_shape = (p.keypoints_3d - p.keypoints_3d.mean(axis=0) for p in (one, other))
            metres = np.linalg.norm(one_shape - other_shape, axis=1)
            assert pixels.max() < 0.5, path.name
            assert metres.max() < 2e-3, path.name
