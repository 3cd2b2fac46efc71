# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tests do not use what they were not given: the user's GPUs and cache."""

import os
from pathlib import Path

import pytest
from gpus import asks_for_gpus

from dope_ros.engine.tensorrt.plan import cache_folder


@pytest.mark.parametrize("marks", ["gpu", "gpu and not slow", "slow or gpu", "(gpu)"])
def test_a_run_that_selects_tests_of_gpus_asks_for_gpus(marks):
    assert asks_for_gpus(marks)


@pytest.mark.parametrize("marks", ["", "slow", "not gpu", "slow and not gpu", "gpus"])
def test_a_run_that_selects_no_tests_of_gpus_asks_for_none(marks):
    assert not asks_for_gpus(marks)


def test_a_run_that_asks_for_no_gpus_sees_none(request):
    if asks_for_gpus(request.config.option.markexpr):
        pytest.skip("this run asks for GPUs with -m")
    torch = pytest.importorskip("torch", reason="PyTorch says whether there is a GPU")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert not torch.cuda.is_available()


def test_engines_that_tests_make_are_not_kept_in_the_users_cache():
    assert Path.home() / ".cache" not in cache_folder().parents
