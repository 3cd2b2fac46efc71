# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`dope bench`: where the time goes."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dope_ros.cli.argument_types import positive
from dope_ros.cli.model_arguments import add_model_arguments, engine_from
from dope_ros.errors import DopeError
from dope_ros.pictures import read_picture
from dope_ros.pipeline import Pipeline

SAMPLE_PICTURE = Path(__file__).parent / "sample.jpg"
"""640 x 480 pixels, three people."""

WARM_UP_RUNS = 5


def add_parser(verbs: Any) -> None:
    """Add the verb `bench`."""
    parser = verbs.add_parser(
        "bench",
        help="time the stages",
        description="Times each stage from an image message to the pose message on this machine.",
        epilog="With --node a real node runs as its own process and gets its images over DDS, one at a time.",
    )
    parser.add_argument(
        "picture",
        nargs="?",
        type=Path,
        default=SAMPLE_PICTURE,
        help="(default: one with three people, 640x480)",
    )
    parser.add_argument("--runs", type=positive, default=100, help="pictures to time (default: %(default)s)")
    parser.add_argument("--node", action="store_true", help="time a node over DDS instead of this process")
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    picture = read_picture(arguments.picture)
    if arguments.node:
        return _bench_node(picture, arguments)
    return _bench_here(picture, arguments)


def _bench_here(picture: np.ndarray, arguments: argparse.Namespace) -> int:
    pipeline = Pipeline(engine_from(arguments))
    around = _message_stages()
    samples = [around(picture, pipeline) for _ in range(WARM_UP_RUNS + arguments.runs)][WARM_UP_RUNS:]
    milliseconds = {stage: [sample[stage] * 1e3 for sample in samples] for stage in samples[0]}
    milliseconds["all"] = [sum(sample.values()) * 1e3 for sample in samples]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{pipeline.engine.description}; {arguments.picture.name}, {len(pipeline(picture))} people")
    print(
        table({name: (np.median(values), np.percentile(values, 95)) for name, values in milliseconds.items()})
    )
    print(f"{1e3 / np.median(milliseconds['all']):.1f} frames a second, peak memory {peak:.0f} MB")
    return 0


def _message_stages() -> Any:
    """What runs the pipeline between messages, or without them where there is no ROS."""
    try:
        from dope_ros.ros.bench import run_between_messages
    except ImportError as error:
        print(
            f"dope: no ROS here ({error.name} is missing): decode and messages are not timed", file=sys.stderr
        )
        return _run_alone
    return run_between_messages


def _run_alone(picture: np.ndarray, pipeline: Pipeline) -> dict[str, float]:
    pipeline(picture)
    return dict(pipeline.stopwatch.seconds)


def _bench_node(picture: np.ndarray, arguments: argparse.Namespace) -> int:
    try:
        from dope_ros.ros.bench import bench_node
    except ImportError as error:
        raise DopeError(f"--node needs ROS 2 and the built messages: {error}") from error
    model = str(arguments.model.resolve()) if arguments.model else ""
    parameters = {"model": model, "engine": arguments.engine, "threads": arguments.threads}
    result = bench_node(picture, WARM_UP_RUNS, arguments.runs, parameters)
    print(f"{result.description}; {arguments.picture.name}, {result.people} people")
    print(table(result.milliseconds))
    print(f"{result.frames} frames, resident memory of the node {result.resident_mb:.0f} MB")
    return 0


def table(milliseconds: Mapping[str, Sequence[float]]) -> str:
    """Rows of stage, median and 95th percentile."""
    width = max(len("milliseconds"), *map(len, milliseconds))
    rows = [f"{'milliseconds':{width}}  {'median':>8}  {'p95':>8}"]
    rows += [f"{name:{width}}  {median:8.2f}  {p95:8.2f}" for name, (median, p95) in milliseconds.items()]
    return "\n".join(rows)
