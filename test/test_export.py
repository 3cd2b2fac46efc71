# Copyright 2026 dope_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The exported graph is the network, in operators that run everywhere."""

import json
import re
import zlib
from dataclasses import replace
from functools import partial

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="export needs onnx")
torch = pytest.importorskip("torch", reason="export needs torch")
pytest.importorskip("torchvision", reason="export needs torchvision")
pytest.importorskip("onnxslim", reason="export needs onnxslim")

import onnx
from networks import SMALL_COMPACT, SMALL_PUBLISHED, pictures, random_checkpoint
from onnx import TensorProto, helper
from rounding import rounded_after_every_node
from torchvision.ops import box_iou, roi_align

from dope_ros.cli import main
from dope_ros.cli.export import changed_ppi
from dope_ros.engine import DEFAULT_MODEL, load_engine
from dope_ros.engine.contract import OverflowedError, output_names, proposals_from_outputs
from dope_ros.engine.model_file import read_model
from dope_ros.engine.tensorrt.builder import BuildError, graph_for_tensorrt
from dope_ros.engine.torch import TorchEngine, predict, proposals_of
from dope_ros.errors import EngineError, ModelError
from dope_ros.export.compare import compare_with_network, differences
from dope_ros.export.trained import NETWORK_KEY, read_trained
from dope_ros.export.write import ExportOptions, export_model
from dope_ros.network.checkpoint import write_checkpoint
from dope_ros.network.exported import name_weights
from dope_ros.network.first_compact import PPI
from dope_ros.network.picture import normalised, padded
from dope_ros.network.static_graph import StaticGraph
from dope_ros.onnx_graph.half import Precision, all_in_half, in_half, in_precision
from dope_ros.onnx_graph.int8 import WEIGHTED, stays_in_float
from dope_ros.onnx_graph.lowering import with_cells_gathered, without_roi_align
from dope_ros.onnx_graph.storage import quantised, widened
from dope_ros.pictures import write_picture
from dope_ros.settings import Storage
from dope_ros.skeleton import Part

HEIGHT, WIDTH = 180, 250
"""No multiples of 32, so that the graph has to pad."""

both_networks = pytest.mark.parametrize(
    "config", [SMALL_COMPACT, SMALL_PUBLISHED], ids=["compact", "published"]
)


def exported(folder, config=SMALL_COMPACT, name="model.onnx", **options):
    checkpoint = random_checkpoint(config)
    path = folder / name
    export_model(checkpoint, path, ExportOptions(HEIGHT, WIDTH, **options))
    return checkpoint, path


@pytest.fixture(scope="module")
def compact(make_folder):
    return exported(make_folder("compact"), proposals=50)


def first(proposals, rows):
    kinds = ("boxes", "scores", "poses_2d", "poses_3d")
    return replace(proposals, **{kind: getattr(proposals, kind)[:rows] for kind in kinds})


def run(model, picture):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(output_names(), session.run(output_names(), {"image": picture[None]}), strict=True))


def within_reach(checkpoint):
    """The checkpoint with joints regressed to where the spatial head alone says where they are in space.

    Where the two hand over to each other, the pose depends on how far apart they are. Trained heads agree
    there; of random ones a thousandth of a box makes a centimetre, or none on a CPU that rounds otherwise.
    """
    if checkpoint.network.spatial is not None:
        with torch.no_grad():
            for regression in checkpoint.network.predictor.pose_pred.values():
                regression.weight.mul_(0.1)
    return checkpoint


@both_networks
def test_the_static_graph_keeps_the_very_proposals_of_the_network(config):
    network = random_checkpoint(config).network
    graph = StaticGraph(network, HEIGHT, WIDTH, config.proposals.count)
    with torch.inference_mode():
        for picture in pictures(20, HEIGHT, WIDTH):
            image = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
            features = network.backbone(padded(normalised(image)))
            (wanted,) = network.rpn(features, [(HEIGHT, WIDTH)], network.config.proposals)
            boxes, valid = graph.propose(features)
            assert torch.equal(boxes[valid > 0], wanted)
            assert len(wanted) > 10


@both_networks
def test_the_static_graph_says_of_boxes_what_the_network_says(config):
    network = random_checkpoint(config).network
    found = graph_against_network(network, lambda picture: predict(network, picture))
    # Folding batch norms changes the last bits of scores; of two that tie, the other box may be taken.
    assert sum(difference.unmatched for difference in found) <= 4
    assert sum(difference.matched for difference in found) > 500
    assert max(difference.boxes for difference in found) < 0.02
    assert max(difference.scores for difference in found) < 1e-5
    assert max(difference.poses_2d for difference in found) < 1e-2
    assert max(difference.poses_3d for difference in found) < 1e-5


@both_networks
def test_the_static_graph_says_the_boxes_of_the_network_where_no_rounding_grows(config):
    """Fifty layers of random weights make a thousandth of a pixel of the last bits of an input, or more."""
    network = random_checkpoint(config).network
    compute_in_double(network.backbone)
    pixels = StaticGraph(network, HEIGHT, WIDTH, 1)._normalised

    def of_the_same_pixels(picture):
        (prediction,) = network(pixels(torch.from_numpy(picture)[None]), [(HEIGHT, WIDTH)])
        return prediction

    found = graph_against_network(network, of_the_same_pixels)
    assert sum(difference.matched for difference in found) > 500
    assert max(difference.boxes for difference in found) < 1e-3


