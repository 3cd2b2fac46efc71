# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Engine files: a TensorRT plan, with what it was built of and for.

TensorRT's own plans say too little of that to be loaded on trust.  An engine file that is truncated, of
something else, or for another model, GPU, precision or TensorRT is told apart before TensorRT sees it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dope_ros.engine.protocol import ENGINE_SUFFIX
from dope_ros.errors import DopeError, EngineError, ModelError
from dope_ros.files import replaced_durably, user_cache

MAGIC = b"dope_ros engine 2\n"

GRAPH_VERSION = 2
"""Of what this package does to a model's graph before TensorRT sees it; raised when that changes."""

WORKSPACE_MB = 1024
"""Scratch memory that a layer may use, MiB, where nobody sets another limit."""


@dataclass(frozen=True, slots=True)
class PlanKey:
    """What a plan depends on: a plan with another key is for something else.

    model: SHA-256 of the ONNX file, and of the files that hold its weights.
    runtime: name and version of what built it.
    gpu: its name.
    compute_capability: of the GPU, such as 7.5.
    precision: half, all-half or float; see `half.Precision`.
    graph: `GRAPH_VERSION` of the package that built it.
    workspace_mb: scratch memory that its layers may use, MiB; earlier releases' engine files do not name it.
    """

    model: str
    runtime: str
    gpu: str
    compute_capability: str
    precision: str
    graph: int = GRAPH_VERSION
    workspace_mb: int = WORKSPACE_MB

    def difference(self, other: PlanKey) -> str:
        """What another key has that this one has not, in words; empty for equal keys."""
        ours, theirs = asdict(self), asdict(other)
        unlike = [name for name in ours if ours[name] != theirs[name]]
        return ", ".join(f"{name} is {theirs[name]}, not {ours[name]}" for name in unlike)

    def file_name(self) -> str:
        """A name for the file in a cache."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32] + ENGINE_SUFFIX


@dataclass(frozen=True, slots=True)
class Plan:
    """A built engine.

    key: what it depends on.
    input_shape: of the model's input, [1, H, W, 3].
    metadata: the model's entry `dope`, JSON.
    data: what TensorRT deserialises.
    """

    key: PlanKey
    input_shape: tuple[int, ...]
    metadata: str
    data: bytes


def write_plan(path: Path, plan: Plan) -> None:
    """Write an engine file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    header = {
        "key": asdict(plan.key),
        "input_shape": plan.input_shape,
        "metadata": plan.metadata,
        "size": len(plan.data),
        "sha256": hashlib.sha256(plan.data).hexdigest(),
    }
    with replaced_durably(path) as partial:
        partial.write_bytes(MAGIC + json.dumps(header).encode() + b"\n" + plan.data)


def read_plan(path: Path) -> Plan:
    """Read an engine file.

    Raises:
        ModelError: it is missing, no engine file of this package, truncated or damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    if not content.startswith(MAGIC):
        raise ModelError(f"{path.name}: no engine file of this package; make one with `dope build`")
    head, _, data = content[len(MAGIC) :].partition(b"\n")
    try:
        header = json.loads(head)
        key = PlanKey(**header["key"])
        intact = header["size"] == len(data) and header["sha256"] == hashlib.sha256(data).hexdigest()
        shape, metadata = tuple(header["input_shape"]), str(header["metadata"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path.name}: its header is damaged") from error
    if not intact:
        raise ModelError(f"{path.name}: truncated or damaged")
    return Plan(key, shape, metadata, data)


def cache_folder() -> Path:
    """Where engines are kept, in the user's cache.

    Raises:
        EngineError: the user has no home, as in some containers.
    """
    try:
        return user_cache() / "engines"
    except DopeError as error:  # where TensorRT cannot keep engines, `auto` takes another
        raise EngineError(str(error)) from error
