from __future__ import annotations

import base64
import io
import json
import zlib

import numpy as np
import pytest
from PIL import Image

from mono.evaluation.metrics import evaluate_tiers
from mono.evaluation.protocols import Protocol, get_protocol
from mono.evaluation.report import thumbnails
from mono.evaluation.report.image_records import (
    build_image_record,
    read_groups,
    read_image_record,
    reliability_of,
    write_image_record,
)
from mono.system.errors import MetricDepthError


@pytest.fixture
def scene():
    generator = np.random.default_rng(0)
    gt = np.linspace(1, 9, 480 * 640, dtype=np.float32).reshape(480, 640)
    gt[:100] = 0
    predicted = gt * np.float32(1.2)
    predicted[:100] = 5
    return generator.integers(0, 255, (480, 640, 3), np.uint8), predicted, gt


def test_counts_the_pixels_that_the_metrics_count(scene):
    frame = build_image_record(*scene, get_protocol("nyu_eigen"))
    metrics = evaluate_tiers(scene[1], scene[2], get_protocol("nyu_eigen"))["metric"]
    assert frame.pixels == metrics.pixels == (471 - 100) * (601 - 41)
    assert frame.distribution.pixels == frame.pixels
    assert frame.distribution.abs_rel.sum() / frame.pixels == pytest.approx(metrics.abs_rel, rel=1e-4)


def test_quantiles_stand_for_the_truth(scene):
    frame = build_image_record(*scene, get_protocol("none"))
    counted = scene[2][scene[2] > 0]
    assert frame.quantiles.shape == (512,)
    assert frame.quantiles.mean() == pytest.approx(counted.mean(), rel=1e-3)
    np.testing.assert_allclose(np.median(frame.quantiles), np.median(counted), rtol=2e-3)


def test_few_pixels_are_all_kept():
    gt = np.zeros((20, 30), np.float32)
    gt[4, 5], gt[6, 7], gt[9, 9] = 3, 1, 2
    frame = build_image_record(np.zeros((20, 30, 3), np.uint8), np.ones((10, 15), np.float32), gt, get_protocol("none"))
    assert frame.quantiles.tolist() == [1, 2, 3]
    assert frame.pixels == 3


def test_missing_predictions_count_as_nearest(scene):
    rgb, predicted, gt = scene
    predicted = predicted.copy()
    predicted[200:300] = np.nan
    protocol = Protocol("own", min_depth=0.5, max_depth=10)
    frame = build_image_record(rgb, predicted, gt, protocol)
    metrics = evaluate_tiers(predicted, gt, protocol)["metric"]
    assert frame.distribution.abs_rel.sum() / frame.pixels == pytest.approx(metrics.abs_rel, rel=1e-4)


def test_no_pixel_that_counts_is_no_frame(scene):
    assert build_image_record(scene[0], scene[1], np.zeros_like(scene[2]), get_protocol("none")) is None


def test_written_frames_come_back_and_are_the_same_to_the_byte(scene, tmp_path):
    frame = build_image_record(*scene, get_protocol("nyu_eigen"))
    write_image_record(tmp_path / "deep" / "a.json", frame)
    write_image_record(tmp_path / "b.json", build_image_record(*scene, get_protocol("nyu_eigen")))
    assert (tmp_path / "deep" / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    back = read_image_record(tmp_path / "b.json")
    assert (back.pixels, back.image) == (frame.pixels, frame.image)
    for name in ("ground_truth", "predicted", "error", "quantiles"):
        np.testing.assert_array_equal(getattr(back, name), getattr(frame, name))
    for name in ("depths", "ratios", "abs_rel"):
        np.testing.assert_array_equal(getattr(back.distribution, name), getattr(frame.distribution, name))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b'{"version": 99}', b'{"version": 1, "pixels": 1}'])
def test_damaged_files_are_reported(tmp_path, damage):
    (tmp_path / "a.json").write_bytes(damage)
    with pytest.raises(ValueError, match=r"a\.json: not a readable image record"):
        read_image_record(tmp_path / "a.json")


def test_damaged_thumbnails_are_reported(scene, tmp_path):
    write_image_record(tmp_path / "a.json", build_image_record(*scene, get_protocol("none")))
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text.replace('"ground_truth": "iVBOR', '"ground_truth": "AAAAA'))
    with pytest.raises(ValueError, match="a thumbnail is damaged"):
        read_image_record(tmp_path / "a.json")


def test_thumbnails_share_one_size_and_shape(scene):
    frame = build_image_record(*scene, get_protocol("none"))
    assert frame.ground_truth.shape == frame.predicted.shape == frame.error.shape == (144, 192)
    assert Image.open(io.BytesIO(frame.image)).size == (192, 144)
    assert thumbnails.thumbnail_size(352, 1216) == (89, 309)
    assert thumbnails.thumbnail_size(30, 40) == (30, 40)


