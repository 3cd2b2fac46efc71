# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that experts label: what is believed, what the file holds, and how it is read again."""

from __future__ import annotations

import json
import logging
import os
import re
from dataclasses import replace
from pathlib import Path

import dot_people
import numpy as np
import pytest
from dot_people import DotExpert

from dope_ros.cli import main
from dope_ros.cli.label import read_boxes
from dope_ros.errors import DatasetError
from dope_ros.pictures import write_picture
from dope_ros.skeleton import HEAD, Part, Side
from dope_ros.training.datasets import open_dataset
from dope_ros.training.datasets.label_transforms import mirrored_part
from dope_ros.training.datasets.labelled import is_held_back
from dope_ros.training.datasets.labels import PartLabels, Sample
from dope_ros.training.datasets.labels_file import FILE_NAME, ExpertLabels
from dope_ros.training.experts import Estimate
from dope_ros.training.labelling.agreement import (
    TRUST,
    Judgement,
    Unclear,
    agreed,
    judge,
    without_repetitions,
)
from dope_ros.training.labelling.label import Task, label_pictures, people_of
from dope_ros.training.labelling.part_boxes import part_boxes

ENVIRONMENT = os.environ.get("DOPE_MEDIAPIPE_PYTHON")
DEMO_PICTURES = Path(__file__).parent.parent / "demo" / "pictures"

needs_mediapipe = pytest.mark.skipif(
    not ENVIRONMENT,
    reason="DOPE_MEDIAPIPE_PYTHON does not name an interpreter with requirements/mediapipe.txt",
)

WHOLE = np.array([0.0, 0.0, dot_people.SIZE - 1, dot_people.SIZE - 1])


def hands_in(folder: Path, count: int = 3) -> Task:
    for i in range(count):
        dot_people.write_hand(folder, f"IMG_{i:04d}.png", left=25 + i % 9)
    return Task(folder, (Part.HAND,))


# What is believed


def test_a_pose_that_three_looks_agree_on_is_a_label():
    points = dot_people.hand_points()
    judgement = judge(DotExpert(), dot_people.drawn(points), Part.HAND, WHOLE)
    assert isinstance(judgement, Judgement)
    assert judgement.name == "right_hand"
    np.testing.assert_allclose(judgement.labels.labels.keypoints_2d, points, atol=0.01)
    assert judgement.labels.disagreement == pytest.approx(0, abs=1e-4)
    assert judgement.labels.score == pytest.approx(0.9)


def test_3d_of_a_label_is_that_of_the_looks_seen_the_right_way_round():
    points = dot_people.hand_points()
    judgement = judge(DotExpert(), dot_people.drawn(points), Part.HAND, WHOLE)
    expected = np.column_stack([points / 1000, np.zeros(21)])
    solid = judgement.labels.labels.keypoints_3d
    np.testing.assert_allclose(solid[:, :2], (expected - expected.mean(axis=0))[:, :2], atol=1e-5)


@pytest.mark.parametrize("call", [0, 1, 2])
def test_one_look_that_differs_makes_a_pose_unclear(call):
    expert = DotExpert(slip=lambda now: 6.0 * (now == call))
    judgement = judge(expert, dot_people.drawn(dot_people.hand_points()), Part.HAND, WHOLE)
    assert isinstance(judgement, Unclear)
    assert "looks differ" in judgement.reason


def test_nothing_found_is_unclear():
    judgement = judge(DotExpert(), np.zeros((80, 80, 3), np.uint8), Part.HAND, np.array([0, 0, 79, 79.0]))
    assert judgement == Unclear("no hand found")


def test_a_box_beyond_the_picture_shows_nothing():
    picture = dot_people.drawn(dot_people.hand_points())
    assert isinstance(judge(DotExpert(), picture, Part.HAND, WHOLE + 500), Unclear)


def test_a_hand_of_two_sides_is_unclear():
    labels = PartLabels.of(dot_people.hand_points())
    looks = [Estimate(0.9, labels, side) for side in (Side.LEFT, Side.RIGHT)]
    assert "a left and for a right" in agreed(Part.HAND, looks, TRUST[Part.HAND]).reason


def test_a_low_score_in_one_look_is_unclear():
    labels = PartLabels.of(dot_people.hand_points())
    looks = [Estimate(score, labels, Side.LEFT) for score in (0.9, 0.1)]
    assert "score was 0.10" in agreed(Part.HAND, looks, TRUST[Part.HAND]).reason


