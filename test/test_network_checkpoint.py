# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Published checkpoints give the published answer; what does not fit is refused and named."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs torch")
pytest.importorskip("torchvision", reason="the network needs torchvision")

from networks import SMALL_COMPACT, pictures, random_checkpoint
from published_checkpoint import COPY, ORIGINAL, UNUSED, published_checkpoint
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from dope_ros.engine.torch import predict, proposals_of
from dope_ros.errors import ModelError
from dope_ros.export.compare import differences
from dope_ros.network.checkpoint import plain_config, read_checkpoint, write_checkpoint
from dope_ros.network.first_compact import PPI
from dope_ros.network.picture import GRID, MEAN, STD
from dope_ros.poses import Proposals
from dope_ros.postprocess.integrate import integrate
from dope_ros.skeleton import Part

FORWARD = Path(__file__).parent / "data" / "forward.npz"

AXES = {
    Part.BODY: np.float32([-1, -1, 1]),
    Part.HAND: np.float32([1, 1, 1]),
    Part.FACE: np.float32([1, 1, 1]),
}
"""From the axes of the published network to optical ones."""


def saved(content, folder):
    path = folder / "checkpoint.pth"
    torch.save(content, path)
    return path


def detected_as_published(network, picture):
    """What a network says of a picture [3, H, W] in [0, 1], which is scaled as torchvision's detectors do it.

    The fixture was made so; engines get pictures that are scaled already.
    """
    kept = network.config
    transform = GeneralizedRCNNTransform(
        kept.min_size, kept.max_size, list(MEAN), list(STD), size_divisible=GRID
    )
    images, _ = transform([picture])
    (found,) = network(images.tensors, images.image_sizes)
    height, width = images.image_sizes[0]
    ratios = torch.tensor([picture.shape[2] / width, picture.shape[1] / height])
    parts = {
        part: replace(of_part, poses_2d=of_part.poses_2d * ratios) for part, of_part in found.parts.items()
    }
    return replace(found, boxes=found.boxes * ratios.repeat(2), parts=parts)


def answer_to_fixture(path):
    """The differences between a checkpoint's answer and the published network's."""
    with np.load(FORWARD) as fixture:
        stored = dict(fixture)
    kwargs = json.loads(bytes(stored["kwargs"]))
    network = read_checkpoint(path).network
    assert network.config.min_size == kwargs["min_size"]
    with torch.inference_mode():
        found = detected_as_published(network, torch.from_numpy(stored["image"]).permute(2, 0, 1) / 255)
    wanted = {
        part: Proposals(
            stored["boxes"],
            stored[f"{part.value}_scores"],
            stored[f"{part.value}_pose2d"],
            stored[f"{part.value}_pose3d"] * AXES[part],
        )
        for part in Part
    }
    return differences(proposals_of(found), wanted)


def test_a_published_checkpoint_gives_the_published_answer(tmp_path):
    found = answer_to_fixture(saved(published_checkpoint(), tmp_path))
    assert (found.matched, found.unmatched) == (50, 0)
    assert found.boxes < 0.02
    assert found.scores < 1e-4
    assert found.poses_2d < 0.05
    assert found.poses_3d < 1e-4


def test_a_published_checkpoint_in_half_precision_gives_it_at_half_precision(tmp_path):
    found = answer_to_fixture(saved(published_checkpoint(half=True), tmp_path))
    assert (found.matched, found.unmatched) == (50, 0)
    assert found.boxes < 0.25
    assert found.scores < 5e-3
    assert found.poses_2d < 0.5
    assert found.poses_3d < 5e-3


