# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs that are killed and go on, runs in two processes, and what a run says of itself."""

from __future__ import annotations

import csv
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch", reason="training needs torch")

from gpus import missing_gpu  # noqa: E402
from tiny_people import DrawnPeople, drawn_people  # noqa: E402
from training_runs import small_config, training_set, write_start  # noqa: E402

from dope_ros.cli.bench import SAMPLE_PICTURE  # noqa: E402
from dope_ros.engine import load_engine  # noqa: E402
from dope_ros.engine.contract import PAD_VALUE  # noqa: E402
from dope_ros.engine.packaged import DEFAULT_MODEL  # noqa: E402
from dope_ros.errors import DatasetError, DopeError  # noqa: E402
from dope_ros.export.compare import compare_with_network  # noqa: E402
from dope_ros.network.checkpoint import read_checkpoint, write_checkpoint  # noqa: E402
from dope_ros.pictures import read_picture, write_picture  # noqa: E402
from dope_ros.preprocess import fit  # noqa: E402
from dope_ros.skeleton import Part  # noqa: E402
from dope_ros.training.datasets.labels import Sample  # noqa: E402
from dope_ros.training.datasets.records import BrokenRecord  # noqa: E402
from dope_ros.training.loading.batches import collate  # noqa: E402
from dope_ros.training.loading.order import DataOrder, Draw, Share  # noqa: E402
from dope_ros.training.loading.training_set import PREFETCHED, Source, TrainingSet  # noqa: E402
from dope_ros.training.losses.objective import Objective, ObjectiveSettings  # noqa: E402
from dope_ros.training.runs.config import NetworkSettings, plain, read_config  # noqa: E402
from dope_ros.training.runs.initial_network import begin, with_parts  # noqa: E402
from dope_ros.training.runs.journal import Journal, read_journal  # noqa: E402
from dope_ros.training.runs.optimisation import ScheduleSettings, lr_factor_at  # noqa: E402
from dope_ros.training.runs.run import PRECISIONS, open_run  # noqa: E402
from dope_ros.training.runs.train import train  # noqa: E402
from dope_ros.training.runs.training_data import open_training_set  # noqa: E402

SCRIPT = Path(__file__).parent / "training_runs.py"
ROOT = Path(__file__).parent.parent
DEMO_PICTURES = ROOT / "demo" / "pictures"
ALONE = Share()
EPOCH = 25
"""Steps of 8 of 200 pictures."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """So that sums are always in the same order, and two processes do not crowd out each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_run_can_begin_with_the_model_in_the_package():
    checkpoint = begin(NetworkSettings(shape="compact", checkpoint=DEFAULT_MODEL))
    spec = load_engine(DEFAULT_MODEL, "onnx").spec
    picture = fit(read_picture(SAMPLE_PICTURE), spec.height, spec.width, PAD_VALUE).pixels
    found = compare_with_network(DEFAULT_MODEL, checkpoint, picture)
    assert found.matched >= 50
    assert found.scores < 1e-4
    assert found.poses_2d < 0.1


@pytest.fixture(scope="module")
def start(make_folder):
    return write_start(make_folder("start"), drawn_people(4))


