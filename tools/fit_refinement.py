#!/usr/bin/env python3
# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Gives a network the layer that refines boxes, fitted by least squares; all else in it stays as it is.

    tools/fit_refinement.py --config config/training/default-model.yaml --out refined.pt --steps 80

What `dope train` would learn step by step is a linear layer behind the box head, whose best weights can be
computed: for each part those that give the deltas from positive boxes to the labelled ones, with a ridge, the
one of `RIDGES` that fits the boxes of the last steps, `HELD_BACK` of all, best.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from dope_ros.network.anchors import encode_boxes
from dope_ros.network.checkpoint import write_checkpoint
from dope_ros.skeleton import Part
from dope_ros.training.loading.batches import Batch
from dope_ros.training.loading.order import DataOrder
from dope_ros.training.loading.training_set import batches
from dope_ros.training.losses.objective import Objective, ObjectiveSettings
from dope_ros.training.runs.config import read_config
from dope_ros.training.runs.initial_network import begin, with_refinement
from dope_ros.training.runs.training_data import open_training_set

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)
"""In mean squares of the vectors' entries."""

HELD_BACK = 0.15

Pairs = tuple[Tensor, Tensor]
"""Vectors of P boxes with a 1 behind [P, C + 1], and the deltas [P, 4] to what they show; float64."""


def main() -> None:
    """Fit what the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, required=True, metavar="REFINED.pt")
    parser.add_argument("--steps", type=int, default=80)
    arguments = parser.parse_args()
    config = read_config(arguments.config, arguments.set)
    checkpoint = with_refinement(begin(config.network))
    network = checkpoint.network
    objective = Objective(network, ObjectiveSettings(config.rpn, config.rois))
    pictures = open_training_set(config)
    order = DataOrder(len(pictures), config.data.batch, config.seed, (0, arguments.steps))
    with torch.inference_mode():
        seen = [positive_boxes(objective, batch) for batch in batches(pictures, order, config.data.workers)]
    last = round((1 - HELD_BACK) * arguments.steps)
    weights = torch.cat(
        [fitted(joined(seen[:last], part), joined(seen[last:], part)) for part in network.parts], dim=1
    )
    tensors = {"weight": weights[:-1].T.float(), "bias": weights[-1].float()}
    network.get_submodule("refinement.bbox_pred").load_state_dict(tensors)
    write_checkpoint(arguments.out, network, checkpoint.ppi)


def positive_boxes(objective: Objective, batch: Batch) -> dict[Part, Pairs]:
    """What the box head says of the boxes of a batch that show each part, and where the part is."""
    seen = objective.look(batch, [{}] * len(batch.seeds))
    vectors = functional.pad(seen.heads.vectors, (0, 1), value=1.0).double()
    pairs = {}
    for part in objective.network.parts:
        part_rois = seen.rois.parts[part]
        shown = batch.targets[part].instances.boxes[part_rois.shown]
        deltas = encode_boxes(seen.rois.boxes[part_rois.positive], shown).clamp(-1, 1)
        pairs[part] = vectors[part_rois.positive], deltas.double()
    return pairs


def joined(seen: Sequence[dict[Part, Pairs]], part: Part) -> Pairs:
    """The boxes of all batches."""
    vectors, deltas = zip(*(of_batch[part] for of_batch in seen), strict=True)
    return torch.cat(vectors), torch.cat(deltas)


def fitted(learnt: Pairs, held_back: Pairs) -> Tensor:
    """Weights [C + 1, 4], the last row the bias; prints how far boxes were and are from what they show."""
    vectors, deltas = learnt
    squares, products = vectors.T @ vectors, vectors.T @ deltas
    unit = squares.diagonal().mean() * torch.eye(len(squares), dtype=torch.float64)
    found = [torch.linalg.solve(squares + ridge * unit, products) for ridge in RIDGES]
    errors = [(held_back[0] @ weights - held_back[1]).abs().mean() for weights in found]
    best = int(torch.stack(errors).argmin())
    before = held_back[1].abs().mean()
    print(
        f"{len(vectors)} boxes, ridge {RIDGES[best]}: mean delta {before:.3f}, and {errors[best]:.3f} fitted"
    )
    return found[best]


if __name__ == "__main__":
    main()
