"""Training samples: cameras, sizes, canonical depth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mono.geometry.camera import Camera
from mono.geometry.canonical import CanonicalTransform
from mono.system.distributed import Ranks
from mono.system.errors import MetricDepthError
from mono.training.data.batch import FAR, SKY, SURFACE, Batch
from mono.training.data.dataset import MixedFrames, loader, training_view
from mono.training.data.images import Kind, read_frames
from mono.training.data.sampling import BatchPlan, SampleSpec
from mono.training.recipe import Recipe

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


@pytest.mark.parametrize("mode", ["image", "label"])
@pytest.mark.parametrize("seed", range(20))
def test_a_view_fills_the_size_and_keeps_perspective(seed: int, mode: Literal["image", "label"]):
    transform = replace(TRANSFORM, mode=mode)
    rng = np.random.default_rng(seed)
    camera = Camera.centered(rng.uniform(50, 400), int(rng.integers(40, 400)), int(rng.integers(40, 400)))
    size = RECIPE.sizes[seed % 3]
    (left, top), view = training_view(camera, size, transform, RECIPE, rng)
    assert view.input_size == size
    assert 0 <= left <= camera.width - view.camera.width and 0 <= top <= camera.height - view.camera.height
    # A thing of 1 m at canonical depth d spans f_c / d pixels of the input, whatever the camera and the jitter.
    depth = 3.0
    assert view.input_camera.focal / depth == pytest.approx(TRANSFORM.focal_length / (depth * view.depth_factor))
    if mode == "image":
        assert 1 / 1.5 < view.depth_factor < 1 / 0.55


def test_label_mode_shows_whole_images_or_fills_the_size():
    camera, size = Camera.centered(200.0, 200, 100), (96, 96)
    recipe = replace(RECIPE, focal_jitter=0.0)
    views = [
        training_view(camera, size, replace(TRANSFORM, mode="label"), recipe, np.random.default_rng(seed))[1]
        for seed in range(200)
    ]
    shares = np.array([view.camera.width / 200 for view in views])
    heights = np.array([view.size[0] for view in views])
    assert shares.max() == 1 and shares.min() < 0.53 and heights.min() <= 52 and heights.max() == 96
    assert all(view.size[1] == 96 for view in views)


def write_stripes(folder: Path, focals: list[float], distance: float, period: float) -> Path:
    """Frames of a wall at `distance` [m] with a sine of `period` [m] along x, by cameras of these focal lengths."""
    folder.mkdir(exist_ok=True)
    files = []
    for i, focal in enumerate(focals):
        width, height = 240, 160
        x = (np.arange(width) - (width - 1) / 2) * distance / focal
        row = (127 + 100 * np.sin(2 * np.pi * x / period)).round().astype(np.uint8)
        Image.fromarray(np.broadcast_to(row[None, :, None], (height, width, 3)).copy()).save(folder / f"{i}.png")
        Image.fromarray(np.full((height, width), distance * 1000).astype(np.uint16)).save(folder / f"d{i}.png")
        files.append({"rgb": f"{i}.png", "depth": f"d{i}.png", "depth_scale": 1000.0,
                      "cam_in": [focal, focal, (width - 1) / 2, (height - 1) / 2]})  # fmt: skip
    path = folder / "annotations.json"
    path.write_text(json.dumps({"files": files}))
    return path


def measured_period(image: np.ndarray, area: Sequence[int]) -> float:
    """Period [px] of a sine along x in the middle row of an input (3, H, W) whose image fills `area`."""
    top, bottom, left, right = area
    row = image[0, (top + bottom) // 2, left:right]
    row = row - (row.max() + row.min()) / 2
    i = np.flatnonzero(np.diff(np.sign(row)))
    crossings = i + row[i] / (row[i] - row[i + 1])
    return float(2 * np.polyfit(np.arange(len(crossings)), crossings, 1)[0])


@pytest.mark.parametrize("mode", ["image", "label"])
def test_a_network_that_measures_things_in_pixels_is_right_in_training_and_when_predicting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Literal["image", "label"]
):
    """It knows that the wall's stripes are 0.4 m apart and says f_c * 0.4 m / (their period in pixels).

    That is all a network can know without a camera, and just what canonical depth is.
    """
    monkeypatch.setattr("mono.training.data.dataset.augment", lambda rgb, rng, light: rgb)
    distance, period = 3.0, 0.4
    transform = replace(TRANSFORM, mode=mode, crop_size=(96, 128))
    focals = [90.0, 160.0, 300.0]
    data = MixedFrames(read_frames([write_stripes(tmp_path, focals, distance, period)]), transform, RECIPE, far=100.0)
    message = []
    for i in range(18):
        batch = data[SampleSpec(i % 3, RECIPE.sizes[i % 2], i)]
        canonical = transform.focal_length * period / measured_period(batch.image.numpy(), batch.area.tolist())
        target = batch.target[batch.target > 0]
        assert target.numpy() == pytest.approx(canonical, rel=0.03)
        assert canonical / batch.factor.item() == pytest.approx(distance, rel=0.03)
        message.append(canonical)
    # Label mode leaves the focal length to the depth, image mode takes it out of the image.
    assert max(message) / min(message) > (2.5 if mode == "label" else 1.2)
    for i, focal in enumerate(focals):
        rgb = np.array(Image.open(tmp_path / f"{i}.png"))
        view = transform.view(Camera.centered(focal, 240, 160))
        top, _, left, _ = view.padding
        area = top, top + view.size[0], left, left + view.size[1]
        canonical = transform.focal_length * period / measured_period(view.image_to_input(rgb), area)
        assert canonical / view.depth_factor == pytest.approx(distance, rel=0.03)


@pytest.mark.parametrize("mode", ["image", "label"])
def test_points_of_a_sample_have_metric_x_and_y(tmp_path: Path, mode: Literal["image", "label"]):
    frames = read_frames([write_plane(tmp_path)])
    data = MixedFrames(frames, replace(TRANSFORM, mode=mode), replace(RECIPE, centred=0.0), far=1000.0)
    for i in range(9):
        batch = data[SampleSpec(i % 3, (64, 96), i)]
        fx, fy, cx, cy = batch.intrinsics.tolist()
        rows, columns = np.nonzero(batch.target[0].numpy() > 0)
        depth = batch.target[0].numpy()[rows, columns]
        # 120 rows of a wall 5 m away, the upper 30 of them sky; the sky's edge is at (29.5 - 59.5) / f * 5 m.
        focal = frames[i % 3].intrinsics[0]
        assert (depth / batch.factor.item()) == pytest.approx(5.0, rel=1e-4)
        y = (rows - cy) * depth / fy
        assert y.min() >= -30.5 * 5 / focal - 2 * 5 / focal and y.max() <= 60 * 5 / focal + 2 * 5 / focal
        x = (columns - cx) * depth / fx
        assert np.abs(x).max() <= 80 * 5 / focal + 2 * 5 / focal
        if (batch.target[0] == SKY).any() and batch.target[0, :, 0].min() != 0:
            assert y.min() == pytest.approx(-30 * 5 / focal, abs=2.5 * 5 / focal)


@pytest.mark.parametrize(
    "kind, zero_is_sky, expected",
    [
        ("rendered", False, {SKY, 5.0}),
        ("dense", True, {0.0, 5.0}),
        ("sparse", True, {0.0, 5.0}),
        ("relative", True, {0.0, 5.0}),
        (None, True, {SKY, 5.0}),
        (None, False, {0.0, 5.0}),
    ],
)
def test_what_has_no_depth_is_sky_or_unknown(
    tmp_path: Path, kind: Kind | None, zero_is_sky: bool, expected: set[float]
):
    recipe = replace(RECIPE, zero_is_sky=zero_is_sky, focal_jitter=0.0)
    frames = [replace(f, kind=kind) for f in read_frames([write_plane(tmp_path, 1)])]
    data = MixedFrames(frames, replace(TRANSFORM, focal_length=80.0), recipe, far=100.0)
    batch = data[SampleSpec(0, (96, 128), 3)]
    assert set(batch.target.unique().round(decimals=2).tolist()) == expected
    assert batch.metric.item() is (kind != "relative")


@pytest.mark.parametrize("seed", range(10))
def test_a_crop_shows_a_part_with_its_own_camera(tmp_path: Path, seed: int):
    """The wall's lower edge of sky is where the crop's camera says it is."""
    recipe = replace(RECIPE, focal_jitter=0.0, centred=1.0)
    frames = read_frames([write_plane(tmp_path, 1)])
    batch = MixedFrames(frames, replace(TRANSFORM, focal_length=80.0), recipe, far=100.0)[
        SampleSpec(0, (64, 96), seed, share=0.5)
    ]
    top, bottom, left, right = batch.area.tolist()
    assert (bottom - top, right - left) == (60, 80)
    fx, _, cx, cy = batch.intrinsics.tolist()
    assert fx == pytest.approx(80.0) and not (cx == 47.5 and cy == 31.5)
    for row in range(top, bottom):
        full = 59.5 + row - cy  # of the whole image
        expected = SKY if full < 29.9 else 5.0
        assert batch.target[0, row, left].item() == pytest.approx(expected, rel=1e-3)


def test_unlabelled_images_come_with_nothing_known(tmp_path: Path):
    frames = [replace(f, depth=None, kind="unlabelled") for f in read_frames([write_plane(tmp_path, 1)])]
    batch = MixedFrames(frames, TRANSFORM, RECIPE, far=100.0)[SampleSpec(0, (64, 96), 0)]
    assert (batch.target == 0).all() and batch.image.abs().max() > 0.1


def test_depth_up_to_scale_is_never_too_far(tmp_path: Path):
    frames = [replace(f, kind="relative") for f in read_frames([write_plane(tmp_path, 1)])]
    target = MixedFrames(frames, TRANSFORM, RECIPE, far=1.0)[SampleSpec(0, (64, 96), 0)].target
    assert target.max() > 1 and target.min() == 0


def test_a_depth_map_of_another_size_is_named(tmp_path: Path):
    path = write_plane(tmp_path, 1)
    Image.fromarray(np.ones((10, 20), np.uint16)).save(tmp_path / "d0.png")
    data = MixedFrames(read_frames([path]), TRANSFORM, RECIPE, far=9.0)
    error = str(data[SampleSpec(0, (64, 96), 0)])
    assert "d0.png: the depth map is 20x10, its image" in error and "is 160x120" in error


def test_a_depth_map_smaller_than_its_image_is_enlarged(tmp_path: Path):
    path, key = write_plane(tmp_path, 1), SampleSpec(0, (64, 96), 0)
    whole = MixedFrames(read_frames([path]), TRANSFORM, RECIPE, far=9.0)[key]
    depth = np.array(Image.open(tmp_path / "d0.png"))
    Image.fromarray(np.ascontiguousarray(depth[::2, ::2])).save(tmp_path / "d0.png")
    halved = MixedFrames(read_frames([path]), TRANSFORM, RECIPE, far=9.0)[key]
    assert isinstance(whole, Batch) and isinstance(halved, Batch)
    assert all(torch.equal(a, b) for a, b in zip(whole, halved, strict=True))


def test_depth_of_an_impossible_scale_is_refused_unless_it_has_none(tmp_path: Path):
    path, key = write_plane(tmp_path, 1), SampleSpec(0, (64, 96), 0)
    path.write_text(path.read_text().replace('"depth_scale": 1000.0', '"depth_scale": 0.25'))
    error = MixedFrames(read_frames([path]), TRANSFORM, RECIPE, far=9.0)[key]
    assert "d0.png: its median depth is 2e+04 m with depth_scale 0.25; give the stored value" in str(error)
    assert isinstance(MixedFrames(read_frames([f"{path}:relative"]), TRANSFORM, RECIPE, far=9.0)[key], Batch)


def test_processes_share_a_batch(tmp_path: Path):
    frames = read_frames([write_plane(tmp_path)])
    data = MixedFrames(frames, TRANSFORM, RECIPE, far=9.0)
    alone = BatchPlan.from_frames(frames, replace(RECIPE, batch_pixels=2 * RECIPE.batch_pixels), TRANSFORM, 5)
    shared = BatchPlan.from_frames(frames, RECIPE, TRANSFORM, 5, processes=2)
    for step in (0, 3):
        whole = next(iter(loader(data, alone, step, 0)))
        parts = [next(iter(loader(data, shared, step, 0, Ranks(rank, 2)))) for rank in (0, 1)]
        for name in Batch._fields:
            joined = torch.cat([getattr(p, name) for p in parts])
            assert torch.equal(joined, getattr(whole, name)), name


def test_samples_hold_canonical_depth_sky_and_unknown_padding(tmp_path: Path):
    frames = read_frames([write_plane(tmp_path)])
    data = MixedFrames(frames, TRANSFORM, RECIPE, far=100.0)
    for i in range(12):
        image, target = data[SampleSpec(i % 3, RECIPE.sizes[i % 3], i)][:2]
        assert tuple(image.shape) == (3, *RECIPE.sizes[i % 3]) and tuple(target.shape) == (1, *RECIPE.sizes[i % 3])
        assert image.isfinite().all()
        values = set(np.unique(target.numpy()).tolist()) - {0.0, SKY}
        assert len(values) == 1
        assert values.pop() == pytest.approx(5.0, rel=1.0)


def test_samples_follow_from_their_seed(tmp_path: Path):
    data = MixedFrames(read_frames([write_plane(tmp_path)]), TRANSFORM, RECIPE, far=100.0)
    key = SampleSpec(1, (64, 96), 7)
    first, again, other = data[key], data[key], data[key._replace(seed=8)]
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert not (first.image == other.image).all()


def test_surfaces_beyond_far_are_known_from_sky(tmp_path: Path):
    data = MixedFrames(read_frames([write_plane(tmp_path)]), TRANSFORM, RECIPE, far=1.0)
    target = data[SampleSpec(0, (64, 96), 0)].target
    assert {FAR} <= set(np.unique(target.numpy())) <= {0.0, SKY, FAR}


def test_labels_of_sky_are_no_depth(tmp_path: Path):
    path = write_plane(tmp_path, 1)
    labels = np.repeat(np.arange(3, dtype=np.uint16), 40)[:, None].repeat(160, 1)  # unknown, surface, sky
    Image.fromarray(labels).save(tmp_path / "d0.png")
    frames = [replace(f, kind="sky", depth_scale=1.0) for f in read_frames([path])]
    batch = MixedFrames(frames, TRANSFORM, RECIPE, far=1.0)[SampleSpec(0, (96, 64), 5)]
    values = batch.target.unique().tolist()
    assert values == [SURFACE, SKY, 0.0] and (batch.target == SKY).sum() > 100
    for scale in (0.5, 1000.0):
        wrong = MixedFrames([replace(frames[0], depth_scale=scale)], TRANSFORM, RECIPE, far=1.0)
        assert "labels of sky are 0" in str(wrong[SampleSpec(0, (96, 64), 5)])


@pytest.mark.timeout(60)
def test_workers_begin_after_opencv_was_used(tmp_path: Path):
    recipe = replace(RECIPE, sizes=((64, 96),))
    frames = read_frames([write_plane(tmp_path / "a")])
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    try:
        cv2.resize(np.zeros((3000, 4000, 3), np.uint8), (500, 400), interpolation=cv2.INTER_AREA)
        plan = BatchPlan.from_frames(frames, recipe, TRANSFORM, 0)
        batch = next(iter(loader(MixedFrames(frames, TRANSFORM, recipe, 100.0), plan, 0, 1)))
    finally:
        cv2.setNumThreads(before)
    assert batch.image.shape == (4, 3, 64, 96)


def test_the_next_frame_takes_the_place_of_an_unreadable_one(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    frames = read_frames([write_plane(tmp_path / "plane")])
    (tmp_path / "plane" / "1.png").write_bytes(b"no image")
    data, key = MixedFrames(frames, TRANSFORM, RECIPE, 100.0), SampleSpec(1, (64, 96), 7, 0, 1.0)
    for _ in range(2):
        sample, wanted = data[key], data[key._replace(frame=2)]
        assert isinstance(sample, Batch) and isinstance(wanted, Batch)
        assert all(torch.equal(a, b) for a, b in zip(sample, wanted, strict=True))
    (record,) = caplog.records
    assert "1.png" in record.message and "the next frame takes its place" in record.message


@pytest.mark.parametrize("workers", [0, 1])
def test_where_nothing_can_be_read_the_error_is_that_of_a_file(tmp_path: Path, workers: int):
    frames = read_frames([write_plane(tmp_path / "plane")])
    for path in (tmp_path / "plane").glob("[0-9].png"):
        path.write_bytes(b"no image")
    plan = BatchPlan.from_frames(frames, RECIPE, TRANSFORM, 0)
    error = next(iter(loader(MixedFrames(frames, TRANSFORM, RECIPE, 100.0), plan, 0, workers)))
    assert isinstance(error, MetricDepthError)
    assert ".png" in str(error) and "Traceback" not in str(error)
