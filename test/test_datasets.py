# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Each reader on a tiny folder in the layout of the dataset's owners."""

from __future__ import annotations

import logging
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import scenes
import tiny_datasets as tiny
from scipy.spatial.transform import Rotation

from dope_ros.errors import DatasetError
from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import BODY, FACE, HAND, HEAD, Part, Side
from dope_ros.training.datasets import READERS, open_dataset
from dope_ros.training.datasets.labels import PartLabels, PersonLabels, Sample
from dope_ros.training.datasets.pictures import PictureFile
from dope_ros.training.datasets.records import DrawnFaults, Faults, read_sample
from dope_ros.training.synthetic import format as rendered

DEMO_PICTURES = Path(__file__).parent.parent / "demo" / "pictures"


def only(dataset) -> Sample:
    assert len(dataset) == 1
    return dataset[0]


def body_of(sample, person=0) -> PartLabels:
    return sample.people[person].body


def assert_limbs_by_name(body: PartLabels, prefix: str = "", swapped: bool = False) -> None:
    """Every joint but the head lies where the folder has it under that name."""
    for index, name in enumerate(BODY.joints):
        if index != HEAD and body.known_2d[index]:
            theirs = BODY.joints[BODY.mirrored[index]] if swapped else name
            np.testing.assert_allclose(
                body.keypoints_2d[index], tiny.place(prefix + theirs), atol=0.01, err_msg=name
            )


def middle(*names: str) -> np.ndarray:
    return tiny.places(names).mean(axis=0)


# MPII


def test_mpii_joints_are_where_the_annotations_have_them(tmp_path):
    sample = only(open_dataset(f"mpii:{tiny.write_mpii(tmp_path)}"))
    body = body_of(sample)
    assert body.known_2d.all()
    assert_limbs_by_name(body)
    np.testing.assert_allclose(body.keypoints_2d[HEAD], middle("upper_neck", "head_top"), atol=0.01)
    assert sample.labelled == {Part.BODY}


def test_a_joint_that_mpii_calls_invisible_is_known_but_not_seen(tmp_path):
    body = body_of(only(open_dataset(f"mpii:{tiny.write_mpii(tmp_path)}")))
    assert [BODY.joints[i] for i in np.flatnonzero(~body.visible)] == ["left_knee"]


def test_the_length_of_a_head_in_mpii_is_six_tenths_of_its_diagonal(tmp_path):
    (person,) = only(open_dataset(f"mpii:{tiny.write_mpii(tmp_path)}")).people
    assert person.head_size == pytest.approx(0.6 * np.hypot(20, 30))


def test_a_person_whom_mpii_gives_no_joints_is_an_ignored_box(tmp_path):
    sample = only(open_dataset(f"mpii:{tiny.write_mpii(tmp_path)}"))
    assert len(sample.people) == 1
    np.testing.assert_allclose(sample.ignored_boxes(Part.BODY), [(150, 50, 250, 150)])
    assert sample.incomplete == set()


def test_with_somebody_whom_mpii_does_not_place_nothing_is_known_beside_the_others(tmp_path):
    assert only(open_dataset(f"mpii:{tiny.write_mpii(tmp_path, rough={})}")).incomplete == {Part.BODY}


