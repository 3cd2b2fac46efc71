# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Anchor poses stand for the poses that there are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import scenes
import tiny_datasets as tiny
from samples import sample_of

from dope_ros.cli import main
from dope_ros.errors import DatasetError, ModelError
from dope_ros.poses import HAND_SIDES, PART_NAMES
from dope_ros.skeleton import BODY, LOWER_BODY, SKELETONS, Part, Side
from dope_ros.training.anchor_picture import draw_anchor_poses
from dope_ros.training.anchor_poses import (
    AnchorPoses,
    best_clustering,
    collect,
    find_anchor_poses,
    load_anchor_poses,
    mirrored,
)
from dope_ros.training.datasets.labels import PartLabels, PersonLabels

TURNS = np.linspace(-2.6, 2.6, 12)


def people(noise: float = 0.004):
    """Everybody stands in one of twelve directions, several times, never quite the same."""
    rng = np.random.default_rng(0)
    for turn, _ in product(TURNS, range(4)):
        yield scenes.standing(at=(0, 0.1, 3 + rng.normal(0, noise)), turn=turn + rng.normal(0, noise))


@pytest.fixture(scope="module")
def anchors() -> AnchorPoses:
    return find_anchor_poses(collect(map(sample_of, people()), limit=1000))


def labels_of_turn(turn: float, name: str) -> PartLabels:
    return getattr(sample_of(scenes.standing(at=(0.2, 0, 2.5), turn=turn)).people[0], name)


def class_of(anchors: AnchorPoses, name: str, labels: PartLabels, height: int = scenes.HEIGHT) -> int:
    """The class that a part is taught as, in a picture of that height."""
    torch = pytest.importorskip("torch", reason="training needs torch")
    from dope_ros.training.loading.targets import targets_of
    from dope_ros.training.losses.anchor_classes import nearest_classes

    part = PART_NAMES[name]
    sample = sample_of(people=(PersonLabels.of({name: labels}),))
    instances = targets_of(sample, scenes.WIDTH, height)[part].instances
    (found,) = nearest_classes(instances, torch.from_numpy(anchors.poses[part]), anchors.classes[part])
    return int(found)


def test_there_are_as_many_anchor_poses_as_in_the_paper(anchors):
    assert {part: poses.shape for part, poses in anchors.poses.items()} == {
        Part.BODY: (20, 13, 5),
        Part.HAND: (10, 21, 5),
        Part.FACE: (10, 84, 5),
    }


def test_3d_anchor_poses_are_about_the_mean_of_their_joints(anchors):
    for poses in anchors.poses.values():
        np.testing.assert_allclose(poses[..., 2:].mean(axis=1), 0, atol=1e-5)


def test_whole_bodies_and_hands_and_faces_fill_their_boxes_but_for_the_margin(anchors):
    for part, chosen in ((Part.BODY, slice(10)), (Part.HAND, slice(None)), (Part.FACE, slice(None))):
        flat = anchors.poses[part][chosen][..., :2]
        assert flat.min() == pytest.approx(1 / 12, abs=1e-3)
        assert flat.max() == pytest.approx(11 / 12, abs=1e-3)


def test_the_legs_of_upper_bodies_hang_out_of_their_boxes(anchors):
    upper = anchors.poses[Part.BODY][10:]
    others = [joint for joint in range(13) if joint not in LOWER_BODY]
    assert (upper[:, list(LOWER_BODY), 1] > 1).all()
    assert upper[:, others, :2].min() > 0
    assert upper[:, others, :2].max() < 1


def test_left_hands_are_the_mirror_images_of_right_ones(anchors):
    hands = anchors.poses[Part.HAND]
    np.testing.assert_allclose(hands[5:], mirrored(hands[:5]))
    np.testing.assert_allclose(mirrored(mirrored(hands)), hands, atol=1e-6)