def test_the_settings_of_a_published_checkpoint_are_kept(tmp_path):
    content = published_checkpoint(half=True)
    content["dope_kwargs"] |= {"min_size": 800, "max_size": 1000, "rpn_post_nms_top_n_test": 300}
    content["hand_ppi_kwargs"]["th_iou"] = 0.6
    checkpoint = read_checkpoint(saved(content, tmp_path))
    config = checkpoint.network.config
    assert (config.min_size, config.max_size, config.proposals.count) == (800, 1000, 300)
    assert config.anchors[Part.BODY].count == 20
    assert config.anchors[Part.BODY].upper_body_from == 10
    assert config.anchors[Part.HAND].left_from == 5
    assert checkpoint.ppi[Part.BODY].iou_func == "torsohead"
    assert checkpoint.ppi[Part.BODY].score_th == pytest.approx(0.1 / 20)
    assert checkpoint.ppi[Part.HAND].th_iou == 0.6


def test_a_published_checkpoint_needs_neither_its_copies_nor_its_classifier(tmp_path):
    content = published_checkpoint(half=True)
    state = content["state_dict"]
    content["state_dict"] = {n: t for n, t in state.items() if not n.startswith(COPY) and UNUSED not in n}
    network = read_checkpoint(saved(content, tmp_path)).network
    assert torch.equal(network.backbone.conv1.weight.half(), state[f"{ORIGINAL}conv1.weight"])


def test_copies_of_the_backbone_that_differ_are_refused(tmp_path):
    content = published_checkpoint(half=True)
    name = f"{COPY}layer4.0.conv1.weight"
    content["state_dict"][name] = content["state_dict"][name] + 1
    with pytest.raises(ModelError, match=f"copies of the backbone differ in {name}"):
        read_checkpoint(saved(content, tmp_path))


def test_missing_extra_and_misshapen_tensors_are_named(tmp_path):
    content = published_checkpoint(half=True)
    state = content["state_dict"]
    del state["rpn.head.conv.bias"]
    state["roi_heads.dope_predictor.foot_cls_score.bias"] = torch.zeros(3)
    state["roi_heads.hand_anchor_poses"] = torch.zeros(10, 20, 5)
    with pytest.raises(ModelError) as refused:
        read_checkpoint(saved(content, tmp_path))
    message = str(refused.value)
    assert message.startswith("checkpoint.pth: ")
    assert "Missing: rpn.head.conv.bias." in message
    assert "Extra: roi_heads.dope_predictor.foot_cls_score.bias." in message
    assert "roi_heads.hand_anchor_poses is [10, 20, 5], not [10, 21, 5]" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path, value):
    checkpoint = random_checkpoint(SMALL_COMPACT)
    with torch.no_grad():
        checkpoint.network.predictor.cls_score["hand"].bias[2] = value
    path = tmp_path / "diverged.pt"
    write_checkpoint(path, checkpoint.network, checkpoint.ppi)
    with pytest.raises(ModelError, match=r"NaN or infinity: predictor\.cls_score\.hand\.bias\.$"):
        read_checkpoint(path)


class RunsCode:
    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.mkdir, (str(self.witness),)


def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path):
    witness = tmp_path / "it_ran"
    path = saved({"state_dict": {}, "dope_kwargs": RunsCode(witness)}, tmp_path)
    with pytest.raises(ModelError, match="refused, for it holds more than weights") as refusal:
        read_checkpoint(path)
    assert not witness.exists()
    assert "weights_only" not in str(refusal.value)


STRAY_BYTES = np.random.default_rng(0).bytes(1000)


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", b"hello", STRAY_BYTES, b"PK\x03\x04 a zip that ends"]
)
def test_a_file_that_is_no_checkpoint_is_said_to_be_none(tmp_path, content):
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.pth: not a PyTorch checkpoint, or a broken one"):
        read_checkpoint(path)


def test_a_truncated_checkpoint_is_refused(tmp_path):
    checkpoint = random_checkpoint(SMALL_COMPACT)
    path = tmp_path / "own.pt"
    write_checkpoint(path, checkpoint.network, checkpoint.ppi, torch.float16)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"own\.pt"):
        read_checkpoint(path)