def command(folder, config, *arguments, launcher=(sys.executable,)):
    """A run as a process of its own; its configuration is a file."""
    folder.mkdir(exist_ok=True)
    path = folder.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(plain(config)))
    return subprocess.run(
        [*launcher, str(SCRIPT), str(folder), str(path), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def state_of(folder):
    return torch.load(folder / "state.pt", weights_only=True)


def last_state(folder):
    """The state of a run, whose folder is deleted: it takes 200 MB."""
    state = state_of(folder)
    shutil.rmtree(folder)
    return state


def losses_of(folder):
    """[L, N]: the losses in each line of the log."""
    rows = read_journal(folder / "losses.csv")
    return np.array([[value for name, value in row.items() if "_" in name] for row in rows])


def assert_same(one, other, where=""):
    """The same numbers, bit by bit, in nested dicts and lists."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            assert_same(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    else:
        assert one == other, where


@pytest.fixture(scope="module")
def whole(make_folder, start):
    """The last state of an epoch that nothing interrupted."""
    folder = make_folder("whole") / "run"
    done = command(folder, small_config(start))
    assert done.returncode == 0, done.stderr
    return last_state(folder)


@pytest.mark.parametrize(("workers", "how_far"), [(0, 0.0), (0, 0.95), (1, 0.5)])
def test_an_epoch_that_is_killed_and_resumed_ends_with_the_same_weights(
    tmp_path, start, whole, workers, how_far
):
    """Killed `how_far` from the first state that is kept to the end."""
    config = small_config(start)
    config = replace(config, data=replace(config.data, workers=workers))
    read_when_kept = 8 * (9 + PREFETCHED * workers)
    read_before_death = read_when_kept + int(how_far * (8 * EPOCH - read_when_kept))
    killed = command(tmp_path / "killed", config, "--die-after", read_before_death)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < state_of(tmp_path / "killed")["step"] < EPOCH
    resumed = command(tmp_path / "killed", config)
    assert resumed.returncode == 0, resumed.stderr
    last = state_of(tmp_path / "killed")
    assert last["config"]["data"]["workers"] == workers
    assert_same(last | {"config": None}, whole | {"config": None})
    steps = [row["step"] for row in read_journal(tmp_path / "killed" / "losses.csv")]
    assert steps == list(range(1, EPOCH + 1)), f"killed when {read_before_death} pictures were read"


SGD = {"name": "sgd", "rate": 1e-3, "clip": 10.0}
"""Unlike AdamW it does not divide small gradients by small numbers, which magnifies how sums are ordered."""


@pytest.fixture
def expert(tmp_path, start):
    """A checkpoint of an expert for hands, which sees what the student sees in the beginning."""
    of_hands = with_parts(read_checkpoint(start), [Part.HAND])
    write_checkpoint(tmp_path / "hand.pt", of_hands.network, of_hands.ppi)
    return tmp_path / "hand.pt"


@pytest.mark.parametrize("is_taught", [False, True], ids=["labels", "experts"])
def test_two_processes_have_the_losses_of_one(tmp_path, start, expert, is_taught):
    teaching = {"experts": {"hand": str(expert)}} if is_taught else {}
    config = small_config(start, average=0.0, optimiser=SGD, teaching=teaching)
    alone = command(tmp_path / "alone", config, "--pictures", 24)
    assert alone.returncode == 0, alone.stderr
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    two = command(tmp_path / "two", config, "--pictures", 24, launcher=torchrun)
    assert two.returncode == 0, two.stderr
    assert losses_of(tmp_path / "alone").shape[0] == 3
    # Distillation from an expert that is nearly the student is a small difference of numbers about 1.
    np.testing.assert_allclose(
        losses_of(tmp_path / "two"), losses_of(tmp_path / "alone"), rtol=1e-4, atol=1e-6
    )


@pytest.mark.gpu
@pytest.mark.skipif(bool(missing_gpu()), reason=missing_gpu() or "a GPU is there")
def test_a_gpu_has_the_losses_of_a_cpu(start):
    people = drawn_people(8)
    pictures = training_set(people, small_config(start))
    batch = collate([pictures[Draw(index, index)] for index in range(8)])
    objective = Objective(read_checkpoint(start).network.train(), ObjectiveSettings())
    on_cpu = objective(batch, [{}] * 8)
    device = torch.device("cuda")
    on_gpu = objective.to(device)(batch.to(device), [{}] * 8)
    for name, loss in on_cpu.items():
        np.testing.assert_allclose(on_gpu[name].item(), loss.item(), rtol=0.02, atol=1e-3, err_msg=name)


def test_loading_in_processes_of_their_own_changes_nothing(tmp_path, start):
    config = small_config(start)
    people = drawn_people(16)
    train(config, training_set(people, config), tmp_path / "here")
    here = last_state(tmp_path / "here")
    elsewhere = replace(config, data=replace(config.data, workers=2))
    train(elsewhere, training_set(people, elsewhere), tmp_path / "elsewhere")
    assert_same(here["network"], state_of(tmp_path / "elsewhere")["network"])


@pytest.fixture(scope="module")
def finished(make_folder, start):
    """The folder and configuration of a run of two steps."""
    folder = make_folder("finished")
    config = small_config(start, average=0.5)
    train(config, training_set(drawn_people(16), config), folder)
    return folder, config


def test_a_run_gives_a_checkpoint_with_the_average_of_its_weights(finished):
    folder, _ = finished
    network = read_checkpoint(folder / "model.pt").network
    assert_same(dict(network.state_dict()), dict(state_of(folder)["average"]))
    assert not torch.equal(
        state_of(folder)["average"]["rpn.head.cls_logits.weight"],
        state_of(folder)["network"]["rpn.head.cls_logits.weight"],
    )


def test_a_run_keeps_the_anchor_poses_it_began_with(finished, start):
    first = read_checkpoint(start).network.predictor
    last = read_checkpoint(finished[0] / "model.pt").network.predictor
    assert all(torch.equal(first.anchor_poses(part), last.anchor_poses(part)) for part in Part)


def test_a_run_writes_its_configuration_and_losses(finished):
    folder, config = finished
    assert read_config(folder / "config.yaml") == config
    rows = read_journal(folder / "losses.csv")
    assert [row["step"] for row in rows] == [1, 2]
    kinds = ("classes", "pose_2d", "pose_3d", "located", "heatmap", "scale", "lifted")
    parts = {f"{part.value}_{kind}" for part in Part for kind in kinds}
    assert parts | {"rpn_objectness", "rpn_boxes", "loss", "rate", "epoch", "waiting"} <= rows[0].keys()


def test_a_run_does_not_go_on_with_another_configuration(finished):
    folder, config = finished
    other = replace(config, optimiser=replace(config.optimiser, rate=0.1))
    with pytest.raises(DopeError, match=r"optimiser\.rate"):
        train(other, training_set(drawn_people(16), other), folder)


def test_a_run_does_not_go_on_with_another_number_of_pictures(finished):
    folder, config = finished
    with pytest.raises(DopeError, match=r"a run over 16 pictures, and now there are 24.*another folder"):
        open_run(config, 24, folder, torch.device("cpu"))
    assert open_run(config, 16, folder, torch.device("cpu")).step == 2


def test_a_run_of_an_earlier_release_did_not_tell_its_number_of_pictures_and_goes_on(finished, tmp_path):
    folder, config = finished
    copied_run(folder, tmp_path, plain(config))
    state = state_of(tmp_path)
    del state["pictures"]
    torch.save(state, tmp_path / "state.pt")
    run = open_run(config, 24, tmp_path, torch.device("cpu"))
    assert (run.step, run.dataset_size) == (2, 24)


def copied_run(folder: Path, to: Path, config: dict[str, Any]) -> None:
    """A copy of a finished run whose state tells another configuration."""
    for name in ("state.pt", "model.pt", "losses.csv"):
        (to / name).write_bytes((folder / name).read_bytes())
    torch.save(state_of(to) | {"config": config}, to / "state.pt")


def test_a_run_of_an_earlier_release_goes_on_although_it_knew_less(finished, tmp_path):
    folder, config = finished
    known = plain(config)
    del known["weights"]["refined"], known["rois"]["score_rises"]
    copied_run(folder, tmp_path, known)
    longer = replace(config, schedule=replace(config.schedule, epochs=2))
    train(longer, training_set(drawn_people(16), longer), tmp_path)
    assert state_of(tmp_path)["step"] == 4


def test_a_run_with_a_setting_that_is_no_more_says_so(finished, tmp_path):
    folder, config = finished
    copied_run(folder, tmp_path, plain(config) | {"momentum": 0.9})
    with pytest.raises(DopeError, match=r"cannot go on with: .*momentum.*another folder"):
        train(config, training_set(drawn_people(16), config), tmp_path)


def test_a_run_whose_network_lacks_what_networks_have_by_now_says_so(finished, tmp_path):
    folder, config = finished
    copied_run(folder, tmp_path, plain(config))
    state = state_of(tmp_path)
    state["network"] = {name: of for name, of in state["network"].items() if "hourglass" not in name}
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(DopeError, match=r"(?s)cannot go on with: .*hourglass.*another folder"):
        train(config, training_set(drawn_people(16), config), tmp_path)


def test_a_run_of_two_gpus_goes_on_with_one(finished, tmp_path, monkeypatch):
    folder, config = finished
    copied_run(folder, tmp_path, plain(config))
    state = state_of(tmp_path)
    state["random"]["cuda"] = [torch.tensor([number], dtype=torch.uint8) for number in (1, 2)]
    torch.save(state, tmp_path / "state.pt")
    kept = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", kept.extend)
    assert open_run(config, 16, tmp_path, torch.device("cpu")).step == 2
    assert [int(of_device) for of_device in kept] == [1]


def test_a_finished_run_can_be_prolonged(finished, tmp_path):
    folder, config = finished
    for name in ("state.pt", "model.pt", "losses.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    longer = replace(config, schedule=replace(config.schedule, epochs=2))
    train(longer, training_set(drawn_people(16), longer), tmp_path)
    assert state_of(tmp_path)["step"] == 4


def test_losses_that_are_not_finite_stop_the_run_and_name_the_pictures(tmp_path, start):
    config = small_config(start, optimiser={"name": "sgd", "rate": 1e9})
    with pytest.raises(DopeError, match=r"person \d+.*optimiser\.rate"):
        train(config, training_set(drawn_people(16), config), tmp_path)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_run_in_any_precision_goes_on_as_if_it_had_not_ended(tmp_path, start, precision):
    config = small_config(start, precision=precision)
    longer = replace(config, schedule=replace(config.schedule, epochs=2))
    pictures = training_set(drawn_people(8), config)
    train(longer, pictures, tmp_path / "whole")
    losses, expected = losses_of(tmp_path / "whole"), last_state(tmp_path / "whole")
    train(config, pictures, tmp_path / "parts")
    scaler = open_run(config, 8, tmp_path / "parts", torch.device("cpu")).scaler
    assert scaler.state_dict() == state_of(tmp_path / "parts")["scaler"]
    assert scaler.is_enabled() is (precision == "float16")
    train(longer, pictures, tmp_path / "parts")
    assert losses.shape[0] == 2
    assert np.isfinite(losses).all()
    assert_same(state_of(tmp_path / "parts"), expected)


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def together(folders, config_path):
    """The exit statuses and errors of processes that train together, each into a folder of its own."""
    common = os.environ | {"MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder), str(config_path), "--pictures", "16"],
            env=common | {"RANK": str(rank), "WORLD_SIZE": str(len(folders))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, folder in enumerate(folders)
    ]
    try:
        errors = [process.communicate(timeout=600)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, error) for process, error in zip(processes, errors, strict=True)]


def test_processes_that_would_start_from_different_steps_all_stop(finished, tmp_path):
    folder, config = finished
    path = tmp_path / "longer.yaml"
    path.write_text(yaml.safe_dump(plain(replace(config, schedule=replace(config.schedule, epochs=2)))))
    for status, error in together([folder, tmp_path / "elsewhere"], path):
        assert status == 1, error
        assert "rank 0 from step 2, rank 1 from step 0; train into a folder that all machines share" in error


@dataclass
class PartlyBroken:
    """A dataset whose first records are broken."""

    people: DrawnPeople
    broken: int
    count: int
    name: str = "partly broken"

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if index < self.broken:
            raise BrokenRecord("garbled")
        return self.people[0]


def test_a_set_may_have_a_view_of_its_own(tmp_path):
    demo = f"cameras:{DEMO_PICTURES}"
    of_its_own = {"open": demo, "view": {"size": 48, "zoom": [0.9, 0.9]}}
    data = {"sets": [of_its_own, {"open": demo}], "view": {"size": 64, "zoom": [0.5, 0.7]}}
    pictures = open_training_set(small_config(tmp_path, data=data))
    assert [len(pictures[Draw(index, 0)].pixels) for index in (0, 5, 6, 11)] == [48, 48, 64, 64]


def test_pictures_that_show_nobody_teach_classes_and_boxes_and_no_pose(tmp_path, start):
    folder = tmp_path / "nobody"
    folder.mkdir()
    for index in range(16):
        noise = np.random.default_rng(index).integers(0, 256, (80, 80, 3), np.uint8)
        write_picture(folder / f"{index:02d}.png", noise)
    data = {"sets": [{"open": f"negatives:{folder}"}], "view": {"size": 64, "zoom": [0.5, 0.7]}, "batch": 8}
    config = small_config(start, data=data | {"workers": 0}, schedule={"epochs": 4, "warmup_steps": 1})
    train(config, open_training_set(config), tmp_path / "run")
    rows = read_journal(tmp_path / "run" / "losses.csv")
    for part in Part:
        assert rows[-1][f"{part.value}_classes"] < rows[0][f"{part.value}_classes"]
        assert {row[f"{part.value}_pose_2d"] for row in rows} == {0}
    assert all(row["rpn_boxes"] == 0 for row in rows)


def load(broken, count, epochs=1, loader=ALONE):
    """Draw pictures as one of several loaders does."""
    pictures = TrainingSet([Source(PartlyBroken(drawn_people(1), broken, count))], parts=[])
    batch = 8 * loader.world_size
    for draws in DataOrder(count, batch, 0, (0, epochs * (count // batch)), loader):
        for draw in draws:
            assert pictures[draw].name == "person 0"


class TestBrokenPictures:
    def test_a_picture_that_is_broken_in_every_epoch_counts_once(self):
        load(broken=1, count=1000, epochs=12)

    def test_neighbours_that_are_broken_together_do_not_count_for_more(self):
        load(broken=16, count=2000, epochs=3)

    @pytest.mark.parametrize("loader", [ALONE, Share(3, 8)], ids=["one", "one of eight"])
    def test_five_in_a_hundred_stop_each_loader_within_an_epoch(self, loader):
        with pytest.raises(
            DatasetError, match=r"partly broken: \d+ of \d+ records .*The first: record \d+: garbled"
        ):
            load(broken=200, count=4000, loader=loader)


class TestOrder:
    def batches(self, share=None, steps=(0, 12), dataset_size=20, batch_size=8):
        return list(DataOrder(dataset_size, batch_size, 5, steps, share))

    def test_a_run_that_goes_on_has_the_pictures_it_would_have_had(self):
        assert self.batches(steps=(7, 12)) == self.batches()[7:]

    def test_processes_share_what_one_would_take(self):
        shares = [self.batches(Share(rank, 2)) for rank in range(2)]
        assert [first + second for first, second in zip(*shares, strict=True)] == self.batches()

    def test_no_picture_comes_twice_in_an_epoch(self):
        indices = [draw.index for batch in self.batches(steps=(0, 2)) for draw in batch]
        assert len(set(indices)) == len(indices) == 16

    def test_epochs_differ_in_order_and_in_chance(self):
        first, second = self.batches(steps=(0, 2)), self.batches(steps=(2, 4))
        assert [draw.index for batch in first for draw in batch] != [
            draw.index for batch in second for draw in batch
        ]
        seeds = {draw.seed for batch in first + second for draw in batch}
        assert len(seeds) == 32

    def test_a_small_set_is_gone_through_several_times_in_a_step(self):
        (batch,) = self.batches(steps=(0, 1), dataset_size=3, batch_size=8)
        assert sorted(draw.index for draw in batch)[:2] == [0, 0]
        assert {draw.index for draw in batch} == {0, 1, 2}

    def test_for_a_run_that_has_done_more_steps_than_it_now_should_there_is_nothing_left(self):
        assert self.batches(steps=(7, 4)) == []

    def test_unequal_shares_are_refused(self):
        with pytest.raises(DopeError, match=r"data\.batch: 8 pictures .* 3 processes; .* multiple of 3"):
            DataOrder(20, 8, 0, (0, 1), Share(0, 3))


class TestJournal:
    @pytest.fixture
    def journal(self, tmp_path):
        journal = Journal(tmp_path, 0)
        for step in (1, 2, 3):
            journal.add({"step": step, "loss": 0.25 * step})
        return tmp_path / "losses.csv"

    @pytest.mark.parametrize("last", ["4", "4\n", "4,", "4,0.", "4,0.5,7\n", "4,0.x\n", "\0\0\0\0", "\0\n"])
    def test_a_last_line_that_was_cut_off_is_left_out_and_the_log_goes_on(self, journal, last):
        with journal.open("a") as file:
            file.write(last)
        assert [row["step"] for row in read_journal(journal)] == [1, 2, 3]
        Journal(journal.parent, 3).add({"step": 4, "loss": 1})
        assert journal.read_text() == "step,loss\n1,0.25\n2,0.5\n3,0.75\n4,1\n"

    def test_a_full_disk_while_lines_are_taken_out_costs_none(self, journal, monkeypatch):
        before = journal.read_text()
        writer = csv.DictWriter.writerow
        written = []

        def full_after_one(self, row):
            if written:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(row)
            return writer(self, row)

        monkeypatch.setattr(csv.DictWriter, "writerow", full_after_one)
        with pytest.raises(OSError, match="No space"):
            Journal(journal.parent, 2)
        assert journal.read_text() == before


class TestSchedule:
    def test_the_paper_divides_by_ten_after_30_and_45_epochs(self):
        settings = ScheduleSettings(epochs=50, warmup_steps=0, divide_after=(30, 45))
        rates = [lr_factor_at(epoch * 7, 7, settings) for epoch in (0, 29, 30, 44, 45, 49)]
        np.testing.assert_allclose(rates, [1, 1, 0.1, 0.1, 0.01, 0.01])

    def test_the_rate_rises_in_the_beginning_and_falls_along_a_cosine(self):
        settings = ScheduleSettings(epochs=10, warmup_steps=4, divide_after=(), cosine_to=0.02)
        rates = [lr_factor_at(step, 10, settings) for step in range(101)]
        assert rates[:4] == sorted(rates[:4])
        assert rates[3:] == sorted(rates[3:], reverse=True)
        np.testing.assert_allclose([rates[0], rates[50], rates[100]], [0.25, 0.51, 0.02], rtol=0.01)


class TestConfig:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "run.yaml"
        path.write_text("data: {sets: [{open: 'folder:people'}]}\noptimiser: {rate: 1e-3}\n")
        return path

    def test_a_change_on_the_command_line_wins_over_the_file(self, path):
        config = read_config(path, ["optimiser.rate=0.5", "teaching.experts.hand=hand.pt"])
        assert config.optimiser.rate == 0.5
        assert config.teaching.experts == {"hand": "hand.pt"}

    def test_a_number_with_an_exponent_is_a_number(self, path):
        assert read_config(path).optimiser.rate == 1e-3

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ("optimiser.rat=1", "rat"),
            ("data.batch=many", "data.batch"),
            ("seed", "NAME=VALUE"),
            ("data.batch=0", r"data\.batch is 0"),
            ("data.workers=-1", r"data\.workers is -1"),
            ("log_every=0", "log_every is 0"),
            ("save_every=0", "save_every is 0"),
            ("seed=-1", "seed is -1"),
            ("schedule.epochs=0", r"schedule\.epochs is 0"),
            ("optimiser.rate=-1", r"optimiser\.rate is -1\.0"),
            ("average=-0.1", r"average is -0\.1"),
            ("data.view={zoom: [0, 1]}", r"zoom of a view is from 0\.0 to 1\.0"),
            ("data.view={zom: [0.5, 0.9]}", "zom"),
            ("data.view={min_size: 400, maximum: 800}", "maximum"),
            ("data.sets=[{open: 'folder:x', view: {zoom: [0.5, 0.9], rol: 3}}]", "rol"),
            ("data.view={zoom: [0.9, 0.5]}", r"zoom of a view is from 0\.9 to 0\.5"),
            ("data.sets=[{open: 'folder:x', share: [0, 2]}]", r"share of folder:x is from 0\.0 to 2\.0"),
            ("data.sets=[{open: 'folder:x', share: [0.5, 0.2]}]", r"share .* from 0\.5 to 0\.2"),
            ("data.sets=[{open: 'folder:x', times: -1}]", "times of folder:x is -1"),
            ("data.sets=[{open: 'folder:x', view: {zoom: [-1, 1]}}]", r"zoom of a view is from -1\.0"),
        ],
    )
    def test_what_is_wrong_is_named(self, path, change, named):
        with pytest.raises(DopeError, match=named):
            read_config(path, [change])

    @pytest.mark.parametrize("text", ["[data, network]", "folder:people", "5"])
    def test_a_file_that_is_no_mapping_is_named(self, path, text):
        path.write_text(text)
        with pytest.raises(DopeError, match=r"run\.yaml: not a configuration.*not settings by their names"):
            read_config(path, ["seed=1"])

    @pytest.mark.parametrize(
        "file", sorted((ROOT / "config" / "training").glob("*.yaml")), ids=lambda of: of.stem
    )
    def test_the_configurations_of_the_package_are_read(self, file):
        assert read_config(file).data.sets

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(DopeError, match=r"nothing\.yaml"):
            read_config(tmp_path / "nothing.yaml")
