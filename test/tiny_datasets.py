# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tiny folders in the layouts of the datasets' owners.

The orders of joints are written out here from the owners' documents, and not taken from the readers. Each
joint gets a place of its own: `place(name)`.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from dope_ros.geometry import Intrinsics
from dope_ros.skeleton import Side
from dope_ros.training.synthetic import format as rendered

WIDTH, HEIGHT = 320, 240

LSP_JOINTS = [
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "neck",
    "head_top",
]
MPII_JOINTS = [
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "pelvis",
    "thorax",
    "upper_neck",
    "head_top",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
]
COCO_JOINTS = [
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
]
SMPL_JOINTS = [
    "pelvis",
    "left_hip",
    "right_hip",
    "spine1",
    "left_knee",
    "right_knee",
    "spine2",
    "left_ankle",
    "right_ankle",
    "spine3",
    "left_foot",
    "right_foot",
    "neck",
    "left_collar",
    "right_collar",
    "head",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
]
HUMAN36M_JOINTS = {
    1: "right_hip",
    2: "right_knee",
    3: "right_ankle",
    6: "left_hip",
    7: "left_knee",
    8: "left_ankle",
    14: "head",
    17: "left_shoulder",
    18: "left_elbow",
    19: "left_wrist",
    25: "right_shoulder",
    26: "right_elbow",
    27: "right_wrist",
}
FINGERS = ("thumb", "index", "middle", "ring", "little")
FROM_TIP = ("tip", "distal", "proximal", "base")
RHD_JOINTS = ["wrist", *(f"{finger}_{joint}" for finger in FINGERS for joint in FROM_TIP)]
OPENPOSE_HAND_JOINTS = ["wrist", *(f"{finger}_{joint}" for finger in FINGERS for joint in reversed(FROM_TIP))]


def place(name: str) -> tuple[float, float]:
    """A place in the picture, the same for a name always and another for each name."""
    seed = np.random.default_rng(list(name.encode()))
    x, y = seed.uniform((20, 20), (WIDTH - 20, HEIGHT - 20)).round(2)
    return float(x), float(y)


def places(names: Iterable[str]) -> np.ndarray:
    """[N, 2] float64."""
    return np.array([place(name) for name in names])


def write_pictures(paths: Iterable[Path]) -> None:
    """Grey pictures."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))


def write_video(path: Path, frames: int) -> None:
    """A video whose frame n is of the grey level 10 n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = {".avi": "MJPG", ".mp4": "mp4v"}[path.suffix]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, (WIDTH, HEIGHT))
    assert writer.isOpened(), f"OpenCV cannot write {path.suffix}"
    for frame in range(frames):
        writer.write(np.full((HEIGHT, WIDTH, 3), 10 * frame, np.uint8))
    writer.release()


