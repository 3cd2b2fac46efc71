# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: declared, checked and read in one place."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from dope_ros.engine import ENGINES, MOST_THREADS
from dope_ros.geometry import BODY_SIZES
from dope_ros.pipeline import PipelineSettings
from dope_ros.postprocess.integrations import INTEGRATIONS
from dope_ros.settings import NmsSettings
from dope_ros.skeleton import Part
from dope_ros.tracking import TRACKINGS, SmoothingSettings, TrackingSettings

logger = logging.getLogger(__name__)

IMAGE_TRANSPORTS = ("raw", "compressed")

READ_BY_YAML = {False: "off", True: "on"}
"""What was written without quotes where YAML, and so ROS, has a boolean."""

OF_RCLPY = {"use_sim_time", "start_type_description_service"}
"""Parameters that each node may be given."""

QOS_OVERRIDES = "qos_overrides"

ParameterValue = str | bool | int | float | list[str]


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
            name=self.name,
            description=self.description,
            read_only=self.read_only,
            dynamic_typing=self.is_taken_for_a_boolean,
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

    @property
    def is_taken_for_a_boolean(self) -> bool:
        """Whether YAML reads one of the choices as a boolean, unless it is quoted."""
        return not set(self.choices).isdisjoint(READ_BY_YAML.values())

    def as_written(self, value: object) -> object:
        """The choice that YAML read as a boolean; any other value as it is."""
        word = READ_BY_YAML[value] if isinstance(value, bool) else None
        return word if word in self.choices else value

    def fault(self, value: object, configured: bool) -> str | None:
        """Why `value` cannot be taken now; None if it can. Types and ranges are rclpy's business.

        An empty list in a parameter file has no type in ROS, so that it comes as None.
        """
        if configured and not self.live:
            return f"'{self.name}' is read when the node is configured: deactivate and clean it up first"
        if value is None and not isinstance(self.default, list):
            return f"'{self.name}' has no value; leave it out for {self.default!r}"
        if self.choices and value not in self.choices:
            return f"'{self.name}' is {value!r}; it can be {', '.join(self.choices)}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"'{self.name}' is {value}, not a number in {self.low:g} to {self.high:g}"
        return None


_PIPELINE, _TRACKING = PipelineSettings(), TrackingSettings()
"""Where their defaults come from, so that nothing differs from use without ROS."""

_OWN_THRESHOLD = (
    "Summed proposal scores, raised where other parts of the person vouch for it; they can exceed 1. "
    "0 takes the threshold stored with the model. "
    f"With nms: the best proposal's; 0 takes {NmsSettings().min_score:g}."
)