def test_the_second_look_at_a_bust_is_at_what_the_picture_shows_of_it():
    points = np.stack([np.linspace(10, 110, 13), np.linspace(400, 20, 13)], axis=1)
    looks = []

    class Bust:
        def estimate(self, picture: np.ndarray, part: Part, boxes: np.ndarray) -> list[Estimate]:
            del picture, part
            looks.append(boxes[0])
            return [Estimate(0.9, PartLabels.of(points))]

        def close(self) -> None:
            pass

    judge(Bust(), np.zeros((120, 120, 3), np.uint8), Part.BODY, WHOLE)
    given, around, mirrored = looks
    np.testing.assert_array_equal(given, WHOLE)
    np.testing.assert_array_equal(around, [0, 0, 119, 119])
    np.testing.assert_array_equal(mirrored, [0, 0, 119, 119])


def test_a_joint_that_one_look_does_not_know_is_not_known():
    points = np.stack([np.arange(13) * 9.0, np.arange(13) * 7.0], axis=1)
    without_knee = np.arange(13) != 2
    looks = [Estimate(0.9, PartLabels.of(points)), Estimate(0.9, PartLabels.of(points, without_knee))]
    judgement = agreed(Part.BODY, looks, TRUST[Part.BODY])
    np.testing.assert_array_equal(judgement.labels.labels.known_2d, without_knee)


def test_a_body_of_which_little_is_known_is_unclear():
    looks = [Estimate(0.9, PartLabels.of(np.ones((13, 2)), np.arange(13) < 3))] * 2
    assert agreed(Part.BODY, looks, TRUST[Part.BODY]).reason == "3 of 13 joints are known"


def test_a_body_that_is_unclear_still_says_where_its_hands_are():
    points = np.stack([np.arange(13) * 9.0, np.arange(13) * 7.0], axis=1)
    looks = [Estimate(0.9, PartLabels.of(points + shift)) for shift in (0, 30)]
    unclear = agreed(Part.BODY, looks, TRUST[Part.BODY])
    assert isinstance(unclear, Unclear)
    np.testing.assert_allclose(unclear.seen.keypoints_2d, points + 15, atol=1e-3)


# Where hands and faces are


def standing_body() -> PartLabels:
    points = np.array(
        [
            (80, 300), (120, 300), (80, 230), (120, 230), (80, 160), (120, 160),
            (50, 160), (150, 160), (55, 115), (145, 115), (70, 70), (130, 70), (100, 30),
        ],
        float,
    )  # fmt: skip
    return PartLabels.of(points)


def test_hands_are_sought_beyond_the_wrists_and_the_face_at_the_head():
    boxes = part_boxes(standing_body())
    for name, point in {"right_hand": (48, 175), "left_hand": (152, 175), "face": (100, 30)}.items():
        assert (boxes[name][:2] < point).all()
        assert (boxes[name][2:] > point).all()


def test_a_hand_whose_elbow_is_out_of_sight_is_not_sought():
    body = standing_body()
    known = np.arange(13) != 8
    boxes = part_boxes(PartLabels.of(body.keypoints_2d, known))
    assert set(boxes) == {"left_hand", "face"}


# The file


def test_a_labelled_set_gives_back_what_the_expert_said(tmp_path):
    task = hands_in(tmp_path / "pictures")
    label_pictures(task, DotExpert(), tmp_path / "set")
    samples = {sample.name: sample for sample in open_dataset(f"labelled:{tmp_path / 'set'}")}
    assert sorted(samples) == [f"IMG_{i:04d}.png" for i in range(3)]
    sample = samples["IMG_0002.png"]
    ((side, labels),) = sample.instances(Part.HAND)
    assert side is Side.RIGHT
    np.testing.assert_allclose(labels.keypoints_2d, dot_people.hand_points(left=27), atol=0.01)
    assert labels.known_3d.all()
    assert sample.labelled == {Part.HAND}
    np.testing.assert_array_equal(sample.ignored_boxes(Part.BODY), [WHOLE])


def test_an_unclear_picture_is_counted_and_left_out(tmp_path, caplog):
    task = hands_in(tmp_path / "pictures")
    expert = DotExpert(slip=lambda call: 6.0 * (call == 1))  # the second look at the first picture
    labelled = label_pictures(task, expert, tmp_path / "set")
    assert labelled.clear == 2
    assert list(labelled.unclear) == ["looks differ by # of its size, more than #"]
    with caplog.at_level(logging.INFO):
        dataset = open_dataset(f"labelled:{tmp_path / 'set'}")
    assert [sample.name for sample in dataset] == ["IMG_0001.png", "IMG_0002.png"]
    assert "1 pictures that were unclear" in caplog.text