def structs(items: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """A MATLAB struct array; fields that an item lacks are empty."""
    names = sorted({name for item in items for name in item})
    array = np.empty(len(items), [(name, object) for name in names])
    for index, item in enumerate(items):
        array[index] = tuple(item.get(name, np.zeros((0, 0))) for name in names)
    return array


def write_mpii(
    folder: Path, pictures: int = 1, garbled: int | None = None, rough: Mapping[str, Any] | None = None
) -> Path:
    """A person with joints and one without in each picture, one of which may be garbled; a test picture.

    rough: what is told of the person without joints besides the head.
    """
    points = [
        {"x": x + 1, "y": y + 1, "id": index, "is_visible": "0" if index == 4 else "1"}
        for index, (x, y) in enumerate(places(MPII_JOINTS))
    ]
    head = {"x1": 1, "y1": 1, "x2": 21, "y2": 31}
    jointed = head | {"annopoints": structs([{"point": structs(points)}]), "scale": 1.0}
    told = {"objpos": structs([{"x": 200, "y": 100}]), "scale": 0.5} if rough is None else rough
    names = [f"{index:09d}.jpg" for index in range(pictures)]
    images = [
        {"image": structs([{"name": name}]), "annorect": structs([jointed, head | told])} for name in names
    ]
    if garbled is not None:
        images[garbled] |= {
            "annorect": structs([{"annopoints": structs([{"point": structs([{"id": 99}])}])}])
        }
    test = {"image": structs([{"name": "test.jpg"}]), "annorect": structs([head])}
    release = structs([{"annolist": structs([*images, test]), "img_train": [1] * pictures + [0]}])
    write_pictures(folder / "images" / name for name in names)
    savemat(folder / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    return folder


def write_lsp(folder: Path, hidden: str) -> Path:
    """2,000 records; their pictures are links to one file."""
    joints = np.zeros((3, 14, 2000))
    joints[:2] = (places(LSP_JOINTS) + 1).T[:, :, None]
    joints[2, LSP_JOINTS.index(hidden)] = 1
    _link_pictures(folder, [f"im{i + 1:04d}.jpg" for i in range(2000)])
    savemat(folder / "joints.mat", {"joints": joints})
    return folder


def write_lspe(folder: Path, unlabelled: str, count: int) -> Path:
    joints = np.ones((14, 3, count))
    joints[:, :2] = (places(LSP_JOINTS) + 1)[:, :, None]
    joints[LSP_JOINTS.index(unlabelled), 2] = 0
    _link_pictures(folder, [f"im{i + 1:05d}.jpg" for i in range(count)])
    savemat(folder / "joints.mat", {"joints": joints})
    return folder


def _link_pictures(folder: Path, names: list[str]) -> None:
    write_pictures([folder / "picture.jpg"])
    (folder / "images").mkdir()
    for name in names:
        (folder / "images" / name).symlink_to(folder / "picture.jpg")


def triples(names: Sequence[str], values: Mapping[str, int] | None = None) -> list[float]:
    """x, y, v as in COCO; v is 2 but for those in `values`."""
    rows = [(*place(name), (values or {}).get(name, 2)) for name in names]
    return [number for x, y, v in rows for number in ((x, y, v) if v else (0, 0, 0))]


def coco_person(**changes: Any) -> dict[str, Any]:
    person = {
        "image_id": 7,
        "iscrowd": 0,
        "bbox": [10, 20, 100, 150],
        "keypoints": triples(COCO_JOINTS, {"left_knee": 1, "right_ankle": 0}),
    }
    return person | changes


def whole_body_person(**changes: Any) -> dict[str, Any]:
    """Of hands and faces v is 1, as in the owners' annotations."""
    names = {
        "lefthand": [f"left_{name}" for name in OPENPOSE_HAND_JOINTS],
        "righthand": [f"right_{name}" for name in OPENPOSE_HAND_JOINTS],
        "face": [f"landmark_{index}" for index in range(68)],
    }
    parts = {
        **{f"{part}_kpts": triples(of, dict.fromkeys(of, 1)) for part, of in names.items()},
        **{f"{part}_valid": True for part in names},
    }
    return coco_person() | parts | changes


def write_coco(
    folder: Path, file_name: str, people: Sequence[Mapping[str, Any]], split: str = "val2017"
) -> Path:
    """Picture 7 with these people, and picture 8 with nobody."""
    images = [{"id": index, "file_name": f"{index:012d}.jpg"} for index in (7, 8)]
    write_pictures(folder / split / image["file_name"] for image in images)
    (folder / "annotations").mkdir()
    (folder / "annotations" / file_name).write_text(
        json.dumps({"images": images, "annotations": list(people)})
    )
    return folder


def write_rhd(folder: Path, visible_right: int = 21, count: int = 1) -> Path:
    """A left hand in full view, and a right one of which so many joints are visible."""
    matrix = np.array([[280.0, 0, 160], [0, 280, 160], [0, 0, 1]])
    names = [f"{side}_{joint}" for side in ("left", "right") for joint in RHD_JOINTS]
    uv = places(names)
    depth = np.linspace(0.5, 0.6, len(names))[:, None]
    rays = (uv - (160, 160)) / 280
    visible = (np.arange(42) < 21 + visible_right).astype(float)[:, None]
    annotation = {
        "uv_vis": np.concatenate([uv, visible], axis=1),
        "xyz": np.concatenate([rays * depth, depth], axis=1),
        "K": matrix,
    }
    write_pictures(folder / "training" / "color" / f"{index:05d}.png" for index in range(count))
    (folder / "training" / "anno_training.pickle").write_bytes(
        pickle.dumps(dict.fromkeys(range(count), annotation))
    )
    return folder


def write_surreal(folder: Path, frames: int = 12) -> Path:
    """One clip; frame t is moved by t pixels to the right, 3D projects as the owners' script says."""
    clip = folder / "cmu" / "train" / "run0" / "01_01" / "01_01_c0001.mp4"
    write_video(clip, frames)
    flat = np.stack([np.add(places(SMPL_JOINTS), (t, 0)) for t in range(frames)], axis=2).transpose(1, 0, 2)
    location = np.array([[7.0], [-1.0], [0.5]])
    depth = np.full(flat.shape[1:], 6.0)
    x, y = (flat[0] - 160) / 600 * depth, (flat[1] - 120) / 600 * depth
    world = np.stack(
        [location[0] - depth, y + location[1], location[2] - x]
    )  # camera: -z, y, -x of the world
    names = {"joints2D": flat.astype(np.float32), "joints3D": world.astype(np.float32), "camLoc": location}
    savemat(clip.with_name("01_01_c0001_info.mat"), names, do_compression=True)
    return folder


HUMAN36M_CAMERA = (1145.0, 1143.0, 512.0, 515.0)
HUMAN36M_CLIP = "Walking 1.54138969"


def write_human36m(folder: Path, subjects: Iterable[str], frames: int = 20) -> Path:
    """One clip of each subject."""
    fx, fy, cx, cy = HUMAN36M_CAMERA
    names = [HUMAN36M_JOINTS.get(index, f"other_{index}") for index in range(32)]
    flat = np.stack([np.add(places(names), (t, 2 * t)) for t in range(frames)])
    depth = np.linspace(4000, 5000, 32)[None, :, None] + np.arange(frames)[:, None, None]
    solid = np.concatenate([(flat - (cx, cy)) / (fx, fy) * depth, depth], axis=2)
    for subject in subjects:
        write_video(folder / subject / "Videos" / f"{HUMAN36M_CLIP}.mp4", frames)
        for kind, poses in (("D2_Positions", flat), ("D3_Positions_mono", solid)):
            write_cdf(
                folder / subject / "MyPoseFeatures" / kind / f"{HUMAN36M_CLIP}.cdf", poses.reshape(frames, -1)
            )
    return folder


def write_cdf(path: Path, pose: np.ndarray) -> None:
    """A file of positions: `Pose` [1, T, N]."""
    pytest.importorskip("cdflib", reason="Human3.6M needs cdflib")
    from cdflib.cdfwrite import CDF

    path.parent.mkdir(parents=True, exist_ok=True)
    file = CDF(path, cdf_spec={"Compressed": 0})
    spec = {"Variable": "Pose", "Data_Type": CDF.CDF_DOUBLE, "Num_Elements": 1, "Rec_Vary": True}
    file.write_var(spec | {"Dim_Sizes": list(pose.shape)}, var_data=pose[None])
    file.close()


def write_menpo(folder: Path, pixels: np.ndarray, model: np.ndarray | None = None) -> Path:
    """The second frame of a video of three."""
    write_video(folder / "videos" / "001" / "vid.avi", 3)
    write_ljson(folder / "projected_image_space" / "001" / "000002.ljson", pixels[:, ::-1])
    if model is not None:
        write_ljson(folder / "model" / "001" / "000002.ljson", model)
    return folder


def write_ljson(path: Path, points: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 2, "labels": [], "landmarks": {"points": points.tolist()}}))


