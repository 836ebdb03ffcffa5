from __future__ import annotations

import importlib.util
import itertools
import json
import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mono.evaluation.metrics import (
    ImageMetrics,
    compare,
    evaluate_tiers,
    mean_over_images,
    pooled_over_pixels,
    resize_depth,
)
from mono.evaluation.protocols import Protocol, get_protocol

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
NONE = get_protocol("none")
GOLDEN_PROTOCOLS = {
    "no crop, 0.1-80 m": Protocol("range", min_depth=0.1, max_depth=80),
    "KITTI": get_protocol("kitti_eigen_garg"),
    "NYU": get_protocol("nyu_eigen"),
}


def _reference_depth_pair() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    spec = importlib.util.spec_from_file_location("reference_values", GOLDEN / "reference_values.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.reference_depth_pair


def _pair(shape: tuple[int, ...] = (40, 50), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    gt = rng.uniform(1, 20, shape)
    return gt * np.exp(0.3 * rng.standard_normal(shape) + 0.1), gt


def evaluate_image(
    predicted: np.ndarray, gt: np.ndarray, protocol: Protocol, tier: str = "metric"
) -> ImageMetrics | None:
    tiers = evaluate_tiers(predicted, gt, protocol, (tier,))
    return tiers[tier] if tiers else None


@pytest.mark.parametrize(
    "case", json.loads((GOLDEN / "metrics.json").read_text()), ids=lambda case: case["protocol"][:5]
)
def test_published_evaluator_is_reproduced(case: dict[str, Any]) -> None:
    pair = _reference_depth_pair()(case["height"], case["width"], case["seed"], case["far"], case["valid"])
    protocol = next(value for start, value in GOLDEN_PROTOCOLS.items() if case["protocol"].startswith(start))
    found = evaluate_image(*pair, protocol)
    assert found is not None
    names = {"a1": "delta1", "a2": "delta2", "a3": "delta3", "log_10": "log10"}
    for name, expected in case["metrics"].items():
        assert getattr(found, names.get(name, name)) == pytest.approx(expected, rel=1e-6), name


@pytest.mark.parametrize("seed", range(5))
def test_metrics_are_their_definitions(seed: int) -> None:
    p, t = _pair(seed=seed)
    found = compare(p, t)
    d = np.log(p) - np.log(t)
    expected = {
        "pixels": p.size,
        "abs_rel": np.mean(np.abs(p - t) / t),
        "sq_rel": np.mean((p - t) ** 2 / t),
        "rmse": np.sqrt(np.mean((p - t) ** 2)),
        "rmse_log": np.sqrt(np.mean(d**2)),
        "log10": np.mean(np.abs(np.log10(p) - np.log10(t))),
        "silog": 100 * np.sqrt(np.mean(d**2) - np.mean(d) ** 2),
        "delta1": np.mean(np.maximum(p / t, t / p) < 1.25),
        "delta2": np.mean(np.maximum(p / t, t / p) < 1.25**2),
        "delta3": np.mean(np.maximum(p / t, t / p) < 1.25**3),
        "log_bias": np.mean(d),
    }
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, rel=1e-9)


def test_by_hand() -> None:
    found = compare(np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.0, 4.0]))
    assert found.abs_rel == pytest.approx((0.5 + 0 + 0.5) / 3)
    assert found.sq_rel == pytest.approx((0.5 + 0 + 1) / 3)
    assert found.rmse == pytest.approx(math.sqrt(5 / 3))
    assert (found.delta1, found.delta2, found.delta3) == pytest.approx((1 / 3, 2 / 3, 2 / 3))


def test_a_perfect_prediction() -> None:
    gt = _pair()[1]
    found = evaluate_image(gt, gt, NONE)
    assert found is not None
    assert (found.abs_rel, found.rmse, found.silog, found.rmse_log) == (0, 0, 0, 0)
    assert (found.delta1, found.scale) == (1, 1)


@given(st.floats(0.01, 100))
def test_a_common_factor_changes_all_but_silog(factor: float) -> None:
    p, t = _pair((20, 30))
    before, after = compare(p, t), compare(factor * p, t)
    assert after.silog == pytest.approx(before.silog, rel=1e-9)
    assert after.log_bias == pytest.approx(before.log_bias + math.log(factor), abs=1e-9)


def test_metrics_survive_json() -> None:
    found = evaluate_image(*_pair(), NONE)
    assert found is not None
    assert ImageMetrics(**json.loads(json.dumps(asdict(found), allow_nan=False))) == found
    assert all(type(value) in (int, float, type(None)) for value in asdict(found).values())


@pytest.mark.parametrize(
    ("p", "t"), [([1.0, 0.0], [1, 1]), ([1.0, np.nan], [1, 1]), ([1.0, 1], [1, np.inf]), ([1.0], [1, 1]), ([], [])]
)
def test_what_cannot_be_compared_is_refused(p: list[float], t: list[float]) -> None:
    with pytest.raises(ValueError, match="compare"):
        compare(np.array(p), np.array(t))


