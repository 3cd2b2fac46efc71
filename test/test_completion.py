# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bodies that a dataset labels in 2D, with what an expert knows besides."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import dot_people
import numpy as np
import pytest
from dot_people import DotExpert
from test_labelling import moved_right, standing_body
from tiny_datasets import COCO_JOINTS, coco_person, write_coco

from dope_ros.cli import main
from dope_ros.errors import DatasetError
from dope_ros.pictures import write_picture
from dope_ros.skeleton import BODY, HEAD, Part, Side
from dope_ros.training.datasets import open_dataset
from dope_ros.training.datasets.label_transforms import mirrored_part
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample
from dope_ros.training.datasets.labels_file import FILE_NAME
from dope_ros.training.experts import Estimate
from dope_ros.training.labelling.completion import Completion, complete, complete_dataset
from dope_ros.training.labelling.label import Task, label_pictures

WIDTH, HEIGHT = 600, 400
LEFT_ANKLE, LEFT_WRIST = BODY.index("left_ankle"), BODY.index("left_wrist")


def solid(body: PartLabels) -> PartLabels:
    """The body with 3D: a thousandth of its pixels, and as deep as the joint's number says."""
    depth = np.arange(13)[:, None] / 100
    points = np.concatenate([body.keypoints_2d / 1000, depth], axis=1)
    return PartLabels.of(body.keypoints_2d, keypoints_3d=points)


@dataclass
class BodyExpert:
    """Sees one body whatever it is asked for, and hands where they are. The picture's left is bright."""

    body: PartLabels
    hands: dict[Side, PartLabels] = field(default_factory=dict)
    calls: int = 0

    def estimate(self, picture: np.ndarray, part: Part, boxes: np.ndarray) -> list[Estimate | None]:
        self.calls += 1
        mirrored = picture[:, 0].mean() < 100
        return [self._seen(part, box, mirrored) for box in boxes]

    def close(self) -> None:
        pass

    def _seen(self, part: Part, box: np.ndarray, mirrored: bool) -> Estimate | None:
        if part is Part.FACE:
            return None
        if part is Part.BODY:
            return Estimate(0.9, mirrored_part(self.body, part, WIDTH - 1) if mirrored else self.body)
        last = WIDTH - 1
        box = np.array([last - box[2], box[1], last - box[0], box[3]]) if mirrored else box
        for side, hand in self.hands.items():
            middle = hand.keypoints_2d.mean(axis=0)
            if (box[:2] < middle).all() and (middle < box[2:]).all():
                other = Side.LEFT if side is Side.RIGHT else Side.RIGHT
                return (
                    Estimate(0.9, mirrored_part(hand, part, last), other)
                    if mirrored
                    else Estimate(0.9, hand, side)
                )
        return None


def coco_keypoints(body: PartLabels, **visibility: int) -> list[float]:
    """As COCO has them, with both ears at the head; `visibility` is COCO's v of some, else 2."""
    at = dict(zip(BODY.joints, body.keypoints_2d, strict=True))
    at |= {"left_ear": body.keypoints_2d[HEAD] + (8, 0), "right_ear": body.keypoints_2d[HEAD] - (8, 0)}
    rows = []
    for name in COCO_JOINTS:
        v = visibility.get(name, 2 if name in at else 0)
        rows += [*map(float, at[name]), v] if v else [0, 0, 0]
    return rows


def street(folder: Path, *people: dict) -> Path:
    """A COCO folder whose picture is of the expert's size."""
    write_coco(folder, "person_keypoints_val2017.json", people)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, : WIDTH // 2] = 255
    write_picture(folder / "val2017" / "000000000007.jpg", picture)
    return folder


def completed(tmp_path: Path, expert: BodyExpert, *people: dict, parts: tuple[Part, ...] = ()) -> Sample:
    """What the set holds of the one picture with people."""
    name = f"coco@val2017:{street(tmp_path / 'coco', *people)}"
    complete_dataset(Completion(open_dataset(name), name, parts), expert, tmp_path / "set")
    (sample,) = open_dataset(f"labelled:{tmp_path / 'set'}")
    return sample


def only_body(sample: Sample) -> PartLabels:
    ((_, body),) = sample.instances(Part.BODY)
    return body


