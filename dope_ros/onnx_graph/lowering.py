# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""RoIAlign written with other operators, for runtimes that lack it or run it slowly.

As GridSample, for runtimes that have RoIAlign only as a plugin or not at all.  On a CPU, ONNX Runtime's
RoiAlign is some ten times as fast as its GridSample; TensorRT compiles GridSample into its engines.  So
models hold RoiAlign, and it is lowered where they are built for TensorRT.

As gathered cells, for CPUs alone.  ONNX Runtime's RoiAlign goes through the channels one by one; where a bin
is one sample, all channels of its four cells are gathered and weighted at once, in some two thirds of the
time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx
from onnx import helper, parser
from onnx.inliner import inline_local_functions

from dope_ros.errors import ModelError
from dope_ros.onnx_graph.shapes import shapes_of

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
    return _rewritten(model, _roi_aligns(model), _grid_sample_function)


def with_cells_gathered(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with each RoiAlign of one sample a bin replaced by operators that do the same, for CPUs.

    Raises:
        ModelError: a RoiAlign is of an unknown kind, or shapes are not fixed.
    """
    nodes = {index: roi for index, roi in _roi_aligns(model).items() if roi.samples == 1}
    return _rewritten(model, nodes, _gather_function)


def _roi_aligns(model: onnx.ModelProto) -> dict[int, RoiAlign]:
    """Those of a model, by the place of their nodes in it; raises ModelError as `with_cells_gathered`."""
    places = [index for index, node in enumerate(model.graph.node) if _is_roi_align(node)]
    shapes = _fixed_shapes(model) if places else {}
    return {index: RoiAlign.of_node(model.graph.node[index], shapes) for index in places}


def _is_roi_align(node: onnx.NodeProto) -> bool:
    return node.op_type == "RoiAlign" and not node.domain


def _rewritten(
    model: onnx.ModelProto,
    nodes: Mapping[int, RoiAlign],
    write: Callable[[str, RoiAlign, int], onnx.FunctionProto],
) -> onnx.ModelProto:
    """The model with nodes replaced by the functions that are written of a name, their kind and an opset."""
    if not nodes:
        return model
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(model)
    rewritten.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    for number, (index, roi) in enumerate(nodes.items()):
        node = rewritten.graph.node[index]
        function = write(f"RoiAlign{number}", roi, opset)
        rewritten.functions.append(function)
        call = helper.make_node(function.name, node.input[:2], node.output, node.name, domain=DOMAIN)
        node.CopyFrom(call)
    return _without_domain(inline_local_functions(rewritten))


def _without_domain(model: onnx.ModelProto) -> onnx.ModelProto:
    kept = [entry for entry in model.opset_import if entry.domain != DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def _fixed_shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    shapes = shapes_of(model)
    for node in model.graph.node:
        unknown = [name for name in node.input[:2] if not all(shapes.get(name, [0]))]
        if _is_roi_align(node) and unknown:
            raise ModelError(f"{node.name}: the shape of {unknown[0]} is not fixed")
    return shapes


def _grid_sample_function(name: str, roi: RoiAlign, opset: int) -> onnx.FunctionProto:
    """RoIAlign of boxes [N, 4] over features [1, C, rows, columns]: [N, C, size, size]."""
    points = roi.size * roi.samples
    pooling, bins = (_pooling(roi.samples), "bins") if roi.samples > 1 else ("", "sampled")
    return parser.parse_function(f"""
    <opset_import: ["": {opset}], domain: "{DOMAIN}">
    {name} (features, boxes) => (regions) {{
        {_samples(roi)}
        steps = Max (last_cells, one)
        relative = Div (on_map, steps)
        two = Constant <value = float {{2.0}}> ()
        doubled = Mul (relative, two)
        units = Sub (doubled, one)
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
        {pooling}
        by_channel_shape = Constant <
            value = int64[4] {{{roi.channels}, {roi.count}, {roi.size}, {roi.size}}}> ()
        by_channel = Reshape ({bins}, by_channel_shape)
        regions = Transpose <perm = [1, 0, 2, 3]> (by_channel)
    }}""")


def _pooling(samples: int) -> str:
    """The `bins` of what is `sampled`: the mean of each bin's samples."""
    sides = f"[{samples}, {samples}]"
    return f"bins = AveragePool <kernel_shape = {sides}, strides = {sides}> (sampled)"


def _gather_function(name: str, roi: RoiAlign, opset: int) -> onnx.FunctionProto:
    """The same of one sample a bin."""
    size, bins = roi.size, roi.size**2
    return parser.parse_function(f"""
    <opset_import: ["": {opset}], domain: "{DOMAIN}">
    {name} (features, boxes) => (regions) {{
        {_samples(roi)}
        {_cells_of_bins(roi)}
        channels_last = Transpose <perm = [0, 2, 3, 1]> (features)
        of_map = Constant <value = int64[2] {{{roi.rows * roi.columns}, {roi.channels}}}> ()
        map = Reshape (channels_last, of_map)
        gathered = Gather <axis = 0> (map, bin_cell_numbers)
        sums = MatMul (bin_weights, gathered)
        of_boxes = Constant <value = int64[3] {{{roi.count}, {bins}, {roi.channels}}}> ()
        sums_of_boxes = Reshape (sums, of_boxes)
        channels_first = Transpose <perm = [0, 2, 1]> (sums_of_boxes)
        of_regions = Constant <value = int64[4] {{{roi.count}, {roi.channels}, {size}, {size}}}> ()
        regions = Reshape (channels_first, of_regions)
    }}""")


def _cells_of_bins(roi: RoiAlign) -> str:
    """The four cells about each bin's sample: `bin_cell_numbers` [bins, 4], `bin_weights` [bins, 1, 4].

    `x_pairs` and `y_pairs` are the two columns and the two rows of cells about each sample, and the weights
    of both; their products are the four cells of each bin.
    """
    size, bins = roi.size, roi.size**2
    return f"""
        first = Floor (on_map)
        after = Add (first, one)
        second = Min (after, last_cells)
        second_weight = Sub (on_map, first)
        first_weight = Sub (one, second_weight)
        pair_axis = Constant <value = int64[1] {{3}}> ()
        first_last = Unsqueeze (first, pair_axis)
        second_last = Unsqueeze (second, pair_axis)
        pairs = Concat <axis = 3> (first_last, second_last)
        first_weight_last = Unsqueeze (first_weight, pair_axis)
        second_weight_last = Unsqueeze (second_weight, pair_axis)
        weights_on_map = Concat <axis = 3> (first_weight_last, second_weight_last)
        outside_last = Unsqueeze (outside, pair_axis)
        pair_weights = Where (outside_last, zero, weights_on_map)
        single = Constant <value = int64[2] {{1, 1}}> ()
        x_pairs, y_pairs = Split <axis = 1> (pairs, single)
        x_weights, y_weights = Split <axis = 1> (pair_weights, single)
        row = Constant <value = int64[3] {{{roi.count}, 1, {2 * size}}}> ()
        column = Constant <value = int64[3] {{{roi.count}, {2 * size}, 1}}> ()
        x_row = Reshape (x_pairs, row)
        y_column = Reshape (y_pairs, column)
        x_weight_row = Reshape (x_weights, row)
        y_weight_column = Reshape (y_weights, column)
        columns = Constant <value = float {{{float(roi.columns)}}}> ()
        row_starts = Mul (y_column, columns)
        cells_by_row = Add (row_starts, x_row)
        weights_by_row = Mul (y_weight_column, x_weight_row)
        by_row = Constant <value = int64[5] {{{roi.count}, {size}, 2, {size}, 2}}> ()
        cells_apart = Reshape (cells_by_row, by_row)
        weights_apart = Reshape (weights_by_row, by_row)
        cells_by_bin = Transpose <perm = [0, 1, 3, 2, 4]> (cells_apart)
        weights_by_bin = Transpose <perm = [0, 1, 3, 2, 4]> (weights_apart)
        of_bins = Constant <value = int64[2] {{{roi.count * bins}, 4}}> ()
        bin_cells = Reshape (cells_by_bin, of_bins)
        bin_cell_numbers = Cast <to = {onnx.TensorProto.INT64}> (bin_cells)
        of_products = Constant <value = int64[3] {{{roi.count * bins}, 1, 4}}> ()
        bin_weights = Reshape (weights_by_bin, of_products)"""


def _samples(roi: RoiAlign) -> str:
    """Where RoIAlign reads: `on_map` [N, 2, points], columns and rows of cells, and which are `outside`.

    Samples more than a cell beyond the feature map read zero, others are moved onto it, as RoiAlign has it.
    `zero`, `one` and `last_cells` [1, 2, 1] are there as well.
    """
    points = roi.size * roi.samples
    fractions = ", ".join(str((i + 0.5) / points) for i in range(points))
    return f"""
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
        one = Constant <value = float {{1.0}}> ()
        last_cells = Constant <value = float[1, 2, 1] {{{roi.columns - 1}, {roi.rows - 1}}}> ()
        not_below = Max (positions, zero)
        on_map = Min (not_below, last_cells)
        minus_one = Constant <value = float {{-1.0}}> ()
        sizes = Constant <value = float[1, 2, 1] {{{roi.columns}, {roi.rows}}}> ()
        below = Less (positions, minus_one)
        above = Greater (positions, sizes)
        outside = Or (below, above)"""
