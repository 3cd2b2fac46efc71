# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How rendered people are bent: joint ranges, postures, captured motion."""

import numpy as np
import pytest

for package in ("numba", "anny"):
    pytest.importorskip(package, reason=f"{package} is not installed (pip install '.[synthetic]')")

from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from synthetic_tools import anatomy, assets_folder, body_model

from dope_ros.errors import DatasetError
from dope_ros.skeleton import Side
from dope_ros.training.synthetic.body import BodyModel
from dope_ros.training.synthetic.bvh import read_bvh
from dope_ros.training.synthetic.expressions import random_expression
from dope_ros.training.synthetic.hand_shapes import HandShape, set_hand
from dope_ros.training.synthetic.postures import PostureSampler, Support
from dope_ros.training.synthetic.retarget import (
    Y_UP_TO_BODY,
    CapturedPoses,
    from_bvh,
    read_captured,
    retargeted,
)
from dope_ros.training.synthetic.rotations import aligning, from_swing_and_twist, swing_and_twist, unit
from dope_ros.training.synthetic.scene_mix import EVERYDAY, EVERYTHING


@pytest.fixture(autouse=True, scope="module")
def _bodies():
    """Made before the first test, for hypothesis times each example."""
    anatomy()


seeds = st.integers(0, 2**32 - 1)


def random_rotations(seed, count):
    return Rotation.random(count, random_state=seed).as_matrix()


@given(seeds)
def test_swing_and_twist_give_the_rotation_again(seed):
    rotations = random_rotations(seed, 5)
    axes = unit(np.random.default_rng(seed).normal(size=(5, 3)))
    swings, twists = swing_and_twist(rotations, axes)
    np.testing.assert_allclose(np.einsum("nc,nc->n", swings, axes), 0, atol=1e-6)
    np.testing.assert_allclose(from_swing_and_twist(swings, twists, axes), rotations, atol=1e-6)


@given(seeds)
def test_the_smallest_rotation_turns_one_direction_into_the_other(seed):
    start, end = unit(np.random.default_rng(seed).normal(size=(2, 3)))
    np.testing.assert_allclose(aligning(start, end) @ start, end, atol=1e-9)
    np.testing.assert_allclose(aligning(start, -start) @ start, -start, atol=1e-9)


@given(seeds)
def test_any_angles_are_brought_within_the_ranges_and_then_left_alone(seed):
    angles = np.random.default_rng(seed).normal(0, 120, anatomy().at_rest().shape)
    clamped = anatomy().clamped(angles)
    assert anatomy().within(clamped).all()
    assert (clamped >= anatomy().low - 1e-6).all()
    assert (clamped <= anatomy().high + 1e-6).all()
    np.testing.assert_allclose(anatomy().clamped(clamped), clamped, atol=1e-9)


@given(seeds)
def test_angles_within_the_ranges_survive_the_way_through_rotations(seed):
    angles = anatomy().clamped(np.random.default_rng(seed).uniform(anatomy().low, anatomy().high))
    np.testing.assert_allclose(anatomy().angles(anatomy().rotations(angles)), angles, atol=1e-6)


@given(seeds)
def test_a_mirrored_pose_is_the_mirror_image(seed):
    model = body_model()
    angles = anatomy().clamped(np.random.default_rng(seed).uniform(anatomy().low, anatomy().high))
    heads = model.mean_heads * (1, 1, 1)
    symmetric = 0.5 * (heads + heads[_mirrored_bones(model)] * (-1, 1, 1))
    pose = model.posed(symmetric, anatomy().rotations(angles)).heads
    mirrored = model.posed(symmetric, anatomy().rotations(anatomy().mirrored(angles))).heads
    middle = [
        row for row, name in enumerate(model.bones) if name in ("head", "wrist.L", "foot.R", "finger2-3.L")
    ]
    expected = pose[_mirrored_bones(model)] * (-1, 1, 1)
    np.testing.assert_allclose(
        mirrored[middle], expected[middle], atol=0.02
    )  # trunk axes are not quite symmetric


