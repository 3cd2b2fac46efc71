# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a model costs on paper: multiply-adds and bytes by stage, and the time a GPU needs at the very least.

Counted are convolutions, matrix products and RoIAlign; what lies between is taken to be fused into them.
Each reads its inputs and weights and writes its outputs once, in half precision; RoIAlign in float, as the
builder leaves it whatever the precision of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import onnx
from onnx import helper

from dope_ros.errors import ModelError
from dope_ros.onnx_graph.shapes import shapes_of
from dope_ros.onnx_graph.storage import HEAVY

BYTES_A_HALF, BYTES_A_FLOAT = 2, 4

STAGES = {
    "backbone": "backbone",
    "rpn": "region proposals",
    "box_head": "box head",
    "refinement": "box head",
    "predictor": "six branches",
    "spatial": "spatial head",
}
"""Stages by the modules in the names of their weights, or of the nodes themselves."""

NMS, ROI_ALIGN = "suppression", "RoIAlign"

ROI_ALIGN_LOWERED = ("GridSample", "AveragePool")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a stage or of a model.

    macs: multiply-adds.
    halves: read and written in half precision, weights included.
    floats: read and written in float.
    """

    macs: float = 0
    halves: float = 0
    floats: float = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.halves + other.halves, self.floats + other.floats)

    @property
    def bytes(self) -> float:
        """Moved between the GPU and its memory."""
        return self.halves * BYTES_A_HALF + self.floats * BYTES_A_FLOAT


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a GPU does at most.

    flops: floating-point operations a second in half precision, dense; a multiply-add is two.
    bandwidth: bytes a second.
    """

    name: str
    flops: float
    bandwidth: float

    def milliseconds(self, cost: Cost) -> float:
        """The least time for a stage: it can neither compute nor move data faster than that."""
        return 1e3 * max(2 * cost.macs / self.flops, cost.bytes / self.bandwidth)


T4 = Hardware("T4", 65e12, 320e9)
AGX_ORIN = Hardware("AGX Orin", 42.5e12, 204.8e9)
HARDWARE = (T4, AGX_ORIN)


def costs_by_stage(model: onnx.ModelProto) -> dict[str, Cost]:
    """The cost of each stage of a model that `dope export` wrote, in the order of the graph.

    Raises:
        ModelError: shapes are not fixed, as in models of others.
    """
    shapes = shapes_of(model)
    costs: dict[str, Cost] = {}
    for node in model.graph.node:
        cost = _cost(node, shapes)
        if cost.bytes:
            stage = _stage(node)
            costs[stage] = costs.get(stage, Cost()) + cost
    return costs


def lower_bound(costs: Mapping[str, Cost], hardware: Hardware) -> float:
    """Milliseconds that a model takes at the least: its stages run one after the other."""
    return sum(hardware.milliseconds(cost) for cost in costs.values())


def table(costs: Mapping[str, Cost]) -> str:
    """Rows of stage, multiply-adds, megabytes and the lower bound on each GPU, for people."""
    total = sum(costs.values(), Cost())
    rows = [["stage", "GMAC", "MB", *(f"{gpu.name} ms" for gpu in HARDWARE)]]
    for name, cost in costs.items():
        rows.append([name, *_numbers(cost), *(f"{gpu.milliseconds(cost):.2f}" for gpu in HARDWARE)])
    rows.append(["all", *_numbers(total), *(f"{lower_bound(costs, gpu):.2f}" for gpu in HARDWARE)])
    return "\n".join(f"{row[0]:18}" + "".join(f"{cell:>14}" for cell in row[1:]) for row in rows)


def _numbers(cost: Cost) -> list[str]:
    return [f"{cost.macs / 1e9:.2f}", f"{cost.bytes / 1e6:.1f}"]


def _cost(node: onnx.NodeProto, shapes: Mapping[str, list[int]]) -> Cost:
    if node.op_type not in HEAVY | {"RoiAlign", *ROI_ALIGN_LOWERED}:
        return Cost()
    unknown = [name for name in (*node.input[:2], *node.output) if not all(shapes.get(name) or [0])]
    if unknown:
        raise ModelError(f"{node.name or node.op_type}: the shape of {unknown[0]} is not fixed")
    if node.op_type == "RoiAlign":
        return _roi_align_cost(node, shapes)
    if node.op_type in ROI_ALIGN_LOWERED:
        return _lowered_roi_align_cost(node, shapes)
    out, (left, right) = shapes[node.output[0]], (shapes[name] for name in node.input[:2])
    # A convolution's weights are [out, in / groups, rows, columns]; a product sums over the left's last axis.
    summed = prod(right[1:]) if node.op_type == "Conv" else left[-1]
    return Cost(prod(out) * summed, prod(left) + prod(right) + prod(out))


def _roi_align_cost(node: onnx.NodeProto, shapes: Mapping[str, list[int]]) -> Cost:
    """As TensorRT gets it: GridSample writes every sample, four taps each, and a pooling reads them again."""
    side = next(helper.get_attribute_value(a) for a in node.attribute if a.name == "sampling_ratio")
    bins, features = prod(shapes[node.output[0]]), prod(shapes[node.input[0]])
    samples = bins * side**2
    pooled = samples + bins if side > 1 else 0
    return Cost(4 * samples, floats=features + samples + pooled)


def _lowered_roi_align_cost(node: onnx.NodeProto, shapes: Mapping[str, list[int]]) -> Cost:
    """Of the two operators that `lowering` makes of it, and that `dope export --half` writes."""
    read, written = prod(shapes[node.input[0]]), prod(shapes[node.output[0]])
    return Cost(4 * written if node.op_type == "GridSample" else 0, floats=read + written)


def _stage(node: onnx.NodeProto) -> str:
    if node.op_type in ("RoiAlign", *ROI_ALIGN_LOWERED):
        return ROI_ALIGN
    words = [word for name in node.input[1:2] for word in name.split(".")] + node.name.split("/")
    return next((STAGES[word] for word in words if word in STAGES), NMS)