@pytest.mark.parametrize("nothing", [0.0, -1.0, np.nan, np.inf])
def test_pixels_without_truth_never_count(nothing: float) -> None:
    p, t = _pair()
    p = np.round(p, 3)
    expected = compare(p[10:], t[10:])
    t[:10] = nothing
    p[:10] = 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate_image(p, t, replace(NONE, ground_truth="sparse"))
    assert found is not None
    assert found.pixels == 30 * 50
    assert found.abs_rel == pytest.approx(expected.abs_rel, rel=1e-6)
    assert found.rmse == pytest.approx(expected.rmse, rel=1e-6)


def test_images_without_valid_pixels_give_nothing() -> None:
    p, t = _pair()
    assert evaluate_image(p, np.zeros_like(t), NONE) is None
    assert evaluate_image(p, t + 100, replace(NONE, max_depth=80)) is None
    assert evaluate_tiers(p, np.full_like(t, np.nan), NONE) is None


@pytest.mark.parametrize("hole", [0.0, -2.0, np.nan, -np.inf])
@pytest.mark.parametrize("clamp", [True, False])
def test_a_missing_prediction_is_an_error_not_an_excuse(hole: float, clamp: bool) -> None:
    gt = np.full((10, 10), 5.0)
    predicted = gt.copy()
    predicted[0, 0] = hole
    protocol = Protocol("x", max_depth=80, clamp=clamp, ground_truth="sparse")
    for alignment in ("metric", "median", "scale_shift", "scale_shift_inverse"):
        found = evaluate_image(predicted, gt, protocol, alignment)
        assert found is not None
        assert found.pixels == 100
        assert found.delta1 == pytest.approx(0.99)
        assert found.abs_rel == pytest.approx(0.01 * (5 - 0.001) / 5)


@pytest.mark.parametrize(
    ("protocol", "far"),
    [(Protocol("a", max_depth=80), 80), (Protocol("b", max_depth=80, clamp=False), 80), (NONE, 40)],
)
def test_infinite_depth_counts_as_the_farthest(protocol: Protocol, far: float) -> None:
    gt = np.full((10, 10), 20.0)
    gt[0, :2] = 25, 40
    predicted = gt.copy()
    predicted[0, 0] = np.inf
    for alignment in ("metric", "median", "scale_shift"):
        found = evaluate_image(predicted, gt, protocol, alignment)
        assert found is not None
        assert found.abs_rel == pytest.approx(0.01 * (far - 25) / 25)
    assert evaluate_image(np.full((10, 10), np.inf), gt, protocol) is not None


def test_infinite_depth_makes_edges_and_survives_resizing() -> None:
    depth = np.full((20, 20), 5.0, np.float32)
    depth[:, 10:] = np.inf
    depth[:4] = 0
    larger = resize_depth(depth, 40, 40)
    assert (larger[:7] == 0).all() and (larger[9:, :19] == 5).all() and np.isposinf(larger[9:, 21:]).all()
    gt = np.where(np.isinf(depth), 60, 5.0)
    found = evaluate_image(depth, gt, NONE)
    assert found is not None
    # 16 pairs from 5 m to infinity and 10 below the hole are right; the hole has 10 more edges.
    assert found.boundary_f1 == pytest.approx(2 * 26 / (26 + 36))


def test_a_prediction_without_any_depth_has_no_scale() -> None:
    found = evaluate_tiers(np.zeros((4, 4)), np.ones((4, 4)), NONE)
    assert found is not None
    for metrics in found.values():
        assert metrics.scale is None
        assert metrics.delta3 == 0


def test_clamping_brings_predictions_into_the_range() -> None:
    gt = np.full((10, 10), 70.0)
    kept = evaluate_image(np.full((10, 10), 200.0), gt, Protocol("x", max_depth=80))
    raw = evaluate_image(np.full((10, 10), 200.0), gt, Protocol("x", max_depth=80, clamp=False))
    assert kept is not None
    assert raw is not None
    assert kept.rmse == pytest.approx(10)
    assert raw.rmse == pytest.approx(130)


def test_the_prediction_is_resized_never_the_truth() -> None:
    rows, columns = np.mgrid[:60, :80]
    gt = 2 + 0.01 * rows + 0.02 * columns
    smaller = 2 + 0.01 * ((np.arange(30) + 0.5) * 2 - 0.5)[:, None] + 0.02 * ((np.arange(40) + 0.5) * 2 - 0.5)
    sparse = np.where((rows + columns) % 7 == 0, gt, 0)
    found = evaluate_image(smaller, sparse, Protocol("x", crop=(0.1, 0.9, 0.1, 0.9), ground_truth="sparse"))
    assert found is not None
    inner = np.zeros((60, 80), bool)
    inner[6:54, 8:72] = True
    assert found.pixels == np.count_nonzero(sparse[inner])
    assert found.rmse < 1e-6


def test_invalid_pixels_do_not_bleed_when_resized() -> None:
    depth = np.full((10, 10), 4.0)
    depth[3:6, 3:6] = 0
    depth[0, 0] = np.nan
    larger = resize_depth(depth, 40, 40)
    assert set(np.unique(larger.round(5)).tolist()) == {0.0, 4.0}
    assert (larger[13:22, 13:22] == 0).all()
    assert larger.shape == (40, 40)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 1), (0, 4)])
