# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: declared, checked and read in one place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from dope_ros.engine import ENGINES
from dope_ros.pipeline import INTEGRATIONS, PipelineSettings
from dope_ros.skeleton import Part

IMAGE_TRANSPORTS = ("raw", "compressed")

ParameterValue = str | bool | int | float


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A parameter of the node.

    live: whether it may change while the node is configured; the others are read in `configure`.
    choices: the values of a string; empty for any.
    low, high: the range of a number, both ends included; as wide as it goes for other kinds.
    read_only: whether it is read at start only.
    """

    name: str
    default: ParameterValue
    description: str
    live: bool = False
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    read_only: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(
            name=self.name, description=self.description, read_only=self.read_only
        )
        if not self.live and not self.read_only:
            descriptor.additional_constraints = "Read when the node is configured."
        if self.choices:
            descriptor.additional_constraints += f" One of: {', '.join(self.choices)}."
        if not math.isfinite(self.low):
            return descriptor
        if isinstance(self.default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(self.low), to_value=int(self.high))]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(self.low), to_value=float(self.high))
            ]
        return descriptor

    def fault(self, value: object, configured: bool) -> str | None:
        """Why `value` cannot be taken now; None if it can. Types and ranges are rclpy's business."""
        if configured and not self.live:
            return f"'{self.name}' is read when the node is configured: deactivate and clean it up first"
        if self.choices and value not in self.choices:
            return f"'{self.name}' is {value!r}; it can be {', '.join(self.choices)}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"'{self.name}' is {value}, not a number in {self.low:g} to {self.high:g}"
        return None


_OWN_THRESHOLD = "Summed proposal scores, they can exceed 1; 0 takes the threshold stored with the model."

PARAMETERS = (
    ParameterSpec("model", "", "Path of the ONNX model; empty for the one in the package."),
    ParameterSpec(
        "engine", "auto", "What runs the network; auto takes the fastest there is.", choices=ENGINES
    ),
    ParameterSpec("threads", 0, "CPU threads of the network; 0 leaves it to the runtime.", low=0, high=256),
    ParameterSpec(
        "image_transport",
        "raw",
        "Kind of image to subscribe to: raw on <image>, compressed on <image>/compressed.",
        choices=IMAGE_TRANSPORTS,
    ),
    ParameterSpec(
        "integration",
        "ppi",
        "How proposals become detections: ppi merges them, nms keeps the best.",
        live=True,
        choices=INTEGRATIONS,
    ),
    ParameterSpec(
        "body_min_score", 0.0, f"Lowest score of a body. {_OWN_THRESHOLD}", live=True, low=0, high=1000
    ),
    ParameterSpec(
        "hand_min_score", 0.0, f"Lowest score of a hand. {_OWN_THRESHOLD}", live=True, low=0, high=1000
    ),
    ParameterSpec(
        "face_min_score", 0.0, f"Lowest score of a face. {_OWN_THRESHOLD}", live=True, low=0, high=1000
    ),
    ParameterSpec(
        "nominal_depth", 3.0, "Metres; where people are put without intrinsics.", live=True, low=0.1, high=100
    ),
    ParameterSpec(
        "assumed_fov_deg",
        60.0,
        "Degrees; horizontal field of view that is assumed without intrinsics.",
        live=True,
        low=5,
        high=175,
    ),
    ParameterSpec(
        "marker_lifetime",
        0.5,
        "Seconds after which RViz drops markers that were not renewed; 0 keeps them.",
        live=True,
        low=0,
        high=3600,
    ),
    ParameterSpec(
        "autostart",
        True,
        "Configure and activate at start; false waits for a lifecycle manager.",
        read_only=True,
    ),
)

_BY_NAME = {spec.name: spec for spec in PARAMETERS}


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The parameters' values at one moment; see `PARAMETERS` for what they mean."""

    model: str
    engine: str
    threads: int
    image_transport: str
    marker_lifetime: float
    autostart: bool
    pipeline: PipelineSettings


def declare_parameters(node: Node, is_configured: Callable[[], bool]) -> None:
    """Declare all parameters, and refuse bad values from then on.

    Raises:
        rclpy.exceptions.InvalidParameterValueException: an override is bad; the message says why.
    """

    def refuse_bad_values(parameters: Sequence[Parameter]) -> SetParametersResult:
        faults = [
            _BY_NAME[parameter.name].fault(parameter.value, is_configured())
            for parameter in parameters
            if parameter.name in _BY_NAME
        ]
        reasons = [fault for fault in faults if fault is not None]
        return SetParametersResult(successful=not reasons, reason="; ".join(reasons))

    node.add_on_set_parameters_callback(refuse_bad_values)
    for spec in PARAMETERS:
        node.declare_parameter(spec.name, spec.default, spec.descriptor())


def read_settings(node: Node) -> NodeSettings:
    """The parameters' values now."""
    values = {name: node.get_parameter(name).value for name in _BY_NAME}
    min_scores = {part: values[f"{part.value}_min_score"] for part in Part}
    return NodeSettings(
        model=values["model"],
        engine=values["engine"],
        threads=values["threads"],
        image_transport=values["image_transport"],
        marker_lifetime=values["marker_lifetime"],
        autostart=values["autostart"],
        pipeline=PipelineSettings(
            integration=values["integration"],
            min_scores={part: score for part, score in min_scores.items() if score > 0},
            nominal_depth=values["nominal_depth"],
            assumed_fov_deg=values["assumed_fov_deg"],
        ),
    )