def graph_against_network(network, predicted):
    graph = StaticGraph(network, HEIGHT, WIDTH, network.config.proposals.count).eval()
    found = []
    for picture in pictures(20, HEIGHT, WIDTH):
        with torch.inference_mode():
            outputs = [output.numpy() for output in graph(torch.from_numpy(picture)[None])]
            prediction = predicted(picture)
        proposals = proposals_from_outputs("the graph", dict(zip(output_names(), outputs, strict=True)))
        found.append(differences(proposals, proposals_of(prediction)))
    return found


def compute_in_double(module):
    """Have a module, and copies of it, compute in double precision between inputs and outputs in float."""
    module.double()
    module.register_forward_pre_hook(lambda _module, inputs: tuple(each.double() for each in inputs))
    module.register_forward_hook(lambda _module, _inputs, output: output.float())


@both_networks
def test_onnx_runtime_says_what_pytorch_says(tmp_path, config):
    checkpoint, path = exported(tmp_path, config, proposals=40)
    for picture in pictures(2, HEIGHT, WIDTH, seed=1):
        found = compare_with_network(path, checkpoint, picture)
        assert found.matched > 10
        assert found.unmatched == 0
        assert found.boxes < 1e-2
        assert found.scores < 1e-5
        assert found.poses_2d < 1e-2
        assert found.poses_3d < 1e-5


def test_an_export_with_more_proposals_is_compared_with_as_many(tmp_path):
    checkpoint, path = exported(tmp_path, SMALL_COMPACT, proposals=90)
    own = checkpoint.network.config.proposals.count
    (picture,) = pictures(1, HEIGHT, WIDTH, seed=1)
    found = compare_with_network(path, checkpoint, picture)
    assert found.matched > own
    assert found.unmatched == 0


def test_a_network_read_from_an_export_with_fewer_proposals_makes_as_many(tmp_path):
    checkpoint, path = exported(tmp_path, SMALL_COMPACT, proposals=40)
    own, read = checkpoint.network.config, read_trained(path).network.config
    assert read == replace(own, proposals=replace(own.proposals, count=40))


@pytest.mark.parametrize("model", [DEFAULT_MODEL, DEFAULT_MODEL.with_name("dope-lite-int8.onnx")])
def test_a_model_in_the_package_says_how_many_proposals_it_makes(model):
    entries = {entry.key: entry.value for entry in onnx.load(model, load_external_data=False).metadata_props}
    engine = load_engine(model, "onnx")
    spec = engine.spec
    boxes = engine.run(np.zeros((spec.height, spec.width, 3), np.uint8))[Part.BODY].boxes
    engine.close()
    assert len(boxes) == json.loads(entries[NETWORK_KEY])["proposals"]["count"] == 50


def test_more_proposals_than_there_are_candidates_are_refused(tmp_path):
    config = replace(SMALL_COMPACT, proposals=replace(SMALL_COMPACT.proposals, candidates=30))
    with pytest.raises(ModelError, match=r"31 proposals were asked for.* gives 30 at most"):
        exported(tmp_path, config, proposals=31)


@both_networks
def test_half_precision_keeps_the_very_proposals_and_says_nearly_the_same_of_them(tmp_path, config):
    checkpoint = within_reach(random_checkpoint(config))
    path = tmp_path / "model.onnx"
    export_model(checkpoint, path, ExportOptions(HEIGHT, WIDTH, proposals=40))
    onnx.save(rounded_after_every_node(in_half(onnx.load(path))), path)
    engine = load_engine(path, "onnx")
    for picture in pictures(20, HEIGHT, WIDTH, seed=1):
        proposals = proposals_of(predict(checkpoint.network, picture))
        found = differences(engine.run(picture), {part: first(p, 40) for part, p in proposals.items()})
        assert found.matched > 10
        assert found.unmatched == 0
        # Proposals are the same; what refines them is a matrix product, which is in half precision.
        assert found.boxes < (0.05 if config.refined else 1e-2)
        assert found.scores < 5e-3
        assert found.poses_3d < 5e-3


@both_networks
def test_choosing_proposals_in_half_precision_turns_few_choices(tmp_path, config):
    checkpoint, path = exported(tmp_path, config, proposals=40)
    onnx.save(rounded_after_every_node(all_in_half(onnx.load(path))), path)
    (picture,) = pictures(1, HEIGHT, WIDTH, seed=1)
    found = compare_with_network(path, checkpoint, picture)
    assert found.matched > 5 * found.unmatched
    assert found.boxes < 0.5


def test_the_model_is_static_and_of_standard_operators(compact):
    model = onnx.load(compact[1])
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    operators = {node.op_type for node in model.graph.node}
    assert not operators & {
        "NonMaxSuppression",
        "NonZero",
        "If",
        "Loop",
        "Shape",
        "Pad3D",
        "BatchNormalization",
    }
    values = [*onnx.shape_inference.infer_shapes(model).graph.value_info, *model.graph.output]
    for value in values:
        assert all(d.HasField("dim_value") for d in value.type.tensor_type.shape.dim), value.name


