# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's parameters, set from outside while it runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.context import Context
from rclpy.parameter import Parameter, parameter_value_to_python
from robot import running_node
from scenes import seen, standing
from tiny_model import write_tiny_model
from visualization_msgs.msg import MarkerArray

from dope_ros.pipeline import PipelineSettings
from dope_ros.ros.messages import people_from_message
from dope_ros.ros.parameters import PARAMETERS, declare_parameters, read_settings
from dope_ros.skeleton import Part
from dope_ros.tracking import TrackingSettings

GREY = np.full((480, 640, 3), 90, np.uint8)


@pytest.fixture
def node(robot, tmp_path):
    people = [standing(at=(-0.5, 0.1, 3.0), score=0.9), standing(at=(0.6, 0.1, 4.0), score=0.6)]
    model = write_tiny_model(tmp_path / "two.onnx", [seen(person) for person in people], 480, 640)
    with running_node({"model": model}) as node:
        robot.wait_for_active()
        yield node


def other_value(spec):
    """A value that is not the default and that the parameter can take."""
    if isinstance(spec.default, bool):
        return not spec.default
    if isinstance(spec.default, int):
        return spec.default + 1
    if isinstance(spec.default, float):
        return (spec.default + spec.high) / 2
    if isinstance(spec.default, list):
        return ["/one/image", "/two/image"]
    return next((choice for choice in spec.choices if choice != spec.default), "something")


IN_A_GROUP = {
    "integration": lambda settings: settings.pipeline.integration,
    "body_min_score": lambda settings: settings.pipeline.min_scores.get(Part.BODY, 0.0),
    "hand_min_score": lambda settings: settings.pipeline.min_scores.get(Part.HAND, 0.0),
    "face_min_score": lambda settings: settings.pipeline.min_scores.get(Part.FACE, 0.0),
    "nominal_depth": lambda settings: settings.pipeline.nominal_depth,
    "assumed_fov_deg": lambda settings: settings.pipeline.assumed_fov_deg,
    "body_size": lambda settings: settings.pipeline.body_size,
    "tracking": lambda settings: settings.tracking.mode,
    "tracking_memory": lambda settings: settings.tracking.memory,
    "smoothing_min_cutoff": lambda settings: settings.tracking.smoothing.min_cutoff,
    "smoothing_beta": lambda settings: settings.tracking.smoothing.beta,
}
"""Where settings hold what is not called there as the parameter is."""


def value_in(settings, name):
    value = IN_A_GROUP[name](settings) if name in IN_A_GROUP else getattr(settings, name)
    return list(value) or [""] if isinstance(value, tuple) else value


@pytest.fixture(scope="module")
def context():
    context = Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()


@pytest.mark.parametrize("spec", PARAMETERS, ids=lambda spec: spec.name)
def test_each_parameter_sets_what_it_is_called_after_and_nothing_else(context, spec):
    value = other_value(spec)
    overrides = [Parameter(spec.name, value=value)]
    node = rclpy.create_node("parameters", context=context, parameter_overrides=overrides)
    declare_parameters(node, is_configured=lambda: False)
    settings = read_settings(node)
    node.destroy_node()
    expected = {other.name: other.default for other in PARAMETERS} | {spec.name: value}
    assert {name: value_in(settings, name) for name in expected} == expected


def test_the_defaults_are_those_of_the_pipeline_and_of_tracking_without_ros(context):
    node = rclpy.create_node("defaults", context=context)
    declare_parameters(node, is_configured=lambda: False)
    settings = read_settings(node)
    node.destroy_node()
    assert settings.pipeline == PipelineSettings()
    assert settings.tracking == TrackingSettings()


def values_now(robot):
    names = [spec.name for spec in PARAMETERS]
    answer = robot.ask(GetParameters, "dope/get_parameters", GetParameters.Request(names=names))
    return {name: parameter_value_to_python(of) for name, of in zip(names, answer.values, strict=True)}