def test_a_picture_that_cannot_be_read_is_unclear(tmp_path):
    task = hands_in(tmp_path / "pictures")
    (tmp_path / "pictures" / "IMG_0001.png").write_bytes(b"no picture")
    labelled = label_pictures(task, DotExpert(), tmp_path / "set")
    assert (labelled.clear, labelled.unclear.total()) == (2, 1)


class BodyExpert:
    """Sees the body whose head is nearest to a box's upper edge, however much of it is in the box.

    A picture has a bright first pixel, so that its mirror image is known.
    """

    def __init__(self, *bodies: PartLabels) -> None:
        self._bodies = bodies

    def estimate(self, picture: np.ndarray, part: Part, boxes: np.ndarray) -> list[Estimate]:
        if picture[0, 0, 0] == 255:
            return [Estimate(0.9, self._nearest(box)) for box in boxes]
        last = picture.shape[1] - 1
        mirrored = [np.array([last - box[2], box[1], last - box[0], box[3]]) for box in boxes]
        return [Estimate(0.9, mirrored_part(self._nearest(box), part, last)) for box in mirrored]

    def close(self) -> None:
        pass

    def _nearest(self, box: np.ndarray) -> PartLabels:
        top = np.array([(box[0] + box[2]) / 2, box[1]])
        return min(self._bodies, key=lambda body: np.linalg.norm(body.keypoints_2d[HEAD] - top))


def label_bodies(folder: Path, boxes: np.ndarray, *bodies: PartLabels) -> Sample:
    """What a picture's set holds after it was labelled."""
    picture = np.zeros((400, 600, 3), np.uint8)
    picture[0, 0] = 255
    (folder / "pictures").mkdir()
    write_picture(folder / "pictures" / "street.png", picture)
    task = Task(folder / "pictures", (Part.BODY,), {"street.png": boxes})
    label_pictures(task, BodyExpert(*bodies), folder / "set")
    (sample,) = open_dataset(f"labelled:{folder / 'set'}")
    return sample


def moved_right(body: PartLabels, by: float) -> PartLabels:
    return replace(body, keypoints_2d=body.keypoints_2d + np.float32([by, 0]))


def test_people_beside_each_other_are_two(tmp_path):
    boxes = np.array([[30, 5, 170, 310], [130, 5, 270, 310.0]])
    sample = label_bodies(tmp_path, boxes, standing_body(), moved_right(standing_body(), 100))
    assert len(list(sample.instances(Part.BODY))) == 2
    assert not len(sample.ignored_boxes(Part.BODY))


@pytest.mark.parametrize("order", [[0, 1], [1, 0]], ids=["own first", "own last"])
def test_somebody_who_is_seen_in_two_boxes_is_labelled_once_and_the_other_box_ignored(tmp_path, order):
    own_and_other = np.array([[30, 5, 170, 310], [60, 20, 200, 310.0]])
    sample = label_bodies(tmp_path, own_and_other[order], standing_body())
    ((_, labels),) = sample.instances(Part.BODY)
    np.testing.assert_allclose(labels.keypoints_2d, standing_body().keypoints_2d, atol=0.1)
    np.testing.assert_array_equal(sample.ignored_boxes(Part.BODY), own_and_other[1:])


def test_a_hand_that_two_people_would_share_is_that_of_one_and_both_keep_their_bodies():
    hand = ExpertLabels(PartLabels.of(dot_people.hand_points()))
    bodies = [ExpertLabels(moved_right(standing_body(), by)) for by in (0, 100)]
    people = [{"body": body, "left_hand": hand} for body in bodies]
    boxes = np.array([[30, 5, 170, 310], [130, 5, 270, 310.0]])
    first, second = without_repetitions(people, boxes)
    assert {"body"} <= first.keys() & second.keys()
    assert ("left_hand" in first) != ("left_hand" in second)


class InterruptedLabellingError(Exception):
    pass


def dies_after(count: int):
    def progress(names):
        for i, name in enumerate(names):
            if i == count:
                raise InterruptedLabellingError
            yield name

    return progress


