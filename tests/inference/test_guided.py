"""Depth of `lite` with edges where the photo has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mono
from mono.data.annotations import load_annotations
from mono.data.camera_source import ResolvedCamera
from mono.data.ground_truth import read_annotated_depth
from mono.evaluation.boundaries import boundary_score
from mono.export.write import export
from mono.geometry.camera import Camera
from mono.inference.network import NetworkPredictor

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def guided() -> NetworkPredictor:
    return mono.load_model("lite", device="cpu")


def frames() -> list[tuple[np.ndarray, Camera, np.ndarray]]:
    found = []
    for sample in load_annotations(ROOT / "data/nyu_demo/test_annotations.json"):
        rgb = sample.read().rgb
        camera = Camera(*sample.intrinsics, rgb.shape[1], rgb.shape[0])
        found.append((rgb, camera, read_annotated_depth(sample)))
    return found


def test_edges_are_found_where_they_are_and_metres_stay(guided):
    plain, scores, errors = guided.unguided(), [], []
    for rgb, camera, gt in frames():
        depths = [model.predict(rgb, camera).depth for model in (guided, plain)]
        scores.append([boundary_score(depth, gt, (gt > 0) & (depth > 0)).f1 for depth in depths])
        errors.append([np.abs(depth / gt - 1)[gt > 0].mean() for depth in depths])
        same = (depths[0] == depths[1]).mean()
        assert 0.8 < same < 0.999
    new, old = np.mean(scores, axis=0)
    assert new > 0.19 and new > 1.35 * old
    new, old = np.mean(errors, axis=0)
    assert new == pytest.approx(old, rel=0.01)


def test_tensors_are_guided_too(guided):
    rgb, camera, _ = frames()[0]
    depth = guided.predict(rgb, camera, output="torch").depth
    assert np.array_equal(depth.numpy(), guided.predict(rgb, camera).depth)


def test_the_photo_is_kept_for_guidance_alone(guided):
    rgb, camera, _ = frames()[0]
    found = ResolvedCamera(camera, "given", "")
    assert guided.prepare(rgb, found).guide.photo.shape == rgb.shape
    assert guided.unguided().prepare(rgb, found).guide is None
    large, wide = np.zeros((3000, 4000, 3), np.uint8), Camera.from_fov(60, 4000, 3000)
    view = guided.transform.view(wide)
    guide = guided.prepare(large, ResolvedCamera(wide, "given", "")).guide
    assert guide.photo.shape == (4 * view.size[0], 4 * view.size[1], 3) and guide.small.shape == (*view.size, 3)


def test_files_with_the_transform_in_them_interpolate(guided, tmp_path: Path):
    path = tmp_path / "lite.ts"
    export(guided, "torchscript", path)
    exported = mono.load_model(path, trust=True)
    rgb, camera, _ = frames()[0]
    assert not exported.transform.guided
    assert np.allclose(exported.predict(rgb, camera).depth, guided.unguided().predict(rgb, camera).depth, rtol=1e-3)


def test_a_saved_model_stays_guided_or_not(guided, tmp_path: Path):
    guided.save_pretrained(tmp_path / "guided")
    guided.unguided().save_pretrained(tmp_path / "plain")
    assert mono.load_model(tmp_path / "guided").transform.guided
    assert not mono.load_model(tmp_path / "plain").transform.guided