@pytest.mark.usefixtures("node")
def test_while_the_node_is_active_each_live_parameter_is_taken_and_each_other_refused(robot):
    expected = values_now(robot)
    for spec in PARAMETERS:
        value = other_value(spec)
        result = robot.set_parameter(spec.name, value)
        assert result.successful is spec.live, f"{spec.name}: {result.reason}"
        if spec.live:
            expected[spec.name] = value
        else:
            assert ("read-only" if spec.read_only else f"'{spec.name}' is read when") in result.reason
    assert values_now(robot) == expected


def people_now(robot):
    return people_from_message(robot.show(robot.image(GREY)))


@pytest.mark.usefixtures("node")
def test_thresholds_changed_live_change_the_next_image(robot):
    assert len(people_now(robot)) == 2
    for name in ("body_min_score", "hand_min_score", "face_min_score"):
        assert robot.set_parameter(name, 0.7).successful
    assert [person.score for person in people_now(robot)] == pytest.approx([0.9])
    for name in ("body_min_score", "hand_min_score", "face_min_score"):
        assert robot.set_parameter(name, 0.0).successful
    assert len(people_now(robot)) == 2


@pytest.mark.usefixtures("node")
def test_the_nominal_depth_changed_live_moves_people(robot):
    for depth in (2.0, 9.0):
        assert robot.set_parameter("nominal_depth", depth).successful
        assert people_now(robot)[0].body.keypoints_3d[:, 2].mean() == pytest.approx(depth, abs=1e-4)


@pytest.mark.usefixtures("node")
def test_a_wider_assumed_field_of_view_spreads_people_further(robot):
    spans = []
    for degrees in (40.0, 100.0):
        assert robot.set_parameter("assumed_fov_deg", degrees).successful
        left, right = sorted(person.root[0] for person in people_now(robot))
        spans.append(right - left)
    assert spans[1] > 2 * spans[0]


def test_nms_can_take_the_place_of_integration_live(robot, tmp_path):
    of_two_proposals = seen(standing(score=1.4))
    model = write_tiny_model(tmp_path / "one.onnx", [of_two_proposals], 480, 640)
    with running_node({"model": model}):
        robot.wait_for_active()
        assert robot.set_parameter("body_min_score", 0.95).successful
        assert [person.score for person in people_now(robot)] == pytest.approx([1.4])
        assert robot.set_parameter("integration", "nms").successful
        assert all(person.body is None for person in people_now(robot))
        assert robot.set_parameter("body_min_score", 0.0).successful
        assert [person.score for person in people_now(robot)] == pytest.approx([0.7])


@pytest.mark.usefixtures("node")
def test_the_lifetime_of_markers_changed_live_is_that_of_the_next(robot):
    markers = robot.listen(MarkerArray, "dope/markers")
    assert robot.set_parameter("marker_lifetime", 2.25).successful
    robot.wait_until(lambda: people_now(robot) and markers, "markers")
    lifetime = markers[-1].markers[0].lifetime
    assert (lifetime.sec, lifetime.nanosec) == (2, 250_000_000)


BAD_VALUES = [
    ("integration", "average", ("integration", "ppi", "nms")),
    ("nominal_depth", -1.0, ("nominal_depth",)),
    ("nominal_depth", float("nan"), ("nominal_depth", "nan")),
    ("assumed_fov_deg", 180.0, ("assumed_fov_deg",)),
    ("body_min_score", float("inf"), ("body_min_score",)),
    ("marker_lifetime", "long", ("DOUBLE", "STRING")),
    ("model", "other.onnx", ("model", "clean it up")),
    ("engine", "onnx", ("engine", "clean it up")),
    ("threads", 2, ("threads", "clean it up")),
    ("image_transport", "compressed", ("image_transport", "clean it up")),
    ("autostart", False, ("autostart", "read-only")),
]


@pytest.mark.usefixtures("node")
def test_each_bad_value_is_refused_with_the_reason(robot):
    for name, value, words in BAD_VALUES:
        result = robot.set_parameter(name, value)
        assert not result.successful, name
        assert all(word in result.reason for word in words), result.reason


