"""Focal lengths from pictures: arithmetic by hand, and the shipped network on frames that ship."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mono.data import focal_estimate, focal_pool
from mono.data.camera_source import CameraResolver, ResolvedCamera
from mono.data.focal_estimate import FocalEstimate, estimate_focal, network_pixels, pool
from mono.data.sample import Sample
from mono.io.exif import ExifCamera
from mono.io.images import Photo, read_image
from mono.model.checkpoint import CheckpointError

ROOT = Path(__file__).parents[2]


def test_an_angle_becomes_a_focal_length_of_any_size() -> None:
    # 90 degrees across the diagonal of 1000 px: half of it is the focal length.
    assert FocalEstimate(0.0, 0.1).focal(800, 600) == pytest.approx(500)
    assert FocalEstimate(math.log(0.5), 0.1).focal(600, 800) == pytest.approx(1000)


def test_the_mean_is_weighted_by_precision_and_keeps_the_shared_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network:
        calibration = (1.0, 0.5)

    monkeypatch.setattr(focal_estimate, "_network", Network)
    both = pool([FocalEstimate(-0.2, 0.1), FocalEstimate(-0.7, 0.2)])
    assert both.tangent == pytest.approx(0.8 * -0.2 + 0.2 * -0.7)
    # Half of the variance is shared: (0.8 * 0.1 + 0.2 * 0.2)^2; the other half is independent.
    assert both.error == pytest.approx(math.sqrt(0.5 * 0.12**2 + 0.5 * (0.08**2 + 0.04**2)), abs=1e-4)
    many = pool([FocalEstimate(-0.4, 0.1)] * 400)
    assert many.tangent == -0.4 and many.error == pytest.approx(0.1 * math.sqrt(0.5), abs=1e-3)


def test_large_images_are_thinned_before_they_are_averaged() -> None:
    rgb = np.repeat(np.broadcast_to(np.linspace(0, 255, 4000)[None], (3000, 4000))[..., None], 3, 2).astype(np.uint8)
    small = network_pixels(rgb)
    assert small.shape == (96, 128, 3)
    np.testing.assert_allclose(small[50, :, 0], (np.arange(128) + 0.5) / 128 * 255, atol=1.5)


def test_an_unknown_camera_is_estimated_where_no_field_of_view_is_assumed() -> None:
    photo = Photo(read_image(ROOT / "data" / "wild_demo" / "room.jpg").rgb)
    found = CameraResolver(assumed_fov_deg=None).resolve_for(None, photo)
    estimate = estimate_focal(photo.rgb)
    height, width = photo.rgb.shape[:2]
    assert found.source == "estimated" and found.focal_error == estimate.error
    assert found.camera.fx == pytest.approx(estimate.focal(width, height))
    assert f"within {100 * estimate.error:.0f} %" in found.detail
    plain = CameraResolver().resolve_for(None, photo)
    assert plain.source == "assumed" and plain.focal_error is None
    assert plain.camera.fx == pytest.approx(max(width, height) / 2 / math.tan(math.radians(30)))


def test_pictures_narrower_than_their_exif_data_are_doubted_and_keep_them(caplog: pytest.LogCaptureFixture) -> None:
    def resolve(name: str, tangent: float, error: float, resolver: CameraResolver) -> ResolvedCamera:
        exif = ExifCamera(focal_35mm=28)  # 3236 px
        return resolver.resolve(4000, 3000, exif, name, None, lambda: FocalEstimate(math.log(tangent), error))

    asked = CameraResolver(assumed_fov_deg=None)
    with caplog.at_level(logging.WARNING):
        fine = resolve("fine.jpg", 0.5, 0.2, asked)  # 5000 px, 2.2 errors longer
        long = resolve("long.jpg", 1.6, 0.1, asked)  # 1562 px, 7 errors shorter: true long lenses look so
        unasked = resolve("unasked.jpg", 0.3, 0.1, CameraResolver())
        assert not caplog.text and all("looks like" not in found.detail for found in (fine, long, unasked))
        doubted = resolve("odd.jpg", 0.5, 0.14, asked)
    assert doubted.source == "exif" and doubted.camera == fine.camera
    assert "the picture looks like 5000 px, not 3236" in doubted.detail and "odd.jpg" in caplog.text


def test_a_folder_has_one_focal_length_for_each_size_also_turned(tmp_path: Path, monkeypatch) -> None:
    shapes, samples = [(60, 80), (80, 60), (60, 80), (40, 40)], []
    for i, (height, width) in enumerate(shapes):
        path = tmp_path / f"{i}.png"
        Image.fromarray(np.full((height, width, 3), 40 * i, np.uint8)).save(path)
        samples.append(Sample(str(i), path, str(path)))
    samples.append(Sample("gone", tmp_path / "gone.png", "gone.png"))
    values = {0: (-0.3, 0.1), 40: (-0.5, 0.1), 80: (-0.4, 0.1), 120: (0.0, 0.2)}
    fake = lambda rgb: FocalEstimate(*values[int(rgb[0, 0, 0])])  # noqa: E731
    monkeypatch.setattr(focal_pool, "estimate_focal", fake)
    resolver = focal_pool.pool_focal(samples, CameraResolver(assumed_fov_deg=None))
    assert [size for size, _ in resolver.pooled] == [(40, 40), (80, 60)]
    cameras = [resolver.resolve_for(s, s.read()).camera for s in samples[:4]]
    assert [c.fx for c in cameras[:3]] == pytest.approx([50 / math.exp(-0.4)] * 3)
    assert cameras[3].fx == pytest.approx(math.hypot(40, 40) / 2)
    assert resolver.resolve_for(samples[0], samples[0].read()).focal_error < 0.1
    given = focal_pool.pool_focal(samples, CameraResolver(focal_px=70))
    assert given.pooled == ()


def test_missing_weights_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(focal_estimate, "weight_folders", list)
    with pytest.raises(CheckpointError, match="--assume-fov 60"):
        focal_estimate.find_weights()


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (7, 5), (2000, 3)])
def test_pictures_without_content_get_a_possible_lens_and_a_wide_error(shape: tuple[int, int]) -> None:
    estimate = estimate_focal(np.full((*shape, 3), 128, np.uint8))
    assert -2.5 < estimate.tangent < 1 and 0.1 < estimate.error < 2


@pytest.mark.parametrize("name", ["kitti_demo", "nyu_demo"])
def test_shipped_weights_know_the_angle_of_frames_that_ship(name: str) -> None:
    """Both are rendered, with the cameras of KITTI (82 degrees, very wide) and of a Kinect (63 degrees)."""
    folder = ROOT / "data" / name
    entries = json.loads((folder / "test_annotations.json").read_text())["files"][:6]
    errors = []
    for entry in entries:
        rgb = read_image(folder / entry["rgb"]).rgb
        errors.append(math.log(estimate_focal(rgb).focal(rgb.shape[1], rgb.shape[0]) / entry["cam_in"][0]))
    assert np.median(np.abs(errors)) < 0.15
