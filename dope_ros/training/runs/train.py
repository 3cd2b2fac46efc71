# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trains a network: a part expert, or a student of part experts."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from dope_ros.errors import DopeError
from dope_ros.training.distillation.teachers import Teacher, lesson_of, read_teachers
from dope_ros.training.loading.batches import Batch
from dope_ros.training.loading.order import DataOrder, steps_per_epoch
from dope_ros.training.loading.training_set import TrainingSet, batches
from dope_ros.training.losses.objective import Objective, ObjectiveSettings
from dope_ros.training.runs.config import LossWeights, TrainingConfig
from dope_ros.training.runs.journal import Journal, draw_losses
from dope_ros.training.runs.optimisation import lr_factor_at, set_rate
from dope_ros.training.runs.parallel import Process, joined
from dope_ros.training.runs.run import MODEL_NAME, Run, check_same_step, open_run, precision_named, save_run

logger = logging.getLogger(__name__)

DRAW_EVERY = 120.0
"""Seconds at least between two pictures of the losses; each takes one or two."""


def train(config: TrainingConfig, pictures: TrainingSet, folder: Path) -> Path:
    """Train a network, going on where an earlier call for the same folder was interrupted.

    Each of several processes that torchrun started calls it; the first of them writes.

    Args:
        config: of the run.
        pictures: to train on, as the network sees them.
        folder: for the state of the run, its log and its model.

    Returns:
        The checkpoint of the trained network, in `folder`.

    Raises:
        DopeError: the configuration contradicts itself, a file cannot be read, or the losses are not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with joined() as process:
        trainer = make_trainer(config, len(pictures), folder, process)
        each_epoch = steps_per_epoch(len(pictures), config.data.batch)
        steps = trainer.run.step, config.schedule.epochs * each_epoch
        order = DataOrder(len(pictures), config.data.batch, config.seed, steps, process.share)
        reporter = Reporter(trainer, folder, each_epoch, steps[1])
        for batch, waited in _timed(batches(pictures, order, config.data.workers)):
            losses = trainer.step(batch, lr_factor_at(trainer.run.step, each_epoch, config.schedule))
            reporter.after_step(losses, waited)
        reporter.close()
        process.wait_for_all()
    return folder / MODEL_NAME


def make_trainer(config: TrainingConfig, dataset_size: int, folder: Path, process: Process) -> Trainer:
    """What a run needs, as its configuration says; the run itself is new, or the one in `folder`.

    Args:
        dataset_size: how many pictures there are to train on.

    Raises:
        DopeError: as `train`.
    """
    run = open_run(config, dataset_size, folder, process.device)
    check_same_step(process.of_all(run.step), folder)
    precision = precision_named(config.precision)
    teachers = read_teachers(config.teaching, config.rois.positive_iou, precision)
    for teacher in teachers:
        teacher.to(process.device).check(run.network)
    settings = ObjectiveSettings(config.rpn, config.rois, precision)
    return Trainer(run, process.wrapped(Objective(run.network, settings)), teachers, config, process)


@dataclass(frozen=True, slots=True, eq=False)
class Trainer:
    """What does a step.

    run: what a step changes.
    objective: the network and its losses, wrapped for several processes.
    teachers: the part experts.
    config: of the run.
    process: this one.
    """

    run: Run
    objective: nn.Module
    teachers: Sequence[Teacher]
    config: TrainingConfig
    process: Process

    def step(self, batch: Batch, lr_factor: float) -> dict[str, Tensor]:
        """Train on a batch.

        Args:
            batch: of this process.
            lr_factor: what the highest learning rate is multiplied by.

        Returns:
            The losses by name; their mean over all processes is that of all the step's pictures.

        Raises:
            DopeError: the losses are not finite.
        """
        run, clip = self.run, self.config.optimiser.clip
        lesson = lesson_of(batch.to(self.process.device), self.teachers)
        losses = self.objective(lesson.batch, lesson.experts)
        total = weighted_sum(losses, self.config.weights)
        _check_finite(total, losses, batch)
        set_rate(run.optimiser, lr_factor)
        run.optimiser.zero_grad(set_to_none=True)
        run.scaler.scale(total).backward()
        if clip:
            run.scaler.unscale_(run.optimiser)
            nn.utils.clip_grad_norm_(run.network.parameters(), clip)
        run.scaler.step(run.optimiser)
        run.scaler.update()
        run.average.follow(run.network, run.step)
        run.step += 1
        return {name: loss.detach() for name, loss in losses.items()}


def weighted_sum(losses: Mapping[str, Tensor], weights: LossWeights) -> Tensor:
    """What is minimised."""
    return torch.stack([weights.of(name) * loss for name, loss in losses.items()]).sum()


class Reporter:
    """Takes in the losses of a run's steps.

    Every process has one, for the losses are averaged over all of them; that of the first one shows and keeps
    how the run goes.
    """

    def __init__(self, trainer: Trainer, folder: Path, each_epoch: int, last_step: int) -> None:
        self._trainer, self._each_epoch, self._last_step = trainer, each_epoch, last_step
        self._meter = Meter()
        self._output = RunOutput(trainer, folder, last_step) if trainer.process.is_first else None

    def after_step(self, losses: Mapping[str, Tensor], waited: float) -> None:
        """Take in the losses of a step, and the seconds that it waited for pictures."""
        config, step = self._trainer.config, self._trainer.run.step
        self._meter.add(losses, waited)
        row = self._next_row() if step % config.log_every == 0 or step == self._last_step else None
        if self._output is not None:
            self._output.after_step(row)

    def close(self) -> None:
        """End the progress bar."""
        if self._output is not None:
            self._output.close()

    def _next_row(self) -> dict[str, float]:
        """A line of the log, of the steps since the last one; all processes make it at the same step."""
        run, config, meter = self._trainer.run, self._trainer.config, self._meter
        means = meter.means(self._trainer.process)
        self._meter = Meter()
        return {
            "step": run.step,
            "epoch": run.step / self._each_epoch,
            "rate": run.optimiser.param_groups[-1]["lr"],
            "loss": float(sum(config.weights.of(name) * mean for name, mean in means.items())),
            **means,
            "pictures": meter.steps * config.data.batch / meter.seconds,
            "waiting": meter.waited / meter.seconds,
        }


class RunOutput:
    """Shows how a run goes, and keeps it: progress bar, log, state."""

    def __init__(self, trainer: Trainer, folder: Path, last_step: int) -> None:
        first = trainer.run.step
        logger.info("%s step %d of %d", "begins at" if first == 0 else "goes on from", first, last_step)
        self._trainer, self._folder, self._last_step = trainer, folder, last_step
        self._journal = Journal(folder, first)
        self._draw_at = time.monotonic() + DRAW_EVERY
        self._bar = tqdm(total=last_step, initial=first, unit="step", mininterval=2, dynamic_ncols=True)

    def after_step(self, row: Mapping[str, float] | None) -> None:
        """Show and keep a step, with a line of the log if there is one."""
        config, step = self._trainer.config, self._trainer.run.step
        self._bar.update()
        if row is not None:
            self._journal.add(row)
            self._bar.set_postfix(
                {"loss": f"{row['loss']:.3f}", "pictures/s": f"{row['pictures']:.1f}"}, refresh=False
            )
        if step % config.save_every == 0 or step == self._last_step:
            self._save()

    def close(self) -> None:
        """End the progress bar."""
        self._bar.close()

    def _save(self) -> None:
        save_run(self._trainer.run, self._trainer.config, self._folder)
        if time.monotonic() > self._draw_at or self._trainer.run.step == self._last_step:
            draw_losses(self._folder)
            self._draw_at = time.monotonic() + DRAW_EVERY


class Meter:
    """Losses and times since the last line of the log.

    steps: how many there were.
    waited: seconds that they waited for pictures.
    """

    def __init__(self) -> None:
        self.steps, self.waited = 0, 0.0
        self._names: list[str] = []
        self._sums: Tensor | None = None
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the last line."""
        return time.perf_counter() - self._start

    def add(self, losses: Mapping[str, Tensor], waited: float) -> None:
        """Take in a step."""
        values = torch.stack(list(losses.values()))
        self._names = list(losses)
        self._sums = values if self._sums is None else self._sums + values
        self.steps, self.waited = self.steps + 1, self.waited + waited

    def means(self, process: Process) -> dict[str, float]:
        """The mean of each loss over steps and processes."""
        if self._sums is None:
            return {}
        means = process.mean(self._sums / self.steps).tolist()
        return dict(zip(self._names, means, strict=True))


def _timed(loaded: Iterator[Batch]) -> Iterator[tuple[Batch, float]]:
    """Each batch with the seconds that it was waited for."""
    while True:
        start = time.perf_counter()
        batch = next(loaded, None)
        if batch is None:
            return
        yield batch, time.perf_counter() - start


def _check_finite(total: Tensor, losses: Mapping[str, Tensor], batch: Batch) -> None:
    if torch.isfinite(total):
        return
    values = ", ".join(f"{name} {loss.item():.3g}" for name, loss in losses.items())
    raise DopeError(
        f"the losses are not finite ({values}) for {', '.join(batch.names)}; "
        "lower optimiser.rate, set optimiser.clip, or look at the labels of these pictures"
    )