def test_left_hands_are_collected_as_right_ones():
    person = sample_of(scenes.standing(turn=0.3)).people[0]
    for name, sign in (("right_hand", 1), ("left_hand", -1)):
        hand = getattr(person, name)
        (pose,) = collect([sample_of(people=(PersonLabels.of({name: hand}),))], 10)["right hand"]
        np.testing.assert_allclose(pose[:, 2:], hand.relative_3d() * (sign, 1, 1), atol=1e-6)


def test_legs_do_not_matter_for_upper_bodies():
    rng = np.random.default_rng(0)
    upper = [joint for joint in range(13) if joint not in LOWER_BODY]
    shapes = rng.normal(0, 0.3, (10, 13, 5))
    poses = np.repeat(shapes, 6, axis=0)
    poses[:, list(LOWER_BODY)] = rng.normal(0, 3, (60, 4, 5))
    collected = collect(map(sample_of, people()), limit=1000) | {"upper body": poses.astype(np.float32)}
    found = find_anchor_poses(collected).poses[Part.BODY][10:][:, upper, 2:]
    distances = np.abs(found[:, None] - shapes[None][:, :, upper, 2:]).max(axis=(2, 3))
    assert sorted(distances.argmin(axis=1).tolist()) == list(range(10))
    assert distances.min(axis=1).max() < 1e-5


def test_clusters_that_lie_apart_are_found():
    rng = np.random.default_rng(1)
    centres = rng.uniform(-10, 10, (5, 30))
    truth = rng.integers(5, size=200)
    found = best_clustering(centres[truth] + rng.normal(0, 0.1, (200, 30)), 5, seed=0)
    assert len(set(zip(truth.tolist(), found.tolist(), strict=True))) == 5


def test_the_same_seed_gives_the_same_anchor_poses():
    collected = collect(map(sample_of, people()), limit=1000)
    for part in Part:
        once, again = (find_anchor_poses(collected, seed=7).poses[part] for _ in range(2))
        np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("name", ["body", "right_hand", "left_hand", "face"])
def test_a_pose_belongs_to_the_anchor_pose_that_is_like_it(anchors, name):
    part, side = PART_NAMES[name], HAND_SIDES.get(name)
    for turn in TURNS:
        labels = labels_of_turn(turn, name)
        chosen = class_of(anchors, name, labels)
        relative = labels.relative_3d()
        distances = np.linalg.norm(anchors.poses[part][..., 2:] - relative, axis=2).mean(axis=1)
        allowed = {Side.RIGHT: range(5), Side.LEFT: range(5, 10)}.get(side, range(10))
        assert chosen == min(allowed, key=distances.__getitem__)


def test_without_3d_the_pose_in_the_picture_decides(anchors):
    solid = labels_of_turn(TURNS[2], "body")
    flat = PartLabels.of(solid.keypoints_2d)
    box = solid.box(scenes.WIDTH, scenes.HEIGHT)
    chosen = class_of(anchors, "body", flat)
    extents = (solid.keypoints_2d - box[:2]) / (box[2:] - box[:2])
    distances = np.linalg.norm(anchors.poses[Part.BODY][:10, :, :2] - extents, axis=2).mean(axis=1)
    assert chosen == distances.argmin()


def test_a_body_without_legs_in_sight_is_an_upper_body(anchors):
    solid = labels_of_turn(0.1, "body")
    known = ~np.isin(np.arange(13), LOWER_BODY)
    upper = PartLabels.of(solid.keypoints_2d, known, keypoints_3d=solid.keypoints_3d, known_3d=known)
    assert class_of(anchors, "body", upper) >= 10
    assert class_of(anchors, "body", solid) < 10


def test_a_body_whose_legs_are_below_the_picture_is_an_upper_body(anchors):
    labels = labels_of_turn(0.1, "body")
    knees = labels.keypoints_2d[[BODY.index("left_knee"), BODY.index("right_knee")], 1]
    assert class_of(anchors, "body", labels, height=int(knees.min()) - 5) >= 10


