# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The topics of a node's cameras, and what they are called."""

from __future__ import annotations

from dataclasses import fields

import pytest

from dope_ros.errors import DopeError
from dope_ros.pipeline import PipelineSettings
from dope_ros.ros.cameras import camera_topics, is_called_rectified
from dope_ros.ros.parameters import PARAMETERS, NodeSettings
from dope_ros.tracking import TrackingSettings


def settings_of(*images, depths=(), use_depth=False):
    """The settings of a node by default, but for its topics."""
    names = {field.name for field in fields(NodeSettings)}
    defaults = {spec.name: spec.default for spec in PARAMETERS if spec.name in names}
    topics = {"image_topics": images, "depth_topics": depths, "use_depth": use_depth}
    return NodeSettings(
        **{**defaults, **topics, "pipeline": PipelineSettings(), "tracking": TrackingSettings()}
    )


@pytest.mark.parametrize(
    ("topic", "is_rectified"),
    [
        *((f"/camera/{name}", True) for name in ("image_rect", "image_rect_color", "rect/image", "rect")),
        *((name, True) for name in ("rectified/image_raw", "/cam/image_rectified")),
        *((f"/camera/{name}", False) for name in ("image_raw", "image_direct", "image_rectangle", "correct")),
    ],
)
def test_topics_of_rectified_images_are_told_by_their_names(topic, is_rectified):
    assert is_called_rectified(topic) is is_rectified


def test_one_camera_has_the_plain_topics():
    (topics,) = camera_topics(settings_of())
    assert (topics.image, topics.camera_info, topics.depth) == ("image", "camera_info", "depth")
    assert (topics.prefix, topics.letter) == ("~/", "")


def test_cameras_are_called_by_their_namespaces_and_have_their_infos_beside_them():
    front, left = camera_topics(
        settings_of("/front/color/image_raw", "/left/image", depths=("/front/depth/image",))
    )
    assert (front.name, front.prefix, front.letter) == ("front/color", "~/front/color/", "a")
    assert front.camera_info == "/front/color/camera_info"
    assert (front.depth, front.depth_camera_info) == ("/front/depth/image", "/front/depth/camera_info")
    assert (left.name, left.depth, left.letter) == ("left", "", "b")


def test_cameras_of_one_namespace_are_called_by_their_topics():
    names = [topics.name for topics in camera_topics(settings_of("/rig/left", "/rig/right", "alone"))]
    assert names == ["rig/left", "rig/right", "alone"]


def test_a_camera_is_called_by_its_topic_where_its_namespace_is_another_cameras_topic():
    settings = settings_of("/cam/image", "/cam/other", "/cam/image/left")
    names = [topics.name for topics in camera_topics(settings)]
    assert names == ["cam/image", "cam/other", "cam/image/left"]


def test_two_cameras_of_one_name_are_refused():
    with pytest.raises(DopeError, match="called the same: front/image, front/image"):
        camera_topics(settings_of("/front/image", "front/image"))


def test_a_camera_info_lies_beside_an_image_that_is_in_no_namespace():
    absolute, relative = camera_topics(settings_of("/image", "other"))
    assert (absolute.camera_info, relative.camera_info) == ("/camera_info", "camera_info")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (settings_of(depths=("/depth/image",)), "depth_topics go with image_topics"),
        (settings_of("/front/image", use_depth=True), "use_depth with image_topics needs depth_topics"),
    ],
)
def test_depth_that_no_camera_would_get_is_refused(settings, words):
    with pytest.raises(DopeError, match=words):
        camera_topics(settings)


def test_an_empty_topic_among_several_is_refused():
    with pytest.raises(DopeError, match="an empty one"):
        camera_topics(settings_of("/front/image", ""))


def test_lists_are_declared_with_an_empty_name_for_none():
    defaults = {spec.name: spec.default for spec in PARAMETERS}
    assert defaults["image_topics"] == defaults["depth_topics"] == [""]