PART_BOX = (10.5, 20.5, 60.5, 90.5)
OUTSIDE_BOX = (-60, 10, -20, 50)


def write_rendered(
    folder: Path, index: int = 0, seen: Mapping[str, rendered.Visibility | Sequence[int]] | None = None
) -> rendered.PictureLabels:
    """A picture with one person of random shape, all of it visible but for what `seen` tells otherwise.

    seen: by the part, how visible it is, or each of its joints.
    """
    rng = np.random.default_rng(index)
    parts = {}
    for name, joints in (("body", 13), ("left_hand", 21), ("right_hand", 21), ("face", 84)):
        visibility = (seen or {}).get(name, rendered.Visibility.VISIBLE)
        box = OUTSIDE_BOX if not np.any(visibility) else PART_BOX
        parts[name] = rendered.RenderedPartLabels(
            rng.uniform(10, 200, (1, joints, 2)).astype(np.float32),
            rng.uniform(-0.5, 0.5, (1, joints, 3)).astype(np.float32) + np.float32([0, 0, 3]),
            np.broadcast_to(np.uint8(visibility), (1, joints)),
            np.array([box], np.float32),
        )
    hands = {Side.LEFT: parts["left_hand"], Side.RIGHT: parts["right_hand"]}
    camera = Intrinsics(300.0, 300.0, 160.0, 120.0)
    labels = rendered.PictureLabels(WIDTH, HEIGHT, camera, parts["body"], hands, parts["face"])
    write_pictures([rendered.picture_path(folder, index)])
    rendered.labels_path(folder, index).parent.mkdir(exist_ok=True)
    rendered.write_labels(rendered.labels_path(folder, index), labels)
    return labels