def test_the_place_of_a_pose_in_space_does_not_matter(anchors):
    labels = labels_of_turn(0.5, "body")
    moved = PartLabels.of(labels.keypoints_2d, keypoints_3d=labels.keypoints_3d + np.float32([4, 5, 6]))
    assert class_of(anchors, "body", labels) == class_of(anchors, "body", moved)


def test_poses_that_are_not_wholly_known_are_not_collected():
    person = sample_of(scenes.standing())
    body = person.people[0].body
    known = np.ones(13, bool)
    known[BODY.index("head")] = False
    half = PartLabels.of(body.keypoints_2d, known, keypoints_3d=body.keypoints_3d)
    sample = sample_of(people=(type(person.people[0])(body=half),))
    assert {kind: len(poses) for kind, poses in collect([sample], 10).items()} == dict.fromkeys(
        ("whole body", "upper body", "right hand", "face"), 0
    )


def test_no_more_samples_are_read_than_needed():
    read = []

    def samples():
        for person in people():
            read.append(person)
            yield sample_of(person)

    collected = collect(samples(), limit=6)
    assert {len(poses) for poses in collected.values()} == {6}
    assert len(read) < 10


def test_too_few_poses_are_refused_with_their_kind():
    with pytest.raises(DatasetError, match="kind 'whole body': 4 poses"):
        find_anchor_poses(collect(list(map(sample_of, people()))[:4], limit=10))


def test_poses_that_are_all_alike_make_no_clusters():
    with pytest.raises(DatasetError, match="too many are alike"):
        best_clustering(np.ones((50, 6)), 5, seed=0)


def test_anchor_poses_survive_a_file(tmp_path, anchors):
    anchors.save(tmp_path / "anchors.npz")
    loaded = load_anchor_poses(tmp_path / "anchors.npz")
    for part in Part:
        np.testing.assert_array_equal(loaded.poses[part], anchors.poses[part])
    assert dict(loaded.classes) == dict(anchors.classes)


def test_a_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", poses=np.zeros(3))
    with pytest.raises(ModelError, match=r"other\.npz: not anchor poses.*dope anchors"):
        load_anchor_poses(tmp_path / "other.npz")
    with pytest.raises(ModelError, match=r"none\.npz: No such file"):
        load_anchor_poses(tmp_path / "none.npz")


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_refused(tmp_path, anchors, kept):
    path = tmp_path / "anchors.npz"
    anchors.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept if kept >= 1 else kept * len(whole))])
    with pytest.raises(ModelError, match=r"anchors\.npz: not anchor poses.*dope anchors"):
        load_anchor_poses(path)


def test_a_full_disk_leaves_the_anchor_poses_that_there_were(tmp_path, anchors, monkeypatch):
    anchors.save(tmp_path / "anchors.npz")
    before = (tmp_path / "anchors.npz").read_bytes()

    def savez(file, **arrays):
        del arrays
        file.write(b"PK")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="No space"):
        anchors.save(tmp_path / "anchors.npz")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_the_picture_shows_something_for_each_anchor_pose(anchors):
    picture = draw_anchor_poses(anchors)
    cells = picture.reshape(4, 300, 10, 150, 3).swapaxes(1, 2).reshape(40, -1)
    assert (cells.std(axis=1) > 1).all()


def test_the_command_finds_anchor_poses_in_a_rendered_set(tmp_path, capsys):
    folder = tmp_path / "set"
    for index in range(30):
        tiny.write_rendered(folder, index)
    assert (
        main(["anchors", "--data", f"rendered:{folder}", "--out", str(tmp_path / "a" / "anchors.npz")]) == 0
    )
    assert set(load_anchor_poses(tmp_path / "a" / "anchors.npz").poses) == set(SKELETONS)
    assert (tmp_path / "a" / "anchors.png").is_file()
    assert "30 x whole body" in capsys.readouterr().err
