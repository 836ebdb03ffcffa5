"""The `lite_detail` weights: sky is invalid, edges are sharp, and exports agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mono
from mono.conversion.end_to_end import EndToEndModel
from mono.conversion.signature import Signature
from mono.conversion.tracing import StackedMaps
from mono.data.annotations import load_annotations
from mono.evaluation.boundaries import boundary_score
from mono.geometry.camera import Camera
from mono.inference.network import NetworkPredictor
from mono.io.depth import read_depth
from mono.io.images import read_image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model() -> NetworkPredictor:
    return mono.load_model("lite_detail", device="cpu")


def photo(name: str) -> tuple[np.ndarray, Camera]:
    rgb = read_image(ROOT / "data" / "wild_demo" / f"{name}.jpg").rgb[::2, ::2].copy()
    return rgb, Camera.from_fov(60, rgb.shape[1], rgb.shape[0])


def test_sky_is_invalid_and_buildings_are_not(model):
    rgb, camera = photo("leuven")
    prediction = model.predict(rgb, camera)
    height, width = rgb.shape[:2]
    above, below = prediction.mask[: height // 8, width // 2 - 40 : width // 2 + 40], prediction.mask[-height // 4 :]
    assert prediction.sky is not None and prediction.sky.shape == prediction.depth.shape
    assert not above.any() and below.all()
    assert (prediction.sky > 0.5)[~prediction.mask].mean() > 0.9
    assert 0.1 < (~prediction.mask).mean() < 0.5


def test_rooms_have_no_sky(model):
    rgb, camera = photo("room")
    assert model.predict(rgb, camera).mask.mean() > 0.995


def test_edges_are_found(model):
    scores = {}
    for predictor in (mono.load_model("lite", device="cpu"), model):
        values = []
        for sample in load_annotations(ROOT / "data" / "nyu_demo" / "test_annotations.json"):
            rgb = sample.read().rgb
            depth = predictor.predict(rgb, Camera(*sample.intrinsics, rgb.shape[1], rgb.shape[0])).depth
            ground_truth = read_depth(sample.depth, sample.depth_scale)
            score = boundary_score(depth, ground_truth, (depth > 0) & (ground_truth > 0))
            values.append(score.f1)
        scores[predictor.name] = np.mean(values)
    assert scores["lite"] > 0.1 and scores["lite_detail"] > 0.05, scores  # 0.008 without the edge head


def test_whole_model_gives_the_same_depth(model):
    import torch

    rgb, camera = photo("leuven")
    whole = EndToEndModel(
        StackedMaps(model.network), model.transform, Signature(outputs=("depth", "confidence", "sky"))
    )
    depth, confidence, sky = whole(torch.from_numpy(rgb), torch.tensor(camera.intrinsics, dtype=torch.float32))
    expected = model.unguided().predict(rgb, camera)
    assert np.array_equal(depth.numpy() > 0, expected.mask) or ((depth.numpy() > 0) != expected.mask).mean() < 1e-4
    both = expected.mask & (depth.numpy() > 0)
    assert np.abs(depth.numpy()[both] / expected.depth[both] - 1).max() < 1e-3
    assert np.abs(confidence.numpy() - expected.confidence).max() < 1e-3
    assert np.abs(sky.numpy() - expected.sky).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_backends_give_the_same_depth_and_sky(model, backend):
    pytest.importorskip(backend)
    rgb, camera = photo("leuven")
    found = mono.load_model("lite_detail", device="cpu", backend=backend)
    expected, prediction = (m.unguided().predict(rgb, camera) for m in (model, found))
    assert (prediction.mask != expected.mask).mean() < 1e-3
    both = expected.mask & prediction.mask
    assert np.median(np.abs(prediction.depth[both] / expected.depth[both] - 1)) < 1e-4
    assert np.abs(prediction.sky - expected.sky).max() < 0.01