def test_labelling_goes_on_where_it_was_interrupted(tmp_path):
    task, out = hands_in(tmp_path / "pictures", 4), tmp_path / "set"
    with pytest.raises(InterruptedLabellingError):
        label_pictures(task, DotExpert(), out, dies_after(2))
    with (out / FILE_NAME).open("ab") as file:
        file.write(b'{"picture": "IMG_0002.png", "per')  # a line that was cut off
    expert = DotExpert()
    labelled = label_pictures(task, expert, out)
    assert (labelled.clear, labelled.kept) == (4, 2)
    assert expert.calls == 2 * 3
    whole = tmp_path / "whole"
    label_pictures(task, DotExpert(), whole)
    assert (out / FILE_NAME).read_bytes() == (whole / FILE_NAME).read_bytes()


def test_a_set_of_other_pictures_is_not_added_to(tmp_path):
    label_pictures(hands_in(tmp_path / "pictures"), DotExpert(), tmp_path / "set")
    with pytest.raises(DatasetError, match="not those in"):
        label_pictures(hands_in(tmp_path / "others"), DotExpert(), tmp_path / "set")


def test_a_set_of_other_pictures_keeps_a_last_line_that_is_not_whole(tmp_path):
    file = tmp_path / "set" / FILE_NAME
    label_pictures(hands_in(tmp_path / "pictures"), DotExpert(), file.parent)
    file.write_bytes(file.read_bytes() + b'{"picture": "IMG')  # another process may be writing it
    before = file.read_bytes()
    with pytest.raises(DatasetError, match="not those in"):
        label_pictures(hands_in(tmp_path / "others"), DotExpert(), file.parent)
    assert file.read_bytes() == before


class FindsNothing:
    """Whatever it is asked for."""

    def estimate(self, picture: np.ndarray, part: Part, boxes: np.ndarray) -> list[None]:
        del picture, part
        return [None] * len(boxes)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"new_person": re.compile("0.png$")}, r"new_person was None, is 0\.png\$"),
        ({"boxes": {"IMG_0000.png": WHOLE[None] - 1}}, r"boxes was \w+, is \w+"),
        ({"boxes": None}, r"boxes was \w+, is None"),
    ],
    ids=["people", "other boxes", "no boxes"],
)
def test_a_set_that_was_labelled_in_another_way_is_not_added_to(tmp_path, changes, told):
    task = replace(hands_in(tmp_path / "pictures"), boxes={"IMG_0000.png": WHOLE[None]})
    label_pictures(task, FindsNothing(), tmp_path / "set")
    before = (tmp_path / "set" / FILE_NAME).read_bytes()
    with pytest.raises(DatasetError, match=f"made in another way.*{told}.*another folder"):
        label_pictures(replace(task, **changes), FindsNothing(), tmp_path / "set")
    assert (tmp_path / "set" / FILE_NAME).read_bytes() == before


def test_boxes_in_another_order_are_the_same_and_fewer_are_not(tmp_path):
    task = hands_in(tmp_path / "pictures")
    boxes = {f"IMG_{i:04d}.png": WHOLE[None] for i in range(3)}
    label_pictures(replace(task, boxes=boxes), FindsNothing(), tmp_path / "set")
    turned = {name: boxes[name] for name in reversed(boxes)}
    assert label_pictures(replace(task, boxes=turned), FindsNothing(), tmp_path / "set").kept == 3
    del boxes["IMG_0001.png"]
    with pytest.raises(DatasetError, match=r"boxes was \w+, is \w+"):
        label_pictures(replace(task, boxes=boxes), FindsNothing(), tmp_path / "set")


def test_a_set_of_an_earlier_release_is_read_and_goes_on_if_what_it_tells_is_the_same(tmp_path):
    task = hands_in(tmp_path / "pictures")
    label_pictures(task, DotExpert(), tmp_path / "set")
    dot_people.forget_how_it_was_made(tmp_path / "set", "new_person", "boxes")
    assert len(open_dataset(f"labelled:{tmp_path / 'set'}")) == 3
    assert label_pictures(task, DotExpert(), tmp_path / "set").kept == 3
    with pytest.raises(DatasetError, match=r"parts was \['hand'\], is \['face'\]"):
        label_pictures(replace(task, parts=(Part.FACE,)), DotExpert(), tmp_path / "set")


def test_a_broken_line_is_named_and_skipped(tmp_path, caplog):
    label_pictures(hands_in(tmp_path / "pictures", 101), DotExpert(), tmp_path / "set")
    path = tmp_path / "set" / FILE_NAME
    lines = path.read_text().splitlines()
    values = json.loads(lines[7])
    values["people"][0]["right_hand"]["keypoints_2d"].pop()
    lines[7] = json.dumps(values)
    path.write_text("\n".join(lines) + "\n")
    with caplog.at_level(logging.WARNING):
        assert len(open_dataset(f"labelled:{tmp_path / 'set'}")) == 100
    assert "line 8" in caplog.text


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="file of labels that `dope label` writes is missing"):
        open_dataset(f"labelled:{tmp_path}")


