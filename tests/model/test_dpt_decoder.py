"""Depth Anything 3's metric network: published values, sky, and files as released."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mono.cli.main import main
from mono.config import read_config
from mono.data.camera_source import ResolvedCamera
from mono.export.write import export
from mono.geometry.camera import Camera
from mono.inference.load import load_model
from mono.inference.network import NetworkPredictor
from mono.model.checkpoint import identify, load_tensors
from mono.model.depth_model import build_depth_model
from mono.model.dpt_decoder import SKY_SCORE
from mono.model.output import SKY_DEPTH
from mono.model.tensor_files import module_name
from mono.model.zoo import MODELS
from tests.golden.checkpoints import TENSORS, reference_state
from tests.golden.reference_values import reference_image
from tests.model.test_networks import GOLDEN, normalized

DATA = Path(__file__).parents[2] / "data" / "nyu_demo"
CONFIG = read_config("da3metric_large.py")
SMALL = {"model.encoder": "vit_small_patch14_dinov2", "model.decoder.widths": (16, 16, 16, 16, 16)}


@pytest.fixture(scope="module")
def network():
    with torch.device("meta"):
        built = build_depth_model(**CONFIG.architecture)
    tensors = {module_name(n): t for n, t in reference_state("da3metric_large").items()}
    load_tensors(built, tensors, Path("model.safetensors"), "da3metric_large")
    return built.eval().requires_grad_(False)


def test_published_values_are_reproduced(network):
    golden = np.load(GOLDEN / "da3metric_large_1x84x112_seed81.npz")
    with torch.inference_mode():
        tokens = network.encoder(normalized(1, 84, 112, 81, CONFIG.transform))
        depth, sky = network.decoder.heads(tokens)
        output = network(normalized(1, 84, 112, 81, CONFIG.transform))
    for i, (_, patches) in enumerate(tokens):
        np.testing.assert_allclose(patches.mean((2, 3)), golden[f"encoder_tokens{i}_mean"], rtol=1e-4, atol=1e-4)
    for ours, theirs in ((depth, golden["prediction"]), (sky, golden["sky"])):
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * theirs.max())
    is_sky = sky >= SKY_SCORE
    assert (output.depth[is_sky] == SKY_DEPTH).all() and torch.equal(output.depth[~is_sky], depth[~is_sky])
    assert is_sky.float().mean() > 0.8 and output.confidence.isnan().all() and output.sky.max() <= 1


@pytest.mark.parametrize("number", [1, 2])
def test_published_meters_from_image_to_depth(network, number):
    described = json.loads((GOLDEN / "da3metric_end_to_end.json").read_text())
    case, golden = described["images"][number], np.load(GOLDEN / "da3metric_end_to_end.npz")
    size, every = case["process_res"], case["every"]
    transform = read_config("da3metric_large.py", {"data_basic.crop_size": (size, size)}).transform
    bias = network.get_parameter(module_name(described["changed_tensor"]["name"]))
    bias -= described["changed_tensor"]["minus"]
    predictor = NetworkPredictor(network, transform, torch.device("cpu"), "float32", "da3", Path("none"), "0")
    camera = Camera(*case["cam_in"], case["width"], case["height"])
    image = reference_image(case["height"], case["width"], case["seed"])
    try:
        (raw,) = predictor.infer([predictor.prepare(image, ResolvedCamera(camera, "given", ""))])
    finally:
        bias += described["changed_tensor"]["minus"]
    assert transform.focal_length / raw.view.depth_factor == pytest.approx(case["focal_processed"], abs=1e-3)
    meters = (raw.output.depth[0, 0] / raw.view.depth_factor)[::every, ::every].numpy()
    theirs = golden[f"sky{number}"]
    clear = abs(theirs - SKY_SCORE) > 1e-3
    seen = clear & (theirs < SKY_SCORE)
    assert 0.1 < seen.mean() < 0.6
    np.testing.assert_allclose(meters[seen], golden[f"metric_depth{number}"][seen], rtol=1e-4)
    prediction = raw.prediction()
    assert prediction.depth.shape == image.shape[:2]
    assert 1 - prediction.mask.mean() == pytest.approx(case["sky_share"], abs=0.1)
    assert (meters[clear & ~seen] > 300).all()  # invalid


def test_released_names_are_complete():
    shapes = {module_name(n): tuple(shape) for n, (_, _, shape) in TENSORS["da3metric_large"].items()}
    bare = {module_name(n.removeprefix("model.")) for n in TENSORS["da3metric_large"]}
    with torch.device("meta"):
        own = build_depth_model(**CONFIG.architecture).state_dict()
    assert {name: tuple(t.shape) for name, t in own.items()} == shapes and bare == set(shapes)
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    record = MODELS["da3metric_large"]
    assert identify(tensors) is record
    count = sum(t.numel() for t in tensors.values())
    assert count == 334_171_394 and record.parameters == pytest.approx(count / 1e6, abs=0.05)
    assert record.megabytes == round(4e-6 * count) and record.url.endswith(
        "DA3METRIC-LARGE/resolve/main/model.safetensors"
    )


@pytest.fixture(scope="module")
def small_checkpoint(tmp_path_factory):
    """A small network of this kind under the released names."""
    torch.manual_seed(3)
    state = build_depth_model(**read_config("da3metric_large.py", SMALL).architecture).state_dict()
    named = {
        name.replace("encoder.backbone.", "model.backbone.pretrained.").replace(
            "decoder.", "model.head."
        ): t.contiguous()
        for name, t in state.items()
    }
    named["model.head.scratch.sky_output_conv2.2.bias"] += 0.25
    path = tmp_path_factory.mktemp("da3") / "model.safetensors"
    save_file(named, path)
    return path


def test_what_it_cannot_do_is_said(small_checkpoint, tmp_path):
    load = {"checkpoint": small_checkpoint, "device": "cpu", "options": SMALL}
    with pytest.raises(ValueError, match="use --backend eager or compile"):
        load_model("da3metric_large", backend="openvino", **load)
    with pytest.raises(ValueError, match="cannot be exported"):
        export(load_model("da3metric_large", **load), "onnx", tmp_path / "a.onnx")


def test_a_file_as_released_predicts_and_is_scored(small_checkpoint, tmp_path):
    options = ["--options", *(f"{key}={value!r}" for key, value in SMALL.items()), "data_basic.crop_size=(84,84)"]
    model = ["--model", "da3metric_large", "--checkpoint", str(small_checkpoint), *options]
    photo = str(next(DATA.glob("rgb/*")))
    out = tmp_path / "out"
    save = ["--save", "depth,vis,pcd,normal"]
    assert main(["predict", photo, *model, "--fov-deg", "60", "--out", str(out), *save]) == 0
    record = json.loads((out / "manifest.jsonl").read_text().splitlines()[-1])
    assert record["status"] == "ok" and record["model"] == "da3metric_large"
    assert (out / record["outputs"]["pcd"]).stat().st_size > 500
    assert main(["evaluate", str(DATA / "test_annotations.json"), *model, "--out", str(tmp_path / "scores")]) == 0
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert metrics["run"]["transform"]["fit"] == "stretch" and metrics["run"]["model"] == "da3metric_large"