def _mirrored_bones(model):
    other = {"L": "R", "R": "L"}
    names = [f"{name[:-1]}{other[name[-1]]}" if name[-2:] in (".L", ".R") else name for name in model.bones]
    return [model.bone_index[name] for name in names]


def head_of(bone, angles):
    model = body_model()
    return model.posed(model.mean_heads, anatomy().rotations(angles)).heads[model.bone_index[bone]]


@pytest.mark.parametrize(
    ("bone", "angle", "moved", "towards"),
    [
        ("upperleg01.R", (60, 0, 0), "foot.R", (0, -1, 0)),
        ("upperleg01.R", (0, 30, 0), "foot.R", (-1, 0, 0)),
        ("upperleg01.L", (0, 30, 0), "foot.L", (1, 0, 0)),
        ("lowerleg01.L", (80, 0, 0), "foot.L", (0, 1, 0)),
        ("upperarm01.L", (0, 80, 0), "wrist.L", (0, 0, 1)),
        ("upperarm01.R", (70, 0, 0), "wrist.R", (0, -1, 0)),
        ("spine03", (15, 0, 0), "head", (0, -1, 0)),
        ("spine03", (0, 8, 0), "head", (1, 0, 0)),
    ],
)
def test_joints_bend_the_way_that_anatomy_calls_so(bone, angle, moved, towards):
    angles = anatomy().at_rest()
    before = head_of(moved, angles)
    angles[anatomy().index[bone]] = angle
    assert (head_of(moved, angles) - before) @ towards > 0.02


@pytest.mark.parametrize("side", list(Side))
def test_a_fist_brings_the_fingertips_to_the_palm(side):
    model, letter = body_model(), "LR"[side is Side.RIGHT]
    distances = {}
    for name, curl in (("open", 0.0), ("fist", 1.0)):
        angles = anatomy().at_rest()
        set_hand(angles, anatomy(), side, HandShape(name, (curl,) * 5), np.random.default_rng(0))
        bones = model.posed(model.mean_heads, anatomy().rotations(anatomy().clamped(angles)))
        hand = model.joints(model.skinned(model.mean_vertices, bones), bones).hands[side]
        index = model.bone_index
        across = bones.heads[index[f"finger5-1.{letter}"]] - bones.heads[index[f"wrist.{letter}"]]
        along = bones.heads[index[f"finger2-1.{letter}"]] - bones.heads[index[f"wrist.{letter}"]]
        palm = np.cross(across, along) * (1 if side is Side.LEFT else -1)
        distances[name] = np.linalg.norm(hand[[11, 14, 17, 20]] - hand[2:6], axis=1)
        if name == "fist":
            assert ((hand[[10, 13, 16, 19]] - hand[2:6]) @ palm > 0).all()
    assert (distances["fist"] < 0.7 * distances["open"]).all()


