# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What half precision costs, from the picture to the poses: the graph that TensorRT gets, on ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from dope_ros.engine import DEFAULT_MODEL, load_engine
from dope_ros.engine.builder import graph_for_tensorrt
from dope_ros.pictures import read_picture
from dope_ros.pipeline import Pipeline

PICTURES = sorted((Path(__file__).parent.parent / "demo" / "pictures").glob("*.jpg"))
"""Rendered people."""


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory):
    """The model in the package, in float and in half precision."""
    half = tmp_path_factory.mktemp("half") / "half.onnx"
    onnx.save(graph_for_tensorrt(onnx.load(DEFAULT_MODEL), half=True), half)
    return Pipeline(load_engine(engine="onnx")), Pipeline(load_engine(half, "onnx"))


def poses(people):
    return [pose for person in people for pose in person.parts().values()]


def test_half_precision_finds_the_same_people_and_moves_hardly_a_joint(pipelines):
    pixels, metres = [], []
    for path in PICTURES:
        picture = read_picture(path)
        in_float, in_half = (poses(pipeline(picture)) for pipeline in pipelines)
        assert len(in_half) == len(in_float) > 0, path.name
        for one, other in zip(in_float, in_half, strict=True):
            assert one.side == other.side
            pixels.append(np.linalg.norm(one.keypoints_2d - other.keypoints_2d, axis=1))
            one_shape, other_shape = (p.keypoints_3d - p.keypoints_3d.mean(axis=0) for p in (one, other))
            metres.append(np.linalg.norm(one_shape - other_shape, axis=1))
    # Where rounding puts a proposal over a threshold, the joints that it was averaged into move farther.
    assert np.quantile(np.concatenate(pixels), 0.95) < 0.5
    assert np.quantile(np.concatenate(metres), 0.95) < 2e-3
