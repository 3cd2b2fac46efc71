# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a training run is told: a YAML file, read strictly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dacite
import yaml

from dope_ros.errors import DopeError
from dope_ros.training.distillation.teachers import TeachingSettings
from dope_ros.training.loading.views import RandomCrop, ShorterSide
from dope_ros.training.losses.rois import RoiSettings
from dope_ros.training.losses.rpn_losses import RpnSettings
from dope_ros.training.runs.optimisation import OptimiserSettings, ScheduleSettings


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Which network is trained, and from which weights.

    shape: `published` (ResNet-50) or `compact` (EfficientNet-Lite0).
    parts: that it finds; one of them for a part expert.
    checkpoint: to start from. It brings its own shape and its anchor poses, which its classes mean.
    refined: have boxes refined where the checkpoint, or the shape, does not; they begin as they are.
    anchor_poses: a file of `dope anchors`, for a network that starts without a checkpoint.
    backbone: ImageNet weights of the backbone, likewise.
    proposals: that it makes of a picture, likewise; 0 for as many as its shape has.
    min_size: pixels that it wants a picture's shorter side to have, likewise; 0 for what its shape wants.
    """

    shape: str = "published"
    parts: tuple[str, ...] = ("body", "hand", "face")
    checkpoint: Path | None = None
    refined: bool = False
    anchor_poses: Path | None = None
    backbone: Path | None = None
    proposals: int = 0
    min_size: int = 0


@dataclass(frozen=True, slots=True)
class DatasetSettings:
    """A dataset.

    open: what it is and where, as `dope_ros.training.datasets.open_dataset` takes it.
    times: how many times an epoch goes through it.
    labels: the parts whose labels are used, as if the set had no others; None for all that it has.
    share: from where to where, of 1, its pictures are used.
    view: what the network sees of its pictures; None for what it sees of most.
    """

    open: str
    times: int = 1
    labels: tuple[str, ...] | None = None
    share: tuple[float, float] = (0.0, 1.0)
    view: ShorterSide | RandomCrop | None = None

    def __post_init__(self) -> None:
        first, end = self.share
        if not 0 <= first < end <= 1:
            raise ValueError(
                f"share of {self.open} is from {first} to {end}; give two within 0 and 1, the larger one last"
            )
        _check_at_least(0, {f"times of {self.open}": self.times})


@dataclass(frozen=True, slots=True)
class DataSettings:
    """What is trained on.

    sets: the datasets, all taken together.
    view: what the network sees of a picture, where its set has no view of its own.
    augment: flip, and what the paper does besides for a part expert.
    colours: jitter colours and light, whatever the parts.
    batch: pictures of a step, over all processes.
    workers: processes that load pictures, for each process that trains.
    """

    sets: tuple[DatasetSettings, ...]
    view: ShorterSide | RandomCrop = field(default_factory=ShorterSide)
    augment: bool = True
    colours: bool = False
    batch: int = 8
    workers: int = 1

    def __post_init__(self) -> None:
        _check_at_least(1, {"data.batch": self.batch})
        _check_at_least(0, {"data.workers": self.workers})


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each loss counts for in their sum; those of a part count alike for every part."""

    rpn_objectness: float = 1.0
    rpn_boxes: float = 1.0
    classes: float = 1.0
    pose_2d: float = 1.0
    pose_3d: float = 1.0
    refined: float = 1.0
    located: float = 1.0
    heatmap: float = 1.0
    scale: float = 1.0
    lifted: float = 1.0
    distilled_classes: float = 1.0
    distilled_pose: float = 1.0
    distilled_scale: float = 1.0

    def of(self, name: str) -> float:
        """The weight of a loss of `Objective`: `rpn_boxes`, `hand_pose_2d`."""
        kind = name if name.startswith("rpn_") else name.split("_", 1)[1]
        return float(getattr(self, kind))


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """A whole run.

    precision: of the network's computation: `float32`, `bfloat16` or `float16`.
    average: decay of the moving average of the weights, which is what a run gives; 0 for the last weights.
    save_every: steps after which the run can go on from where it was.
    log_every: steps between two lines of the log.
    seed: of the initial weights and of all that is random about the pictures.
    """

    data: DataSettings
    network: NetworkSettings = field(default_factory=NetworkSettings)
    rpn: RpnSettings = field(default_factory=RpnSettings)
    rois: RoiSettings = field(default_factory=RoiSettings)
    weights: LossWeights = field(default_factory=LossWeights)
    teaching: TeachingSettings = field(default_factory=TeachingSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    precision: str = "float32"
    average: float = 0.999
    save_every: int = 200
    log_every: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        _check_at_least(
            1,
            {
                "save_every": self.save_every,
                "log_every": self.log_every,
                "schedule.epochs": self.schedule.epochs,
            },
        )
        _check_at_least(
            0, {"seed": self.seed, "average": self.average, "optimiser.rate": self.optimiser.rate}
        )


def _check_at_least(least: int, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name} is {value}; give it {least} or more")


def read_config(path: Path, changes: Sequence[str] = ()) -> TrainingConfig:
    """Read a run's configuration.

    Args:
        path: a YAML file.
        changes: `data.batch=4` and the like, in the words of the file; they win over it.

    Raises:
        DopeError: the file is missing, is no YAML, or names something unknown, of the wrong kind or out of
            range.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if not isinstance(values, dict):
            raise ValueError(f"it holds {values!r:.40}, not settings by their names")
        for change in changes:
            _change(values, change)
        return parse_config(values)
    except OSError as error:
        raise DopeError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, dacite.DaciteError, TypeError, ValueError) as error:
        raise DopeError(f"{path}: not a configuration of a training: {error}") from error


def parse_config(values: Mapping[str, Any]) -> TrainingConfig:
    """A configuration from what a YAML file holds.

    Raises:
        dacite.DaciteError, TypeError, ValueError: something is unknown, missing, of the wrong kind or out of
            range.
    """
    hooks = {float: float, ShorterSide | RandomCrop: _view, ShorterSide | RandomCrop | None: _view}
    rules = dacite.Config(strict=True, cast=[Path, tuple], type_hooks=hooks)
    return dacite.from_dict(TrainingConfig, values, rules)


def _view(values: Any) -> Any:
    """A view of the kind whose settings it names; dacite would name both kinds and not what is wrong."""
    if not isinstance(values, dict):
        return values
    kind = ShorterSide if values.keys() & ShorterSide.__dataclass_fields__.keys() else RandomCrop
    return dacite.from_dict(kind, values, dacite.Config(strict=True, cast=[tuple], type_hooks={float: float}))


def plain(config: TrainingConfig) -> dict[str, Any]:
    """The configuration as a YAML file holds it."""
    values: dict[str, Any] = yaml.safe_load(yaml.safe_dump(_plain(asdict(config))))
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _change(values: dict[str, Any], change: str) -> None:
    name, equals, value = change.partition("=")
    if not equals:
        raise ValueError(f"'{change}' is not NAME=VALUE")
    *rooms, last = name.split(".")
    for room in rooms:
        values = values.setdefault(room, {})
        if not isinstance(values, dict):
            raise ValueError(f"'{change}': '{room}' has no entries of its own")
    values[last] = yaml.safe_load(value)