def test_every_posture_lies_within_the_joint_ranges_and_every_kind_comes():
    sampler = PostureSampler(anatomy(), None, EVERYTHING)
    postures = [sampler.sample(np.random.default_rng([3, index])) for index in range(150)]
    assert all(anatomy().within(posture.angles).all() for posture in postures)
    kinds = {"standing", "walking", "sitting", "crouching", "bending", "lying", "hanging", "tumbling"}
    assert {posture.kind for posture in postures} == kinds
    assert {posture.support for posture in postures} == set(Support)
    assert any(posture.held for posture in postures)
    for posture in postures:
        np.testing.assert_allclose(posture.root @ posture.root.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(posture.root) > 0


def test_everyday_people_keep_their_feet_on_the_ground_or_sit():
    sampler = PostureSampler(anatomy(), None, EVERYDAY)
    postures = [sampler.sample(np.random.default_rng([3, index])) for index in range(150)]
    assert {posture.kind for posture in postures} == set(EVERYDAY.postures)
    assert {posture.support for posture in postures} == {Support.GROUND, Support.SEAT}


def test_who_lies_is_low_and_who_hangs_has_the_hands_up():
    sampler, model = PostureSampler(anatomy(), None, EVERYTHING), body_model()
    for index in range(150):
        posture = sampler.sample(np.random.default_rng([3, index]))
        rotations = anatomy().rotations(posture.angles)
        rotations[0] = posture.root
        heads = model.posed(model.mean_heads, rotations).heads
        head, root = heads[model.bone_index["head"]], heads[0]
        if posture.kind == "lying":
            assert abs(head[2] - root[2]) < 0.5
        if posture.kind == "hanging":
            assert heads[model.bone_index["wrist.L"], 2] > head[2] - 0.1


def test_expressions_are_strengths_of_actions_that_there_are():
    for index in range(100):
        strengths = random_expression(np.random.default_rng(index), body_model().actions)
        assert set(strengths) <= set(body_model().actions)
        assert all(0 <= strength <= 1 for strength in strengths.values())


def test_facial_actions_move_the_side_that_they_name():
    moved = body_model().expression({"mouthSmileLeft": 1.0})
    rows = np.flatnonzero(np.abs(moved).max(axis=1) > 0.002)
    across = body_model().mean_vertices[rows, 0]
    assert across.min() > -0.02
    assert np.median(across) > 0.01


# Captured motion

NAMES = ("root", "lhumerus", "lradius", "rfemur", "rtibia")
REST = np.array([[0, 0, 0], [0.3, 0, 0], [0.2, 0, 0], [-0.1, -0.4, 0], [-0.1, -0.4, 0]])


def captured(**turns):
    """One posture of a captured skeleton; turns are rotation vectors in degrees, y up."""
    rotvecs = np.array([turns.get(name, (0, 0, 0)) for name in NAMES], float)
    return CapturedPoses(NAMES, REST, Rotation.from_rotvec(rotvecs, degrees=True).as_matrix()[None])


def limb(library, start, end):
    model = body_model()
    rotations = anatomy().rotations(library.angles[0])
    rotations[0] = library.roots[0]
    heads = model.posed(model.mean_heads, rotations).heads
    return unit(heads[model.bone_index[end]] - heads[model.bone_index[start]])


@pytest.mark.parametrize(
    ("bone", "turn", "start", "end"),
    [
        ("lhumerus", (0, 0, 0), "upperarm01.L", "lowerarm01.L"),
        ("lhumerus", (0, 0, -60), "upperarm01.L", "lowerarm01.L"),
        ("lhumerus", (0, -70, 0), "upperarm01.L", "lowerarm01.L"),
        ("lradius", (0, -80, 0), "lowerarm01.L", "wrist.L"),
        ("rfemur", (-70, 0, 0), "upperleg01.R", "lowerleg01.R"),
        ("rtibia", (60, 0, 0), "lowerleg01.R", "foot.R"),
    ],
)
def test_captured_limbs_keep_their_directions_on_the_rig(bone, turn, start, end):
    poses = captured(**{bone: turn})
    index = NAMES.index(bone)
    expected = Y_UP_TO_BODY @ poses.rotations[0, index] @ unit(REST[index])
    library = retargeted(poses, body_model(), anatomy())
    assert limb(library, start, end) @ expected > np.cos(np.deg2rad(6))


def test_a_captured_knee_that_bends_forward_does_not_on_the_rig():
    library = retargeted(captured(rtibia=(-60, 0, 0)), body_model(), anatomy())
    assert anatomy().within(library.angles, tolerance=1e-3).all()
    assert library.angles[0, anatomy().index["lowerleg01.R"], 0] >= -5.001


def test_a_broken_file_of_captured_postures_is_named(tmp_path):
    np.savez(tmp_path / "poses.npz", names=np.array(["root"]))
    with pytest.raises(DatasetError, match=r"poses\.npz: not a file of captured postures"):
        read_captured(tmp_path / "poses.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut"])
