# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Composed pictures: what is cut out is what there is, labels move with pixels, and a seed gives one set."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import dot_people
import numpy as np
import pytest
from dot_people import DotExpert
from samples import Pixels

pytest.importorskip("torch", reason="mosaics pad pictures as training does, with torch")

from dope_ros.cli import main
from dope_ros.errors import DatasetError
from dope_ros.pictures import read_picture
from dope_ros.skeleton import HAND, Part
from dope_ros.training.composing.compose import compose_pictures
from dope_ros.training.composing.cutting import cut_out
from dope_ros.training.composing.hands_and_faces import Composition, HandsAndFacesComposer, cutout_of
from dope_ros.training.composing.mosaic import Layout, MosaicComposer, clearly_in_picture, tile_of
from dope_ros.training.composing.things import ThingsComposer
from dope_ros.training.datasets import open_dataset
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample
from dope_ros.training.datasets.labels_file import FILE_NAME
from dope_ros.training.labelling.label import Task, label_pictures
from dope_ros.training.synthetic.background import BackgroundSource, find_pictures
from dope_ros.training.synthetic.cloth import ClothSource

BACKGROUNDS = BackgroundSource([], ClothSource())


def spread_hand(size: int = 100) -> np.ndarray:
    """[21, 2], a wrist below and five fingers above it."""
    points = np.zeros((21, 2))
    points[0] = (0, 0.35)
    for finger in range(5):
        direction = np.array([np.sin(np.deg2rad(40 * finger - 80)), -np.cos(np.deg2rad(40 * finger - 80))])
        points[1 + finger] = direction * 0.12 + (0, 0.1)
        for joint in range(3):
            points[6 + 3 * finger + joint] = direction * (0.2 + 0.1 * joint) + (0, 0.1)
    return (points + 0.5) * size


