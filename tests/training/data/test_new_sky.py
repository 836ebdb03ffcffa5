"""Painted skies: what they change, what they leave, and the labels that come with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.geometry.canonical import CanonicalTransform
from mono.training.data.batch import SKY, SURFACE
from mono.training.data.dataset import MixedFrames
from mono.training.data.images import read_frames
from mono.training.data.new_sky import plain_landscape, replace_sky
from mono.training.data.sampling import SampleSpec
from mono.training.recipe import Recipe

TRANSFORM = CanonicalTransform(crop_size=(640, 960), focal_length=100.0, mode="image", fit="tight")
RECIPE = Recipe(sizes=((64, 96),), focal_jitter=0.0, zero_is_sky=True, light=0.0)
SEEDS = range(60)


def test_the_sky_is_another_one_and_surfaces_stay_unless_something_veils_them():
    rgb = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    sky = np.arange(90)[:, None] < np.full(120, 40)
    painted = [replace_sky(rgb, sky, 45, np.random.default_rng(seed)) for seed in SEEDS]
    assert all(image.shape == rgb.shape and image.dtype == np.uint8 for image in painted)
    changed = [np.abs(image[:38].astype(int) - rgb[:38]).mean() for image in painted]
    same = [np.array_equal(image[44:], rgb[44:]) for image in painted]  # the edge is soft by a pixel or two
    assert min(changed) > 20 and 0.2 < np.mean(same) < 0.6
    assert np.array_equal(painted[3], replace_sky(rgb, sky, 45, np.random.default_rng(3)))
    kinds = np.array([image[5:35].mean((0, 1)) for image in painted])
    assert kinds.std(0).min() > 30  # from night to overcast, from blue to orange
    plain = [image[5:35].std((0, 1)).max() < 25 for image in painted]
    assert np.mean(plain) > 0.25


def test_landscapes_have_their_sky_above_their_ground():
    shares = []
    for seed in SEEDS:
        rgb, sky = plain_landscape((90, 120), 45, np.random.default_rng(seed))
        assert rgb.shape == (90, 120, 3) and rgb.dtype == np.uint8 and sky.shape == (90, 120)
        assert (np.diff(sky.astype(int), axis=0) <= 0).all()
        shares.append(sky.mean())
    assert 0.25 < np.mean(shares) < 0.55 and np.std(shares) > 0.05


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1)])
@pytest.mark.parametrize("horizon", [-200.0, 0.0, 900.0])
def test_thin_windows_far_from_the_horizon_work(shape: tuple[int, int], horizon: float):
    for seed in range(5):
        rgb, _ = plain_landscape(shape, horizon, np.random.default_rng(seed))
        everything = np.ones(shape, bool)
        assert rgb.shape == (*shape, 3) == replace_sky(rgb, everything, horizon, np.random.default_rng(seed)).shape


def write_walls(folder: Path, sky: bool) -> Path:
    """Write a gray wall 5 m away, with or without sky in its upper third."""
    folder.mkdir()
    depth = np.full((96, 144), 5000, np.uint16)
    depth[:32] = 0 if sky else 5000
    Image.fromarray(np.full((96, 144, 3), 128, np.uint8)).save(folder / "a.png")
    Image.fromarray(depth).save(folder / "d.png")
    entry = {"rgb": "a.png", "depth": "d.png", "depth_scale": 1000.0, "cam_in": [100.0, 100.0, 71.5, 47.5]}
    path = folder / "annotations.json"
    path.write_text(json.dumps({"files": [entry]}))
    return path


def samples(path: Path, monkeypatch: pytest.MonkeyPatch, new_sky: float) -> list[tuple[np.ndarray, np.ndarray]]:
    monkeypatch.setattr("mono.training.data.dataset.augment", lambda rgb, rng, light: rgb)
    data = MixedFrames(read_frames([path]), TRANSFORM, replace(RECIPE, new_sky=new_sky), far=100.0)
    drawn = [data[SampleSpec(0, (64, 96), seed)] for seed in SEEDS]
    return [(batch.image.numpy(), batch.target.numpy()[0]) for batch in drawn]


def test_samples_get_painted_skies_with_their_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_walls(tmp_path / "outdoors", sky=True)
    before, after = samples(path, monkeypatch, 0.0), samples(path, monkeypatch, 1.0)
    has_sky = [(target == SKY).mean() > 0.03 for _, target in before]
    changed = [not np.array_equal(a, b) for (a, _), (b, _) in zip(before, after, strict=True)]
    landscape = [(target == SURFACE).any() for _, target in after]
    assert all(c for c, h in zip(changed, has_sky, strict=True) if h) and np.mean(has_sky) > 0.5
    assert 0.08 < np.mean(landscape) < 0.35
    for (_, a), (_, b), whole in zip(before, after, landscape, strict=True):
        assert set(np.unique(b)) <= {np.float32(SKY), np.float32(SURFACE)} if whole else np.array_equal(a, b)


def test_rooms_and_other_ground_truth_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    room, outdoors = write_walls(tmp_path / "room", sky=False), write_walls(tmp_path / "outdoors", sky=True)
    dense = Path(f"{outdoors}:dense")  # pixels without depth are unknown there, not sky
    for path in (room, dense):
        for (a, x), (b, y) in zip(samples(path, monkeypatch, 0.0), samples(path, monkeypatch, 1.0), strict=True):
            assert np.array_equal(a, b) and np.array_equal(x, y)
