# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import scenes
from scenes import CAMERA, HEIGHT, WIDTH, seen, standing
from tiny_model import default_entry, film_picture, write_film_model, write_tiny_model

import dope_ros
from dope_ros.engine import DEFAULT_MODEL, load_engine
from dope_ros.engine.packaged import DEFAULT_MODEL_INT8
from dope_ros.errors import EngineError, ImageError
from dope_ros.geometry import Intrinsics
from dope_ros.pipeline import Pipeline, PipelineSettings
from dope_ros.poses import PART_NAMES
from dope_ros.skeleton import FACE, LEFT_WRIST, Part

CROWD = [
    standing((1.4, 0.1, 4.5), score=0.75, turn=0.6),
    standing((-1, -0.1, 2.6), score=1.5, turn=-0.4),
    standing((0.1, 0, 4), score=0.5, parts=["body", "right_hand"]),
    standing((-0.1, 0.9, 2.8), score=0.375, parts=["face"]),
    standing((0.2, 0.2, 6), score=0.25, parts=["left_hand"]),
]
"""By no order; the last two have no body."""


def picture_of(height=HEIGHT, width=WIDTH):
    return np.zeros((height, width, 3), np.uint8)


@pytest.fixture
def pipeline(tmp_path):
    """Sees `CROWD` in every picture."""
    path = write_tiny_model(tmp_path / "tiny.onnx", [seen(person) for person in CROWD], HEIGHT, WIDTH, 60)
    pipeline = Pipeline(load_engine(path))
    yield pipeline
    pipeline.close()


def by_falling_score(people):
    return sorted(people, key=lambda person: (person.body is None, -person.score))


def assert_same_people(found, expected, pixels=1e-3, metres=1e-3):
    assert len(found) == len(expected)
    for index, (person, other) in enumerate(zip(found, expected, strict=True)):
        assert person.id == index
        assert list(person.parts()) == list(other.parts())
        for name, pose in person.parts().items():
            wanted = other.parts()[name]
            assert (pose.side, pose.score) == (wanted.side, pytest.approx(wanted.score, rel=1e-6))
            np.testing.assert_allclose(pose.keypoints_2d, wanted.keypoints_2d, rtol=0, atol=pixels)
            np.testing.assert_allclose(pose.keypoints_3d, wanted.keypoints_3d, rtol=0, atol=metres)


def scaled_about_pixels(pose, factor):
    return replace(pose, keypoints_2d=np.float32((pose.keypoints_2d + 0.5) * factor - 0.5))


# The whole way, for a network that sees known people


def test_people_come_out_whole_in_the_camera_frame_by_falling_score(pipeline):
    people = pipeline(picture_of(), CAMERA)
    expected = by_falling_score(CROWD)
    assert_same_people(people, expected, metres=5e-3)
    assert all(person.metric for person in people)
    for person, standing_there in zip(people, expected, strict=True):
        if person.body is not None:
            np.testing.assert_allclose(person.root, standing_there.root, atol=1e-3)


@pytest.mark.parametrize("factor", [0.5, 1.5, 3])
def test_a_picture_of_another_size_gives_the_same_people_in_its_own_pixels(pipeline, factor):
    """The middle of the first pixel is (0, 0) in both."""
    middles = factor * (np.array([CAMERA.cx, CAMERA.cy]) + 0.5) - 0.5
    camera = Intrinsics(factor * CAMERA.fx, factor * CAMERA.fy, *middles)
    people = pipeline(picture_of(round(factor * HEIGHT), round(factor * WIDTH)), camera)
    scaled = [
        replace(person, **{name: scaled_about_pixels(pose, factor) for name, pose in person.parts().items()})
        for person in by_falling_score(CROWD)
    ]
    assert_same_people(people, scaled, metres=5e-3)


