# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rendered pictures and their labels."""

import numpy as np
import pytest

for package in ("numba", "anny"):
    pytest.importorskip(package, reason=f"{package} is not installed (pip install '.[synthetic]')")

from scipy.spatial import cKDTree
from synthetic_tools import SIZE, anatomy, assets_folder, body_model, renderer

from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import (
    BODY_JOINTS,
    FACE_FEATURES,
    HAND_WRIST,
    HEAD,
    LEFT_HIP,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    WRIST,
    Side,
)
from dope_ros.training.synthetic.assets import load_assets
from dope_ros.training.synthetic.camera import View, framed, orientation, project, random_roll
from dope_ros.training.synthetic.cloth import ClothSource
from dope_ros.training.synthetic.drawing import draw, lit
from dope_ros.training.synthetic.effects import photographed
from dope_ros.training.synthetic.format import Visibility
from dope_ros.training.synthetic.garment import read_garment
from dope_ros.training.synthetic.labels import label_picture
from dope_ros.training.synthetic.light import Lights
from dope_ros.training.synthetic.mesh import NOBODY, Material, Mesh, gathered
from dope_ros.training.synthetic.people import PeopleSource
from dope_ros.training.synthetic.postures import Posture, Support
from dope_ros.training.synthetic.props import at, box
from dope_ros.training.synthetic.scene import WITHOUT_PEOPLE
from dope_ros.training.synthetic.scene_mix import EVERYDAY, EVERYTHING, Framing
from dope_ros.training.synthetic.segments import Segment
from dope_ros.training.synthetic.textures import TextureBank
from dope_ros.training.synthetic.wardrobe import Wardrobe

CAMERA = Intrinsics(60.0, 60.0, 32.0, 32.0)
PEOPLE = [framing for framing in Framing if framing not in WITHOUT_PEOPLE]


@pytest.fixture(scope="module", params=[False, True], ids=["painted", "with assets"])
def pictures(request):
    """Pictures of people in painted clothes, and in those of the assets where there are any."""
    if request.param:
        assets_folder()
    renders = renderer(with_assets=request.param)
    return [renders.render(5, index, framing) for framing in PEOPLE for index in range(6)]


def parts(labels):
    yield labels.bodies
    yield labels.faces
    yield from labels.hands.values()


def test_every_joint_projects_onto_its_pixel_through_the_intrinsics(pictures):
    for rendered in pictures:
        camera = rendered.labels.intrinsics
        for part in parts(rendered.labels):
            x, y, z = np.moveaxis(part.keypoints_3d.astype(np.float64), -1, 0)
            known = ~np.isnan(part.keypoints_2d[..., 0])
            assert (z[known] > 0).all()
            pixels = np.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], axis=-1)
            near = known & (np.abs(part.keypoints_2d).max(axis=-1) < 10 * SIZE)
            assert np.abs(pixels[near] - part.keypoints_2d[near]).max(initial=0) < 0.5


def test_every_joint_that_is_seen_lies_on_a_pixel_of_its_person(pictures):
    seen = 0
    for rendered in pictures:
        for part in parts(rendered.labels):
            person, joint = np.nonzero(part.visibility == Visibility.VISIBLE)
            column, row = part.keypoints_2d[person, joint].astype(int).T
            assert (rendered.mask[row, column] == person + 1).all()
            seen += len(person)
    assert seen > 500


def test_joints_are_outside_exactly_where_they_lie_beyond_the_edge(pictures):
    for rendered in pictures:
        for part in parts(rendered.labels):
            inside = ((part.keypoints_2d >= 0) & (part.keypoints_2d < SIZE)).all(axis=-1)
            np.testing.assert_array_equal(part.visibility == Visibility.OUTSIDE, ~inside)