PARAMETERS = (
    ParameterSpec(
        "model",
        "",
        "Path of an ONNX model, TensorRT engine or checkpoint; empty for the model in the package.",
    ),
    ParameterSpec(
        "engine", "auto", "What runs the network; auto takes the fastest there is.", choices=ENGINES
    ),
    ParameterSpec(
        "threads", 0, "CPU threads of the network; 0 leaves it to the runtime.", low=0, high=MOST_THREADS
    ),
    ParameterSpec(
        "image_transport",
        "raw",
        "Kind of image to subscribe to: raw on <image>, compressed on <image>/compressed.",
        choices=IMAGE_TRANSPORTS,
    ),
    ParameterSpec(
        "image_topics",
        [""],
        "Topics of several cameras, in place of the topic image. The camera info lies beside each.",
    ),
    ParameterSpec(
        "use_depth",
        False,
        "Measure distances in depth images, on the topic depth or on depth_topics.",
    ),
    ParameterSpec(
        "depth_topics",
        [""],
        "Topics of the depth images of image_topics, in their order; empty where a camera has none.",
    ),
    ParameterSpec(
        "target_frame",
        "",
        "Frame in which people are published, looked up in TF at the image's stamp; empty for the camera's.",
    ),
    ParameterSpec(
        "broadcast_tf", False, "Publish frames of bodies, faces and hands on /tf (REP-155). Needs tf2_msgs."
    ),
    ParameterSpec(
        "hri",
        False,
        "Publish people under /humans too, and their frames (REP-155, ROS4HRI). Needs hri_msgs and tf2_msgs.",
    ),
    ParameterSpec(
        "integration",
        _PIPELINE.integration,
        "How proposals become detections: ppi merges them, nms keeps the best.",
        live=True,
        choices=tuple(INTEGRATIONS),
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
        "nominal_depth",
        _PIPELINE.nominal_depth,
        "Metres; where people are put without intrinsics.",
        live=True,
        low=0.1,
        high=100,
    ),
    ParameterSpec(
        "assumed_fov_deg",
        _PIPELINE.assumed_fov_deg,
        "Degrees; horizontal field of view that is assumed without intrinsics.",
        live=True,
        low=5,
        high=175,
    ),
    ParameterSpec(
        "rectified",
        False,
        "Whether images are rectified: then the camera info's P describes them, else K and distortion.",
        live=True,
    ),
    ParameterSpec(
        "body_size",
        _PIPELINE.body_size,
        "What is known of the people's sizes, which holds distances in place; seen trusts the network.",
        live=True,
        choices=tuple(BODY_SIZES),
    ),
    ParameterSpec(
        "depth_tolerance",
        0.04,
        "Seconds between an image and the depth image that goes with it.",
        live=True,
        low=0.0,
        high=1.0,
    ),
    ParameterSpec(
        "depth_timeout",
        0.05,
        "Seconds to wait for the depth image of an image.",
        live=True,
        low=0.0,
        high=1.0,
    ),
    ParameterSpec(
        "depth_rectified",
        False,
        "Whether depth images of another frame are rectified: P of their camera info describes them then.",
        live=True,
    ),
    ParameterSpec(
        "tracking",
        _TRACKING.mode,
        "off; ids: people keep their ids from image to image; smooth: and their joints do not jitter, nor do "
        "their sizes once depth images measured them.",
        live=True,
        choices=TRACKINGS,
    ),
    ParameterSpec(
        "tracking_memory",
        _TRACKING.memory,
        "Seconds that an id is kept for somebody who is not seen.",
        live=True,
        low=0.0,
        high=60.0,
    ),
    ParameterSpec(
        "smoothing_min_cutoff",
        _TRACKING.smoothing.min_cutoff,
        "Hertz; the lower, the less what rests jitters (One-Euro filter).",
        live=True,
        low=0.001,
        high=100.0,
    ),
    ParameterSpec(
        "smoothing_beta",
        _TRACKING.smoothing.beta,
        "Hertz per m/s; the higher, the less what moves lags (One-Euro filter).",
        live=True,
        low=0.0,
        high=1000.0,
    ),
    ParameterSpec(
        "transform_timeout",
        0.1,
        "Seconds to wait for the transform to target_frame.",
        live=True,
        low=0.0,
        high=5.0,
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
    image_topics: tuple[str, ...]
    use_depth: bool
    depth_topics: tuple[str, ...]
    target_frame: str
    broadcast_tf: bool
    hri: bool
    rectified: bool
    depth_tolerance: float
    depth_timeout: float
    depth_rectified: bool
    transform_timeout: float
    marker_lifetime: float
    autostart: bool
    pipeline: PipelineSettings
    tracking: TrackingSettings


def declare_parameters(node: Node, is_configured: Callable[[], bool]) -> None:
    """Declare all parameters, and refuse bad values from then on.

    Raises:
        rclpy.exceptions.InvalidParameterValueException: an override is bad; the message says why.
    """

    def refuse_bad_values(parameters: Sequence[Parameter]) -> SetParametersResult:
        """Say what is wrong with new values; those of a call are taken together or not at all."""
        faults = [
            spec.fault(spec.as_written(parameter.value), is_configured())
            for parameter in parameters
            if (spec := _BY_NAME.get(parameter.name)) and not _has(node, parameter)
        ]
        reasons = [fault for fault in faults if fault is not None]
        return SetParametersResult(successful=not reasons, reason="; ".join(reasons))

    node.add_pre_set_parameters_callback(_as_written)
    node.add_on_set_parameters_callback(refuse_bad_values)
    for spec in PARAMETERS:
        given = node.declare_parameter(spec.name, spec.default, spec.descriptor())
        if spec.is_taken_for_a_boolean:
            node.set_parameters(_as_written([given]))


def ignored_overrides(node: Node) -> str:
    """What to say of parameters given at start that the node does not have; empty where there are none.

    They are no reason not to start: a parameter file may be that of several nodes.
    """
    given = {name for name in _overrides(node) if not name.startswith(f"{QOS_OVERRIDES}.")}
    ignored = _undeclared(node, given - OF_RCLPY)
    return _ignored("the node has no such parameters", ignored, _BY_NAME)


def ignored_qos_overrides(node: Node) -> str:
    """The same of overrides of QoS; to be asked while all topics are open, for these declare them."""
    ignored = _undeclared(node, (name for name in _overrides(node) if name.startswith(f"{QOS_OVERRIDES}.")))
    declared = [f"{QOS_OVERRIDES}.{name}" for name in node.get_parameters_by_prefix(QOS_OVERRIDES)]
    return _ignored("the node has no such topic or policy to override", ignored, declared)


def read_settings(node: Node) -> NodeSettings:
    """The parameters' values now; a list without a value is empty (see `ParameterSpec.fault`)."""
    values = {
        name: node.get_parameter_or(name, Parameter(name, value=spec.default)).value
        for name, spec in _BY_NAME.items()
    }
    min_scores = {part: values[f"{part.value}_min_score"] for part in Part}
    return NodeSettings(
        **{name: values[name] for name in _PLAIN},
        image_topics=tuple(values["image_topics"]) if any(values["image_topics"]) else (),
        depth_topics=tuple(values["depth_topics"]) if any(values["depth_topics"]) else (),
        pipeline=PipelineSettings(
            integration=values["integration"],
            min_scores={part: score for part, score in min_scores.items() if score > 0},
            nominal_depth=values["nominal_depth"],
            assumed_fov_deg=values["assumed_fov_deg"],
            body_size=values["body_size"],
        ),
        tracking=TrackingSettings(
            mode=values["tracking"],
            memory=values["tracking_memory"],
            smoothing=SmoothingSettings(
                min_cutoff=values["smoothing_min_cutoff"], beta=values["smoothing_beta"]
            ),
        ),
    )


def _as_written(parameters: Sequence[Parameter]) -> list[Parameter]:
    """The parameters with the choices that YAML took for booleans."""
    return [
        Parameter(parameter.name, value=spec.as_written(parameter.value))
        if (spec := _BY_NAME.get(parameter.name)) and spec.is_taken_for_a_boolean
        else parameter
        for parameter in parameters
    ]


def _has(node: Node, parameter: Parameter) -> bool:
    """Whether that is its value already; `ros2 param load` sets what it finds, changed or not.

    Of read-only parameters rclpy refuses that before anybody is asked.
    """
    if not node.has_parameter(parameter.name):
        return False
    current = node.get_parameter_or(parameter.name)
    return bool(current.type_ == parameter.type_ and current.value == parameter.value)


def _overrides(node: Node) -> Iterable[str]:
    """The names of the parameters given at start. rclpy has no public way to them."""
    read = getattr(node.handle, "get_parameters", None)
    if read is None:
        logger.info("this rclpy does not tell which parameters were given: misspelt ones go unnoticed")
        return ()
    with node.handle:
        return tuple(read(Parameter))


def _undeclared(node: Node, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not node.has_parameter(name))


def _ignored(reason: str, names: Sequence[str], known: Iterable[str]) -> str:
    if not names:
        return ""
    nearest = {name: get_close_matches(name, list(known), n=1) for name in names}
    hints = [f"'{name}'" + "".join(f" (did you mean '{near}'?)" for near in nearest[name]) for name in names]
    return f"given at start and ignored, because {reason}: {', '.join(hints)}"


_LISTS = {"image_topics", "depth_topics"}
_PLAIN = {field.name for field in fields(NodeSettings)} & set(_BY_NAME) - _LISTS - {"tracking"}
"""The settings that are the values of the parameters of their names."""