def photograph(size: int = 100) -> tuple[np.ndarray, np.ndarray, PartLabels]:
    """A drawn hand on a wall that is darker at one side, what shows it [H, W] bool, and its labels."""
    points = spread_hand(size)
    mask = np.zeros((size, size), np.uint8)
    for first, second in HAND.bones:
        ends = [points[end].round().astype(int).tolist() for end in (first, second)]
        cv2.line(mask, *ends, 1, size // 12)
    wrist = points[0].round().astype(int).tolist()
    cv2.line(mask, wrist, [wrist[0], size], 1, size // 8)
    x = np.linspace(190, 230, size)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 3, (size, size, 3))
    wall = np.broadcast_to(x, (size, size, 3)) + noise
    skin = np.array([170.0, 110.0, 80.0]) + noise
    picture = np.where(mask[..., None] > 0, skin, wall).clip(0, 255).astype(np.uint8)
    return (
        picture,
        mask > 0,
        PartLabels.of(points, keypoints_3d=np.column_stack([points, np.zeros(21)]) / 500),
    )


@dataclass(frozen=True)
class Photographs:
    """The same drawn hand, now a left one, now a right one."""

    count: int = 4
    name: str = "photographs"

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        picture, _, labels = photograph()
        person = PersonLabels(left_hand=labels) if index % 2 else PersonLabels(right_hand=labels)
        return Sample(str(index), Pixels(picture), (person,), frozenset({Part.HAND}))


def composed(index: int, **changes):
    composer = HandsAndFacesComposer([Photographs()], BACKGROUNDS, Composition(**changes))
    return composer.compose("picture.jpg", np.random.default_rng((7, index)))


# Cutting


def test_a_hand_before_a_plain_wall_is_cut_out():
    picture, shows_hand, labels = photograph()
    found = cut_out(picture, Part.HAND, labels) > 127
    assert (found & shows_hand).sum() / (found | shows_hand).sum() > 0.9


def test_a_hand_before_a_wild_background_is_not_cut_out_but_taken_whole():
    _, _, labels = photograph()
    squares = np.random.default_rng(0).integers(0, 255, (10, 10, 3), np.uint8)
    wild = cv2.resize(squares, (100, 100), interpolation=cv2.INTER_NEAREST)
    assert cut_out(wild, Part.HAND, labels) is None
    sample = Sample("", Pixels(wild), (PersonLabels(left_hand=labels),), frozenset({Part.HAND}))
    assert (cutout_of(sample).opacity == 255).all()


def test_a_picture_of_two_hands_is_refused():
    picture, _, labels = photograph()
    person = PersonLabels(left_hand=labels, right_hand=labels)
    with pytest.raises(DatasetError, match="only pictures of one"):
        cutout_of(Sample("", Pixels(picture), (person,), frozenset({Part.HAND})))


# Composing


@dataclass(frozen=True)
class One:
    """A dataset of one photograph of a drawn hand, shown by `joints` of it."""

    joints: tuple[int, ...] = tuple(range(21))
    ignored: tuple[tuple[float, ...], ...] = ()
    labelled: frozenset[Part] = frozenset({Part.HAND})
    incomplete: frozenset[Part] = frozenset()
    body: PartLabels | None = None
    name: str = "one"

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        picture, _, labels = photograph()
        hand = PartLabels.of(labels.keypoints_2d, np.isin(np.arange(21), self.joints))
        boxes = {Part.FACE: np.array(self.ignored, np.float32).reshape(-1, 4)}
        person = PersonLabels(body=self.body, left_hand=hand)
        return Sample("one", Pixels(picture), (person,), self.labelled, boxes, incomplete=self.incomplete)


def test_a_hand_of_which_not_all_joints_are_known_is_cut_out_and_placed_by_the_others():
    whole, partly = One(), One(tuple(joint for joint in range(21) if joint not in (7, 10, 13)))
    shown = [cutout_of(source[0]).opacity > 127 for source in (whole, partly)]
    assert (shown[0] & shown[1]).sum() / (shown[0] | shown[1]).sum() > 0.9
    composer = HandsAndFacesComposer([partly], BACKGROUNDS, Composition(most=1, part_size=(0.2, 0.2)))
    for index in range(6):
        (person,) = composer.compose("picture.jpg", np.random.default_rng(index))[1].people
        labels = person.get("left_hand", person.get("right_hand")).labels
        extent = np.ptp(labels.keypoints_2d[labels.known_2d], axis=0).max()
        assert 0.14 * 400 < extent < 0.29 * 400, "a box that is turned is up to 1.4 times as large"


def test_joints_that_a_photograph_does_not_show_are_not_known_where_it_is_pasted():
    picture, _, labels = photograph()
    hand = PartLabels.of(labels.keypoints_2d + np.array([25, 0]), keypoints_3d=labels.keypoints_3d)
    outside = hand.keypoints_2d[:, 0] > 99.5
    assert 0 < outside.sum() < 5
    sample = Sample("", Pixels(picture), (PersonLabels(left_hand=hand),), frozenset({Part.HAND}))
    found = cutout_of(sample).labels()
    assert (found.known_2d == ~outside).all()
    assert (found.visible == ~outside).all()
    assert found.known_3d.all()


@pytest.mark.parametrize("joints", [(), (5,)])
def test_a_hand_whose_joints_are_not_known_is_refused(joints):
    with pytest.raises(DatasetError, match="one: joints of the hand are not known"):
        cutout_of(One(joints)[0])


def test_what_a_photograph_ignores_is_ignored_where_it_is_pasted():
    fingers = photograph()[2].keypoints_2d[6:]
    face = (*fingers.min(axis=0), *fingers.max(axis=0))
    source = One(ignored=(face,), labelled=frozenset({Part.HAND, Part.FACE}))
    composer = HandsAndFacesComposer([source], BACKGROUNDS, Composition(most=1))
    _, entry = composer.compose("picture.jpg", np.random.default_rng(1))
    (box,), (person,) = entry.ignored[Part.FACE], entry.people
    (labels,) = (of.labels for of in person.values())
    moved = labels.keypoints_2d[6:]
    assert ((moved >= box[:2] - 0.01) & (moved <= box[2:] + 0.01)).all()
    assert Part.HAND not in entry.ignored


def middle_is_ignored(entry, part, points) -> bool:
    middle, boxes = points.mean(axis=0), entry.ignored.get(part, np.zeros((0, 4)))
    return bool(((boxes[:, :2] < middle) & (middle < boxes[:, 2:])).all(axis=1).any())


@pytest.mark.parametrize(
    ("labelled", "incomplete", "ignored"),
    [({Part.HAND}, (), {Part.FACE}), ({Part.HAND, Part.FACE}, (), ()), (set(Part), {Part.HAND}, {Part.HAND})],
    ids=["of hands alone", "of both", "of one hand of several"],
)
def test_what_a_photograph_does_not_tell_is_ignored_where_it_is_pasted_but_for_its_own_part(
    labelled, incomplete, ignored
):
    source = One(labelled=frozenset(labelled), incomplete=frozenset(incomplete))
    composer = HandsAndFacesComposer(
        [source], PlainBackground(), Composition(most=1, whole=1, part_size=(0.2, 0.2))
    )
    told = 0
    for index in range(6):
        picture, entry = composer.compose("picture.jpg", np.random.default_rng(index))
        rows, columns = np.nonzero((picture != (0, 0, 255)).any(axis=2))
        pasted = np.stack([columns, rows], axis=1)
        (person,) = entry.people
        (hand,) = (of.labels.keypoints_2d for of in person.values())
        outside = pasted[((pasted < hand.min(axis=0) - 16) | (pasted > hand.max(axis=0) + 16)).any(axis=1)]
        for part in (Part.HAND, Part.FACE):
            assert not middle_is_ignored(entry, part, hand), "that a hand is no face is known"
            boxes = entry.ignored.get(part, np.zeros((0, 4)))
            in_box = (boxes[:, :2] <= outside[:, None]) & (outside[:, None] <= boxes[:, 2:])
            covered = in_box.all(axis=2).any(axis=1)
            assert covered.all() if part in ignored else not covered.any()
        told += len(outside)
    assert told > 1000


def test_the_body_of_a_photograph_is_not_labelled_where_its_hand_is_pasted():
    body = PartLabels.of(np.stack([np.linspace(10, 90, 13), np.linspace(20, 300, 13)], axis=1))
    composer = HandsAndFacesComposer([One(labelled=frozenset(Part), body=body)], PlainBackground())
    _, entry = composer.compose("picture.jpg", np.random.default_rng(1))
    assert {name for person in entry.people for name in person} <= {"left_hand", "right_hand"}


class PlainBackground:
    """All blue."""

    def sample(self, size: int, rng: np.random.Generator) -> np.ndarray:
        del rng
        return np.broadcast_to(np.array([0.0, 0.0, 1.0], np.float32), (size, size, 3)).copy()


@pytest.mark.parametrize("index", range(8))
def test_joints_of_pasted_hands_lie_on_pasted_pixels(index):
    composer = HandsAndFacesComposer([Photographs()], PlainBackground(), Composition(whole=0))
    picture, entry = composer.compose("picture.jpg", np.random.default_rng((7, index)))
    pasted = (picture != (0, 0, 255)).any(axis=2)
    points = np.concatenate([of.labels.keypoints_2d for person in entry.people for of in person.values()])
    columns, rows = points.round().astype(int).T
    inside = (columns >= 0) & (columns < 400) & (rows >= 0) & (rows < 400)
    assert inside.mean() > 0.8
    assert pasted[rows[inside], columns[inside]].mean() > 0.98


def test_what_is_pasted_is_ignored_for_bodies_and_they_are_not_labelled():
    composer = HandsAndFacesComposer([Photographs()], PlainBackground(), Composition(whole=0))
    picture, entry = composer.compose("picture.jpg", np.random.default_rng(3))
    assert entry.labelled == {Part.HAND, Part.FACE}
    rows, columns = np.nonzero((picture != (0, 0, 255)).any(axis=2))
    boxes = entry.ignored[Part.BODY]
    in_box = (
        (columns[:, None] >= boxes[:, 0] - 1)
        & (columns[:, None] <= boxes[:, 2] + 1)
        & (rows[:, None] >= boxes[:, 1] - 1)
        & (rows[:, None] <= boxes[:, 3] + 1)
    )
    assert in_box.any(axis=1).all()


def test_no_hand_is_pasted_over_another():
    composer = HandsAndFacesComposer(
        [Photographs()], PlainBackground(), Composition(whole=0.5, part_size=(0.2, 0.7))
    )
    for index in range(8):
        _, entry = composer.compose("picture.jpg", np.random.default_rng((9, index)))
        hands = [of.labels.keypoints_2d for person in entry.people for of in person.values()]
        for number, later in enumerate(hands):
            for earlier in hands[:number]:
                low, high = earlier.min(axis=0), earlier.max(axis=0)
                assert ((later >= low) & (later <= high)).all(axis=1).mean() < 0.2


def test_hands_are_of_both_sides_and_3d_turns_with_them():
    sides = set()
    flat = photograph()[2].relative_3d()
    for index in range(6):
        for person in composed(index)[1].people:
            ((side, of),) = person.items()
            sides.add(side)
            solid = of.labels.relative_3d()
            lengths = np.linalg.norm(solid, axis=1)
            np.testing.assert_allclose(lengths, np.linalg.norm(flat, axis=1), atol=1e-4)
            # In the plane, 2D is 3D seen from the front.
            moved = of.labels.keypoints_2d - of.labels.keypoints_2d.mean(axis=0)
            scale = np.linalg.norm(moved) / np.linalg.norm(solid)
            np.testing.assert_allclose(moved, solid[:, :2] * scale, atol=0.05 * np.abs(moved).max())
    assert sides == {"left_hand", "right_hand"}


# The set


COMPOSER = HandsAndFacesComposer([Photographs()], BACKGROUNDS)


def test_pictures_depend_on_seed_and_number_alone(tmp_path):
    compose_pictures(COMPOSER, tmp_path / "one", 5, seed=1, made={})
    compose_pictures(COMPOSER, tmp_path / "two", 2, seed=1, made={})
    assert compose_pictures(COMPOSER, tmp_path / "two", 5, seed=1, made={}) == 3
    for name in (FILE_NAME, *(f"pictures/{i:07d}.jpg" for i in range(5))):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_set_of_another_seed_is_not_added_to(tmp_path):
    compose_pictures(COMPOSER, tmp_path / "set", 1, seed=1, made={})
    with pytest.raises(DatasetError, match="write into another folder"):
        compose_pictures(COMPOSER, tmp_path / "set", 2, seed=2, made={})


def labelled_hands(folder) -> str:
    """Photographs of hands and what an expert says of them, as `dope compose` takes them."""
    for i in range(4):
        dot_people.write_hand(folder / "hands", f"{i}.png", left=25 + i)
    label_pictures(Task(folder / "hands", (Part.HAND,)), DotExpert(), folder / "labels")
    return f"labelled:{folder / 'labels'}"


def test_the_command_composes_what_experts_labelled(tmp_path, capsys):
    out = tmp_path / "set"
    command = ["compose", "--data", labelled_hands(tmp_path), "--out", str(out), "--size", "200"]
    assert main([*command, "--count", "3"]) == 0
    assert capsys.readouterr().out == f"labelled:{out}\n"
    dataset = open_dataset(f"labelled:{out}")
    assert len(dataset) == 3
    assert all(read_picture(dataset[i].source.path).shape == (200, 200, 3) for i in range(3))
    assert sum(len(list(sample.instances(Part.HAND))) for sample in dataset) >= 3


@pytest.mark.parametrize("kind", ["--data", "--mosaic"])
def test_a_composed_set_is_not_split_for_its_pictures_share_their_sources(tmp_path, kind):
    out = tmp_path / "set"
    command = ["compose", kind, labelled_hands(tmp_path), "--out", str(out), "--size", "100"]
    assert main([*command, "--count", "30"]) == 0
    assert len(open_dataset(f"labelled:{out}")) == 30
    for split in ("train", "test"):
        with pytest.raises(DatasetError, match=rf"no split '{split}'.*--data labelled@train:"):
            open_dataset(f"labelled@{split}:{out}")


def compose(kind, source, out, *more) -> int:
    return main(["compose", kind, str(source), "--out", str(out), "--size", "100", "--count", "2", *more])


def write_background(folder):
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    cv2.imwrite(str(folder / "noise.png"), noise)
    return folder


@pytest.mark.parametrize("kind", ["--data", "--mosaic"])
def test_a_set_of_sources_that_have_grown_is_not_added_to(tmp_path, capsys, kind):
    source, out = labelled_hands(tmp_path), tmp_path / "set"
    assert compose(kind, source, out) == 0
    dot_people.write_hand(tmp_path / "hands", "4.png", left=29)
    label_pictures(Task(tmp_path / "hands", (Part.HAND,)), DotExpert(), tmp_path / "labels")
    assert compose(kind, source, out) == 1
    assert "(sizes was [4], is [5]); write into another folder" in capsys.readouterr().err


def test_a_set_on_other_backgrounds_is_not_added_to(tmp_path, capsys):
    backgrounds = write_background(tmp_path / "backgrounds")
    sources = {"--data": labelled_hands(tmp_path), "--things": write_things(tmp_path / "things")}
    for kind, source in sources.items():
        out = tmp_path / f"set{kind}"
        assert compose(kind, source, out) == 0
        assert compose(kind, source, out, "--backgrounds", str(backgrounds)) == 1
        assert "(backgrounds was 0, is 1)" in capsys.readouterr().err


def test_a_set_of_things_that_have_become_more_is_not_added_to(tmp_path, capsys):
    things, out = write_things(tmp_path / "things"), tmp_path / "set"
    assert compose("--things", things, out) == 0
    cv2.imwrite(str(things / "more.png"), np.zeros((40, 60, 3), np.uint8))
    assert compose("--things", things, out) == 1
    assert "(sizes was [2], is [3])" in capsys.readouterr().err


def test_a_composed_set_of_an_earlier_release_goes_on_if_what_it_tells_is_the_same(tmp_path, capsys):
    source, out = labelled_hands(tmp_path), tmp_path / "set"
    assert compose("--data", source, out) == 0
    dot_people.forget_how_it_was_made(out, "sizes", "backgrounds")
    assert compose("--data", source, out) == 0
    assert len(open_dataset(f"labelled:{out}")) == 2
    assert compose("--mosaic", source, out) == 1
    assert "sources was ['labels all'], is None" in capsys.readouterr().err


# Things


def write_things(folder):
    """A red square of which the right half is transparent and green below, and a yellow picture."""
    folder.mkdir(parents=True)
    cut_out_thing = np.zeros((60, 60, 4), np.uint8)
    cut_out_thing[:, :30] = (0, 0, 255, 255)
    cut_out_thing[:, 30:] = (0, 255, 0, 0)
    cv2.imwrite(str(folder / "cut_out.png"), cut_out_thing)
    cv2.imwrite(str(folder / "whole.png"), np.full((40, 60, 3), (0, 255, 255), np.uint8))
    return folder


def test_things_are_pasted_where_they_are_opaque_and_all_parts_are_labelled_as_absent(tmp_path):
    composer = ThingsComposer([write_things(tmp_path / "things")], PlainBackground())
    reds, yellows = 0, 0
    for index in range(12):
        picture, entry = composer.compose("picture.jpg", np.random.default_rng((3, index)))
        assert entry.labelled == set(Part)
        assert (entry.people, dict(entry.ignored)) == ((), {})
        red, green, blue = np.moveaxis(picture.astype(int), 2, 0)
        assert not (green > np.maximum(red, blue) + 40).any()
        reds += (red > np.maximum(green, blue) + 40).sum()
        yellows += (np.minimum(red, green) > blue + 40).sum()
    assert min(reds, yellows) > 1000


def test_the_command_composes_pictures_of_things_that_show_nobody(tmp_path, capsys):
    things, out = write_things(tmp_path / "things"), tmp_path / "set"
    command = ["compose", "--things", str(things), "--out", str(out), "--size", "100", "--count", "3"]
    assert main(command) == 0
    assert capsys.readouterr().out == f"labelled:{out}\n"
    dataset = open_dataset(f"labelled:{out}")
    assert [(sample.people, sample.labelled) for sample in dataset] == [((), frozenset(Part))] * 3


# Mosaics

RED, GREY = (250, 20, 20), (90, 90, 90)


def marked(points, labelled=frozenset({Part.HAND}), sides=(80, 120), name="left_hand") -> Sample:
    """A grey photograph of those sides (height, width), red around what joints [J, 2] it shows."""
    picture = np.full((*sides, 3), GREY, np.uint8)
    for point in points.round().astype(int).tolist():
        cv2.circle(picture, point, 5, RED, -1)
    solid = np.column_stack([points, np.zeros(len(points))]) / 500
    person = PersonLabels.of({name: PartLabels.of(points, keypoints_3d=solid)})
    return Sample("", Pixels(picture), (person,), labelled)


class Samples(list):
    """A dataset of these."""

    name = "samples"


def reds(picture, points):
    columns, rows = points.round().astype(int).T
    inside = (columns >= 0) & (columns < len(picture)) & (rows >= 0) & (rows < len(picture))
    assert inside.any(), "what is not in the mosaic is not labelled"
    red, green, _ = picture[rows[inside], columns[inside]].astype(int).T
    return red > green + 80


@pytest.mark.parametrize("index", range(4))
def test_a_mosaic_is_filled_and_its_labels_lie_where_their_photographs_went(index):
    points = spread_hand(60) + np.array([5, 10])
    composer = MosaicComposer([Samples([marked(points)])], Layout(size=300))
    picture, entry = composer.compose("mosaic.jpg", np.random.default_rng((4, index)))
    assert picture.shape == (300, 300, 3)
    assert (picture > 0).all(), "there are no gaps"
    assert len(entry.people) >= 3
    assert entry.labelled == {Part.HAND}
    for person in entry.people:
        labels = person["left_hand"].labels
        assert labels.known_2d.all()
        assert reds(picture, labels.keypoints_2d).all()
        np.testing.assert_allclose(labels.keypoints_3d[:, :2], points / 500, atol=1e-6)


def test_a_joint_stays_at_its_place_in_the_photograph_to_a_part_of_a_pixel():
    points = spread_hand(60) + np.array([5, 10])
    tile = tile_of(marked(points), 50, (17, 40), 200)
    assert tile.pixels.shape == (50, 75, 3)
    (person,) = tile.sample.people
    expected = (points + 0.5) * 50 / 80 - 0.5 + (17, 40)
    np.testing.assert_allclose(person.left_hand.keypoints_2d, expected, atol=1e-3)


def test_joints_that_a_mosaic_cuts_off_are_known_but_not_seen():
    points = spread_hand(60) + np.array([5, 10])
    (person,) = tile_of(marked(points), 80, (100, 0), 140).sample.people
    cut_off = points[:, 0] + 100 >= 139.5
    assert 0 < cut_off.sum() < len(points)
    assert person.left_hand.known_2d.all()
    np.testing.assert_array_equal(person.left_hand.visible, ~cut_off)


def test_a_mosaic_depends_on_its_seed_alone():
    composer = MosaicComposer([Samples([marked(spread_hand(60))])], Layout(size=200))
    one, again, other = (composer.compose("", np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()


def test_people_of_a_mosaic_are_of_all_sizes():
    composer = MosaicComposer([Samples([marked(spread_hand(60))])], Layout(size=300, row_height=(0.1, 0.5)))
    heights = []
    for index in range(5):
        _, entry = composer.compose("mosaic.jpg", np.random.default_rng(index))
        heights += [np.ptp(person["left_hand"].labels.keypoints_2d[:, 1]) for person in entry.people]
    assert max(heights) > 3 * min(heights)


def test_joints_that_a_photograph_does_not_show_are_not_known_in_a_mosaic():
    points = spread_hand(60) - np.array([8, 0])
    outside = points[:, 0] < -0.5
    assert outside.sum() == 1, "a finger's tip"
    shown = clearly_in_picture(marked(points), 120, 80)
    (person,) = shown.people
    assert (person.left_hand.known_2d == ~outside).all()
    assert person.left_hand.known_3d.all(), "where they are in space is known as before"


def test_a_hand_of_which_too_little_is_seen_is_ignored_in_a_mosaic():
    points = spread_hand(60) - np.array([30, 0])
    assert 0.3 < (points[:, 0] > 0).mean() < 0.7
    shown = clearly_in_picture(marked(points), 120, 80)
    assert shown.people == ()
    ((left, _, right, _),) = shown.ignored[Part.HAND]
    assert left == 0
    assert right >= points[:, 0].max()


def test_a_hand_that_a_photograph_does_not_show_is_neither_labelled_nor_ignored_in_a_mosaic():
    shown = clearly_in_picture(marked(spread_hand(60) + np.array([200, 0])), 120, 80)
    assert shown.people == ()
    assert not len(shown.ignored[Part.HAND])


def test_a_part_whose_box_is_not_told_by_what_is_seen_is_ignored_in_a_mosaic():
    shoulders = np.array([[60.0, 40.0], [30.0, 70.0], [90.0, 70.0]])
    below = np.array([[45.0, 200.0], [75.0, 200.0]])
    body = np.concatenate([shoulders, below, np.full((8, 2), np.nan)])
    sample = Sample(
        "",
        Pixels(np.zeros((100, 120, 3), np.uint8)),
        (PersonLabels(body=PartLabels.of(body)),),
        frozenset({Part.BODY}),
    )
    shown = clearly_in_picture(sample, 120, 100)
    assert shown.people == ()
    np.testing.assert_allclose(shown.ignored[Part.BODY], [[24, 24, 96, 99]])


def test_a_photograph_without_labels_of_a_part_is_ignored_for_it_in_a_mosaic():
    hands = Samples([marked(spread_hand(60))])
    faces = Samples([marked(np.full((84, 2), 40.0), frozenset({Part.FACE}), name="face")])
    composer = MosaicComposer([hands, faces], Layout(size=300))
    _, entry = composer.compose("mosaic.jpg", np.random.default_rng(1))
    assert entry.labelled == {Part.HAND, Part.FACE}
    names = [next(iter(person)) for person in entry.people]
    assert set(names) == {"left_hand", "face"}
    for person, part in zip(entry.people, names, strict=True):
        other = Part.FACE if part == "left_hand" else Part.HAND
        middle = person[part].labels.keypoints_2d.mean(axis=0)
        covering = [(box[:2] <= middle).all() and (middle <= box[2:]).all() for box in entry.ignored[other]]
        assert sum(covering) == 1


def test_beside_the_only_label_of_a_photograph_all_of_it_is_ignored_in_a_mosaic():
    hand = replace(marked(spread_hand(30) + np.array([40, 20])), incomplete=frozenset({Part.HAND}))
    tile = tile_of(hand, 80, (200, 100), 400)
    boxes = tile.ignored(Part.HAND)
    assert len(boxes) == 4
    assert (boxes[:, :2] >= tile.box[:2] - 0.5).all()
    assert (boxes[:, 2:] <= tile.box[2:] + 0.5).all()
    points = tile.sample.people[0].left_hand.keypoints_2d
    inside = (points[:, None] > boxes[:, :2]) & (points[:, None] < boxes[:, 2:])
    assert not inside.all(axis=2).any()


def test_the_command_composes_mosaics_of_what_experts_labelled(tmp_path, capsys):
    out = tmp_path / "set"
    command = ["compose", "--mosaic", labelled_hands(tmp_path), "--out", str(out), "--size", "200"]
    assert main([*command, "--count", "2"]) == 0
    assert capsys.readouterr().out == f"labelled:{out}\n"
    dataset = open_dataset(f"labelled:{out}")
    assert len(dataset) == 2
    assert all(list(sample.instances(Part.HAND)) for sample in dataset)


def test_a_mosaic_has_no_backgrounds(tmp_path, capsys):
    command = ["compose", "--mosaic", "folder:x", "--out", str(tmp_path), "--count", "1"]
    assert main([*command, "--backgrounds", str(tmp_path)]) == 1
    assert "--backgrounds: a mosaic has none" in capsys.readouterr().err


def test_a_folder_without_things_is_named(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    command = ["compose", "--out", str(tmp_path / "set"), "--count", "1"]
    assert main([*command, "--things", str(tmp_path / "empty")]) == 1
    assert "empty: there are no pictures of things" in capsys.readouterr().err
    assert main([*command, "--things", str(tmp_path / "none")]) == 1
    assert "none: there is no such folder of things" in capsys.readouterr().err


def test_a_thing_that_cannot_be_read_is_named(tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    command = ["compose", "--things", str(tmp_path), "--out", str(tmp_path / "set"), "--count", "5"]
    assert main(command) == 1
    assert "broken.png: not a picture that OpenCV can read" in capsys.readouterr().err


def test_a_background_and_a_garment_that_cannot_be_read_are_warned_of_once(tmp_path, caplog):
    broken = [tmp_path / name for name in ("backgrounds/broken.jpg", "garments/broken.jpg")]
    for path in broken:
        path.parent.mkdir()
        path.write_bytes(bytes(40_000))
    backgrounds = BackgroundSource(find_pictures([broken[0].parent]), ClothSource(broken[1:]))
    for seed in range(40):
        assert backgrounds.sample(40, np.random.default_rng(seed)).shape == (40, 40, 3)
    warned = sorted(record.getMessage().split(":")[0] for record in caplog.records)
    assert warned == sorted(map(str, broken))


@pytest.mark.parametrize("sides", [(2, 12000), (9000, 8)])
def test_of_a_picture_that_is_but_a_strip_no_background_is_cut(tmp_path, sides):
    noise = np.random.default_rng(0).integers(0, 255, (*sides, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "strip.png"), noise)
    backgrounds = BackgroundSource(find_pictures([tmp_path]), ClothSource())
    assert len(backgrounds) == 1
    for seed in range(8):
        assert backgrounds.sample(40, np.random.default_rng(seed)).shape == (40, 40, 3)


def test_a_folder_of_backgrounds_that_does_not_exist_is_named(tmp_path, capsys):
    command = ["compose", "--data", "folder:x", "--out", str(tmp_path), "--count", "1"]
    assert main([*command, "--backgrounds", str(tmp_path / "none")]) == 1
    assert "none: there is no such folder of backgrounds" in capsys.readouterr().err