def test_boxes_go_round_what_is_seen(pictures):
    for rendered in pictures:
        for person, (left, top, right, bottom) in enumerate(rendered.labels.bodies.boxes):
            rows, columns = np.nonzero(rendered.mask == person + 1)
            if len(rows):
                assert left - 1 <= columns.min() <= columns.max() <= right + 1
                assert top - 1 <= rows.min() <= rows.max() <= bottom + 1


def test_hands_hang_on_the_wrists_of_their_own_side(pictures):
    for rendered in pictures:
        for side in Side:
            hands, wrists = rendered.labels.hands[side], rendered.labels.bodies.keypoints_3d[:, WRIST[side]]
            np.testing.assert_allclose(hands.keypoints_3d[:, HAND_WRIST], wrists, atol=1e-5)
            length = np.linalg.norm(hands.keypoints_3d[:, 14] - wrists, axis=1)
            assert ((length > 0.03) & (length < 0.3)).all()


def test_left_and_right_agree_with_the_mesh():
    """Vertices on the left at rest (x > 0, for it faces -y) are those about the joints called left."""
    model, rng = body_model(), np.random.default_rng(1)
    toes, heel = model.mean_heads[model.bone_index["toe2-1.L"]], model.mean_heads[model.bone_index["foot.L"]]
    assert toes[1] < heel[1] - 0.05  # facing -y
    skin = model.group("body")
    on_the_left = model.mean_vertices[skin, 0] > 0
    for _ in range(8):
        shape = model.random_shape(rng)
        angles = anatomy().clamped(rng.uniform(anatomy().low, anatomy().high) * 0.5)
        bones = model.posed(shape.heads, anatomy().rotations(angles))
        vertices = model.skinned(shape.vertices, bones)
        joints = model.joints(vertices, bones)
        nearest = cKDTree(vertices[skin])
        for name, joint in zip(BODY_JOINTS, joints.body, strict=True):
            side = name.split("_")[0]
            if side in ("left", "right") and not name.endswith("hip"):
                votes = on_the_left[nearest.query(joint, 5)[1]]
                assert (votes == (side == "left")).all(), name
        for side, hand in joints.hands.items():
            assert (on_the_left[nearest.query(hand[1:])[1]] == (side is Side.LEFT)).all()
        for feature in ("brow", "eye"):
            left = on_the_left[nearest.query(joints.face[FACE_FEATURES[f"left_{feature}"]])[1]]
            right = on_the_left[nearest.query(joints.face[FACE_FEATURES[f"right_{feature}"]])[1]]
            assert left.all()
            assert not right.any()


def test_a_face_before_the_camera_has_its_left_on_the_right_of_the_picture():
    joints = body_model().joints(body_model().mean_vertices, _at_rest())
    view = framed(joints.face, orientation(0, 0, 0), CAMERA, 64, 0.5, np.zeros(2))
    pixels = project(view.seen(joints.face), CAMERA)
    right_eye, left_eye = (pixels[FACE_FEATURES[f"{side}_eye"]].mean(axis=0) for side in ("right", "left"))
    mouth, brow = (pixels[FACE_FEATURES[name]].mean(axis=0) for name in ("inner_lips", "left_brow"))
    assert left_eye[0] > right_eye[0] + 5
    assert mouth[1] > brow[1] + 5
    body = project(view.seen(joints.body), CAMERA)
    assert body[LEFT_HIP, 0] > body[RIGHT_HIP, 0]


def _at_rest():
    model = body_model()
    return model.posed(model.mean_heads, np.tile(np.eye(3), (len(model.bones), 1, 1)))


def test_pictures_of_people_show_people_and_others_do_not():
    for framing in Framing:
        rendered = renderer().render(8, 1, framing)
        assert rendered.picture.shape == (SIZE, SIZE, 3)
        assert rendered.picture.dtype == np.uint8
        assert rendered.picture.std() > 2
        assert (len(rendered.labels) == 0) == (framing in WITHOUT_PEOPLE)
        if framing in WITHOUT_PEOPLE:
            assert not rendered.mask.any()


