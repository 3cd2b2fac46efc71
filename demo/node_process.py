# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The dope node as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import rclpy
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.node import Node

from dope_ros.ros.installed import node_command

SHUTDOWN_SECONDS = 30.0
REPLY_SECONDS = 2.0
"""After this long a request is taken for lost: discovery may still be under way."""
LOG_TAIL_LINES = 20


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why, and where to look."""


class NodeProcess:
    """`dope_node`, started on entering and ended by SIGINT, as Ctrl-C would, on leaving.

    Attributes:
        log: the file that holds what the node says.
    """

    def __init__(self, remappings: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._remappings = remappings

    def __enter__(self) -> NodeProcess:
        rules = [word for old, new in self._remappings.items() for word in ("-r", f"{old}:={new}")]
        command = [*node_command(), "--ros-args", *rules]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        exit_code = self._end()
        if error is None and exit_code != 0:
            raise self.failure(f"the node ended with exit code {exit_code} on SIGINT")

    def check_alive(self) -> None:
        """Raises DemoError once the process has ended."""
        if (exit_code := self._process.poll()) is not None:
            raise self.failure(f"the node ended by itself, exit code {exit_code}")

    def wait_until_active(self, node: Node, timeout: float) -> None:
        """Spin `node` until the lifecycle node says that it is active.

        Raises:
            DemoError: it ended, or did not become active in `timeout` seconds.
        """
        client = node.create_client(GetState, "/dope/get_state")
        deadline = time.monotonic() + timeout
        label = "silent"
        while time.monotonic() < deadline:
            reply = client.call_async(GetState.Request())
            self.spin_until(node, reply.done, min(REPLY_SECONDS, deadline - time.monotonic()))
            if not reply.done():
                client.remove_pending_request(reply)
                continue
            state = reply.result().current_state
            if state.id == State.PRIMARY_STATE_ACTIVE:
                return
            label = state.label
            rclpy.spin_once(node, timeout_sec=0.2)
        raise self.failure(f"the node did not become active in {timeout:g} s (it is {label})")

    def spin_until(self, node: Node, condition: Callable[[], bool], timeout: float) -> bool:
        """Spin `node` until the condition holds, or `timeout` seconds have passed; says whether it holds.

        Raises:
            DemoError: the process ended meanwhile.
        """
        deadline = time.monotonic() + timeout
        while not condition():
            self.check_alive()
            if time.monotonic() >= deadline:
                return False
            rclpy.spin_once(node, timeout_sec=0.1)
        return True

    def failure(self, what: str) -> DemoError:
        """An error about this process, with the end of its log."""
        tail = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return DemoError("\n".join([f"{what}; the end of {self.log}:", *(f"    {line}" for line in tail)]))

    def _end(self) -> int:
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(SHUTDOWN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
