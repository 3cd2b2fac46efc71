# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small training runs on drawn people, in this process or as a command of its own.

    python training_runs.py FOLDER CONFIG.yaml [--pictures N] [--die-after N]

With `--die-after` the process is killed when that many pictures were read, as if the machine had failed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from tiny_people import DrawnPeople, drawn_people
from torch.utils.data import get_worker_info

from dope_ros.network.checkpoint import write_checkpoint
from dope_ros.network.config import COMPACT
from dope_ros.network.dope import DopeNetwork
from dope_ros.settings import PpiSettings
from dope_ros.skeleton import Part
from dope_ros.training.datasets.labels import Sample
from dope_ros.training.loading.batches import collate
from dope_ros.training.loading.order import Draw
from dope_ros.training.loading.training_set import Source, TrainingSet
from dope_ros.training.runs.config import TrainingConfig, parse_config, read_config
from dope_ros.training.runs.initial_network import initialise
from dope_ros.training.runs.train import train
from dope_ros.training.runs.training_data import changes_of

START = "start.pt"
BOXES = {
    "rpn": {"positive_iou": 0.6, "sampling": {"count": 32, "positive_share": 0.5}},
    "rois": {"sampling": {"count": 12, "positive_share": 0.5}},
}


def training_set(people: DrawnPeople, config: TrainingConfig) -> TrainingSet:
    parts = tuple(Part(name) for name in config.network.parts)
    return TrainingSet([Source(people, changes_of(config.data, parts))], parts)


def small_network(people: DrawnPeople, seed: int = 0) -> DopeNetwork:
    """A compact network that knows nothing, with anchor poses near the poses of the people."""
    torch.manual_seed(seed)
    network = DopeNetwork(COMPACT)
    initialise(network)
    batch = collate([TrainingSet([Source(people)])[Draw(i, i)] for i in range(min(4, len(people)))])
    for part in Part:
        poses = []
        for targets in batch.targets.by_picture():
            box = targets[part].instances.boxes[0]
            flat = (targets[part].instances.poses_2d[0] - box[:2]) / (box[2:] - box[:2])
            poses.append(torch.cat([flat, targets[part].instances.poses_3d[0]], dim=1))
        anchors = network.predictor.anchor_poses(part)
        classes = torch.arange(len(anchors)) % len(poses)
        anchors.copy_(torch.stack(poses)[classes] + 0.02 * torch.randn(anchors.shape))
        anchors[..., 2:] -= anchors[..., 2:].mean(dim=1, keepdim=True)
    return network


def write_start(folder: Path, people: DrawnPeople) -> Path:
    """A checkpoint to start from."""
    path = folder / START
    write_checkpoint(path, small_network(people), {part: PpiSettings(score_th=0.01) for part in Part})
    return path


def small_config(start: Path, **changes) -> TrainingConfig:
    """A run over 64 px crops."""
    values = {
        "data": {
            "sets": [{"open": "drawn"}],
            "view": {"size": 64, "zoom": [0.5, 0.7]},
            "batch": 8,
            "workers": 0,
        },
        "network": {"checkpoint": str(start), "shape": "compact"},
        "optimiser": {"name": "adamw", "rate": 1e-3, "clip": 10.0},
        "schedule": {"epochs": 1, "warmup_steps": 5},
        "save_every": 8,
        "log_every": 1,
        **BOXES,
    }
    return parse_config(values | changes)


@dataclass
class Doomed:
    """Pictures that kill the process that trains when `left` of them were read."""

    people: DrawnPeople
    left: int
    name: str = "doomed people"

    def __len__(self) -> int:
        return len(self.people)

    def __getitem__(self, index: int) -> Sample:
        self.left -= 1
        if self.left == 0:
            if get_worker_info() is not None:
                os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        return self.people[index]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--die-after", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = read_config(arguments.config)
    people = Doomed(drawn_people(arguments.pictures), arguments.die_after)
    train(config, training_set(people, config), arguments.folder)


if __name__ == "__main__":
    sys.exit(main())
