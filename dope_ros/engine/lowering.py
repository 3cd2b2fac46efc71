# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""RoIAlign written as GridSample, for runtimes that have it only as a plugin or not at all.

On a CPU, ONNX Runtime's RoiAlign is some ten times as fast as its GridSample; TensorRT compiles GridSample
into its engines.  So models hold RoiAlign, and it is lowered where they are built for TensorRT.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import helper, parser
from onnx.inliner import inline_local_functions

from dope_ros.errors import ModelError

DOMAIN = "dope_ros.lowering"

FAR_OUTSIDE = -8.0
"""A position that reads zero; GridSample's axes run from -1 to 1 over the feature map."""


@dataclass(frozen=True, slots=True)
class RoiAlign:
    """What a RoiAlign node of ONNX does.

    size: bins a side.
    samples: samples a side of each bin.
    scale: cells a pixel.
    aligned: a cell's value belongs to its middle, and boxes may be smaller than a cell.
    rows, columns: of the feature map.
    channels: of the feature map.
    count: boxes.
    """

    size: int
    samples: int
    scale: float
    aligned: bool
    rows: int
    columns: int
    channels: int
    count: int

    @classmethod
    def of_node(cls, node: onnx.NodeProto, shapes: dict[str, list[int]]) -> RoiAlign:
        """Read a node; see the operator's page in ONNX's documentation for its attributes.

        Raises:
            ModelError: it is a kind of RoiAlign that this package does not write.
        """
        values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        size, samples = values.get("output_height", 1), values.get("sampling_ratio", 0)
        if values.get("output_width", 1) != size or samples == 0 or values.get("mode", b"avg") != b"avg":
            raise ModelError(f"{node.name}: only square RoiAlign by means, of fixed samples, is known")
        _, channels, rows, columns = shapes[node.input[0]]
        aligned = values.get("coordinate_transformation_mode", b"half_pixel") == b"half_pixel"
        scale, count = values.get("spatial_scale", 1.0), shapes[node.input[1]][0]
        return cls(size, samples, scale, aligned, rows, columns, channels, count)


def without_roi_align(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with each RoiAlign replaced by standard operators that do the same.

    Raises:
        ModelError: a RoiAlign is of an unknown kind, or shapes are not fixed.
    """
    nodes = [node for node in model.graph.node if node.op_type == "RoiAlign" and not node.domain]
    if not nodes:
        return model
    shapes = _fixed_shapes(model)
    lowered = onnx.ModelProto()
    lowered.CopyFrom(model)
    lowered.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    for index, node in enumerate(n for n in lowered.graph.node if n.op_type == "RoiAlign" and not n.domain):
        function = _grid_sample_function(f"RoiAlign{index}", RoiAlign.of_node(node, shapes), opset)
        lowered.functions.append(function)
        call = helper.make_node(function.name, node.input[:2], node.output, node.name, domain=DOMAIN)
        node.CopyFrom(call)
    return _without_domain(inline_local_functions(lowered))


def _without_domain(model: onnx.ModelProto) -> onnx.ModelProto:
    kept = [entry for entry in model.opset_import if entry.domain != DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def _fixed_shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.value_info, *graph.input, *graph.output]
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    shapes.update({tensor.name: list(tensor.dims) for tensor in graph.initializer})
    for node in graph.node:
        unknown = [name for name in node.input[:2] if not all(shapes.get(name, [0]))]
        if node.op_type == "RoiAlign" and unknown:
            raise ModelError(f"{node.name}: the shape of {unknown[0]} is not fixed")
    return shapes


def _grid_sample_function(name: str, roi: RoiAlign, opset: int) -> onnx.FunctionProto:
    """RoIAlign of boxes [N, 4] over features [1, C, rows, columns]: [N, C, size, size].

    Samples more than a cell beyond the feature map read zero, others are moved onto it, as RoiAlign has it.
    """
    points = roi.size * roi.samples
    fractions = ", ".join(str((i + 0.5) / points) for i in range(points))
    last_cells = f"{max(roi.columns - 1, 1)}, {max(roi.rows - 1, 1)}"
    sizes = f"{roi.columns}, {roi.rows}"
    return parser.parse_function(f"""
    <opset_import: ["": {opset}], domain: "{DOMAIN}">
    {name} (features, boxes) => (regions) {{
        scale = Constant <value = float {{{roi.scale!r}}}> ()
        cells = Mul (boxes, scale)
        halves = Constant <value = int64[2] {{2, 2}}> ()
        low_corners, high_corners = Split <axis = 1> (cells, halves)
        lengths = Sub (high_corners, low_corners)
        shortest = Constant <value = float {{{"0.0" if roi.aligned else "1.0"}}}> ()
        sides = Max (lengths, shortest)
        shift = Constant <value = float {{{"0.5" if roi.aligned else "0.0"}}}> ()
        low = Sub (low_corners, shift)
        last_axis = Constant <value = int64[1] {{2}}> ()
        low_column = Unsqueeze (low, last_axis)
        side_column = Unsqueeze (sides, last_axis)
        fractions = Constant <value = float[{points}] {{{fractions}}}> ()
        offsets = Mul (side_column, fractions)
        positions = Add (low_column, offsets)
        zero = Constant <value = float {{0.0}}> ()
        last_cells = Constant <value = float[1, 2, 1] {{{last_cells}}}> ()
        not_below = Max (positions, zero)
        on_map = Min (not_below, last_cells)
        relative = Div (on_map, last_cells)
        two = Constant <value = float {{2.0}}> ()
        doubled = Mul (relative, two)
        one = Constant <value = float {{1.0}}> ()
        units = Sub (doubled, one)
        minus_one = Constant <value = float {{-1.0}}> ()
        sizes = Constant <value = float[1, 2, 1] {{{sizes}}}> ()
        below = Less (positions, minus_one)
        above = Greater (positions, sizes)
        outside = Or (below, above)
        far = Constant <value = float {{{FAR_OUTSIDE}}}> ()
        read = Where (outside, far, units)
        single = Constant <value = int64[2] {{1, 1}}> ()
        x_row, y_row = Split <axis = 1> (read, single)
        y_column = Transpose <perm = [0, 2, 1]> (y_row)
        square = Constant <value = int64[3] {{{roi.count}, {points}, {points}}}> ()
        x_square = Expand (x_row, square)
        y_square = Expand (y_column, square)
        coordinate_axis = Constant <value = int64[1] {{3}}> ()
        x_last = Unsqueeze (x_square, coordinate_axis)
        y_last = Unsqueeze (y_square, coordinate_axis)
        squares = Concat <axis = 3> (x_last, y_last)
        grid_shape = Constant <value = int64[4] {{1, {roi.count * points}, {points}, 2}}> ()
        grid = Reshape (squares, grid_shape)
        sampled = GridSample <align_corners = 1, mode = "bilinear", padding_mode = "zeros"> (features, grid)
        bins = AveragePool <kernel_shape = [{roi.samples}, {roi.samples}],
            strides = [{roi.samples}, {roi.samples}]> (sampled)
        by_channel_shape = Constant <
            value = int64[4] {{{roi.channels}, {roi.count}, {roi.size}, {roi.size}}}> ()
        by_channel = Reshape (bins, by_channel_shape)
        regions = Transpose <perm = [1, 0, 2, 3]> (by_channel)
    }}""")