# Nobody is trained and measured on


def test_train_and_test_share_nobody_and_are_all(tmp_path):
    task = Task(
        hands_in(tmp_path / "pictures", 100).pictures, (Part.HAND,), new_person=re.compile("[05].png$")
    )
    label_pictures(task, DotExpert(), tmp_path / "set")
    names = {
        split: {sample.name for sample in open_dataset(f"labelled@{split}:{tmp_path / 'set'}")}
        for split in ("all", "train", "test")
    }
    assert names["train"] | names["test"] == names["all"]
    people = people_of(sorted(names["all"]), task.new_person)
    assert len(set(people.values())) == 20
    assert not {people[name] for name in names["train"]} & {people[name] for name in names["test"]}


def test_a_split_of_a_set_of_too_few_people_is_not_taken_for_unclear(tmp_path):
    label_pictures(hands_in(tmp_path / "pictures", 1), DotExpert(), tmp_path / "set")
    empty = "train" if is_held_back("IMG_0000.png") else "test"
    with pytest.raises(DatasetError, match=rf"set {empty}: there is no picture in it; .* too few people"):
        open_dataset(f"labelled@{empty}:{tmp_path / 'set'}")


def test_a_set_of_which_no_picture_is_clear_says_so(tmp_path):
    expert = DotExpert(slip=lambda call: 6.0 * (call % 3 == 1))
    label_pictures(hands_in(tmp_path / "pictures"), expert, tmp_path / "set")
    with pytest.raises(DatasetError, match="no picture in it was clear to the experts"):
        open_dataset(f"labelled:{tmp_path / 'set'}")


def test_a_person_goes_on_in_the_order_of_the_camera_until_a_new_one_begins():
    names = ["0_IMG_7.jpg", "1_IMG_8.jpg", "0_IMG_12.jpg", "1_IMG_13.jpg", "0_IMG_100.jpg"]
    people = people_of(sorted(names), re.compile("^0_"))
    assert people == {
        "0_IMG_7.jpg": "0_IMG_7.jpg",
        "1_IMG_8.jpg": "0_IMG_7.jpg",
        "0_IMG_12.jpg": "0_IMG_12.jpg",
        "1_IMG_13.jpg": "0_IMG_12.jpg",
        "0_IMG_100.jpg": "0_IMG_100.jpg",
    }


# The command


def test_without_mediapipe_the_command_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DOPE_MEDIAPIPE_PYTHON", raising=False)
    assert (
        main(["label", "--pictures", str(tmp_path), "--parts", "hand", "--out", str(tmp_path / "set")]) == 1
    )
    assert "pip install mediapipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1, 2]", "not {"),
        ('{"a.jpg": [[1, 2, 3]]}', "not {"),
        ('{"a.jpg": [[5, 0, 5, 9]]}', "is empty"),
        ('{"a.jpg": [[0, 0, NaN, 9]]}', "is empty"),
    ],
)
def test_a_file_of_boxes_with_something_else_is_refused(tmp_path, text, complaint):
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match=complaint):
        read_boxes(path)


@needs_mediapipe
def test_mediapipe_labels_people_in_given_boxes(tmp_path):
    boxes = {}
    for name, entry in json.loads((DEMO_PICTURES / "cameras.json").read_text()).items():
        points = [np.array(person["keypoints_2d"]) for person in entry["people"]]
        boxes[name] = [[*one.min(axis=0) - 15, *one.max(axis=0) + 15] for one in points]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(boxes))
    out = tmp_path / "set"
    command = ["label", "--pictures", str(DEMO_PICTURES), "--parts", "body", "face", "--boxes", str(path)]
    assert main([*command, "--out", str(out)]) == 0
    samples = list(open_dataset(f"labelled:{out}"))
    bodies = sum(len(list(sample.instances(Part.BODY))) for sample in samples)
    ignored = sum(len(sample.ignored_boxes(Part.BODY)) for sample in samples)
    assert bodies >= 5
    assert bodies + ignored == sum(map(len, boxes.values()))
    assert sum(len(list(sample.instances(Part.FACE))) for sample in samples) >= 3
