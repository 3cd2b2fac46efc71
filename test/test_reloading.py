# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An engine that failed is opened again, up to a limit."""

import numpy as np
import pytest
from tiny_model import write_tiny_model

from dope_ros.engine.onnx import OnnxEngine
from dope_ros.engine.reloading import MAX_FAILURES, ReloadingEngine
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
    fail(engine, f"failure 1 of {MAX_FAILURES}")
    engine.run(GOOD)
    engine.run(GOOD)
    assert len(opened) == 2


def test_failures_count_in_a_row_only(opened):
    engine = ReloadingEngine(opened)
    for _ in range(3):
        for _ in range(MAX_FAILURES - 1):
            fail(engine, "in a row")
        engine.run(GOOD)


def test_after_too_many_failures_it_is_given_up(opened):
    engine = ReloadingEngine(opened)
    for _ in range(MAX_FAILURES):
        fail(engine, "in a row")
    count = len(opened)
    with pytest.raises(EngineError, match="given up after 3 failures in a row: restart the process"):
        engine.run(GOOD)
    assert len(opened) == count


def test_an_engine_that_cannot_be_opened_again_counts_as_a_failure(opened):
    engine = ReloadingEngine(opened)
    fail(engine, "in a row")
    opened.path.unlink()
    with pytest.raises(EngineError, match="no such model file"):
        engine.run(GOOD)
    write_tiny_model(opened.path)
    engine.run(GOOD)


def test_a_model_that_is_missing_from_the_start_is_an_error_at_once(tmp_path):
    with pytest.raises(ModelError, match="no such model file"):
        ReloadingEngine(Opened(tmp_path / "none.onnx"))
