"""Training samples: cameras, sizes, canonical depth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.camera import Camera
from mono.canonical import CanonicalTransform
from mono.training.augment import augment
from mono.training.mixed_data import SKY, BatchPlan, Frame, MixedFrames, best_size, read_frames, training_view
from mono.training.recipe import Recipe, read_recipe

TRANSFORM = CanonicalTransform(crop_size=(640, 960), focal_length=100.0, mode="image", fit="tight")
RECIPE = Recipe(sizes=((64, 96), (96, 64), (32, 96)), batch_pixels=4 * 64 * 96, focal_jitter=0.2, zero_is_sky=True)


def write_plane(folder: Path, count: int = 3, family: str | None = "wall") -> Path:
    """Frames of a wall 5 m away with sky above it; its checks are 0.5 m wide."""
    rng, files = np.random.default_rng(0), []
    folder.mkdir(exist_ok=True)
    for i in range(count):
        focal, width, height = 80.0 + 60 * i, 160, 120
        depth = np.full((height, width), 5.0)
        depth[:30] = 0
        Image.fromarray(rng.integers(0, 255, (height, width, 3), np.uint8)).save(folder / f"{i}.png")
        Image.fromarray((depth * 1000).astype(np.uint16)).save(folder / f"d{i}.png")
        entry = {"rgb": f"{i}.png", "depth": f"d{i}.png", "depth_scale": 1000.0, "cam_in": [focal, focal, 79.5, 59.5]}
        files.append(entry | ({"family": family} if family else {}))
    path = folder / "annotations.json"
    path.write_text(json.dumps({"files": files}))
    return path


def test_frames_carry_camera_and_family(tmp_path: Path):
    frames = read_frames([write_plane(tmp_path / "a", 2), write_plane(tmp_path / "b", 1, family=None)])
    assert [f.family for f in frames] == ["wall", "wall", "b"]
    assert frames[1].intrinsics == (140.0, 140.0, 79.5, 59.5) and frames[1].depth_scale == 1000.0


def test_a_frame_without_depth_is_named(tmp_path: Path):
    path = write_plane(tmp_path / "a", 2)
    content = json.loads(path.read_text())
    del content["files"][1]["depth"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="entry 1 has no depth"):
        read_frames([path])


@pytest.mark.parametrize("seed", range(20))
def test_a_view_fills_the_size_and_keeps_perspective(seed: int):
    rng = np.random.default_rng(seed)
    camera = Camera.centred(rng.uniform(50, 400), int(rng.integers(40, 400)), int(rng.integers(40, 400)))
    size = RECIPE.sizes[seed % 3]
    (left, top), view = training_view(camera, size, TRANSFORM, RECIPE, rng)
    assert view.input_size == size
    assert 0 <= left <= camera.width - view.camera.width and 0 <= top <= camera.height - view.camera.height
    # A thing of 1 m at canonical depth d spans f_c / d pixels of the input, whatever the camera and the jitter.
    depth = 3.0
    assert view.input_camera.focal / depth == pytest.approx(
        TRANSFORM.focal_length / (depth * view.depth_factor), rel=0.02
    )


def test_samples_hold_canonical_depth_sky_and_unknown_padding(tmp_path: Path):
    frames = read_frames([write_plane(tmp_path)])
    data = MixedFrames(frames, TRANSFORM, RECIPE, far=100.0)
    for i in range(12):
        image, target = data[i % 3, RECIPE.sizes[i % 3], i]
        assert tuple(image.shape) == (3, *RECIPE.sizes[i % 3]) and tuple(target.shape) == (1, *RECIPE.sizes[i % 3])
        assert image.isfinite().all()
        values = set(np.unique(target.numpy()).tolist()) - {0.0, SKY}
        assert len(values) == 1
        assert values.pop() == pytest.approx(5.0, rel=1.0)


def test_samples_follow_from_their_seed(tmp_path: Path):
    data = MixedFrames(read_frames([write_plane(tmp_path)]), TRANSFORM, RECIPE, far=100.0)
    key = (1, (64, 96), 7)
    (image, target), (again, target_again) = data[key], data[key]
    other = data[1, (64, 96), 8][0]
    assert (image == again).all() and (target == target_again).all() and not (image == other).all()


def test_what_is_beyond_far_counts_as_sky(tmp_path: Path):
    data = MixedFrames(read_frames([write_plane(tmp_path)]), TRANSFORM, RECIPE, far=1.0)
    target = data[0, (64, 96), 0][1]
    assert set(np.unique(target.numpy())) <= {0.0, SKY}


def frame(focal: float, width: int, height: int, family: str = "a") -> Frame:
    return Frame(Path("a"), Path("b"), None, (focal, focal, (width - 1) / 2, (height - 1) / 2), family)


def test_frames_go_to_the_size_of_their_shape():
    assert best_size(frame(200, 192, 128), RECIPE.sizes, 100) == 0
    assert best_size(frame(200, 128, 192), RECIPE.sizes, 100) == 1
    assert best_size(frame(200, 240, 64), RECIPE.sizes, 100) == 2


def test_batches_have_one_size_follow_from_the_seed_and_balance_families():
    frames = [frame(100, 96, 64, "many")] * 90 + [frame(100, 96, 64, "few")] * 10
    recipe = Recipe(sizes=RECIPE.sizes, batch_pixels=RECIPE.batch_pixels, balance=1.0, family_weights={"few": 2.0})
    plan = BatchPlan.of(frames, recipe, 100.0, seed=3)
    batches = [plan.batch(step) for step in range(400)]
    assert all(len({size for _, size, _ in batch}) == 1 for batch in batches)
    assert all(len(batch) == recipe.batch_size(batch[0][1]) for batch in batches)
    drawn = [i for batch in batches for i, _, _ in batch]
    assert np.mean(np.array(drawn) >= 90) == pytest.approx(2 / 3, abs=0.05)
    assert plan.batch(5) == batches[5] and plan.batch(5) != plan.batch(6)


def test_no_frames_is_an_error():
    with pytest.raises(ValueError, match="no frames"):
        BatchPlan.of([], RECIPE, 100.0, 0)


@pytest.mark.parametrize("seed", range(30))
def test_augmented_images_stay_images(seed: int):
    rng = np.random.default_rng(seed)
    rgb = np.random.default_rng(0).integers(0, 255, (37, 53, 3), np.uint8)
    before = rgb.copy()
    out = augment(rgb, rng)
    assert out.shape == rgb.shape and out.dtype == np.uint8
    assert (rgb == before).all()


def test_recipes_are_checked(tmp_path: Path):
    assert read_recipe("lite").losses["log_l1"] > 0
    assert read_recipe("lite", {"lr": 0.5}).lr == 0.5
    with pytest.raises(ValueError, match="no learning_rate"):
        read_recipe("lite", {"learning_rate": 1})
    with pytest.raises(ValueError, match="no loss nonsense"):
        read_recipe("lite", {"losses": {"nonsense": 1.0}})
    with pytest.raises(ValueError, match="multiples of 32"):
        read_recipe("lite", {"sizes": [(100, 96)]})
    with pytest.raises(ValueError, match="no recipe absent"):
        read_recipe("absent")