def test_maps_must_be_maps(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"ground-truth depth has shape"):
        evaluate_image(np.ones((2, 3)), np.ones(shape), NONE)
    with pytest.raises(ValueError, match=r"predicted depth has shape"):
        evaluate_image(np.ones(shape), np.ones((2, 3)), NONE)


def test_tiers_undo_what_they_say_and_no_more() -> None:
    gt = _pair(seed=4)[1]
    scaled, moved = evaluate_tiers(0.5 * gt, gt, NONE), evaluate_tiers(0.5 * gt + 1, gt, NONE)
    assert scaled is not None
    assert moved is not None
    assert list(scaled) == ["metric", "median", "scale_shift"]
    assert scaled["metric"].abs_rel == pytest.approx(0.5)
    assert scaled["median"].abs_rel == pytest.approx(0, abs=1e-6)
    assert scaled["metric"].scale == scaled["scale_shift"].scale == pytest.approx(2, rel=1e-6)
    assert moved["median"].abs_rel > 0.01
    assert moved["scale_shift"].abs_rel == pytest.approx(0, abs=1e-6)
    inverse = 1 / (0.5 / gt + 0.1)
    found = evaluate_tiers(inverse, gt, NONE, ("scale_shift", "scale_shift_inverse"))
    assert found is not None
    assert found["scale_shift"].abs_rel > 0.01
    assert found["scale_shift_inverse"].abs_rel == pytest.approx(0, abs=1e-4)


def test_boundaries_count_where_truth_is_dense() -> None:
    gt = np.full((20, 20), 2.0)
    gt[:, 10:] = 4
    found = evaluate_image(gt, gt, NONE)
    assert found is not None
    assert found.boundary_f1 == 1
    sparse = np.where(np.random.default_rng(0).uniform(size=gt.shape) < 0.3, gt, 0)
    for t, protocol in ((sparse, NONE), (gt, replace(NONE, ground_truth="sparse")), (np.ones((20, 20)), NONE)):
        other = evaluate_image(gt, t, protocol)
        assert other is not None
        assert other.boundary_f1 is None


def _images(count: int = 7) -> list[ImageMetrics]:
    found = [evaluate_image(*_pair((5 + i, 9), seed=i), replace(NONE, ground_truth="sparse")) for i in range(count)]
    return [metrics for metrics in found if metrics is not None]


def test_the_mean_gives_each_image_the_same_weight() -> None:
    images = _images()
    mean = mean_over_images(images)
    assert mean is not None
    for field in fields(ImageMetrics):
        if field.name not in ("pixels", "missing", "boundary_f1"):
            values = [getattr(image, field.name) for image in images]
            assert getattr(mean, field.name) == pytest.approx(np.mean(values), rel=1e-12)
    assert mean.pixels == sum(image.pixels for image in images)
    assert mean.missing == 0
    assert mean.boundary_f1 is None


def test_missing_predictions_are_counted() -> None:
    gt = np.ones((4, 5))
    predicted = np.array([[0, -1, np.nan, np.inf, 2]] * 4)
    gt[0] = 0
    found = evaluate_tiers(predicted, gt, NONE)
    assert found is not None
    assert [(metrics.pixels, metrics.missing) for metrics in found.values()] == [(15, 9)] * 3
    former = replace(found["metric"], missing=None)
    for average in (mean_over_images, pooled_over_pixels):
        means = average([found["metric"], former, replace(former, missing=2)])
        assert means is not None
        assert (means.pixels, means.missing) == (45, 11)
        unknown = average([former])
        assert unknown is not None
        assert unknown.missing is None


def test_the_mean_skips_what_an_image_does_not_have() -> None:
    first, second = _images(2)
    mean = mean_over_images([replace(first, boundary_f1=0.4, scale=None), second])
    assert mean is not None
    assert mean.boundary_f1 == 0.4
    assert mean.scale == second.scale


def test_pooling_is_the_same_as_one_large_image() -> None:
    pairs = [_pair((5 + 3 * i, 9), seed=i) for i in range(6)]
    pooled = pooled_over_pixels([compare(p, t) for p, t in pairs])
    whole = compare(np.concatenate([p for p, _ in pairs]), np.concatenate([t for _, t in pairs]))
    assert pooled is not None
    for field in fields(ImageMetrics):
        expected = getattr(whole, field.name)
        assert getattr(pooled, field.name) == (expected and pytest.approx(expected, rel=1e-10)), field.name
    mean = mean_over_images([compare(p, t) for p, t in pairs])
    assert mean is not None
    assert abs(mean.rmse - pooled.rmse) > 1e-4


def test_no_images() -> None:
    assert mean_over_images([]) is None
    assert pooled_over_pixels([]) is None


def test_sums_are_exact_in_any_order() -> None:
    base = _images(1)[0]
    values = [1e16, 1.0, -1e16, 1.0, 3.0]
    means = {mean_over_images([replace(base, log_bias=v) for v in order]) for order in itertools.permutations(values)}
    assert [mean.log_bias for mean in means if mean] == [1.0]
