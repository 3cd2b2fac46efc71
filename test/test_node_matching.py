# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What belongs to an image by its stamp; depths in messages; whose turn it is."""

from __future__ import annotations

import threading
from dataclasses import fields

import numpy as np
import pytest
from sensor_msgs.msg import Image

from dope_ros.errors import DopeError, ImageError
from dope_ros.pipeline import PipelineSettings
from dope_ros.ros.cameras import camera_topics
from dope_ros.ros.depth import decode_depth
from dope_ros.ros.matching import SILENT_SECONDS, Matcher
from dope_ros.ros.parameters import PARAMETERS, NodeSettings
from dope_ros.ros.worker import NewestWorker
from dope_ros.tracking import TrackingSettings

MS = 1_000_000


def test_the_nearest_within_the_tolerance_is_taken():
    matcher = Matcher()
    for stamp in (0, 33, 66, 100):
        matcher.put(stamp * MS, stamp)
    assert matcher.nearest(60 * MS, 40 * MS, 0.0) == 66
    assert matcher.nearest(300 * MS, 40 * MS, 0.0) is None


def asking_in_a_thread(matcher, stamp, tolerance=40 * MS):
    """Somebody who would wait for ever, and what is found."""
    found = []
    asking = threading.Thread(
        target=lambda: found.append(matcher.nearest(stamp, tolerance, patience=1e6)), daemon=True
    )
    asking.start()
    return asking, found


def asked_in_a_thread(matcher, stamp):
    """What is found by somebody who would wait for ever."""
    asking, found = asking_in_a_thread(matcher, stamp)
    asking.join(20.0)
    return found


def test_what_comes_within_the_patience_is_taken():
    matcher = Matcher()
    matcher.put(0, "before")
    waiting, found = asking_in_a_thread(matcher, 30 * MS)
    matcher.put(33 * MS, "beside")
    waiting.join(20.0)
    assert found == ["beside"]


def test_where_a_later_item_is_there_none_is_awaited():
    matcher = Matcher()
    for stamp in (0, 31):
        matcher.put(stamp * MS, stamp)
    assert asked_in_a_thread(matcher, 30 * MS) == [31]


def test_of_two_that_are_equally_near_the_first_is_taken_whatever_they_are():
    matcher = Matcher()
    before, behind = object(), object()
    matcher.put(20 * MS, before)
    matcher.put(40 * MS, behind)
    assert matcher.nearest(30 * MS, 40 * MS, 0.0) is before


def test_a_camera_that_never_sent_anything_is_not_awaited():
    assert asked_in_a_thread(Matcher(), 30 * MS) == [None]


def test_a_camera_that_fell_silent_is_not_awaited_until_it_sends_again():
    now = 100.0
    matcher = Matcher(clock=lambda: now)
    matcher.put(0, "last")
    now += SILENT_SECONDS + 0.1
    assert asked_in_a_thread(matcher, 5000 * MS) == [None]
    assert asked_in_a_thread(matcher, 30 * MS) == ["last"]
    matcher.put(6000 * MS, "again")
    waiting, found = asking_in_a_thread(matcher, 6030 * MS, 10 * MS)
    matcher.put(6033 * MS, "beside")
    waiting.join(20.0)
    assert found == ["beside"]


def test_the_queue_is_bounded():
    matcher = Matcher(length=3)
    for stamp in range(10):
        matcher.put(stamp * MS, stamp)
    assert matcher.nearest(0, 2 * MS, 0.0) is None
    assert matcher.nearest(7 * MS, 0, 0.0) == 7


def test_what_a_slow_network_will_ask_for_is_kept():
    matcher = Matcher(length=3)
    for stamp in range(0, 40, 10):
        matcher.put(stamp * MS, stamp)
    matcher.keep_near(34 * MS, 20 * MS)
    for stamp in range(40, 200, 10):
        matcher.put(stamp * MS, stamp)
    assert matcher.nearest(34 * MS, 20 * MS, 0.0) == 30
    matcher.put(200 * MS, 200)
    assert matcher.nearest(34 * MS, 20 * MS, 0.0) is None, "it was given, and takes no memory any longer"


@pytest.mark.parametrize("stamp", [10, 30])
def test_an_item_that_is_just_within_the_tolerance_is_kept_and_taken(stamp):
    matcher = Matcher(length=3)
    matcher.keep_near(20 * MS, 10 * MS)
    for other in (stamp, 100, 110, 120, 130):
        matcher.put(other * MS, other)
    assert matcher.nearest(20 * MS, 10 * MS, 0.0) == stamp


