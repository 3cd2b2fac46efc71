# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An engine that failed is opened again, for a while."""

import re
from dataclasses import replace

import numpy as np
import pytest
from clocks import Clock
from scenes import seen, standing
from tiny_model import constant_outputs, film_picture, write_film_model, write_tiny_model

from dope_ros.engine.contract import OverflowedError, check_finite
from dope_ros.engine.onnx import OnnxEngine
from dope_ros.engine.reloading import FAILING_SECONDS, LEAST_FAILURES, LONGEST_PAUSE, ReloadingEngine
from dope_ros.errors import EngineError, ModelError

GOOD = np.zeros((96, 128, 3), np.uint8)
BAD = np.zeros((5, 5, 3), np.uint8)
"""ONNX Runtime refuses it: the model's input is another size."""


class Opened(list):
    """Opens a model with ONNX Runtime, and remembers the engines."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def __call__(self):
        self.append(OnnxEngine(self.path))
        return self[-1]


@pytest.fixture
def clock():
    return Clock(1000.0)


@pytest.fixture
def opened(tmp_path):
    return Opened(write_tiny_model(tmp_path / "tiny.onnx"))


def fail(engine, match):
    with pytest.raises(EngineError, match=match):
        engine.run(BAD)


def test_it_is_the_engine_that_it_opens(opened):
    engine = ReloadingEngine(opened)
    assert engine.spec == opened[0].spec
    assert engine.description == opened[0].description
    engine.run(GOOD)
    assert len(opened) == 1


def test_after_a_failure_the_engine_is_opened_anew(opened):
    engine = ReloadingEngine(opened)
    fail(engine, "failure 1 in a row; tried again with the next picture")
    engine.run(GOOD)
    engine.run(GOOD)
    assert len(opened) == 2


def test_a_picture_in_which_the_network_overflows_does_not_cost_the_engine(tmp_path):
    person = seen(standing())
    overflown = replace(person, body=replace(person.body, keypoints_2d=np.full((13, 2), np.inf, np.float32)))
    opened = Opened(write_film_model(tmp_path / "film.onnx", [[overflown], [person]]))
    engine = ReloadingEngine(opened)
    for _ in range(2 * LEAST_FAILURES):
        with pytest.raises(OverflowedError):
            engine.run(film_picture(0))
        engine.run(film_picture(1))
    assert len(opened) == 1


def test_an_engine_that_overflows_as_it_is_opened_again_fails_like_any_other(tmp_path, clock):
    person = seen(standing())
    outputs = constant_outputs([person])
    opened = Opened(write_tiny_model(tmp_path / "tiny.onnx", [person]))

    def opened_or_overflown():
        if not opened:
            return opened()
        opened.append(None)
        return check_finite("tiny", outputs | {"boxes": np.full_like(outputs["boxes"], np.inf)})

    engine = ReloadingEngine(opened_or_overflown, clock)
    fail(engine, "failure 1 in a row")
    with pytest.raises(EngineError, match=r"not a number: boxes.*failure 2 in a row; tried again"):
        engine.run(GOOD)
    count = len(opened)
    with pytest.raises(EngineError, match="failure 2"):
        engine.run(GOOD)
    assert len(opened) == count, "there is a pause"


def test_after_several_failures_frames_fail_at_once_until_the_pause_is_over(opened, clock):
    engine = ReloadingEngine(opened, clock)
    fail(engine, "failure 1")
    fail(engine, "failure 2 in a row; tried again in 1.0 s")
    count = len(opened)
    clock.now += 0.75
    with pytest.raises(EngineError, match=r"(?s)INVALID_ARGUMENT.*failure 2 in a row; tried again in 0\.2 s"):
        engine.run(GOOD)
    assert len(opened) == count
    clock.now += 0.25
    engine.run(GOOD)


def test_pauses_grow_up_to_the_longest(opened, clock):
    engine, pauses = ReloadingEngine(opened, clock), []
    for _ in range(8):
        with pytest.raises(EngineError) as told:
            engine.run(BAD)
        pause = re.search(r"in (\d+\.\d) s\)", str(told.value))
        pauses.append(float(pause[1]) if pause else 0.0)
        clock.now += pauses[-1]
    assert pauses == [0, 1, 2, 4, 8, 16, 16, 16]


def test_failures_count_in_a_row_only(opened, clock):
    engine = ReloadingEngine(opened, clock)
    for _ in range(3):
        for _ in range(LEAST_FAILURES):
            fail(engine, "in a row; tried again")
            clock.now += FAILING_SECONDS / LEAST_FAILURES
        engine.run(GOOD)


def test_memory_that_is_free_again_within_the_time_brings_the_engine_back(opened, clock):
    engine = ReloadingEngine(opened, clock)
    began = clock.now
    while clock.now - began < FAILING_SECONDS - LONGEST_PAUSE:
        fail(engine, "in a row; tried again")
        clock.now += LONGEST_PAUSE
    engine.run(GOOD)


def given_up(opened, clock):
    engine = ReloadingEngine(opened, clock)
    began = clock.now
    while clock.now - began < FAILING_SECONDS:
        fail(engine, "in a row; tried again")
        clock.now += LONGEST_PAUSE
    fail(engine, "given up after 60 s: .*clean up, configure")
    return engine


def test_after_failing_for_too_long_it_is_given_up(opened, clock):
    engine = given_up(opened, clock)
    count = len(opened)
    clock.now += 10 * FAILING_SECONDS
    with pytest.raises(EngineError, match=r"(?s)INVALID_ARGUMENT.*given up after 60 s"):
        engine.run(GOOD)
    assert len(opened) == count


def test_after_one_was_given_up_a_new_one_runs_in_the_same_process(opened, clock):
    given_up(opened, clock).close()
    ReloadingEngine(opened, clock).run(GOOD)


def test_rare_pictures_do_not_give_it_up(opened, clock):
    engine = ReloadingEngine(opened, clock)
    for _ in range(LEAST_FAILURES - 1):
        fail(engine, "in a row; tried again")
        clock.now += FAILING_SECONDS
    engine.run(GOOD)


def test_an_engine_that_cannot_be_opened_again_counts_as_a_failure(opened, clock):
    engine = ReloadingEngine(opened, clock)
    fail(engine, "failure 1 in a row")
    opened.path.unlink()
    with pytest.raises(EngineError, match=r"no such model file.*failure 2 in a row"):
        engine.run(GOOD)
    write_tiny_model(opened.path)
    clock.now += LONGEST_PAUSE
    engine.run(GOOD)


def test_a_model_that_is_missing_from_the_start_is_an_error_at_once(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        ReloadingEngine(Opened(tmp_path / "none.onnx"))