def test_a_missing_file_and_a_stranger_are_told_apart(tmp_path):
    with pytest.raises(ModelError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "nowhere.pth")
    with pytest.raises(ModelError, match="neither a checkpoint of this package nor"):
        read_checkpoint(saved({"state_dict": {"weight": torch.zeros(1)}, "epoch": 3}, tmp_path))


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path):
    config = replace(SMALL_COMPACT, proposals=replace(SMALL_COMPACT.proposals, count=7))
    written = random_checkpoint(config)
    write_checkpoint(tmp_path / "own.pt", written.network, written.ppi)
    read = read_checkpoint(tmp_path / "own.pt")
    assert read.network.config == config
    assert read.ppi == written.ppi
    assert not read.network.training
    for name, tensor in written.network.state_dict().items():
        assert torch.equal(read.network.state_dict()[name], tensor), name
    assert list(tmp_path.iterdir()) == [tmp_path / "own.pt"]


def test_a_checkpoint_can_take_half_the_space(tmp_path):
    written = random_checkpoint(SMALL_COMPACT)
    for name, dtype in (("half.pt", torch.float16), ("float.pt", torch.float32)):
        write_checkpoint(tmp_path / name, written.network, written.ppi, dtype)
    sizes = [(tmp_path / name).stat().st_size for name in ("half.pt", "float.pt")]
    assert sizes[0] < 0.6 * sizes[1]
    read = read_checkpoint(tmp_path / "half.pt").network.state_dict()
    for name, tensor in written.network.state_dict().items():
        assert read[name].dtype == tensor.dtype
        torch.testing.assert_close(read[name], tensor, rtol=1e-3, atol=1e-6)


def test_a_checkpoint_whose_weights_are_8_bit_integers_is_read(tmp_path):
    """As those of version 2 could be."""
    written = random_checkpoint(SMALL_COMPACT)
    write_checkpoint(tmp_path / "own.pt", written.network, written.ppi)
    content = torch.load(tmp_path / "own.pt", weights_only=True)
    name = "box_head.linear1.weight"
    weights = content["state_dict"][name]
    scales = weights.abs().amax(dim=1, keepdim=True) / 127
    integers = {**content["state_dict"], name: (weights / scales).round().to(torch.int8)}
    path = saved(content | {"state_dict": integers, "scales": {name: scales}}, tmp_path)
    read = read_checkpoint(path).network.state_dict()[name]
    assert (read - weights).abs().max() <= 0.501 * scales.max()


def test_a_checkpoint_of_a_later_version_is_refused(tmp_path):
    written = random_checkpoint(SMALL_COMPACT)
    write_checkpoint(tmp_path / "own.pt", written.network, written.ppi, torch.float16)
    content = torch.load(tmp_path / "own.pt", weights_only=True)
    with pytest.raises(ModelError, match="version 5; this release reads version 4 and older"):
        read_checkpoint(saved(content | {"version": 5}, tmp_path))


@pytest.mark.parametrize(
    ("version", "later"),
    [
        (1, ("spatial.context.", "spatial.prior", "spatial.hourglass.")),
        (2, ("spatial.hourglass.",)),
    ],
)
def test_a_checkpoint_of_an_earlier_version_finds_joints_without_what_came_later(tmp_path, version, later):
    written = random_checkpoint(SMALL_COMPACT)
    write_checkpoint(tmp_path / "own.pt", written.network, written.ppi)
    content = torch.load(tmp_path / "own.pt", weights_only=True)
    tensors = {name: of for name, of in content["state_dict"].items() if not name.startswith(later)}
    old = saved(content | {"version": version, "state_dict": tensors}, tmp_path)
    network, again = (read_checkpoint(old).network for _ in range(2))
    assert not network.spatial.hourglass.expand.weight.any()
    assert bool(network.spatial.context.weight.any()) == (version > 1)
    assert bool(network.spatial.prior.any()) == (version > 1)
    for name, of in network.state_dict().items():
        torch.testing.assert_close(of, again.state_dict()[name], rtol=0, atol=0)
        if name in tensors:
            torch.testing.assert_close(of, tensors[name], rtol=0, atol=0)
    with pytest.raises(ModelError, match=r"Missing: spatial\.\w+"):
        read_checkpoint(saved(content | {"state_dict": tensors}, tmp_path))


