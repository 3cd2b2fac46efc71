# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service: what parameters may change of the node's topics, and how a bad change is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.qos import QoSPolicyKind

from dope_ros.errors import DopeError

OVERRIDABLE = (
    QoSPolicyKind.HISTORY,
    QoSPolicyKind.DEPTH,
    QoSPolicyKind.RELIABILITY,
    QoSPolicyKind.DURABILITY,
)
"""The policies of topics that parameters may change."""


@contextmanager
def override_faults_named(node: Node, topic: str, kind: str) -> Iterator[None]:
    """Around making a `publisher` or `subscription`: a bad QoS override becomes a `DopeError` naming it."""
    try:
        yield
    except (RuntimeError, ParameterException) as error:
        full = node.resolve_topic_name(topic)
        raise DopeError(
            f"no {kind} of '{full}': {error}; mend 'qos_overrides.{full}.{kind}.*' (reliability: reliable or "
            "best_effort; durability: volatile or transient_local; history: keep_last or keep_all; depth: a "
            "number) and start the node again"
        ) from error
