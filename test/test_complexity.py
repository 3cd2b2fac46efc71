# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a model costs on paper."""

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the graph of a model is read with onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

from dope_ros.engine import DEFAULT_MODEL
from dope_ros.errors import ModelError
from dope_ros.onnx_graph.complexity import HARDWARE, T4, Cost, Hardware, costs_by_stage, lower_bound, table
from dope_ros.onnx_graph.lowering import without_roi_align


def convolution(groups=1):
    """A model of one 3x3 convolution of the backbone, 4 to 8 channels, 10 x 12 cells."""
    shapes = {"x": [1, 4, 10, 12], "y": [1, 8, 10, 12]}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    name = "_network.backbone.conv.weight"
    weight = numpy_helper.from_array(np.zeros((8, 4 // groups, 3, 3), np.float32), name)
    node = helper.make_node("Conv", ["x", name], ["y"], pads=[1, 1, 1, 1], group=groups)
    return helper.make_model(helper.make_graph([node], "graph", [x], [y], [weight]))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_convolution_costs_what_it_multiplies_and_moves(groups):
    costs = costs_by_stage(convolution(groups))
    weights = 8 * (4 // groups) * 9
    assert costs == {"backbone": Cost(120 * weights, 480 + 960 + weights)}
    assert costs["backbone"].bytes == 2 * (480 + 960 + weights)


def roi_align(samples):
    """A model that cuts 5 boxes of 7 x 7 bins out of 4 channels, 10 x 12 cells."""
    shapes = {"features": [1, 4, 10, 12], "boxes": [5, 4], "regions": [5, 4, 7, 7]}
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, of) for name, of in shapes.items()]
    sizes = {"output_height": 7, "output_width": 7, "sampling_ratio": samples}
    node = helper.make_node("RoiAlign", ["features", "boxes", "images"], ["regions"], "cut", **sizes)
    images = helper.make_tensor("images", TensorProto.INT64, [5], [0] * 5)
    graph = helper.make_graph([node], "graph", values[:2], values[2:], [images])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("samples", [1, 2])
def test_a_roi_align_moves_floats_and_costs_what_it_is_lowered_to(samples):
    bins = 5 * 4 * 7 * 7
    sampled = bins * samples**2
    pooled = sampled + bins if samples > 1 else 0
    wanted = {"RoIAlign": Cost(4 * sampled, floats=4 * 10 * 12 + sampled + pooled)}
    assert costs_by_stage(roi_align(samples)) == wanted
    assert costs_by_stage(without_roi_align(roi_align(samples))) == wanted
    assert wanted["RoIAlign"].bytes == 4 * (4 * 10 * 12 + sampled + pooled)


@pytest.mark.parametrize("known", ["its rank", "nothing"])
def test_a_model_whose_shapes_are_not_fixed_is_refused(known):
    model = convolution()
    of_input = model.graph.input[0].type.tensor_type
    if known == "nothing":
        of_input.ClearField("shape")
    else:
        of_input.shape.dim[2].dim_param = "rows"
    with pytest.raises(ModelError, match="the shape of x is not fixed"):
        costs_by_stage(model)


def test_a_stage_takes_as_long_as_the_slower_of_computing_and_moving():
    gpu = Hardware("gpu", flops=2e12, bandwidth=1e9)
    assert gpu.milliseconds(Cost(macs=1e12, halves=1)) == pytest.approx(1000)
    assert gpu.milliseconds(Cost(macs=1, halves=1e9)) == pytest.approx(2000)
    assert lower_bound({"a": Cost(1e12, 1), "b": Cost(1, 1e9)}, gpu) == pytest.approx(3000)


def test_of_the_model_in_the_package_each_stage_and_all_that_is_multiplied_and_moved_is_counted():
    model = onnx.load(DEFAULT_MODEL)
    costs = costs_by_stage(model)
    assert set(costs) == {
        *("backbone", "region proposals", "spatial head", "suppression"),
        *("RoIAlign", "box head", "six branches"),
    }
    assert sum(cost.macs for cost in costs.values()) == pytest.approx(5.07e9, rel=0.01)
    assert sum(cost.bytes for cost in costs.values()) == pytest.approx(307.3e6, rel=0.01)
    assert lower_bound(costs, T4) == pytest.approx(0.96, rel=0.01)


def test_the_table_has_a_row_for_each_stage_and_a_column_for_each_gpu():
    lines = table(costs_by_stage(convolution())).splitlines()
    assert [line.split()[0] for line in lines] == ["stage", "backbone", "all"]
    assert all(gpu.name in lines[0] for gpu in HARDWARE)