def test_waiting_for_an_old_item_takes_no_more_memory_than_it_may():
    matcher = Matcher(length=3, most=5)
    matcher.keep_near(0, 20 * MS)
    for stamp in range(10):
        matcher.put(stamp * MS, stamp)
    assert matcher.nearest(4 * MS, 0, 0.0) is None
    assert matcher.nearest(5 * MS, 0, 0.0) == 5


def test_items_of_another_clock_are_not_kept_for_long():
    matcher = Matcher(length=3)
    matcher.keep_near(0, 20 * MS)
    for stamp in range(5000, 5010):
        matcher.put(stamp * MS, stamp)
    assert matcher.nearest(5006 * MS, 0, 0.0) is None
    assert matcher.nearest(5007 * MS, 0, 0.0) == 5007


def test_a_bag_that_begins_anew_forgets_its_end():
    matcher = Matcher()
    matcher.put(100_000 * MS, "end")
    matcher.put(5 * MS, "beginning")
    assert matcher.nearest(100_000 * MS, 40 * MS, 0.0) is None
    assert matcher.nearest(5 * MS, 40 * MS, 0.0) == "beginning"


def depth_image(values, encoding, padding=0, bigendian=False):
    rows = np.pad(values.view(np.uint8).reshape(len(values), -1), ((0, 0), (0, padding)))
    height, width = values.shape
    message = Image(height=height, width=width, encoding=encoding, step=rows.shape[1])
    message.is_bigendian = int(bigendian)
    message.data.frombytes(rows.tobytes())
    return message


def test_millimetres_and_metres_are_told_apart_by_encoding():
    millimetres = np.array([[0, 1500], [3000, 65535]], np.uint16)
    metres = np.array([[np.nan, 1.5], [3.0, 65.535]], np.float32)
    np.testing.assert_allclose(
        decode_depth(depth_image(millimetres, "16UC1")), [[0, 1.5], [3, 65.535]], rtol=1e-6
    )
    np.testing.assert_allclose(decode_depth(depth_image(metres, "32FC1")), metres)


@pytest.mark.parametrize("bigendian", [False, True])
def test_padding_and_byte_order_are_honoured(bigendian):
    values = np.array([[1000, 2000, 3000]], ">u2" if bigendian else "<u2")
    found = decode_depth(depth_image(values, "16UC1", padding=4, bigendian=bigendian))
    np.testing.assert_allclose(found, [[1, 2, 3]])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Image(encoding="mono16", height=1, width=1, step=2), "'mono16' is not one of 16UC1, 32FC1"),
        (Image(encoding="16UC1", height=2, width=2, step=4), "0 bytes"),
        (Image(encoding="32FC1", height=1, width=2, step=4), "step of 4"),
        (Image(encoding="16UC1", height=0, width=2, step=4), "is 2 x 0 pixels"),
        (Image(encoding="16UC1", height=2, width=0, step=0), "is 0 x 2 pixels"),
    ],
)
def test_a_depth_image_that_contradicts_itself_says_how(message, words):
    with pytest.raises(ImageError, match=words):
        decode_depth(message)


def test_cameras_take_turns_however_fast_one_is():
    let_go, started, done = threading.Semaphore(0), threading.Semaphore(0), []

    def work(item):
        started.release()
        let_go.acquire(timeout=10)
        done.append(item)

    worker = NewestWorker(work, "test", sources=3)
    worker.put("first", 0)
    assert started.acquire(timeout=10)
    for item in ("fast 1", "fast 2"):
        worker.put(item, 0)
    worker.put("slow", 2)
    worker.put("middle", 1)
    let_go.release(4)
    for _ in range(3):
        assert started.acquire(timeout=10)
    worker.stop()
    assert done == ["first", "middle", "slow", "fast 2"]


def test_a_camera_is_served_while_those_whose_turn_it_is_send_nothing():
    done, served = [], threading.Semaphore(0)

    def work(item):
        done.append(item)
        served.release()

    worker = NewestWorker(work, "test", sources=3)
    for item in ("one", "two"):
        worker.put(item, 2)
        assert served.acquire(timeout=10)
    worker.stop()
    assert done == ["one", "two"]


def settings_of(*images, depths=(), use_depth=False):
    """The settings of a node by default, but for its topics."""
    names = {field.name for field in fields(NodeSettings)}
    defaults = {spec.name: spec.default for spec in PARAMETERS if spec.name in names}
    topics = {"image_topics": images, "depth_topics": depths, "use_depth": use_depth}
    return NodeSettings(
        **{**defaults, **topics, "pipeline": PipelineSettings(), "tracking": TrackingSettings()}
    )


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