def test_one_to_five_people_come():
    counts = {len(renderer().render(2, index, Framing.WHOLE).labels) for index in range(60)}
    assert counts == {1, 2, 3, 4, 5}


def test_portraits_show_a_head_and_shoulders_more_often_than_hips():
    inside = np.array(
        [
            renderer().render(3, index, Framing.BUST).labels.bodies.visibility[0] != Visibility.OUTSIDE
            for index in range(40)
        ]
    ).mean(axis=0)
    assert inside[HEAD] > 0.95
    assert inside[[RIGHT_SHOULDER, LEFT_SHOULDER]].min() > 0.6
    assert inside[[RIGHT_HIP, LEFT_HIP]].max() < 0.5


def test_a_picture_depends_on_its_seed_and_number_alone():
    first, other = renderer().render(4, 2), renderer().render(4, 3)
    again = renderer().render(4, 2)
    np.testing.assert_array_equal(first.picture, again.picture)
    np.testing.assert_array_equal(first.mask, again.mask)
    np.testing.assert_array_equal(first.labels.bodies.keypoints_3d, again.labels.bodies.keypoints_3d)
    assert not np.array_equal(first.picture, other.picture)
    assert not np.array_equal(first.picture, renderer().render(5, 2).picture)


def test_cameras_of_every_roll_come():
    rolls = np.array([random_roll(EVERYTHING.upright, np.random.default_rng(index)) for index in range(2000)])
    turned = np.histogram(rolls % 360, bins=12, range=(0, 360))[0]
    assert (turned > 0).all()
    assert (np.abs(rolls) < 30).mean() > 0.6


def test_everyday_cameras_are_upright():
    rolls = [random_roll(EVERYDAY.upright, np.random.default_rng(index)) for index in range(500)]
    assert np.abs(rolls).max() < 45