def test_the_input_is_cast_before_anything_else(compact):
    graph = onnx.load(compact[1]).graph
    assert [node.op_type for node in graph.node if "image" in node.input] == ["Cast"]


def test_the_model_says_of_itself_what_the_checkpoint_says(compact):
    checkpoint, path = compact
    spec = load_engine(path, "onnx").spec
    assert (spec.height, spec.width) == (HEIGHT, WIDTH)
    assert spec.anchors == checkpoint.network.config.anchors
    assert spec.ppi == checkpoint.ppi


def test_rows_without_a_proposal_are_marked_as_padding(tmp_path):
    config = replace(SMALL_COMPACT, proposals=replace(SMALL_COMPACT.proposals, candidates=30))
    checkpoint, path = exported(tmp_path, config, proposals=30)
    (picture,) = pictures(1, HEIGHT, WIDTH)
    valid = run(onnx.load(path), picture)["valid"]
    kept = len(predict(checkpoint.network, picture).boxes)
    assert 0 < kept < len(valid)
    assert valid.tolist() == [1.0] * kept + [0.0] * (len(valid) - kept)


@pytest.mark.parametrize(
    ("storage", "share", "error"), [(Storage.HALF, 0.6, 5e-3), (Storage.INT8, 0.35, 0.05)]
)
def test_weights_can_take_less_space_and_compute_in_float(tmp_path, compact, storage, share, error):
    _, path = exported(tmp_path, storage=storage, proposals=50)
    assert path.stat().st_size < share * compact[1].stat().st_size
    (picture,) = pictures(1, HEIGHT, WIDTH)
    one, other = (load_engine(p, "onnx").run(picture) for p in (path, compact[1]))
    found = differences(one, other)
    assert found.matched > 25
    assert found.scores < error