def test_a_body_that_the_expert_sees_likewise_keeps_its_joints_and_gets_3d(tmp_path):
    seen = solid(moved_right(standing_body(), 6))
    body = only_body(
        completed(tmp_path, BodyExpert(seen), coco_person(keypoints=coco_keypoints(standing_body())))
    )
    np.testing.assert_allclose(body.keypoints_2d, standing_body().keypoints_2d, atol=0.01)
    assert body.known_3d.all()
    np.testing.assert_allclose(body.relative_3d(), seen.relative_3d(), atol=2e-4)


def test_a_joint_that_the_dataset_does_not_tell_is_the_experts_and_not_seen(tmp_path):
    person = coco_person(keypoints=coco_keypoints(standing_body(), left_ankle=0, left_wrist=1))
    body = only_body(completed(tmp_path, BodyExpert(solid(moved_right(standing_body(), 6))), person))
    assert body.known_2d.all()
    expected = standing_body().keypoints_2d[LEFT_ANKLE] + (6, 0)
    np.testing.assert_allclose(body.keypoints_2d[LEFT_ANKLE], expected, atol=0.01)
    assert np.flatnonzero(~body.visible).tolist() == sorted([LEFT_ANKLE, LEFT_WRIST])


def test_a_body_that_the_expert_takes_for_another_stays_as_the_dataset_has_it(tmp_path):
    person = coco_person(keypoints=coco_keypoints(standing_body(), left_ankle=0))
    body = only_body(completed(tmp_path, BodyExpert(solid(moved_right(standing_body(), 60))), person))
    assert body.keypoints_3d is None
    assert not body.known_2d[LEFT_ANKLE]
    told = np.arange(13) != LEFT_ANKLE
    np.testing.assert_allclose(body.keypoints_2d[told], standing_body().keypoints_2d[told], atol=0.01)


def test_a_body_of_too_few_joints_is_ignored(tmp_path):
    arm = dict.fromkeys(set(COCO_JOINTS) - {"left_shoulder", "left_elbow", "left_wrist"}, 0)
    people = [
        coco_person(keypoints=coco_keypoints(standing_body())),
        coco_person(keypoints=coco_keypoints(moved_right(standing_body(), 300), **arm)),
    ]
    sample = completed(tmp_path, BodyExpert(solid(standing_body())), *people, parts=(Part.HAND,))
    assert only_body(sample).known_3d.all()
    ((left, top, right, bottom),) = sample.ignored_boxes(Part.BODY)
    np.testing.assert_array_less([left, top], [430, 70])
    np.testing.assert_array_less([450, 160], [right, bottom])
    assert [left, top, right, bottom] in sample.ignored_boxes(Part.HAND).tolist()


def test_three_joints_that_both_know_are_too_few_to_tell_whom_the_expert_sees(tmp_path):
    unseen = dict.fromkeys(set(COCO_JOINTS) - set(BODY.joints[:5]), 0)
    person = coco_person(keypoints=coco_keypoints(standing_body(), **unseen))
    whole = solid(standing_body())
    seen = PartLabels.of(whole.keypoints_2d, np.arange(13) >= 2, keypoints_3d=whole.keypoints_3d)
    assert only_body(completed(tmp_path, BodyExpert(seen), person)).keypoints_3d is None


def test_hands_are_added_and_who_lacks_one_or_the_face_is_ignored_for_these_alone(tmp_path):
    hand = PartLabels.of(dot_people.hand_points(left=35, top=165, spread=4))
    expert = BodyExpert(solid(standing_body()), {Side.RIGHT: hand})
    person = coco_person(keypoints=coco_keypoints(standing_body()))
    sample = completed(tmp_path, expert, person, parts=(Part.HAND,))
    ((side, labels),) = sample.instances(Part.HAND)
    assert side is Side.RIGHT
    np.testing.assert_allclose(labels.keypoints_2d, hand.keypoints_2d, atol=0.01)
    assert sample.labelled == {Part.BODY, Part.HAND}
    assert len(sample.ignored_boxes(Part.HAND)) == 1
    assert not len(sample.ignored_boxes(Part.BODY))


def test_crowds_are_ignored_for_every_part(tmp_path):
    crowd = coco_person(iscrowd=1, bbox=[300, 100, 50, 60])
    person = coco_person(keypoints=coco_keypoints(standing_body()))
    sample = completed(tmp_path, BodyExpert(solid(standing_body())), person, crowd, parts=(Part.FACE,))
    np.testing.assert_array_equal(sample.ignored_boxes(Part.BODY), [[300, 100, 350, 160]])
    assert [300, 100, 350, 160] in sample.ignored_boxes(Part.FACE).tolist()


BESIDE, HIP = (500, 100), (100, 160)


