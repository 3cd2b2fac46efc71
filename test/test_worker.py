# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One thread, one slot."""

from __future__ import annotations

import subprocess
import sys
import threading

import dope_ros.ros.worker as worker_module
from dope_ros.ros.worker import STOP_SECONDS, NewestWorker

PATIENCE = 10.0


class SlowWork:
    """Work that ends when it is let go."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.started = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)

    def __call__(self, item: int) -> None:
        self.started.release()
        assert self.let_go.acquire(timeout=PATIENCE)
        self.done.append(item)


def test_the_newest_item_replaces_those_that_nobody_took():
    work = SlowWork()
    worker = NewestWorker(work, "test")
    assert not worker.put(1)
    assert work.started.acquire(timeout=PATIENCE)
    assert not worker.put(2)
    assert worker.put(3)
    assert worker.put(4)
    work.let_go.release(2)
    assert work.started.acquire(timeout=PATIENCE)
    worker.stop()
    assert work.done == [1, 4]


def test_work_that_hangs_keeps_its_thread_and_nobody_waits_for_it_for_ever():
    work = SlowWork()
    worker = NewestWorker(work, "test")
    worker.put(1)
    assert work.started.acquire(timeout=PATIENCE)
    assert not worker.stop(patience=0.01)
    assert not worker.stop(patience=1e6), "it is looked only whether it has ended"
    work.let_go.release()
    worker._thread.join(PATIENCE)
    assert worker.stop()
    assert work.done == [1]


def test_who_says_no_patience_waits_as_long_as_the_work_ought_to_need(monkeypatch):
    monkeypatch.setattr(worker_module, "STOP_SECONDS", 0.01)
    work, ended = SlowWork(), []
    worker = NewestWorker(work, "test")
    worker.put(1)
    assert work.started.acquire(timeout=PATIENCE)
    stopping = threading.Thread(target=lambda: ended.append(worker.stop()), daemon=True)
    stopping.start()
    stopping.join(0.5 * PATIENCE)  # the work hangs for longer
    assert ended == [False]
    work.let_go.release()


def test_a_thread_that_hangs_does_not_keep_the_process():
    program = """
import threading
from dope_ros.ros.worker import STOP_SECONDS, NewestWorker
started = threading.Event()
def hang(item):
    started.set()
    threading.Event().wait()
worker = NewestWorker(hang, "test")
worker.put(1)
started.wait()
print("stopped:", worker.stop(patience=0.01))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "stopped: False\n"


def test_stopping_lets_the_work_under_way_end_and_drops_what_waits(monkeypatch):
    work = SlowWork()
    worker = NewestWorker(work, "test")
    join = threading.Thread.join

    def let_go_and_join(thread, timeout=None):
        work.let_go.release(2)  # of the item under way, and of one that should have been dropped
        join(thread, timeout)

    worker.put(1)
    assert work.started.acquire(timeout=PATIENCE)
    worker.put(2)
    monkeypatch.setattr(threading.Thread, "join", let_go_and_join)
    worker.stop()
    assert work.done == [1]


def test_work_that_was_slow_once_gets_more_patience():
    now, done = [100.0], threading.Semaphore(0)

    def work(seconds):
        now[0] += seconds
        done.release()

    worker = NewestWorker(work, "test", clock=lambda: now[0])
    assert worker.patience == STOP_SECONDS
    for seconds in (40.0, 1.0):
        worker.put(seconds)
        assert done.acquire(timeout=PATIENCE)
    assert worker.stop()
    assert worker.patience == 80.0


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
