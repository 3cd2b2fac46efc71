# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Identities over DDS: a node watches a film of people who cross, cover each other and come back."""

from __future__ import annotations

from itertools import count

import numpy as np
from lifecycle_msgs.msg import Transition
from robot import camera_info, running_node
from scenes import CAMERA, HEIGHT, WIDTH, seen, standing
from sequences import film, five_crossing, idf1, walk
from tiny_model import film_picture, write_film_model

from dope_ros.ros.messages import people_from_message

RATE = 15


def watch(robot, tmp_path, moments, parameters, start=1000.0):
    """What a node publishes for each moment of a film."""
    model = write_film_model(tmp_path / "film.onnx", [m.people for m in moments], HEIGHT, WIDTH)
    with running_node({"model": model, **parameters}):
        info = camera_info(WIDTH, HEIGHT, CAMERA)
        stamps = count(start + 1e5)  # later than the film: when that begins, time goes back

        def knows_the_camera():
            robot.camera_infos.publish(info)
            return all(person.metric for person in shown(robot, 0, next(stamps)))

        robot.wait_until(knows_the_camera, "positions become metric")
        return [shown(robot, index, start + m.seconds) for index, m in enumerate(moments)]


def shown(robot, index, seconds):
    image = robot.image(film_picture(index, HEIGHT, WIDTH))
    image.header.stamp.sec = int(seconds)
    image.header.stamp.nanosec = round((seconds % 1) * 1e9)
    return people_from_message(robot.show(image))


def in_order(moments, answers):
    """The ids of each moment's people, in the order in which the film has them."""
    ids = []
    for moment, people in zip(moments, answers, strict=True):
        assert len(people) == len(moment.people)
        middles = np.array([person.body.keypoints_2d.mean(axis=0) for person in people])
        truth = np.array([person.body.keypoints_2d.mean(axis=0) for person in moment.people])
        nearest = np.linalg.norm(truth[:, None] - middles[None], axis=2).argmin(axis=1)
        ids.append([people[index].id for index in nearest])
    return ids


def test_five_people_who_cross_keep_their_ids(robot, tmp_path):
    moments = film(five_crossing(), 8.0, RATE, 3, 0.02, parts=["body"], as_seen=True)
    answers = watch(robot, tmp_path, moments, {"tracking": "ids"})
    assert idf1(moments, in_order(moments, answers)) >= 0.95


def test_a_still_person_jitters_less_when_smoothed_and_a_looped_bag_begins_anew(robot, tmp_path):
    moments = film([walk((0, 0.1, 3), (0, 0, 0))], 4.0, RATE, 2, 0.01, parts=["body"], as_seen=True)
    raw = np.array([moment.people[0].body.keypoints_2d for moment in moments])
    answers = watch(robot, tmp_path, moments, {"tracking": "smooth"})
    smooth = np.array([people[0].body.keypoints_2d for people in answers])
    settled = slice(RATE, None)
    assert smooth[settled].std(axis=0).mean() < 0.4 * raw[settled].std(axis=0).mean()
    assert len({people[0].id for people in answers}) == 1
    assert answers[0][0].id > 0, "the moment before, which was later, was forgotten"
    np.testing.assert_allclose(smooth[0], raw[0], atol=1e-2)


def test_after_cleanup_and_configure_nobody_has_an_id_that_somebody_had(robot, tmp_path):
    model = write_film_model(tmp_path / "film.onnx", [[seen(standing())]], HEIGHT, WIDTH)
    with running_node({"model": model, "tracking": "ids"}):
        robot.wait_for_active()
        before = {person.id for person in shown(robot, 0, 1.0)}
        for transition in (
            Transition.TRANSITION_DEACTIVATE,
            Transition.TRANSITION_CLEANUP,
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
        ):
            assert robot.transition(transition)
        after = {person.id for person in shown(robot, 0, 2.0)}
    assert before
    assert after
    assert before.isdisjoint(after)