def test_a_garbled_annotation_of_mpii_is_skipped(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        dataset = open_dataset(f"mpii:{tiny.write_mpii(tmp_path, pictures=120, garbled=3)}")
    assert len(dataset) == 119
    assert "000000003.jpg: its annotation cannot be understood" in caplog.text


# COCO


def test_coco_joints_are_where_the_annotations_have_them(tmp_path):
    folder = tiny.write_coco(tmp_path, "person_keypoints_val2017.json", [tiny.coco_person()])
    body = body_of(only(open_dataset(f"coco@val2017:{folder}")))
    assert_limbs_by_name(body)
    assert [BODY.joints[i] for i in np.flatnonzero(~body.known_2d)] == ["right_ankle"]
    assert [BODY.joints[i] for i in np.flatnonzero(body.known_2d & ~body.visible)] == ["left_knee"]


def test_the_head_of_coco_is_between_the_ears(tmp_path):
    folder = tiny.write_coco(tmp_path, "person_keypoints_val2017.json", [tiny.coco_person()])
    body = body_of(only(open_dataset(f"coco@val2017:{folder}")))
    np.testing.assert_allclose(body.keypoints_2d[HEAD], middle("left_ear", "right_ear"), atol=0.01)


def test_with_an_ear_missing_the_head_of_coco_is_the_middle_of_what_is_labelled(tmp_path):
    keypoints = tiny.triples(tiny.COCO_JOINTS, {"left_ear": 0, "left_eye": 0})
    person = tiny.coco_person(keypoints=keypoints)
    folder = tiny.write_coco(tmp_path, "person_keypoints_val2017.json", [person])
    body = body_of(only(open_dataset(f"coco@val2017:{folder}")))
    np.testing.assert_allclose(body.keypoints_2d[HEAD], middle("nose", "right_eye", "right_ear"), atol=0.01)


def test_crowds_and_people_without_joints_are_ignored_boxes_in_coco(tmp_path):
    people = [
        tiny.coco_person(),
        tiny.coco_person(iscrowd=1, bbox=[0, 0, 50, 60]),
        tiny.coco_person(keypoints=[0] * 51, bbox=[5, 6, 7, 8]),
    ]
    folder = tiny.write_coco(tmp_path, "person_keypoints_val2017.json", people)
    sample = only(open_dataset(f"coco@val2017:{folder}"))
    assert len(sample.people) == 1
    np.testing.assert_allclose(sample.ignored_boxes(Part.BODY), [(0, 0, 50, 60), (5, 6, 12, 14)])


def test_people_of_coco_with_few_joints_are_ignored_as_a_whole(tmp_path):
    """A box around two joints is none of a person, and what it leaves out is no background."""
    shoulders = [0] * 51
    shoulders[15:21] = [20, 30, 2, 40, 30, 2]
    folder = tiny.write_coco(
        tmp_path,
        "person_keypoints_val2017.json",
        [tiny.coco_person(), tiny.coco_person(keypoints=shoulders, bbox=[10, 6, 40, 80])],
    )
    sample = only(open_dataset(f"coco@val2017:{folder}"))
    assert len(sample.people) == 1
    assert sample.ignored_boxes(Part.BODY).tolist() == [[10, 6, 50, 86]]


def test_hands_of_coco_wholebody_are_on_their_sides_and_in_our_order(tmp_path):
    folder = tiny.write_coco(tmp_path, "coco_wholebody_val_v1.0.json", [tiny.whole_body_person()])
    sample = only(open_dataset(f"coco-wholebody@val2017:{folder}"))
    hands = dict(sample.instances(Part.HAND))
    for side in Side:
        expected = tiny.places(f"{side.value}_{name}" for name in HAND.joints)
        np.testing.assert_allclose(hands[side].keypoints_2d, expected, atol=0.01)
    assert sample.labelled == set(Part)


def test_the_68_landmarks_of_coco_wholebody_are_every_other_contour_point_and_all_inner_ones(tmp_path):
    folder = tiny.write_coco(tmp_path, "coco_wholebody_val_v1.0.json", [tiny.whole_body_person()])
    ((_, face),) = only(open_dataset(f"coco-wholebody@val2017:{folder}")).instances(Part.FACE)
    landmarks = tiny.places(f"landmark_{index}" for index in range(68))
    np.testing.assert_array_equal(np.flatnonzero(~face.known_2d), np.arange(1, 33, 2))
    np.testing.assert_allclose(face.keypoints_2d[face.known_2d], landmarks, atol=0.01)
    np.testing.assert_allclose(face.keypoints_2d[FACE.index("nose_bridge_0")], landmarks[27], atol=0.01)


def test_hands_and_faces_of_coco_wholebody_are_asked_for_and_hidden_joints_of_bodies_stay_hidden(tmp_path):
    folder = tiny.write_coco(tmp_path, "coco_wholebody_val_v1.0.json", [tiny.whole_body_person()])
    sample = only(open_dataset(f"coco-wholebody@val2017:{folder}"))
    pytest.importorskip("torch", reason="training needs torch")
    from dope_ros.training.loading.targets import targets_of

    found = targets_of(sample, tiny.WIDTH, tiny.HEIGHT)
    assert [len(found[part].instances) for part in Part] == [1, 2, 1]
    assert [BODY.joints[i] for i in np.flatnonzero(~body_of(sample).visible)] == ["right_ankle", "left_knee"]


def test_a_hand_that_coco_wholebody_does_not_hold_valid_is_not_labelled_and_its_person_ignored(tmp_path):
    person = tiny.whole_body_person(lefthand_valid=False)
    folder = tiny.write_coco(tmp_path, "coco_wholebody_val_v1.0.json", [person])
    sample = only(open_dataset(f"coco-wholebody@val2017:{folder}"))
    assert [side for side, _ in sample.instances(Part.HAND)] == [Side.RIGHT]
    np.testing.assert_allclose(sample.ignored_boxes(Part.HAND), [(10, 20, 110, 170)])
    assert not len(sample.ignored_boxes(Part.FACE))


# Leeds Sports Pose


def test_lsp_joints_are_where_the_matrix_has_them_and_hidden_ones_are_known(tmp_path):
    folder = tiny.write_lsp(tmp_path, hidden="left_wrist")
    for split, first in (("train", "im0001.jpg"), ("test", "im1001.jpg")):
        dataset = open_dataset(f"lsp@{split}:{folder}")
        assert (len(dataset), dataset[0].name) == (1000, first)
    body = body_of(dataset[0])
    assert body.known_2d.all()
    assert_limbs_by_name(body)
    np.testing.assert_allclose(body.keypoints_2d[HEAD], middle("neck", "head_top"), atol=0.01)
    assert [BODY.joints[i] for i in np.flatnonzero(~body.visible)] == ["left_wrist"]


def test_lspe_joints_are_where_the_matrix_has_them_and_a_flag_of_zero_means_not_labelled(tmp_path):
    dataset = open_dataset(f"lspe:{tiny.write_lspe(tmp_path, unlabelled='left_wrist', count=3)}")
    assert (len(dataset), dataset[2].name) == (3, "im00003.jpg")
    assert_limbs_by_name(body_of(dataset[0]))
    assert [BODY.joints[i] for i in np.flatnonzero(~body_of(dataset[0]).known_2d)] == ["left_wrist"]


def test_of_what_is_beside_the_labelled_person_of_leeds_sports_pose_nothing_is_known(tmp_path):
    lsp = open_dataset(f"lsp:{tiny.write_lsp(tmp_path / 'lsp', hidden='left_wrist')}")
    lspe = open_dataset(f"lspe:{tiny.write_lspe(tmp_path / 'lspe', unlabelled='left_wrist', count=1)}")
    for dataset in (lsp, lspe):
        assert dataset[0].labelled == dataset[0].incomplete == {Part.BODY}


# Human3.6M


def test_human36m_joints_project_through_the_fitted_camera(tmp_path):
    folder = tiny.write_human36m(tmp_path, ("S9", "S11"))
    dataset = open_dataset(f"human36m@test:{folder}")
    assert [sample.name for sample in map(dataset.__getitem__, range(2))] == [
        f"{subject}/{tiny.HUMAN36M_CLIP}:0" for subject in ("S9", "S11")
    ]
    sample = dataset[0]
    body = body_of(sample)
    assert_limbs_by_name(body)
    np.testing.assert_allclose(body.keypoints_2d[HEAD], tiny.place("head"), atol=0.01)
    assert sample.intrinsics == Intrinsics(*map(pytest.approx, tiny.HUMAN36M_CAMERA))
    np.testing.assert_allclose(
        scenes.project(body.keypoints_3d, sample.intrinsics), body.keypoints_2d, atol=0.1
    )
    assert 4 < body.keypoints_3d[:, 2].mean() < 5


def test_human36m_frames_are_those_of_the_video(tmp_path):
    dataset = open_dataset(f"human36m@train:{tiny.write_human36m(tmp_path, ('S1', 'S5', 'S6', 'S7', 'S8'))}")
    assert len(dataset) == 10
    assert dataset[1].source.read().mean() == pytest.approx(160, abs=4.5)


# SURREAL


def test_what_surreal_calls_left_is_right_in_its_pictures(tmp_path):
    sample = open_dataset(f"surreal:{tiny.write_surreal(tmp_path)}")[0]
    body = body_of(sample)
    assert_limbs_by_name(body, swapped=True)
    np.testing.assert_allclose(body.keypoints_2d[HEAD], tiny.place("head"), atol=0.01)


def test_surreal_joints_project_through_its_camera_in_every_tenth_frame(tmp_path):
    dataset = open_dataset(f"surreal:{tiny.write_surreal(tmp_path)}")
    assert [dataset[i].name for i in range(len(dataset))] == ["run0/01_01_c0001:0", "run0/01_01_c0001:10"]
    for sample in map(dataset.__getitem__, range(2)):
        projected = scenes.project(body_of(sample).keypoints_3d, sample.intrinsics)
        np.testing.assert_allclose(projected, body_of(sample).keypoints_2d, atol=0.05)
    assert dataset[1].source.read().mean() == pytest.approx(100, abs=4.5)


# Rendered Hand Pose


def test_hands_of_rhd_are_on_their_sides_in_our_order_and_in_the_frame_of_the_camera(tmp_path):
    sample = only(open_dataset(f"rhd:{tiny.write_rhd(tmp_path)}"))
    hands = dict(sample.instances(Part.HAND))
    for side in Side:
        expected = tiny.places(f"{side.value}_{name}" for name in HAND.joints)
        np.testing.assert_allclose(hands[side].keypoints_2d, expected, atol=0.01)
        projected = scenes.project(hands[side].keypoints_3d, sample.intrinsics)
        np.testing.assert_allclose(projected, expected, atol=0.01)


@pytest.mark.parametrize(("visible", "ignored"), [(0, 0), (4, 1)])
def test_a_hand_of_rhd_that_is_hardly_seen_is_no_label(tmp_path, visible, ignored):
    sample = only(open_dataset(f"rhd:{tiny.write_rhd(tmp_path, visible_right=visible)}"))
    assert [side for side, _ in sample.instances(Part.HAND)] == [Side.LEFT]
    assert len(sample.ignored_boxes(Part.HAND)) == ignored


class _Evil:
    def __reduce__(self):
        return Path.touch, (Path("evil"),)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tiny.write_rhd(tmp_path / "rhd")
    (folder / "training" / "anno_training.pickle").write_bytes(pickle.dumps({0: _Evil()}))
    with pytest.raises(DatasetError, match=r"anno_training.pickle: not the annotations of RHD"):
        open_dataset(f"rhd:{folder}")
    assert not Path("evil").exists()


# Menpo


def face_landmarks() -> np.ndarray:
    """[84, 3], optical axes, metres."""
    return scenes.seen(scenes.standing()).face.keypoints_3d.astype(float)


def test_a_face_of_menpo_is_turned_as_it_is_seen_and_of_adult_size(tmp_path):
    face = face_landmarks() @ Rotation.from_euler("yx", (0.5, 0.2)).as_matrix().T
    pixels = face[:, :2] * 900 + (160, 120)
    model = face @ Rotation.random(random_state=4).as_matrix() * 137 + 5
    sample = only(open_dataset(f"menpo:{tiny.write_menpo(tmp_path, pixels, model)}"))
    ((_, labels),) = sample.instances(Part.FACE)
    np.testing.assert_allclose(labels.keypoints_2d, pixels, atol=0.01)
    corners = [FACE.index("right_eye_0"), FACE.index("left_eye_3")]
    scale = 0.09 / np.linalg.norm(np.subtract(*face[corners]))
    np.testing.assert_allclose(labels.relative_3d(), (face - face.mean(axis=0)) * scale, atol=1e-5)
    assert sample.source.read().mean() == pytest.approx(10, abs=4.5)


def test_without_a_model_faces_of_menpo_have_no_3d(tmp_path):
    sample = only(open_dataset(f"menpo:{tiny.write_menpo(tmp_path, face_landmarks()[:, :2])}"))
    ((_, labels),) = sample.instances(Part.FACE)
    assert labels.keypoints_3d is None
    assert labels.known_2d.all()
    assert sample.incomplete == {Part.FACE}, "other faces are not labelled"


# Folders, rendered sets and the demo's pictures


def test_a_plain_folder_says_nothing_of_its_pictures(tmp_path):
    tiny.write_pictures(tmp_path / name for name in ("b.png", "below/a.JPG"))
    (tmp_path / "notes.txt").write_text("no picture")
    dataset = open_dataset(f"folder:{tmp_path}")
    assert sorted(dataset[i].name for i in range(len(dataset))) == ["b.png", "below/a.JPG"]
    assert dataset[0].labelled == frozenset()
    assert dataset[0].people == ()


def test_a_tenth_of_a_plain_folder_is_held_back_for_tests(tmp_path):
    tiny.write_pictures(tmp_path / f"{index:02d}.png" for index in range(30))
    names = {}
    for split in ("all", "train", "test"):
        dataset = open_dataset(f"folder@{split}:{tmp_path}")
        names[split] = {dataset[i].name for i in range(len(dataset))}
    assert len(names["test"]) == 3
    assert names["train"] | names["test"] == names["all"]
    assert not names["train"] & names["test"]


def test_negatives_are_pictures_in_which_no_part_of_anybody_is(tmp_path):
    tiny.write_pictures(tmp_path / f"{index:02d}.png" for index in range(20))
    dataset = open_dataset(f"negatives@test:{tmp_path}")
    assert [dataset[i].name for i in range(len(dataset))] == ["09.png", "19.png"]
    assert dataset[0].labelled == frozenset(Part)
    assert dataset[0].people == ()


# Of the person in `hidden`, the left hand cannot be seen and the face is outside of the picture.
HIDDEN = {"left_hand": rendered.Visibility.HIDDEN, "face": rendered.Visibility.OUTSIDE}


def test_rendered_labels_count_pixels_from_the_middle_of_the_first(tmp_path):
    written = tiny.write_rendered(tmp_path)
    sample = only(open_dataset(f"rendered:{tmp_path}"))
    assert sample.labelled == set(Part)
    np.testing.assert_allclose(body_of(sample).keypoints_2d, written.bodies.keypoints_2d[0] - 0.5, atol=1e-4)
    np.testing.assert_array_equal(body_of(sample).keypoints_3d, written.bodies.keypoints_3d[0])
    assert (sample.intrinsics.cx, sample.intrinsics.cy) == (159.5, 119.5)


def test_rendered_parts_that_are_hidden_are_ignored_and_those_outside_left_out(tmp_path):
    tiny.write_rendered(tmp_path, seen=HIDDEN)
    sample = only(open_dataset(f"rendered:{tmp_path}"))
    assert set(sample.people[0].parts()) == {"body", "right_hand"}
    np.testing.assert_allclose(sample.ignored_boxes(Part.HAND), [(10, 20, 60, 90)])
    assert not len(sample.ignored_boxes(Part.FACE))


@pytest.mark.parametrize(("seen", "asked"), [(3, True), (2, False)])
def test_a_rendered_body_of_which_head_and_shoulders_are_seen_is_asked_for(tmp_path, seen, asked):
    of_joints = [rendered.Visibility.OUTSIDE] * (13 - seen) + [rendered.Visibility.VISIBLE] * seen
    tiny.write_rendered(tmp_path, seen={"body": of_joints})
    sample = only(open_dataset(f"rendered:{tmp_path}"))
    assert ("body" in sample.people[0].parts()) == asked
    assert len(sample.ignored_boxes(Part.BODY)) == (not asked)


def test_the_pictures_of_the_demo_are_a_dataset_whose_3d_projects_onto_its_2d():
    dataset = open_dataset(f"cameras:{DEMO_PICTURES}")
    assert len(dataset) == 6
    for sample in dataset:
        assert sample.source.read().shape == (480, 640, 3)
        for _, body in sample.instances(Part.BODY):
            projected = scenes.project(body.keypoints_3d, sample.intrinsics)
            np.testing.assert_allclose(projected, body.keypoints_2d, atol=0.5)


# What is missing or broken


def many_rendered(folder: Path, count: int) -> Path:
    tiny.write_rendered(folder)
    for index in range(1, count):
        for path in (rendered.picture_path, rendered.labels_path):
            shutil.copy(path(folder, 0), path(folder, index))
    return folder


def test_a_missing_picture_is_named_counted_and_skipped(tmp_path, caplog):
    folder = many_rendered(tmp_path, 150)
    rendered.picture_path(folder, 42).unlink()
    with caplog.at_level(logging.WARNING):
        dataset = open_dataset(f"rendered:{folder}")
    assert len(dataset) == 149
    assert "0000042.jpg does not exist" in caplog.text
    assert "1 of 150 records skipped" in caplog.text


def test_more_than_one_in_a_hundred_missing_stops_the_run(tmp_path):
    folder = many_rendered(tmp_path, 150)
    for index in (41, 42):
        rendered.picture_path(folder, index).unlink()
    with pytest.raises(
        DatasetError, match=r"2 of 150 records are missing or broken.*0000041\.jpg does not exist"
    ):
        open_dataset(f"rendered:{folder}")


def test_broken_pictures_and_labels_are_skipped_while_reading(tmp_path, caplog):
    folder = many_rendered(tmp_path, 250)
    rendered.picture_path(folder, 7).write_bytes(b"no picture")
    rendered.labels_path(folder, 8).write_bytes(b"no labels")
    dataset = open_dataset(f"rendered:{folder}")
    faults = Faults(dataset.name, len(dataset))
    with caplog.at_level(logging.WARNING):
        read = [read_sample(dataset, index, faults) for index in range(len(dataset))]
    assert [index for index, found in enumerate(read) if found is None] == [7, 8]
    assert faults.count == 2
    assert "0000007.jpg: not a picture" in caplog.text
    assert "0000008.npz: not the labels" in caplog.text


def test_a_broken_record_is_skipped_when_the_dataset_is_opened(tmp_path, caplog):
    folder = tiny.write_rhd(tmp_path, count=120)
    path = folder / "training" / "anno_training.pickle"
    annotations = pickle.loads(path.read_bytes())
    annotations[3] = {"uv_vis": np.zeros((42, 3)), "K": np.eye(3)}
    path.write_bytes(pickle.dumps(annotations))
    with caplog.at_level(logging.WARNING):
        assert len(open_dataset(f"rhd:{folder}")) == 119
    assert "00003.png: its annotation lacks or garbles 'xyz'" in caplog.text


def test_only_the_first_faults_are_named_one_by_one(caplog):
    faults = Faults("set", total=10_000)
    with caplog.at_level(logging.WARNING):
        for index in range(50):
            faults.skip(f"record {index}", "gone")
        faults.summarise()
    assert "record 19: gone" in caplog.text
    assert "record 20: gone" not in caplog.text
    assert "50 of 10000 records skipped" in caplog.text


def drawn_faults(total: int, broken: int) -> DrawnFaults:
    """Those found when each record was drawn; so many broken ones come first."""
    faults = DrawnFaults("set", total)
    for index in range(total):
        faults.draw(index)
        if index < broken:
            faults.skip(f"record {index}", "gone")
    return faults


def test_a_few_broken_records_among_the_first_that_are_drawn_stop_nothing():
    assert drawn_faults(10_000, broken=3).count == 3


def test_when_all_are_drawn_more_than_one_broken_record_in_a_hundred_stops_the_run():
    assert drawn_faults(300, broken=3).count == 3
    with pytest.raises(DatasetError, match=r"4 of 4 records are missing or broken.*record 0: gone"):
        drawn_faults(300, broken=4)


@pytest.mark.parametrize("kind", sorted(set(READERS) - {"folder", "negatives"}))
def test_a_folder_of_another_layout_is_refused_with_the_name_of_what_is_missing(tmp_path, kind):
    if kind == "human36m":
        pytest.importorskip("cdflib", reason="Human3.6M needs cdflib")
    with pytest.raises(DatasetError, match=rf"{tmp_path}.* is missing"):
        open_dataset(f"{kind}:{tmp_path}")


@pytest.mark.parametrize(
    ("specification", "reason"),
    [
        ("rendered", "is not KIND"),
        ("imagenet:/", "not a kind of dataset; there are mpii"),
        ("folder:/no/such/folder", "no such folder"),
        ("folder@val:/", "splits all, train, test, not 'val'"),
    ],
)
def test_a_wrong_specification_is_refused_with_its_mend(specification, reason):
    with pytest.raises(DatasetError, match=reason):
        open_dataset(specification)


# What a sample is


def test_what_is_not_known_is_zero_and_never_visible():
    keypoints = np.full((13, 2), 5.0)
    keypoints[3] = np.nan
    known = np.ones(13, bool)
    known[4] = False
    labels = PartLabels.of(keypoints, known)
    np.testing.assert_array_equal(np.flatnonzero(~labels.known_2d), [3, 4])
    assert not labels.keypoints_2d[[3, 4]].any()
    assert not labels.visible[[3, 4]].any()


def test_a_box_goes_around_the_known_joints_with_a_margin_and_stays_in_the_picture():
    labels = PartLabels.of(np.array([(10, 20), (110, 220), (999, 999)]), np.array([True, True, False]))
    np.testing.assert_allclose(labels.box(100, 300), (0, 0, 99, 240))


def test_beside_the_labels_of_an_incomplete_part_all_of_the_photograph_is_ignored():
    labels = PartLabels.of(np.array([(30, 40), (70, 60)]))
    sample = Sample(
        "",
        PictureFile(Path("none")),
        (PersonLabels(face=labels),),
        frozenset({Part.FACE}),
        shown=np.float32([9.5, 19.5, 89.5, 99.5]),
        incomplete=frozenset({Part.FACE, Part.BODY}),
    )
    photographed = sample.photographed(100, 100)
    left, right, above, below = sample.ignored_within(Part.FACE, photographed)
    np.testing.assert_allclose(left, (9.5, 19.5, 26, 99.5))
    np.testing.assert_allclose(right, (74, 19.5, 89.5, 99.5))
    np.testing.assert_allclose(above, (9.5, 19.5, 89.5, 38))
    np.testing.assert_allclose(below, (9.5, 62, 89.5, 99.5))
    assert not len(sample.ignored_within(Part.BODY, photographed)), "it is not labelled at all"
    nobody = replace(sample, people=())
    np.testing.assert_allclose(nobody.ignored_within(Part.FACE, photographed), [sample.shown])


def test_a_part_outside_of_the_picture_has_an_empty_box():
    x1, _, x2, _ = PartLabels.of(np.array([(-50, 20), (-10, 30)])).box(100, 100)
    assert x2 <= x1


def test_samples_and_datasets_can_be_sent_to_another_process(tmp_path):
    tiny.write_surreal(tmp_path)
    dataset = pickle.loads(pickle.dumps(open_dataset(f"surreal:{tmp_path}")))
    sample = pickle.loads(pickle.dumps(dataset[0]))
    assert sample.source.read().shape == (tiny.HEIGHT, tiny.WIDTH, 3)
    assert cv2.countNonZero(body_of(sample).known_2d.astype(np.uint8)) == 13
