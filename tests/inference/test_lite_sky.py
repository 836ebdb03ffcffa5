"""Sky of the `lite` weights: photographs, rooms, its depth, exports, and weights without a sky head."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import mono
from benchmarks.sky import polygon_mask
from mono.cli.main import main
from mono.conversion.end_to_end import EndToEndModel
from mono.conversion.signature import Signature
from mono.conversion.tracing import StackedMaps
from mono.geometry.camera import Camera
from mono.inference.network import NetworkPredictor
from mono.io.images import read_image
from mono.io.pixel_maps import read_mask
from mono.model.checkpoint import find_checkpoint, read_tensors
from mono.model.zoo import MODELS
from mono.system.errors import MetricDepthError
from mono.training.loop import write_weights

ROOT = Path(__file__).parents[2]
PHOTOS = json.loads((ROOT / "tests/data/sky/masks.json").read_text())["files"]


@pytest.fixture(scope="module")
def model() -> NetworkPredictor:
    return mono.load_model("lite", device="cpu")  # its config makes depth of sky invalid


def photo(name: str) -> tuple[np.ndarray, Camera]:
    rgb = read_image(ROOT / name).rgb
    return rgb, Camera.from_fov(60, rgb.shape[1], rgb.shape[0])


def test_sky_of_photographs_is_found(model):
    found = []
    for entry in PHOTOS:
        sky, drawn = model.predict(*photo(entry["image"])).sky >= 0.5, polygon_mask(entry)
        found.append((sky & drawn).sum() / (sky | drawn).sum())
    assert len(found) == 10 and np.mean(found) > 0.91 and np.median(found) > 0.95 and min(found) > 0.55


def test_rooms_have_no_sky(model):
    for name in ("wild_demo/room.jpg", "nyu_demo/rgb/rgb_00000.jpg"):
        assert (model.predict(*photo(f"data/{name}")).sky >= 0.5).mean() < 0.005


def test_sky_has_the_depth_that_is_asked_for(model):
    rgb, camera = photo("data/wild_demo/leuven.jpg")
    invalid = model.predict(rgb, camera)
    kept = mono.load_model("lite", options={"model.sky": "keep"}).predict(rgb, camera)
    far = mono.load_model("lite", options={"model.sky": "far"}).predict(rgb, camera)
    sky = invalid.sky >= 0.5
    assert np.array_equal(invalid.sky, kept.sky) and kept.mask.all()
    assert not invalid.mask[sky].any() and invalid.mask[~sky].mean() > 0.99  # beside the sky there is depth
    assert np.allclose(invalid.depth[invalid.mask], kept.depth[invalid.mask], rtol=1e-5)  # none is a mean with the sky
    inside = cv2.erode(sky.astype(np.uint8), np.ones((9, 9))) > 0
    assert far.depth[inside] == pytest.approx(200, rel=0.01) and (kept.depth[inside] < 100).all()


def test_the_command_gives_sky_the_depth_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    common = [str(ROOT / "data/wild_demo/leuven.jpg"), "--fov-deg", "60", "--backend", "eager", "--save", "depth,sky"]
    shares = {}
    for mode in ("invalid", "far", "keep"):
        out = tmp_path / mode
        assert main(["predict", *common, "--out", str(out), "--sky", mode, "--depth-format", "npy"]) == 0
        depth, sky = np.load(out / "depth" / "leuven.npy"), read_mask(out / "sky" / "leuven.png")
        inside = cv2.erode((sky >= 0.5).astype(np.uint8), np.ones((9, 9))) > 0
        shares[mode] = [(depth[inside] == 0).mean(), (depth[inside] > 199).mean(), (depth == 0).mean()]
    assert shares["invalid"][0] == 1 and shares["far"][1] == 1 and shares["far"][2] == shares["keep"][2] == 0
    with pytest.raises(SystemExit):
        main(["predict", *common, "--out", str(tmp_path / "x"), "--sky", "none"])
    assert "invalid choice: 'none'" in capsys.readouterr().err


def test_weights_of_before_give_the_same_depth_without_sky(model, tmp_path: Path):
    tensors = read_tensors(find_checkpoint(MODELS["lite"]))
    write_weights({k: t for k, t in tensors.items() if "sky_head" not in k}, tmp_path / "old.safetensors", {})
    old = mono.load_model("lite", checkpoint=tmp_path / "old.safetensors")
    rgb, camera = photo("data/wild_demo/leuven.jpg")
    before = old.unguided().predict(rgb, camera)
    kept = mono.load_model("lite", options={"model.sky": "keep"}).unguided().predict(rgb, camera)
    assert before.sky is None and before.mask.all()
    assert np.array_equal(before.depth, kept.depth) and np.array_equal(before.confidence, kept.confidence)
    with pytest.raises(MetricDepthError, match="predicts no sky"):
        mono.load_model("lite", checkpoint=tmp_path / "old.safetensors", options={"model.sky": "far"})


def test_a_saved_model_keeps_its_sky(model, tmp_path: Path):
    far = mono.load_model("lite", options={"model.sky": "far"})
    far.save_pretrained(tmp_path / "saved")
    again = mono.load_model(tmp_path / "saved")
    rgb, camera = photo("data/wild_demo/leuven.jpg")
    assert again.architecture == far.architecture
    assert np.array_equal(again.predict(rgb, camera).depth, far.predict(rgb, camera).depth)


def test_the_whole_model_in_tensors_agrees(model):
    rgb, camera = photo("data/wild_demo/leuven.jpg")
    whole = EndToEndModel(
        StackedMaps(model.network), model.transform, Signature(outputs=("depth", "confidence", "sky"))
    ).eval()
    with torch.no_grad():
        depth, _, sky = whole(torch.from_numpy(rgb), torch.tensor(camera.intrinsics, dtype=torch.float32))
    expected = model.unguided().predict(rgb, camera)
    assert np.abs(sky.numpy() - expected.sky).max() < 1e-3
    assert ((depth.numpy() > 0) != expected.mask).mean() < 1e-3


@pytest.mark.parametrize("backend", ["openvino", pytest.param("onnxruntime", marks=pytest.mark.slow)])
def test_backends_find_the_same_sky(model, backend: str):
    pytest.importorskip(backend)
    rgb, camera = photo("data/wild_demo/leuven.jpg")
    there, here = (found.unguided().predict(rgb, camera) for found in (mono.load_model("lite", backend=backend), model))
    assert np.abs(there.sky - here.sky).max() < 1e-3
    assert (there.mask != here.mask).mean() < 1e-3