def test_a_checkpoint_from_before_boxes_were_refined_gives_the_proposals(tmp_path):
    written = random_checkpoint(SMALL_COMPACT)
    write_checkpoint(tmp_path / "own.pt", written.network, written.ppi)
    content = torch.load(tmp_path / "own.pt", weights_only=True)
    config = {name: value for name, value in content["config"].items() if name != "refined"}
    tensors = {name: of for name, of in content["state_dict"].items() if not name.startswith("refinement.")}
    old = saved(content | {"version": 3, "config": config, "state_dict": tensors}, tmp_path)
    network = read_checkpoint(old).network
    assert network.refinement is None
    (picture,) = pictures(1, 192, 256)
    prediction = predict(network, picture)
    assert torch.equal(prediction.boxes, prediction.proposals)


def test_a_checkpoint_without_its_settings_is_refused(tmp_path):
    with pytest.raises(ModelError, match="its settings cannot be read"):
        read_checkpoint(saved({"format": "dope_ros", "version": 1, "state_dict": {}}, tmp_path))


def with_face_classes(config, count):
    return config | {"anchors": config["anchors"] | {"face": config["anchors"]["face"] | {"count": count}}}


@pytest.mark.parametrize("count", ["ten", -3])
def test_a_checkpoint_of_a_network_that_cannot_be_made_is_refused(tmp_path, count):
    config = with_face_classes(plain_config(SMALL_COMPACT), count)
    ppi = {part.value: asdict(of_part) for part, of_part in PPI.items()}
    content = {"format": "dope_ros", "version": 4, "config": config, "ppi": ppi, "state_dict": {}}
    with pytest.raises(ModelError, match="its settings cannot be read"):
        read_checkpoint(saved(content, tmp_path))


@pytest.mark.parametrize(
    "extra", [{"bb._blocks.99._bn0.weight": torch.ones(1)}, {"rcls.weight": torch.ones(())}]
)
def test_a_checkpoint_of_the_first_layout_with_strange_tensors_is_refused(tmp_path, extra):
    tensors = {"bb._conv_stem.weight": torch.ones(1)} | extra
    with pytest.raises(ModelError, match=r"checkpoint\.pth"):
        read_checkpoint(saved({"state_dict": tensors}, tmp_path))


@pytest.mark.parametrize("entry", [{1: torch.ones(1)}, {1: 2}, {"weight": 2}])
def test_entries_that_are_no_tensors_with_a_name_are_refused(tmp_path, entry):
    with pytest.raises(ModelError, match=r"no tensors with a name: (1|weight)"):
        read_checkpoint(saved({"format": "dope_ros", "state_dict": entry}, tmp_path))


FIRST_COMPACT = os.environ.get("DOPE_FIRST_COMPACT_CHECKPOINT", "")


@pytest.mark.skipif(
    not FIRST_COMPACT, reason="DOPE_FIRST_COMPACT_CHECKPOINT names no checkpoint of the first compact network"
)
def test_the_first_compact_checkpoint_still_finds_people_in_2d():
    from dope_ros.cli.bench import SAMPLE_PICTURE
    from dope_ros.pictures import read_picture
    from dope_ros.preprocess import fit

    checkpoint = read_checkpoint(Path(FIRST_COMPACT))
    pixels = fit(read_picture(SAMPLE_PICTURE), 384, 512, 0).pixels
    bodies = proposals_of(predict(checkpoint.network, pixels))[Part.BODY]
    anchors, ppi = checkpoint.network.config.anchors[Part.BODY], checkpoint.ppi[Part.BODY]
    assert integrate(bodies, Part.BODY, anchors, ppi)