@pytest.mark.parametrize("storage", Storage)
def test_widened_a_model_says_the_very_same(tmp_path, storage):
    _, path = exported(tmp_path, storage=storage, proposals=50)
    (picture,) = pictures(1, HEIGHT, WIDTH)
    model = widened(onnx.load(path))
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    assert kinds <= {TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL}
    one, other = (run(of, picture) for of in (model, onnx.load(path)))
    for name in output_names():
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize(("bits", "most"), [(8, 255), (6, 63), (2, 3)])
def test_weights_in_8_bit_integers_are_within_half_a_step(bits, most):
    weights = np.random.default_rng(0).normal(0, [[1.0], [1e-3], [0.0]], (3, 500)).astype(np.float32)
    integers, scales = quantised(weights, axis=0, bits=bits)
    assert integers.dtype == np.int8
    assert scales.shape == (3, 1)
    half_a_step = 0.5 * 127 / (most // 2) + (0.5 if bits < 8 else 0)
    assert (np.abs(integers * scales - weights) <= (half_a_step + 1e-3) * scales).all()
    assert (np.abs(integers[:2]).max(axis=1) == 127).all()
    assert len(np.unique(integers)) <= most
    again, _ = quantised(integers * scales, axis=0)
    np.testing.assert_array_equal(again, integers)


def test_matrix_products_do_with_a_bit_less_than_convolutions(tmp_path):
    _, path = exported(tmp_path, storage=Storage.INT8, bits=6)
    stored = {of.name: onnx.numpy_helper.to_array(of) for of in onnx.load(path).graph.initializer}
    values = {name: len(np.unique(of)) for name, of in stored.items() if of.dtype == np.int8}
    of_matrices = {name: count for name, count in values.items() if stored[name].ndim == 2}
    assert max(of_matrices.values()) == 31
    assert max(count for name, count in values.items() if name not in of_matrices) == 63


def test_with_fewer_bits_an_archive_of_the_model_is_smaller(tmp_path):
    sizes = {}
    for bits in (8, 6):
        _, path = exported(tmp_path, storage=Storage.INT8, bits=bits, proposals=50)
        sizes[bits] = len(zlib.compress(path.read_bytes()))
    assert sizes[6] < 0.8 * sizes[8]


# A model file as a checkpoint


@both_networks
def test_a_model_file_gives_back_the_network_that_it_was_made_of(tmp_path, config):
    checkpoint, path = exported(tmp_path, config, proposals=50)
    read = read_trained(path)
    assert read.network.config == checkpoint.network.config
    assert read.ppi == checkpoint.ppi
    for picture in pictures(3, HEIGHT, WIDTH):
        one, other = (proposals_of(predict(of.network, picture)) for of in (read, checkpoint))
        found = differences(one, other)
        assert found.matched > 25
        assert found.unmatched <= 2  # boxes whose scores tie but for the last bit
        assert found.scores < 1e-5
        assert found.poses_2d < 1e-2


def made_the_same(one, other):
    with torch.no_grad():
        for value, of in zip(one.parameters(), other.parameters(), strict=True):
            value.copy_(of)


def test_layers_that_have_learnt_the_same_of_different_inputs_come_back_as_two(tmp_path):
    checkpoint = random_checkpoint(SMALL_COMPACT)
    blocks = checkpoint.network.spatial.blocks
    made_the_same(blocks[1].pointwise, blocks[0].pointwise)
    export_model(checkpoint, tmp_path / "model.onnx", ExportOptions(HEIGHT, WIDTH))
    read = read_trained(tmp_path / "model.onnx").network.spatial.blocks
    torch.testing.assert_close(read[1].pointwise.weight, read[0].pointwise.weight, rtol=0, atol=0)


def test_layers_that_have_learnt_the_same_of_one_input_are_named(tmp_path):
    checkpoint = random_checkpoint(SMALL_COMPACT)
    scores = checkpoint.network.predictor.cls_score
    made_the_same(scores["hand"], scores["body"])
    with pytest.raises(ModelError, match=r"the very same .*: predictor\.cls_score\.hand\.weight"):
        export_model(checkpoint, tmp_path / "model.onnx", ExportOptions(HEIGHT, WIDTH))
    assert list(tmp_path.iterdir()) == []


def test_weights_of_one_content_get_a_name_each():
    equal = {name: torch.ones(2, 3) for name in ("one.weight", "other.weight")}
    transposed = [helper.make_tensor(name, TensorProto.FLOAT, [3, 2], [1] * 6) for name in ("a", "b")]
    model = helper.make_model(helper.make_graph([], "graph", [], [], transposed))
    name_weights(model, equal)
    names = {tensor.name for tensor in model.graph.initializer}
    assert names == {f"_network.{name}.transposed" for name in equal}


def test_a_network_read_from_a_model_file_has_the_weights_that_the_file_keeps(tmp_path):
    checkpoint, path = exported(tmp_path, storage=Storage.INT8, bits=6)
    state = checkpoint.network.state_dict()
    read = read_trained(path).network.state_dict()
    exact = {name for name, of in state.items() if name.endswith((".bias", "anchor_poses", "prior"))}
    for name in ("box_head.linear1.weight", "spatial.context.weight", "spatial.depth.context.weight"):
        error = (read[name] - state[name]).abs().max()
        assert 0 < error <= (0.501 / 15 + 0.501 / 127) * state[name].abs().max()
    for name in exact:
        if not name.startswith("backbone.st"):  # there biases are those of batch norms
            torch.testing.assert_close(read[name], state[name], rtol=0, atol=0)


def test_a_model_exported_of_a_model_is_the_same(tmp_path, capsys):
    _, path = exported(tmp_path, proposals=50)
    size = ["--height", str(HEIGHT), "--width", str(WIDTH), "--proposals", "50"]
    assert main(["export", str(path), "--out", str(tmp_path / "again.onnx"), *size]) == 0
    (picture,) = pictures(1, HEIGHT, WIDTH)
    one, other = (load_engine(of, "onnx").run(picture) for of in (path, tmp_path / "again.onnx"))
    for part in Part:
        np.testing.assert_allclose(one[part].poses_2d, other[part].poses_2d, atol=1e-2)
    assert "ONNX Runtime and PyTorch on noise" in capsys.readouterr().out


def test_a_model_that_does_not_say_what_shape_it_is_of_gives_no_network(tmp_path):
    _, path = exported(tmp_path)
    model = onnx.load(path)
    (network,) = (entry for entry in model.metadata_props if entry.key == "dope_network")
    impossible = json.loads(network.value)
    impossible["anchors"]["face"]["count"] = -3
    for strange in ("{}", json.dumps(impossible)):
        network.value = strange
        onnx.save(model, tmp_path / "strange.onnx")
        with pytest.raises(ModelError, match="'dope_network' cannot be read"):
            read_trained(tmp_path / "strange.onnx")
    model.metadata_props.remove(network)
    onnx.save(model, tmp_path / "earlier.onnx")
    with pytest.raises(ModelError, match="does not say what shape it is of"):
        read_trained(tmp_path / "earlier.onnx")


def test_a_model_from_before_boxes_were_refined_gives_a_network_that_refines_none(tmp_path):
    checkpoint, path = exported(tmp_path, replace(SMALL_COMPACT, refined=False))
    model = onnx.load(path)
    (network,) = (entry for entry in model.metadata_props if entry.key == "dope_network")
    told = json.loads(network.value)
    del told["refined"]
    network.value = json.dumps(told)
    onnx.save(model, path)
    read = read_trained(path).network
    assert read.refinement is None
    assert read.config == checkpoint.network.config


def test_a_model_whose_weights_are_called_otherwise_gives_no_network_and_names_them(tmp_path):
    _, path = exported(tmp_path)
    model = onnx.load(path)
    name = "_network.box_head.linear2.bias"
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.replace(name, "stranger")
    for node in model.graph.node:
        node.input[:] = [of.replace(name, "stranger") for of in node.input]
    onnx.save(model, tmp_path / "strange.onnx")
    with pytest.raises(ModelError, match=r"Missing: box_head\.linear2\.bias"):
        read_trained(tmp_path / "strange.onnx")


# RoIAlign as GridSample, and as gathered cells


def roi_align_model(count, aligned, samples, rows=9, columns=12):
    node = helper.make_node(
        "RoiAlign",
        ["features", "boxes", "images"],
        ["regions"],
        output_height=7,
        output_width=7,
        sampling_ratio=samples,
        spatial_scale=1 / 16,
        coordinate_transformation_mode="half_pixel" if aligned else "output_half_pixel",
    )
    floats = {"features": [1, 3, rows, columns], "boxes": [count, 4], "regions": [count, 3, 7, 7]}
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in floats.items()
    }
    graph = helper.make_graph(
        [node],
        "regions",
        [values["features"], values["boxes"]],
        [values["regions"]],
        [helper.make_tensor("images", TensorProto.INT64, [count], [0] * count)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


FEATURES = np.random.default_rng(0).normal(size=(1, 3, 9, 12)).astype(np.float32)
BOXES = 6
LOWERED = [
    (without_roi_align, False, 2),
    (without_roi_align, True, 2),
    (without_roi_align, True, 1),
    (with_cells_gathered, False, 1),
    (with_cells_gathered, True, 1),
]
SESSIONS = [
    ort.InferenceSession(
        lower(roi_align_model(BOXES, aligned, samples)).SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    for lower, aligned, samples in LOWERED
]

across = st.floats(-60, 252, width=32)
down = st.floats(-60, 204, width=32)


@pytest.mark.parametrize(
    "index",
    range(len(LOWERED)),
    ids=[f"{lower.__name__}-{aligned}-{samples}" for lower, aligned, samples in LOWERED],
)
@settings(max_examples=80)
@given(corners=st.lists(st.tuples(across, down, across, down), min_size=BOXES, max_size=BOXES))
def test_a_lowered_roi_align_is_that_of_torchvision(index, corners):
    _, aligned, samples = LOWERED[index]
    boxes = np.array(corners, np.float32)
    boxes = np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1
    )
    (found,) = SESSIONS[index].run(None, {"features": FEATURES, "boxes": boxes})
    rois = torch.nn.functional.pad(torch.from_numpy(boxes), (1, 0))
    wanted = roi_align(torch.from_numpy(FEATURES), rois, 7, 1 / 16, samples, aligned).numpy()
    # Where a sample is at the very limit beyond which zero is read, rounding decides.
    limits = _distance_to_limit(boxes, aligned, samples)
    np.testing.assert_allclose(found[limits > 1e-4], wanted[limits > 1e-4], atol=2e-5)


def _distance_to_limit(boxes, aligned, samples):
    """How far the samples of each box are from the line beyond which zero is read, cells."""
    points = 7 * samples
    low, high = boxes[:, None, :2] / 16, boxes[:, None, 2:] / 16
    sides = high - low if aligned else np.maximum(high - low, 1)
    places = low - 0.5 * aligned + sides * ((np.arange(points) + 0.5) / points)[:, None]
    limits = np.array([12.0, 9.0])
    return np.minimum(np.abs(places - limits), np.abs(places + 1)).min(axis=(1, 2))


def test_lowering_changes_no_output_of_the_network(compact):
    model = onnx.load(compact[1])
    lowered = without_roi_align(model)
    onnx.checker.check_model(lowered, full_check=True)
    operators = {node.op_type for node in lowered.graph.node}
    assert "RoiAlign" not in operators
    assert "GridSample" in operators
    assert [(entry.domain, entry.version) for entry in lowered.opset_import] == [("", 17)]
    (picture,) = pictures(1, HEIGHT, WIDTH)
    before, after = run(model, picture), run(lowered, picture)
    for name in output_names():
        np.testing.assert_allclose(after[name], before[name], atol=5e-3, err_msg=name)


@pytest.mark.parametrize("lower", [without_roi_align, with_cells_gathered])
def test_a_roi_align_of_a_map_of_one_column_is_lowered_as_well(lower):
    model, features = roi_align_model(1, True, 1, columns=1), FEATURES[..., :1]
    feeds = {"features": features, "boxes": np.array([[0, 0, 16, 144]], np.float32)}
    regions = [
        ort.InferenceSession(of.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, feeds)[0]
        for of in (model, lower(model))
    ]
    np.testing.assert_allclose(regions[1], regions[0], atol=2e-5)


def test_cells_are_gathered_where_a_bin_is_one_sample_and_no_output_changes(compact):
    model = onnx.load(compact[1])
    lowered = with_cells_gathered(model)
    onnx.checker.check_model(lowered, full_check=True)
    assert [node.op_type for node in model.graph.node].count("RoiAlign") == 2
    (left,) = [node for node in lowered.graph.node if node.op_type == "RoiAlign"]
    assert {a.name: helper.get_attribute_value(a) for a in left.attribute}["sampling_ratio"] == 2
    assert [(entry.domain, entry.version) for entry in lowered.opset_import] == [("", 17)]
    (picture,) = pictures(1, HEIGHT, WIDTH)
    before, after = run(model, picture), run(lowered, picture)
    for name in output_names():
        np.testing.assert_allclose(after[name], before[name], atol=5e-3, err_msg=name)


def test_a_roi_align_that_cannot_be_lowered_is_named():
    model = roi_align_model(1, aligned=True, samples=2)
    model.graph.node[0].name = "adaptive"
    for attribute in model.graph.node[0].attribute:
        if attribute.name == "sampling_ratio":
            attribute.i = 0
    for lower in (without_roi_align, with_cells_gathered):
        with pytest.raises(ModelError, match="adaptive"):
            lower(model)


# Half precision


def types_of(model):
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: value.type.tensor_type.elem_type
        for value in [*graph.value_info, *graph.output, *graph.input]
    }


def test_what_is_heavy_is_in_half_precision_and_boxes_and_poses_are_not(compact):
    halved = all_in_half(without_roi_align(onnx.load(compact[1])))
    onnx.checker.check_model(halved, full_check=True)
    types = types_of(halved)
    for node in halved.graph.node:
        if node.op_type in {"Conv", "Gemm", "MatMul"}:
            assert types[node.output[0]] == TensorProto.FLOAT16, node.name
        if node.op_type in {"Exp", "Softmax", "TopK", "Greater", "Div", "GridSample"}:
            assert types.get(node.input[0]) != TensorProto.FLOAT16, node.name
    assert all(types[name] == TensorProto.FLOAT for name in output_names())


def test_what_proposals_are_chosen_by_stays_in_float_and_the_heads_are_in_half_precision(compact):
    halved = in_half(without_roi_align(onnx.load(compact[1])))
    onnx.checker.check_model(halved, full_check=True)
    types = types_of(halved)
    weights = {n.input[1]: types[n.output[0]] for n in halved.graph.node if n.op_type in {"Conv", "Gemm"}}
    for kind, words in {TensorProto.FLOAT: ("backbone", "rpn"), TensorProto.FLOAT16: ("box_head",)}.items():
        of_stage = [made for name, made in weights.items() if any(word in name for word in words)]
        assert len(of_stage) >= 4
        assert set(of_stage) == {kind}
    # TensorRT-RTX has no float ones for a T4.
    products = [node for node in halved.graph.node if node.op_type in {"MatMul", "Gemm"}]
    assert {types[node.output[0]] for node in products} == {TensorProto.FLOAT16}


def test_a_model_in_float_stays_as_it_is(compact):
    model = onnx.load(compact[1])
    assert in_precision(model, Precision.FLOAT) == model


@pytest.mark.parametrize("halve", [in_half, all_in_half])
def test_half_precision_is_not_left_between_convolutions(compact, halve):
    halved = halve(without_roi_align(onnx.load(compact[1])))
    makers = {name: node for node in halved.graph.node for name in node.output}
    types = types_of(halved)
    casts = [node for node in halved.graph.node if node.op_type == "Cast" and node.input[0] in makers]
    back_and_forth = [
        node.name
        for node in casts
        if makers[node.input[0]].op_type == "Cast"
        and types.get(node.output[0]) == TensorProto.FLOAT16
        and types.get(makers[node.input[0]].input[0]) == TensorProto.FLOAT16
    ]
    assert back_and_forth == []


@pytest.mark.parametrize("again", [in_half, all_in_half])
@pytest.mark.parametrize("halve", [in_half, all_in_half])
def test_a_model_in_half_precision_can_be_turned_to_it_again(compact, halve, again):
    (picture,) = pictures(1, HEIGHT, WIDTH)
    model = without_roi_align(onnx.load(compact[1]))
    twice, wanted = again(halve(model)), (all_in_half if again is all_in_half else halve)(model)
    onnx.checker.check_model(twice, full_check=True)
    assert heavy_types(twice) == heavy_types(wanted)
    one, other = (run(of, picture) for of in (twice, wanted))
    for name in output_names():
        np.testing.assert_allclose(one[name], other[name], atol=1e-3 * max(1, np.abs(other[name]).max()))


def heavy_types(model):
    """In what each heavy node computes, in the order of the graph."""
    types = types_of(model)
    return [types[n.output[0]] for n in model.graph.node if n.op_type in {"Conv", "Gemm", "MatMul"}]


@pytest.mark.parametrize("halve", [in_half, all_in_half])
def test_turned_to_half_precision_twice_a_model_is_the_same(compact, halve):
    once = halve(without_roi_align(onnx.load(compact[1])))
    assert halve(once).graph.node == once.graph.node


@pytest.mark.parametrize("storage", [Storage.HALF, Storage.INT8])
def test_a_model_can_be_turned_to_half_however_it_is_stored(tmp_path, storage):
    _, stored = exported(tmp_path, storage=storage, proposals=50)
    (picture,) = pictures(1, HEIGHT, WIDTH)
    model = without_roi_align(onnx.load(stored))
    halved = in_half(model)
    types = types_of(halved)
    products = [node for node in halved.graph.node if node.op_type in {"MatMul", "Gemm"}]
    assert {types[node.output[0]] for node in products} == {TensorProto.FLOAT16}
    one, other = (run(all_in_half(of), picture) for of in (model, widened(model)))
    for name in output_names():
        np.testing.assert_allclose(one[name], other[name], atol=1e-3 * max(1, np.abs(other[name]).max()))


# The torch engine and the command


@pytest.fixture(scope="module", params=[SMALL_COMPACT, SMALL_PUBLISHED], ids=["compact", "published"])
def float_and_int8(request, make_folder):
    """Models of one checkpoint, and the picture that the scales of the second one were found on."""
    folder = make_folder("int8")
    picture = pictures(1, HEIGHT, WIDTH)[0]
    write_picture(folder / "picture.png", picture)
    _, in_float = exported(folder, request.param, "float.onnx", proposals=50)
    _, in_int8 = exported(
        folder, request.param, "int8.onnx", proposals=50, calibration=(folder / "picture.png",)
    )
    return in_float, in_int8, picture


def test_features_are_in_integers_but_for_the_first_and_what_says_where(float_and_int8):
    in_float, in_int8, _ = float_and_int8
    weighted = [node for node in onnx.load(in_float).graph.node if node.op_type in WEIGHTED]
    kept = {node.name for node in weighted if stays_in_float(node.input[1])}
    assert {node.op_type for node in weighted if node.name in kept} == WEIGHTED
    graph = onnx.load(in_int8).graph
    widened = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    for node in graph.node:
        if node.op_type in WEIGHTED:
            assert (node.input[1] in widened) == (node.name not in kept), node.name
    assert in_int8.stat().st_size < 0.8 * in_float.stat().st_size


def test_a_model_in_integers_can_read_its_weights_from_the_one_in_float(tmp_path):
    (picture,) = pictures(1, HEIGHT, WIDTH)
    write_picture(tmp_path / "picture.png", picture)
    options = {"storage": Storage.INT8, "bits": 6, "proposals": 50}
    of_int8 = {"calibration": (tmp_path / "picture.png",), **options}
    _, in_float = exported(tmp_path, name="float.onnx", **options)
    _, alone = exported(tmp_path, name="alone.onnx", **of_int8)
    _, shared = exported(tmp_path, name="shared.onnx", weights_of=in_float, **of_int8)
    assert shared.stat().st_size < 0.2 * alone.stat().st_size
    one, other = (load_engine(path, "onnx").run(picture) for path in (alone, shared))
    for part in Part:
        np.testing.assert_array_equal(one[part].poses_2d, other[part].poses_2d)
    in_float.write_bytes(in_float.read_bytes() + b" ")
    for read in (read_model, partial(load_engine, engine="onnx")):
        with pytest.raises(ModelError, match=r"shared\.onnx: float\.onnx, which it reads .* has changed"):
            read(shared)


def test_weights_are_shared_within_a_folder_and_with_a_model_that_has_them(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    _, half = exported(tmp_path, name="half.onnx", storage=Storage.HALF)
    with pytest.raises(ModelError, match="holds too few weights of this model"):
        exported(tmp_path, name="float.onnx", weights_of=half)
    with pytest.raises(ModelError, match="in the same folder"):
        exported(tmp_path, name="elsewhere/float.onnx", weights_of=half)
    with pytest.raises(ModelError, match="no such model"):
        exported(tmp_path, name="float.onnx", weights_of=tmp_path / "none.onnx")
    before = half.read_bytes()
    with pytest.raises(ModelError, match="cannot read its weights from itself"):
        exported(tmp_path, name="half.onnx", storage=Storage.HALF, weights_of=half)
    assert half.read_bytes() == before


def test_a_model_in_integers_keeps_the_contract_and_finds_the_same_boxes(float_and_int8):
    in_float, in_int8, picture = float_and_int8
    found, wanted = (load_engine(path, "onnx").run(picture)[Part.BODY].boxes for path in (in_int8, in_float))
    overlaps = box_iou(torch.from_numpy(wanted), torch.from_numpy(found)).amax(dim=1)
    assert overlaps.median() > 0.9


def test_a_model_in_integers_takes_no_single_samples_by_roi_align(float_and_int8):
    samples = [
        [
            helper.get_attribute_value(attribute)
            for node in onnx.load(path).graph.node
            if node.op_type == "RoiAlign"
            for attribute in node.attribute
            if attribute.name == "sampling_ratio"
        ]
        for path in float_and_int8[:2]
    ]
    assert samples[0].count(2) == samples[1].count(2) == 1
    assert 1 not in samples[1]


def test_a_model_in_integers_gives_no_network(float_and_int8):
    with pytest.raises(ModelError, match="computes in 8-bit integers; take the model in float"):
        read_trained(float_and_int8[1])


def test_a_model_in_half_precision_gives_no_network(tmp_path):
    _, path = exported(tmp_path, half=True)
    with pytest.raises(ModelError, match="computes in half precision; take the model in float"):
        read_trained(path)


def test_a_model_in_integers_is_not_for_tensorrt(float_and_int8):
    with pytest.raises(BuildError, match="export it without --int8"):
        graph_for_tensorrt(onnx.load(float_and_int8[1]), Precision.HALF)


def test_integers_need_pictures(tmp_path, capsys):
    checkpoint = random_checkpoint(SMALL_COMPACT)
    write_checkpoint(tmp_path / "own.pt", checkpoint.network, checkpoint.ppi)
    arguments = ["--out", str(tmp_path / "model.onnx"), "--int8", str(tmp_path)]
    assert main(["export", str(tmp_path / "own.pt"), *arguments]) == 1
    assert "no pictures there" in capsys.readouterr().err


def test_bits_without_integers_are_refused(tmp_path, capsys):
    assert main(["export", "none.pt", "--out", str(tmp_path / "model.onnx"), "--bits", "6"]) == 1
    assert "--bits 6 goes with --storage int8 alone" in capsys.readouterr().err


def test_the_torch_engine_says_what_the_onnx_engine_says(tmp_path):
    checkpoint = random_checkpoint(SMALL_COMPACT)
    write_checkpoint(tmp_path / "own.pt", checkpoint.network, checkpoint.ppi)
    reference = load_engine(tmp_path / "own.pt")
    assert isinstance(reference, TorchEngine)
    spec = reference.spec
    export_model(checkpoint, tmp_path / "model.onnx", ExportOptions())
    engine = load_engine(tmp_path / "model.onnx", "onnx")
    assert engine.spec == spec
    (picture,) = pictures(1, spec.height, spec.width)
    found = differences(engine.run(picture), reference.run(picture))
    assert found.unmatched == 0
    assert found.poses_2d < 1e-2
    reference.close()


def test_the_torch_engine_does_not_take_an_overflow_for_a_picture_of_nobody(tmp_path):
    checkpoint = random_checkpoint(SMALL_PUBLISHED)
    torch.nn.init.constant_(checkpoint.network.backbone.conv1.weight, 1e38)
    write_checkpoint(tmp_path / "own.pt", checkpoint.network, checkpoint.ppi)
    engine = TorchEngine(tmp_path / "own.pt")
    with pytest.raises(OverflowedError, match="features are infinite or not a number"):
        engine.run(np.full((192, 256, 3), 255, np.uint8))


def test_the_torch_engine_computes_in_float_on_a_gpu_too():
    """What is looked at is what PyTorch is told: TF32 is only of GPUs."""
    allowed = []

    class Network(torch.nn.Module):
        def forward(self, images, *_):
            allowed.append((torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled))
            return [images]

    assert torch.backends.cudnn.allow_tf32
    predict(Network(), np.zeros((32, 32, 3), np.uint8))
    assert allowed == [(False, True)]
    assert torch.backends.cudnn.allow_tf32


def test_a_gpu_that_cannot_take_a_checkpoint_is_an_engine_error(tmp_path, monkeypatch):
    checkpoint = random_checkpoint(SMALL_COMPACT)
    write_checkpoint(tmp_path / "own.pt", checkpoint.network, checkpoint.ppi)

    def full(*_):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(EngineError, match=r"own\.pt: .*CUDA out of memory"):
        TorchEngine(tmp_path / "own.pt")


def test_the_command_writes_a_model_and_prints_how_far_it_is_from_its_checkpoint(tmp_path, capsys):
    checkpoint = random_checkpoint(SMALL_COMPACT)
    write_checkpoint(tmp_path / "own.pt", checkpoint.network, checkpoint.ppi)
    out = tmp_path / "model.onnx"
    arguments = ["--proposals", "20", "--ppi", "hand.th_pose3D=0.07", "--ppi", "body.iou_func=torso"]
    assert main(["export", str(tmp_path / "own.pt"), "--out", str(out), *arguments]) == 0
    printed = capsys.readouterr().out
    assert "input 192x256" in printed
    assert printed.count("0 in one alone; largest differences: boxes") == 2
    entry = {e.key: e.value for e in onnx.load(out).metadata_props}["dope"]
    said = json.loads(entry)
    assert said["contract"] == 1
    assert said["ppi"]["hand"]["th_pose3D"] == 0.07
    assert said["ppi"]["body"]["iou_func"] == "torso"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("body.th_persondetect", "not PART.NAME=VALUE"),
        ("foot.th_persondetect=1", "not PART.NAME=VALUE with a part of body, hand, face"),
        ("body.threshold=1", "unknown PPI settings: threshold"),
        ("body.th_iou=low", "'th_iou' is 'low', not a number"),
        ("hand.iou_func=torso", "iou_func 'torso' of the hand is not one of"),
    ],
)
def test_a_setting_of_integration_that_cannot_be_is_refused(change, reason):
    with pytest.raises(ModelError, match=re.escape(reason)):
        changed_ppi(PPI, [change])


def test_the_command_says_why_it_cannot_export(tmp_path, capsys):
    assert main(["export", str(tmp_path / "none.pt"), "--out", str(tmp_path / "model.onnx")]) == 1
    assert "no such checkpoint" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_proposals_are_compared_by_their_boxes(compact):
    (picture,) = pictures(1, HEIGHT, WIDTH)
    found = proposals_of(predict(compact[0].network, picture))
    order = np.arange(len(found[Part.BODY].boxes))[::-1]
    turned = {
        part: replace(
            f,
            boxes=f.boxes[order],
            scores=f.scores[order],
            poses_2d=f.poses_2d[order],
            poses_3d=f.poses_3d[order],
        )
        for part, f in found.items()
    }
    same = differences(found, turned)
    assert (same.matched, same.unmatched) == (len(order), 0)
    assert same.scores == same.poses_2d == same.boxes == 0
    fewer = {
        part: replace(
            f, boxes=f.boxes[1:], scores=f.scores[1:], poses_2d=f.poses_2d[1:], poses_3d=f.poses_3d[1:]
        )
        for part, f in found.items()
    }
    assert differences(found, fewer).unmatched == 1