@pytest.mark.parametrize(
    ("azimuth", "elevation", "roll", "ahead", "up"),
    [
        (0, 0, 0, (0, 1, 0), (0, 0, 1)),
        (0, 90, 0, (0, 0, -1), (0, 1, 0)),
        (0, 0, 180, (0, 1, 0), (0, 0, -1)),
    ],
)
def test_a_camera_looks_where_it_is_turned(azimuth, elevation, roll, ahead, up):
    rotation = orientation(azimuth, elevation, roll)
    np.testing.assert_allclose(rotation @ ahead, [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(rotation @ up, [0, -1, 0], atol=1e-9)


def test_what_is_framed_takes_its_share_of_the_picture():
    points = np.random.default_rng(0).uniform(-1, 1, (200, 3)) * (0.5, 0.1, 0.9)
    view = framed(points, orientation(20, 10, 0), CAMERA, 64, 0.5, np.array([0.1, 0]))
    pixels = project(view.seen(points), CAMERA)
    assert np.ptp(pixels, axis=0).max() == pytest.approx(32, rel=0.25)
    assert pixels.mean(axis=0) == pytest.approx([32 + 6.4, 32], abs=5)


# Drawing


@pytest.fixture
def bank():
    bank = TextureBank()
    bank.add(np.full((16, 16, 3), 255, np.uint8))
    bank.seal()
    return bank


def square(z, half=0.5, material=None, segment=Segment.TORSO):
    """A square before the camera."""
    corners = np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uvs = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    return Mesh(corners, triangles, uvs, triangles, np.full(4, segment, np.uint8), material or Material(0))


def test_the_nearer_of_two_surfaces_is_seen(bank):
    for order in ((0, 1), (1, 0)):
        meshes = [(0, square(2.0)), (1, square(4.0, 3.0))]
        owners = draw(gathered([meshes[k] for k in order]), CAMERA, 64, bank).owners()
        assert owners[32, 32] == 0
        assert owners[2, 2] == 1
        assert (owners == 0).sum() == pytest.approx((60 / 2) ** 2, rel=0.05)


def test_holes_of_a_texture_show_what_is_behind(bank):
    texture = np.full((16, 16, 4), 255, np.uint8)
    texture[:, :8, 3] = 0
    half_hole = Material(bank.paint(texture), alpha=128)
    owners = draw(
        gathered([(0, square(2.0, material=half_hole)), (1, square(4.0))]), CAMERA, 64, bank
    ).owners()
    assert owners[32, 28] == 1
    assert owners[32, 36] == 0


def test_what_is_behind_the_camera_is_not_drawn(bank):
    drawing = draw(gathered([(0, square(-2.0)), (0, square(0.01))]), CAMERA, 64, bank)
    assert (drawing.owners() == NOBODY).all()


def test_a_drawing_says_whose_surface_is_where_and_how_far(bank):
    drawing = draw(gathered([(3, square(2.5, segment=Segment.HEAD))]), CAMERA, 64, bank)
    owners, segments, distances = drawing.look_up(np.array([[32.0, 32.0], [1.0, 1.0]]))
    assert owners.tolist() == [3, NOBODY]
    assert segments.tolist() == [Segment.HEAD, Segment.NOTHING]
    assert distances[0] == pytest.approx(2.5, rel=1e-4)
    assert distances[1] == np.inf


@pytest.mark.parametrize("shadows", [True, False])
def test_a_surface_before_the_light_casts_a_shadow(bank, shadows):
    lights = Lights(
        directions=np.array([[0, 0, -1]], np.float32),
        colours=np.full((1, 3), 0.8, np.float32),
        ambient=np.full((2, 3), 0.1, np.float32),
        up=np.array([0, -1, 0], np.float32),
        shadows=shadows,
    )
    blocker = square(1.0, 0.2)
    blocker = blocker.moved(np.eye(3), np.array([0.9, 0, 0]))
    geometry = gathered([(NOBODY, square(4.0, 2.0)), (NOBODY, blocker)])
    drawing = draw(geometry, CAMERA, 64, bank)
    picture = lit(drawing, np.zeros((64, 64, 3), np.float32), lights, CAMERA, None, bank)
    in_shadow, beside = picture[32, int(32 + 60 * 0.9 / 4), 0], picture[32, 20, 0]
    assert beside == pytest.approx(np.sqrt(0.9), abs=0.08)
    assert in_shadow == pytest.approx(np.sqrt(0.1) if shadows else beside, abs=0.05)


# Labels


class OnePosture:
    """Everybody stands at rest."""

    def sample(self, rng):
        del rng
        return Posture("rest", anatomy().at_rest(), np.eye(3), Support.GROUND)


@pytest.fixture
def front_view():
    """Somebody at rest seen from the front: the person in view, the camera, and a bank."""
    bank = TextureBank()
    wardrobe = Wardrobe(load_assets(None, body_model(), anatomy()), body_model(), bank, ClothSource())
    bank.seal()
    source = PeopleSource(body_model(), anatomy(), OnePosture(), wardrobe)
    person = source.sample(np.random.default_rng(0))
    camera = Intrinsics(240.0, 240.0, 100.0, 100.0)
    view: View = framed(person.vertices[person.skin], orientation(0, 0, 0), camera, 200, 0.9, np.zeros(2))
    return source.in_view(person, view.rotation, view.translation), camera, bank


def labels_with(front_view, *props):
    person, camera, bank = front_view
    meshes = [(0, mesh) for mesh in person.meshes] + [(NOBODY, mesh) for mesh in props]
    return label_picture([person], draw(gathered(meshes), camera, 200, bank), camera, 200)


BUT_WRISTS = [joint for joint in range(13) if joint not in WRIST.values()]
"""At rest the hands are before the wrists."""


def test_all_of_who_stands_before_the_camera_is_seen(front_view):
    labels = labels_with(front_view)
    assert (labels.bodies.visibility[0, BUT_WRISTS] == Visibility.VISIBLE).all()
    assert (labels.faces.visibility == Visibility.VISIBLE).mean() > 0.8
    for side in Side:
        assert (labels.hands[side].visibility == Visibility.VISIBLE).mean() > 0.3  # fingers hide fingers


def test_a_joint_behind_an_object_is_hidden(front_view):
    knee, hidden = BODY_JOINTS.index("right_knee"), labels_with(front_view).bodies.keypoints_3d[0]
    block = at(box((0.3, 0.3, 0.1), Material(0)), *(hidden[knee] - (0, 0, 0.5)))
    labels = labels_with(front_view, block)
    assert labels.bodies.visibility[0, knee] == Visibility.HIDDEN
    assert labels.bodies.visibility[0, BODY_JOINTS.index("left_shoulder")] == Visibility.VISIBLE


def test_an_object_behind_hides_nothing(front_view):
    wall = at(box((9, 9, 0.1), Material(0)), 0, 0, 9)
    assert (labels_with(front_view, wall).bodies.visibility[0, BUT_WRISTS] == Visibility.VISIBLE).all()


# What pictures are made from


def test_effects_keep_size_and_type_and_are_the_same_for_the_same_seed():
    picture = np.random.default_rng(0).random((40, 40, 3)).astype(np.float32)
    people = np.zeros((40, 40), bool)
    people[10:30, 10:30] = True
    for seed in range(60):
        taken = [photographed(picture.copy(), people, np.random.default_rng(seed)) for _ in range(2)]
        assert taken[0].shape == (40, 40, 3)
        assert taken[0].dtype == np.uint8
        np.testing.assert_array_equal(*taken)


def test_effects_move_nothing():
    """A bright square is still where it was, whatever blurs it: its middle within half a pixel."""
    picture = np.zeros((80, 80, 3), np.float32)
    picture[30:51, 35:56] = 1
    y, x = np.mgrid[:80, :80]
    for seed in range(40):
        taken = photographed(picture, picture[..., 0] > 0, np.random.default_rng(seed)).mean(axis=2)
        weight = np.clip(taken - 128, 0, None)
        if weight.sum() > 0:
            assert (weight * y).sum() / weight.sum() == pytest.approx(40, abs=0.5)
            assert (weight * x).sum() / weight.sum() == pytest.approx(45, abs=0.5)


def test_cloth_repeats_without_a_seam():
    for seed in range(10):
        cloth = ClothSource().sample(np.random.default_rng(seed)).astype(int)
        np.testing.assert_array_equal(cloth[:, 0], cloth[:, -1])
        np.testing.assert_array_equal(cloth[0], cloth[-1])


def test_a_garment_follows_the_vertices_that_it_is_bound_to(tmp_path):
    vertices = body_model().group("body")[:3].tolist()
    (tmp_path / "patch.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n")
    bound = [
        f"{vertices[0]}",
        f"{vertices[1]} {vertices[2]} {vertices[0]} 0.5 0.5 0 0 0 0.2",
        f"{vertices[2]}",
    ]
    lines = ["obj_file patch.obj", "verts 0", *bound, "delete_verts", "5 7 - 9"]
    (tmp_path / "patch.mhclo").write_text("\n".join(lines))
    garment = read_garment(tmp_path, body_model())
    body = body_model().mean_vertices
    middle = body[vertices[1:3]].mean(axis=0) + np.array([0, -0.02, 0])  # 0.2 dm to the front
    np.testing.assert_allclose(
        garment.at_rest(body), [body[vertices[0]], middle, body[vertices[2]]], atol=1e-6
    )
    assert np.flatnonzero(garment.hides).tolist() == [5, 7, 8, 9]


def test_the_assets_bring_two_thousand_postures():
    assets_folder()
    assert renderer(with_assets=True).assets.counts()["poses"] >= 2000
