# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The node's parameters, set from outside while it runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from robot import running_node
from scenes import seen, standing
from tiny_model import write_tiny_model
from visualization_msgs.msg import MarkerArray

from dope_ros.ros.messages import people_from_message
from dope_ros.ros.parameters import PARAMETERS

GREY = np.full((480, 640, 3), 90, np.uint8)


@pytest.fixture
def node(robot, tmp_path):
    people = [standing(at=(-0.5, 0.1, 3.0), score=0.9), standing(at=(0.6, 0.1, 4.0), score=0.6)]
    model = write_tiny_model(tmp_path / "two.onnx", [seen(person) for person in people], 480, 640)
    with running_node({"model": model}) as node:
        robot.wait_for_active()
        yield node


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
