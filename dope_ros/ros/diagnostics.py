# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the node tells of its own health: frames, latencies, and why nothing comes in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.node import Node

OVERHEAD = "overhead"
LATENCY = "latency"
NETWORK = "network"

DONE = ("processed", "rejected", "failed")
"""What becomes of a frame that the worker took."""

STUCK_SECONDS = 5.0
"""With images coming in and none done for so long, the report warns."""


@dataclass(frozen=True, slots=True)
class FrameReport:
    """What happened to the frames since the last report.

    counts: frames `received`, `processed`, `replaced` by a newer one, `rejected` as unreadable, and `failed`
        in the network.
    milliseconds: of each stage of the processed frames; `latency` runs from a frame's arrival to its
        poses' leaving, `overhead` is that less the network's own time.
    last_fault: of the newest rejected or failed frame, since the last report or the last processed frame.
    outcome: `rejected` or `failed` where no frame was processed after one that was; else empty.
    lacks: what was missing the last time that it was asked for; depth is not where nobody is seen.
    stuck_seconds: how long frames have come in without one being done (processed, rejected or failed).
    """

    counts: Mapping[str, int]
    milliseconds: Mapping[str, list[float]]
    last_fault: str
    outcome: str
    lacks: Sequence[str]
    stuck_seconds: float


@dataclass(slots=True)
class FrameStatistics:
    """Counts frames and collects their times; safe to use from several threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counts: Counter[str] = field(default_factory=Counter)
    _milliseconds: dict[str, list[float]] = field(default_factory=dict)
    _last_fault: str = ""
    _outcome: str = ""
    _lacks: dict[str, str] = field(default_factory=dict)
    _waiting_since: float | None = None

    def count(self, event: str, fault: str = "") -> None:
        """Count a frame that was `received`, `replaced`, `rejected` or `failed`."""
        with self._lock:
            self._counts[event] += 1
            self._note_progress(event)
            if fault:
                self._last_fault, self._outcome = fault, event

    def lacks(self, what: str, why: str) -> bool:
        """Note why the frames lack something; an empty reason: they do not. Says whether that ends a lack."""
        with self._lock:
            lacked = self._lacks.pop(what, "")
            if why:
                self._lacks[what] = why
        return bool(lacked) and not why

    def processed(self, latency: float, stages: Mapping[str, float]) -> None:
        """Add a frame's seconds, from arrival to poses and stage by stage."""
        seconds = {LATENCY: latency, OVERHEAD: latency - stages[NETWORK], **stages}
        with self._lock:
            self._counts["processed"] += 1
            self._note_progress("processed")
            self._outcome = ""
            for name, value in seconds.items():
                self._milliseconds.setdefault(name, []).append(value * 1e3)

    def report(self) -> FrameReport:
        """What was collected since the last report; begins anew, but for faults and lacks that go on."""
        with self._lock:
            stuck = 0.0 if self._waiting_since is None else monotonic() - self._waiting_since
            report = FrameReport(
                dict(self._counts),
                self._milliseconds,
                self._last_fault,
                self._outcome,
                tuple(self._lacks.values()),
                stuck,
            )
            self._counts, self._milliseconds = Counter(), {}
            if not self._outcome:
                self._last_fault = ""
        return report

    def _note_progress(self, event: str) -> None:
        if event in DONE:
            self._waiting_since = None
        elif event == "received" and self._waiting_since is None:
            self._waiting_since = monotonic()


def frames_status(
    node: Node, hardware: str, report: FrameReport, silence: str, camera: str = ""
) -> DiagnosticStatus:
    """A report as a diagnostic status.

    Args:
        camera: its name where there are several.
        hardware: what runs the network.
        silence: why no image comes in; empty while images do.
    """
    level, message = _verdict(report, silence)
    counts = [("frames " + name, str(number)) for name, number in sorted(report.counts.items())]
    times = [entry for name, values in report.milliseconds.items() for entry in _time_values(name, values)]
    return DiagnosticStatus(
        level=level,
        name=_status_name(node, camera),
        message=message,
        hardware_id=hardware,
        values=[KeyValue(key=key, value=value) for key, value in (*counts, *times)],
    )


def state_status(node: Node, state: str, camera: str = "") -> DiagnosticStatus:
    """The status of a node that is not active, or of one of its cameras."""
    message = f"not active ({state})"
    return DiagnosticStatus(level=DiagnosticStatus.OK, name=_status_name(node, camera), message=message)


def blamed(status: DiagnosticStatus, fault: str) -> DiagnosticStatus:
    """The status of a node that failed to get further, with the reason; as it is without one."""
    if not fault:
        return status
    return DiagnosticStatus(
        level=DiagnosticStatus.ERROR, name=status.name, message=f"{status.message}: {fault}"
    )


def _status_name(node: Node, camera: str) -> str:
    return f"{node.get_fully_qualified_name().lstrip('/')}: frames{' of ' + camera if camera else ''}"


def _verdict(report: FrameReport, silence: str) -> tuple[bytes, str]:
    stopped = _stuck(report) or silence
    if report.counts.get("failed") or report.outcome == "failed":
        return DiagnosticStatus.ERROR, "; ".join(filter(None, (report.last_fault, stopped)))
    if stopped:
        return DiagnosticStatus.WARN, stopped
    if report.counts.get("rejected") or report.outcome == "rejected":
        return DiagnosticStatus.WARN, f"frames dropped: {report.last_fault}"
    processed = f"{report.counts.get('processed', 0)} frames processed"
    if report.lacks:
        return DiagnosticStatus.WARN, "; ".join((processed, *report.lacks))
    return DiagnosticStatus.OK, processed


def _stuck(report: FrameReport) -> str:
    """That frames come in and none gets done; empty where they do."""
    if report.stuck_seconds <= STUCK_SECONDS:
        return ""
    return (
        f"no frame done for {report.stuck_seconds:.0f} s while images come in: processing hangs, or is "
        "so slow (docs/troubleshooting.md)"
    )


def _time_values(name: str, milliseconds: list[float]) -> Iterable[tuple[str, str]]:
    yield f"{name} median ms", f"{np.median(milliseconds):.3f}"
    yield f"{name} p95 ms", f"{np.percentile(milliseconds, 95):.3f}"


def explain_silence(node: Node, topic: str, type_name: str) -> str:
    """Why no image arrives on a topic, as far as the ROS graph tells."""
    publishers = node.get_publishers_info_by_topic(topic)
    if not publishers:
        return f"no image on '{topic}': nobody publishes it"
    types = {info.topic_type for info in publishers}
    if type_name not in types:
        return (
            f"no image on '{topic}': it carries {', '.join(sorted(types))}, not {type_name}; "
            "see parameter image_transport"
        )
    return (
        f"no image on '{topic}' from its {len(publishers)} publisher(s): do they publish, is their QoS "
        "compatible, does an image fit into the middleware's shared memory (docs/troubleshooting.md)?"
    )