def test_what_is_read_in_configure_can_change_after_cleanup(robot, node):
    assert robot.transition(Transition.TRANSITION_DEACTIVATE)
    assert not robot.set_parameter("threads", 1).successful
    assert robot.transition(Transition.TRANSITION_CLEANUP)
    assert robot.set_parameter("threads", 1).successful
    assert robot.transition(Transition.TRANSITION_CONFIGURE)
    assert node.is_alive()


class Unquoted:
    """A word on the command line that YAML may read as something else than a word."""

    def __init__(self, word):
        self._word = word

    def __str__(self):
        return self._word


def test_tracking_is_off_where_it_is_said_to_be_without_quotes(robot):
    with running_node({"tracking": Unquoted("off"), "autostart": False}):
        assert values_now(robot)["tracking"] == "off"
        (descriptor,) = robot.describe_parameters(["tracking"])
        assert descriptor.type == ParameterType.PARAMETER_STRING


@pytest.mark.usefixtures("node")
def test_tracking_is_switched_off_live_by_what_yaml_makes_of_the_word(robot):
    assert robot.set_parameter("tracking", "ids").successful
    assert robot.set_parameter("tracking", False).successful
    assert values_now(robot)["tracking"] == "off"
    for value in (True, 0, ["off"], "on"):
        result = robot.set_parameter("tracking", value)
        assert not result.successful
        assert "'tracking' is " in result.reason
        assert "it can be off, ids, smooth" in result.reason
    assert values_now(robot)["tracking"] == "off"


@pytest.mark.usefixtures("node")
def test_what_a_parameter_is_already_can_be_set_while_the_node_is_active(robot):
    values = values_now(robot)
    for spec in PARAMETERS:
        if not spec.read_only:
            result = robot.set_parameter(spec.name, values[spec.name])
            assert result.successful, result.reason
    assert values_now(robot) == values


def test_a_parameter_that_the_node_does_not_have_is_named_with_the_nearest_that_it_has():
    given = {"trackng": "smooth", "zzz": 1, "use_sim_time": False, "start_type_description_service": False}
    with running_node({"autostart": False, **given}) as node:
        line = node.wait_for_log("WARN", "'trackng' (did you mean 'tracking'?)", "'zzz'")
        assert line.count("did you mean") == 1
        assert not any(name in line for name in ("use_sim_time", "start_type"))


def test_an_override_of_qos_that_nothing_takes_is_named_with_the_nearest_that_is(tmp_path):
    model = write_tiny_model(tmp_path / "nobody.onnx", [], 48, 64)
    wrong, right = (f"qos_overrides./camera/{topic}.subscription.depth" for topic in ("imge", "image"))
    with running_node({"model": model, wrong: 1, right: 1}) as node:
        line = node.wait_for_log("WARN", f"'{wrong}' (did you mean '{right}'?)")
        assert line.count(right) == 1


def test_an_empty_list_of_topics_is_that_of_no_topics(robot, tmp_path):
    model = write_tiny_model(tmp_path / "one.onnx", [seen(standing())], 480, 640)
    with running_node({"model": model, "image_topics": [], "depth_topics": []}) as node:
        node.wait_for_log("configured", "images on '/camera/image'")
        assert len(people_now(robot)) == 1


@pytest.mark.usefixtures("node")
def test_every_parameter_is_described(robot):
    descriptors = {d.name: d for d in robot.describe_parameters([spec.name for spec in PARAMETERS])}
    for spec in PARAMETERS:
        descriptor = descriptors[spec.name]
        assert descriptor.description == spec.description
        assert descriptor.read_only == spec.read_only
        if math.isfinite(spec.low):
            (interval,) = [*descriptor.floating_point_range, *descriptor.integer_range]
            assert (interval.from_value, interval.to_value) == (spec.low, spec.high)
        assert all(choice in descriptor.additional_constraints for choice in spec.choices)