def test_a_file_of_captured_postures_or_of_bodies_that_was_cut_off_is_named(tmp_path, content):
    path = tmp_path / "cut.npz"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"cut\.npz: not a file of captured postures"):
        read_captured(path)
    with pytest.raises(DatasetError, match=r"cut\.npz: not a file of bodies.*Delete it"):
        BodyModel(path)


def test_the_captured_postures_of_the_assets_lose_little_to_the_joint_ranges():
    model, poses = body_model(), read_captured(assets_folder() / "poses" / "cmu_mocap.npz")
    library = retargeted(poses, model, anatomy())
    assert len(library) == 2000
    errors = []
    for index in range(0, len(library), 25):
        rotations = anatomy().rotations(library.angles[index])
        rotations[0] = library.roots[index]
        heads = model.posed(model.mean_heads, rotations).heads
        for source, start, end in (
            ("lradius", "lowerarm01.L", "wrist.L"),
            ("rtibia", "lowerleg01.R", "foot.R"),
        ):
            bone = poses.names.index(source)
            expected = unit(Y_UP_TO_BODY @ poses.rotations[index, bone] @ poses.rest[bone])
            limb = unit(heads[model.bone_index[end]] - heads[model.bone_index[start]])
            errors.append(np.rad2deg(np.arccos(np.clip(limb @ expected, -1, 1))))
    assert np.median(errors) < 2
    assert np.percentile(errors, 90) < 15


BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT LeftUpLeg
  {
    OFFSET 1 -1 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    JOINT LeftLeg
    {
      OFFSET 0 -4 0
      CHANNELS 3 Zrotation Yrotation Xrotation
      End Site
      {
        OFFSET 0 -4 0
      }
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.5
1 2 3 0 0 0 0 0 0 0 0 0
4 5 6 90 0 0 0 0 -60 0 0 40
"""


def test_a_bvh_file_is_read(tmp_path):
    (tmp_path / "a.bvh").write_text(BVH)
    clip = read_bvh(tmp_path / "a.bvh")
    assert clip.joints == ("Hips", "LeftUpLeg", "LeftLeg")
    assert clip.parents.tolist() == [-1, 0, 1]
    assert clip.offsets.tolist() == [[0, 0, 0], [1, -1, 0], [0, -4, 0]]
    np.testing.assert_allclose(clip.rotations[0], np.tile(np.eye(3), (3, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(clip.rotations[1, 0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    expected = Rotation.from_euler("ZX", (90, -60), degrees=True).as_matrix()
    np.testing.assert_allclose(clip.world_rotations()[1, 1], expected, atol=1e-12)


def test_a_bvh_file_with_the_usual_names_moves_the_rig(tmp_path):
    (tmp_path / "a.bvh").write_text(BVH.replace("4 5 6 90 0 0", "4 5 6 0 0 0"))
    library = from_bvh(tmp_path / "a.bvh", body_model(), anatomy())
    thigh = anatomy().index["upperleg01.L"]
    assert library.angles[1, thigh, 0] - library.angles[0, thigh, 0] == pytest.approx(60, abs=5)
    assert library.angles[1, anatomy().index["lowerleg01.L"], 0] == pytest.approx(40, abs=8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "no MOTION"),
        (BVH.replace("Frames: 2", "Frames: 3"), "not a BVH file"),
        (BVH.replace("CHANNELS 3 Zrotation Yrotation Xrotation\n    JOINT", "JOINT"), "not a BVH file"),
        (BVH.replace("Hips", "Pelvis"), "named neither"),
    ],
)
def test_a_broken_bvh_file_is_named(tmp_path, text, message):
    (tmp_path / "a.bvh").write_text(text)
    with pytest.raises(DatasetError, match=rf"a\.bvh.*{message}"):
        from_bvh(tmp_path / "a.bvh", body_model(), anatomy())