def test_a_picture_that_is_padded_gives_people_in_its_own_pixels(pipeline):
    people = pipeline(picture_of(HEIGHT, WIDTH // 4))
    np.testing.assert_allclose(people[0].body.keypoints_2d, CROWD[1].body.keypoints_2d, atol=1e-3)


@pytest.mark.parametrize(("colour", "shift"), [((9, 0, 0), 9), ((0, 9, 0), 0), ((0, 0, 9), 0)])
def test_the_network_is_given_the_picture_as_rgb(tmp_path, colour, shift):
    path = write_tiny_model(
        tmp_path / "tiny.onnx", [seen(CROWD[1])], HEIGHT, WIDTH, shift_by_red=True, proposals=10
    )
    (person,) = Pipeline(load_engine(path))(picture_of() + np.uint8(colour))
    moved = person.body.keypoints_2d - CROWD[1].body.keypoints_2d
    np.testing.assert_allclose(moved, np.broadcast_to((shift, 0), moved.shape), atol=1e-3)


@pytest.mark.parametrize("integration", ["ppi", "nms"])
def test_a_network_that_sees_nothing_gives_nobody(tmp_path, integration):
    pipeline = Pipeline(
        load_engine(write_tiny_model(tmp_path / "tiny.onnx")), PipelineSettings(integration=integration)
    )
    assert pipeline(picture_of(), CAMERA) == []


def test_a_picture_in_which_the_network_overflows_is_an_error_and_the_next_one_is_not(tmp_path):
    person = seen(standing())
    overflown = replace(person, body=replace(person.body, keypoints_2d=np.full((13, 2), np.nan, np.float32)))
    pipeline = Pipeline(load_engine(write_film_model(tmp_path / "film.onnx", [[overflown], [person]])))
    with pytest.raises(EngineError, match="boxes"):
        pipeline(film_picture(0), CAMERA)
    (found,) = pipeline(film_picture(1), CAMERA)
    assert set(found.parts()) == set(person.parts())


# Settings


def test_suppression_gives_the_poses_of_the_best_proposals(pipeline):
    pipeline.settings = PipelineSettings(integration="nms")
    people = pipeline(picture_of(), CAMERA)
    bodies = {person.body.score for person in people if person.body is not None}
    assert bodies == {0.75, 0.5}  # 1.5 is the sum of two proposals of 0.75
    assert {person.score for person in people if person.body is None} == {0.375}  # 0.25 is less than 0.3


@pytest.mark.parametrize("integration", ["ppi", "nms"])
def test_the_least_score_of_each_part_can_be_turned_while_running(pipeline, integration):
    def scores(part, least):
        pipeline.settings = PipelineSettings(integration=integration, min_scores={part: least})
        names = [name for name in PART_NAMES if PART_NAMES[name] is part]
        poses = [person.parts().get(name) for person in pipeline(picture_of()) for name in names]
        return [pose.score for pose in poses if pose is not None]

    for part in Part:
        assert min(scores(part, 0.2)) < 0.6
        assert min(scores(part, 0.6)) >= 0.6
        assert scores(part, 2.0) == []


def test_the_least_score_of_one_part_leaves_the_others_alone(pipeline):
    pipeline.settings = PipelineSettings(min_scores={Part.BODY: 99.0})
    people = pipeline(picture_of())
    assert all(person.body is None for person in people)
    assert sum(len(person.parts()) for person in people) == sum(
        len(set(person.parts()) - {"body"}) for person in CROWD
    )


@pytest.fixture
def supporting(tmp_path):
    """Sees a body of 0.25 and its face of 0.875, and another body of 0.25; a body alone needs 0.75."""
    whole = standing((-1, 0, 3), parts=["body", "face"])
    whole = replace(whole, body=replace(whole.body, score=0.25))
    entry = default_entry()
    entry["ppi"]["body"] |= {"th_persondetect": 0.75, "support": 4.0}
    people = [seen(whole), seen(standing((1, 0, 3), score=0.25, parts=["body"]))]
    path = write_tiny_model(tmp_path / "tiny.onnx", people, HEIGHT, WIDTH, metadata=json.dumps(entry))
    pipeline = Pipeline(load_engine(path))
    yield pipeline
    pipeline.close()


def test_a_weak_body_with_a_sure_face_is_found_and_one_alone_is_not(supporting):
    (person,) = supporting(picture_of())
    assert (person.body.score, person.face.score) == (pytest.approx(1.0), pytest.approx(0.875))


def test_the_least_score_of_a_part_is_that_of_its_raised_score(supporting):
    supporting.settings = PipelineSettings(min_scores={Part.BODY: 0.9})
    assert [person.body is not None for person in supporting(picture_of())] == [True]
    supporting.settings = PipelineSettings(min_scores={Part.BODY: 1.1})
    assert [person.body is not None for person in supporting(picture_of())] == [False]
    supporting.settings = PipelineSettings(min_scores={Part.BODY: 0.2})
    assert [person.score for person in supporting(picture_of())] == [pytest.approx(1.0), pytest.approx(0.25)]


def test_suppression_knows_no_support(tmp_path):
    entry = default_entry()
    entry["ppi"]["body"] |= {"th_persondetect": 0.75, "support": 4.0}
    whole = standing(score=0.5, parts=["body", "face"])
    path = write_tiny_model(tmp_path / "tiny.onnx", [seen(whole)], HEIGHT, WIDTH, metadata=json.dumps(entry))
    (person,) = Pipeline(load_engine(path), PipelineSettings(integration="nms"))(picture_of())
    assert (person.body.score, person.face.score) == (pytest.approx(0.5), pytest.approx(0.5))


def test_a_body_that_suppression_would_drop_takes_no_hand_from_another(tmp_path):
    """Evaluation asks for weak bodies too, and judges the hands of the others by the sides published."""
    somebody = seen(standing((0, 0, 3), parts=["body", "right_hand"]))
    beside = replace(somebody, right_hand=scenes.moved(somebody.right_hand, (-30, 0)))
    ghost = seen(standing((-1.27, -0.15, 3), score=0.125, parts=["body"]))
    path = write_tiny_model(tmp_path / "tiny.onnx", [beside, ghost], HEIGHT, WIDTH)
    pipeline = Pipeline(load_engine(path), PipelineSettings(integration="nms"))
    (published,) = pipeline(picture_of())
    pipeline.settings = replace(pipeline.settings, min_scores=dict.fromkeys(Part, 0.1))
    first, second = pipeline(picture_of())
    assert list(published.parts()) == list(first.parts()) == ["body", "right_hand"]
    assert list(second.parts()) == ["body"]


@pytest.mark.parametrize("depth", [1.5, 3.0])
def test_without_intrinsics_people_are_at_the_nominal_depth_and_not_metric(pipeline, depth):
    pipeline.settings = PipelineSettings(nominal_depth=depth)
    people = pipeline(picture_of())
    assert [person.metric for person in people] == [False] * len(CROWD)
    for person in people:
        leading = next(iter(person.parts().values()))
        assert leading.keypoints_3d[:, 2].mean() == pytest.approx(depth, abs=1e-3)


def test_without_intrinsics_the_assumed_field_of_view_says_how_far_aside_people_are(pipeline):
    def aside(fov):
        pipeline.settings = PipelineSettings(assumed_fov_deg=fov)
        return np.array([person.root[0] for person in pipeline(picture_of())])

    narrow, wide = aside(40.0), aside(80.0)
    ratio = np.tan(np.deg2rad(40)) / np.tan(np.deg2rad(20))
    np.testing.assert_allclose(wide, narrow * ratio, atol=0.1)
    assert np.abs(wide).max() > 1


def test_settings_that_are_replaced_while_a_picture_is_under_way_count_from_the_next_one(pipeline):
    engine = pipeline.engine

    class Meddler:
        """An engine during whose run somebody turns the settings."""

        spec, description, close = engine.spec, engine.description, engine.close

        def run(self, pixels):
            pipeline.settings = PipelineSettings(min_scores=dict.fromkeys(Part, 99.0))
            return engine.run(pixels)

    pipeline.engine = Meddler()
    assert len(pipeline(picture_of())) == len(CROWD)
    assert pipeline(picture_of()) == []


def test_the_stopwatch_knows_each_stage(pipeline):
    pipeline(picture_of())
    assert list(pipeline.stopwatch.seconds) == ["preprocess", "network", "integrate", "assemble", "place"]
    assert all(seconds > 0 for seconds in pipeline.stopwatch.seconds.values())


def test_a_stage_that_fails_is_not_timed(pipeline):
    with pytest.raises(ImageError):
        pipeline(np.zeros((4, 4), np.uint8))
    assert pipeline.stopwatch.seconds == {}


@pytest.mark.parametrize(
    "picture",
    [np.zeros((48, 64), np.uint8), np.zeros((48, 64, 4), np.uint8), np.zeros((48, 64, 3), np.float32)],
    ids=["grey", "rgba", "float"],
)
def test_a_picture_that_is_not_rgb_is_refused(pipeline, picture):
    with pytest.raises(ImageError, match=r"uint8 \[height, width, 3\]"):
        pipeline(picture)


# Real pictures, and the model in the package


@pytest.fixture(scope="module", params=[DEFAULT_MODEL, DEFAULT_MODEL_INT8], ids=["float", "int8"])
def shipped(request):
    pipeline = Pipeline(load_engine(request.param, "onnx", threads=1))
    yield pipeline
    pipeline.close()


def read_picture(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def three_people():
    return read_picture(Path(dope_ros.__file__).parent / "cli" / "sample.jpg")


@pytest.fixture(scope="module")
def astronaut():
    return pytest.importorskip("skimage.data", reason="its picture of an astronaut is needed").astronaut()


@pytest.fixture(scope="module")
def admiral():
    cbook = pytest.importorskip("matplotlib.cbook", reason="its picture of Grace Hopper is needed")
    return read_picture(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


FACES = {"astronaut": (155, 55, 295, 190), "admiral": (150, 125, 385, 345)}
"""Left, top, right and bottom of the faces, measured by hand."""

every_face = pytest.mark.parametrize("name", FACES)


def the_face(people):
    """The face of the best person who has one."""
    return next(person.face for person in people if person.face is not None)


def portrait(request, name):
    return request.getfixturevalue(name)


@every_face
@pytest.mark.parametrize("integration", ["ppi", "nms"])
def test_the_face_of_a_portrait_is_found_where_it_is(shipped, request, name, integration):
    shipped.settings = PipelineSettings(integration=integration)
    people = shipped(portrait(request, name))
    left, top, right, bottom = FACES[name]
    keypoints = the_face(people).keypoints_2d
    assert (keypoints >= (left, top)).all()
    assert (keypoints <= (right, bottom)).all()
    assert (np.ptp(keypoints, axis=0) > (0.5 * (right - left), 0.5 * (bottom - top))).all()


def test_a_portrait_holds_one_face(shipped, astronaut):
    shipped.settings = PipelineSettings()
    assert sum(person.face is not None for person in shipped(astronaut)) == 1


def test_what_else_is_taken_for_a_face_in_a_portrait_scores_far_less(shipped, admiral):
    """The eagle on her cap has eyes, too."""
    shipped.settings = PipelineSettings()
    best, *others = sorted((p.face.score for p in shipped(admiral) if p.face is not None), reverse=True)
    assert all(score < best / 4 for score in others)


@every_face
def test_the_face_of_a_portrait_belongs_to_its_body(shipped, request, name):
    shipped.settings = PipelineSettings()
    best = shipped(portrait(request, name))[0]
    assert {"body", "face"} <= set(best.parts())
    left, top, right, bottom = FACES[name]
    head = best.body.keypoints_2d[-1]
    assert left < head[0] < right
    assert top < head[1] < bottom


def test_the_face_in_a_photograph_belongs_to_its_body(shipped):
    shipped.settings = PipelineSettings()
    cameraman = pytest.importorskip("skimage.data", reason="its picture of a cameraman is needed").camera()
    best = shipped(np.repeat(cameraman[:, :, None], 3, axis=2))[0]
    assert {"body", "face"} <= set(best.parts())
    head, face = best.body.keypoints_2d[-1], best.face.keypoints_2d
    low, high = face.min(axis=0), face.max(axis=0)
    margin = 0.5 * (high - low)
    assert ((low - margin < head) & (head < high + margin)).all()


@every_face
@pytest.mark.parametrize("factor", [0.75, 1.5])
def test_a_larger_picture_gives_a_larger_face(shipped, request, name, factor):
    shipped.settings = PipelineSettings()
    picture = portrait(request, name)
    scaled = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    face, scaled_face = the_face(shipped(picture)).keypoints_2d, the_face(shipped(scaled)).keypoints_2d
    difference = np.linalg.norm(scaled_face / factor - face, axis=1).mean()
    assert difference < 0.05 * np.ptp(face, axis=0).max()


@every_face
def test_a_flipped_portrait_gives_the_flipped_face(shipped, request, name):
    shipped.settings = PipelineSettings()
    picture = portrait(request, name)
    face, other = (the_face(shipped(view)).keypoints_2d for view in (picture, picture[:, ::-1]))
    mirrored = (np.array([picture.shape[1], 0]) + other * (-1, 1))[FACE.mirrored]
    assert np.linalg.norm(mirrored - face, axis=1).mean() < 0.1 * np.ptp(face, axis=0).max()


def test_three_people_are_three_and_wear_their_faces(shipped, three_people):
    shipped.settings = PipelineSettings()
    people = [person for person in shipped(three_people, CAMERA) if person.body is not None]
    assert len(people) == 3
    heads = sorted(person.body.keypoints_2d[-1].tolist() for person in people)
    np.testing.assert_allclose(heads, [(157, 90), (323, 118), (482, 122)], atol=15)
    assert all(person.face is not None for person in people)
    for person in people:
        ankles, head = person.body.keypoints_2d[:2], person.body.keypoints_2d[-1]
        assert (ankles[:, 1] > head[1] + 150).all()
        assert person.metric
        assert person.body.keypoints_3d[-1, 1] < person.root[1] < person.body.keypoints_3d[:2, 1].min()


def test_a_hand_that_waves_belongs_to_the_one_who_waves(shipped, three_people):
    shipped.settings = PipelineSettings()
    middle = next(person for person in shipped(three_people) if 300 < person.body.keypoints_2d[-1, 0] < 350)
    np.testing.assert_allclose(middle.left_hand.keypoints_2d.mean(axis=0), (410, 109), atol=15)
    np.testing.assert_allclose(
        middle.left_hand.keypoints_3d[0], middle.body.keypoints_3d[LEFT_WRIST], atol=1e-4
    )


def test_a_grey_picture_holds_nobody(shipped):
    shipped.settings = PipelineSettings()
    assert shipped(np.full((480, 640, 3), 114, np.uint8)) == []


def test_an_unknown_integration_is_refused():
    with pytest.raises(ValueError, match="guesswork"):
        PipelineSettings(integration="guesswork")