def test_depth_codes_keep_depth_to_a_few_per_cent():
    depth = np.array([[0.5, 1.0, 7.0, 80.0, 0.0, np.nan]], np.float32).repeat(3, 0)
    codes = thumbnails.depth_codes(depth, (3, 6))
    assert (codes[:, 4:] == 0).all()
    colors = thumbnails.depth_colors(codes, 0.5, 80)
    exact = thumbnails.colorize(depth, 0.5, 80)
    np.testing.assert_allclose(colors.astype(int), exact.astype(int), atol=14)


def test_sparse_truth_is_averaged_over_valid_pixels_only():
    depth = np.zeros((40, 40))
    depth[::4, ::4] = 6.0
    means, present = thumbnails.shrink_values(depth, depth > 0, (10, 10))
    assert present.all()
    np.testing.assert_allclose(means, 6.0, rtol=1e-5)


def test_single_points_become_dots_of_their_own_depth():
    depth = np.zeros((100, 100), np.float32)
    depth[20, 20], depth[70, 60] = 2.0, 20.0
    codes = thumbnails.depth_codes(depth, (100, 100))
    assert 2 * 13 <= (codes > 0).sum() <= 2 * 25
    assert len(np.unique(codes)) == 3
    assert codes[21, 21] == codes[20, 20] < codes[70, 61] == codes[70, 60]


def test_errors_too_near_are_blue_and_too_far_are_red():
    ratio = np.log(np.array([[0.5, 1.0, 2.0]], np.float32))
    codes = thumbnails.error_codes(ratio, np.array([[True, True, True]]), (1, 3))
    near, exact, far = thumbnails.error_colors(codes, 1.5)[0].astype(int)
    assert near[2] > near[0] + 60 and far[0] > far[2] + 60
    assert exact.min() > 240


def test_confidence_is_kept_in_groups_with_its_error(scene, tmp_path):
    rgb, predicted, gt = scene
    confidence = np.where(np.arange(640) < 320, 0.9, 0.2).astype(np.float32) * np.ones((480, 1), np.float32)
    predicted = np.where(confidence > 0.5, gt * np.float32(1.1), gt * np.float32(1.4))
    frame = build_image_record(rgb, predicted, gt, get_protocol("none"), confidence)
    groups = frame.confidence
    assert groups.pixels.sum() == frame.pixels == 380 * 640 and groups.pixels.size == 64
    np.testing.assert_allclose(groups.confidence, [0.2] * 32 + [0.9] * 32, rtol=1e-5)
    np.testing.assert_allclose(groups.error, [0.4] * 32 + [0.1] * 32, rtol=1e-4)
    np.testing.assert_allclose(groups.worst_first, groups.error, rtol=1e-4)
    write_image_record(tmp_path / "a.json", frame)
    for back in (read_image_record(tmp_path / "a.json").confidence, read_groups(tmp_path / "a.json")):
        for name in ("confidence", "error", "worst_first", "pixels"):
            np.testing.assert_array_equal(getattr(back, name), getattr(groups, name))


def test_confidence_of_another_size_is_resized(scene):
    confidence = np.tile(np.float32([0.9, 0.9, 0.2, 0.2]), (3, 1))
    groups = build_image_record(*scene, get_protocol("none"), confidence).confidence
    assert groups.confidence[[0, -1]] == pytest.approx([0.2, 0.9])


def test_reliability_of_frames_leaves_out_damaged_ones(scene, tmp_path):
    write_image_record(
        tmp_path / "a.json", build_image_record(*scene, get_protocol("none"), np.ones((480, 640), np.float32))
    )
    write_image_record(tmp_path / "b.json", build_image_record(*scene, get_protocol("none")))
    (tmp_path / "c.json").write_text("{}")
    paths = [tmp_path / f"{name}.json" for name in "abcd"]
    assert reliability_of(paths).images == 1
    assert reliability_of(paths[1:]) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quantiles", np.zeros(10**7, "<f4")),
        ("quantiles", np.full(512, np.nan, "<f4")),
        ("depths", np.zeros(10**7, "<u4")),
        ("abs_rel", np.zeros(3, "<f8")),
    ],
)
def test_arrays_that_no_image_has_are_refused(scene, tmp_path, name, value):
    write_image_record(tmp_path / "a.json", build_image_record(*scene, get_protocol("none")))
    content = json.loads((tmp_path / "a.json").read_text())
    content[name] = base64.b64encode(zlib.compress(value.tobytes())).decode()
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(MetricDepthError, match="not a readable image record"):
        read_image_record(tmp_path / "a.json")


def test_large_thumbnails_are_refused(scene, tmp_path):
    write_image_record(tmp_path / "a.json", build_image_record(*scene, get_protocol("none")))
    content = json.loads((tmp_path / "a.json").read_text())
    content["error"] = base64.b64encode(thumbnails.encode_codes(np.zeros((4000, 4000), np.uint8))).decode()
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(MetricDepthError, match="a thumbnail is damaged"):
        read_image_record(tmp_path / "a.json")