def covers(boxes, point) -> bool:
    """Whether one of the boxes [N, 4] has the point in it."""
    return bool(((boxes[:, :2] < point) & (boxes[:, 2:] > point)).all(axis=1).any())


def test_beside_the_only_body_that_a_dataset_labels_everything_is_ignored_for_every_part(tmp_path):
    (sample,) = open_dataset(f"coco@val2017:{street(tmp_path, coco_person())}")
    body = PersonLabels(body=standing_body())
    sample = replace(sample, people=(body,), ignored={}, incomplete=frozenset({Part.BODY}))
    parts = (Part.BODY, Part.HAND)
    entry = complete(sample, parts, BodyExpert(solid(standing_body())), "street.jpg")
    beside, of_the_body = ([covers(entry.ignored[part], point) for part in parts] for point in (BESIDE, HIP))
    assert beside == [True, True]
    assert of_the_body == [False, True], "a body that lacks its hands is ignored for these alone"


def test_a_body_of_no_joint_of_ours_is_passed_over(tmp_path):
    (sample,) = open_dataset(f"coco@val2017:{street(tmp_path, coco_person())}")
    nothing = PartLabels.of(np.full((13, 2), np.nan))
    sample = replace(sample, people=(PersonLabels(body=nothing), PersonLabels(body=standing_body())))
    entry = complete(sample, (Part.BODY,), BodyExpert(solid(standing_body())), "street.jpg")
    assert len(entry.people) == 1


def test_what_is_completed_is_not_looked_at_again_and_another_dataset_is_refused(tmp_path):
    person = coco_person(keypoints=coco_keypoints(standing_body()))
    expert = BodyExpert(solid(standing_body()))
    completed(tmp_path, expert, person)
    before, calls = (tmp_path / "set" / FILE_NAME).read_bytes(), expert.calls
    name = f"coco@val2017:{tmp_path / 'coco'}"
    again = complete_dataset(Completion(open_dataset(name), name, ()), expert, tmp_path / "set")
    assert (again.clear, again.kept, expert.calls) == (1, 1, calls)
    other = Completion(open_dataset(name), name, (Part.FACE,))
    with pytest.raises(DatasetError, match=r"parts was \['body'\], is \['body', 'face'\]"):
        complete_dataset(other, expert, tmp_path / "set")
    assert (tmp_path / "set" / FILE_NAME).read_bytes() == before


def test_pictures_that_are_links_to_several_folders_are_one_datasets(tmp_path):
    people = [coco_person(keypoints=coco_keypoints(standing_body()), image_id=number) for number in (7, 8)]
    folder = street(tmp_path / "coco", *people)
    for name in ("000000000007.jpg", "000000000008.jpg"):
        elsewhere = tmp_path / name.replace(".jpg", "") / name
        elsewhere.parent.mkdir()
        (folder / "val2017" / name).rename(elsewhere)
        (folder / "val2017" / name).symlink_to(elsewhere)
    name = f"coco@val2017:{folder}"
    task = Completion(open_dataset(name), name, ())
    complete_dataset(task, BodyExpert(solid(standing_body())), tmp_path / "set")
    samples = list(open_dataset(f"labelled:{tmp_path / 'set'}"))
    assert [sample.name for sample in samples] == ["000000000007.jpg", "000000000008.jpg"]
    assert all(sample.source.read().any() for sample in samples)


def test_a_dataset_without_bodies_is_refused(tmp_path):
    dot_people.write_hand(tmp_path / "pictures", "IMG_0001.png")
    label_pictures(Task(tmp_path / "pictures", (Part.HAND,)), DotExpert(), tmp_path / "hands")
    name = f"labelled:{tmp_path / 'hands'}"
    task = Completion(open_dataset(name), name, ())
    with pytest.raises(DatasetError, match=r"IMG_0001\.png: its dataset labels no bodies"):
        complete_dataset(task, BodyExpert(standing_body()), tmp_path / "set")


def test_boxes_beside_a_dataset_are_refused(tmp_path, capsys):
    boxes = tmp_path / "boxes.json"
    boxes.write_text("{}")
    command = [
        "label",
        "--data",
        f"coco@val2017:{tmp_path}",
        "--parts",
        "hand",
        "--out",
        str(tmp_path / "set"),
    ]
    assert main([*command, "--boxes", str(boxes), "--mediapipe", "python3"]) == 1
    assert "--boxes goes with --pictures, not with --data" in capsys.readouterr().err
