from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest

from mono.evaluation.normals.metrics import (
    ImageNormals,
    NormalMetrics,
    evaluate_normals,
    mean_over_images,
    pooled_over_pixels,
    resize_normals,
)


def tilted(degrees: list[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true normals (1, n, 3), so many degrees apart, about various axes."""
    angle = np.radians(np.asarray(degrees, float))
    around = np.linspace(0, 2 * np.pi, angle.size, endpoint=False)
    predicted = np.stack([np.sin(angle) * np.cos(around), np.sin(angle) * np.sin(around), -np.cos(angle)], -1)
    return predicted[None], np.tile([0.0, 0.0, -1.0], (1, angle.size, 1))


def scored(degrees: list[float] | np.ndarray) -> ImageNormals:
    found = evaluate_normals(*tilted(degrees))
    assert found is not None
    return ImageNormals(*found, "network", "annotation")


def test_metrics_by_hand() -> None:
    metrics, histogram = evaluate_normals(*tilted([0, 3, 6, 10, 20, 25, 40, 90]))
    assert metrics.pixels == 8
    assert metrics.mean == pytest.approx(194 / 8)
    assert metrics.median == pytest.approx(15)  # between 10 and 20
    assert metrics.rmse == pytest.approx(math.sqrt((9 + 36 + 100 + 400 + 625 + 1600 + 8100) / 8))
    shares = [metrics.under_5, metrics.under_7_5, metrics.under_11_25, metrics.under_22_5, metrics.under_30]
    assert shares == [2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8]
    assert sum(histogram) == 8
    assert [histogram[i] for i in (0, 24)] == [1, 1]  # 0 degrees, and 6 = 24 bins of 0.25
    assert len(histogram) == 361  # up to 90 degrees and no farther


def test_lengths_do_not_matter_but_signs_do() -> None:
    predicted, gt = tilted([0, 10])
    assert evaluate_normals(7 * predicted, gt)[0].mean == pytest.approx(5)
    assert evaluate_normals(-predicted, gt)[0].mean == pytest.approx(175)


def test_missing_predictions_count_as_ninety_degrees() -> None:
    predicted, gt = tilted([4, 4, 4, 4])
    predicted[0, 1], predicted[0, 2] = 0, np.nan
    metrics, _ = evaluate_normals(predicted, gt)
    assert metrics.pixels == 4
    assert metrics.mean == pytest.approx((4 + 90 + 90 + 4) / 4)
    assert metrics.under_5 == 0.5


def test_only_pixels_that_count_do() -> None:
    predicted, gt = tilted([1, 2, 3, 4])
    gt[0, 0] = 0
    counts = np.array([[True, True, False, True]])
    metrics, _ = evaluate_normals(predicted, gt, counts)
    assert (metrics.pixels, metrics.mean) == (2, pytest.approx(3))
    assert evaluate_normals(predicted, np.zeros_like(gt)) is None
    assert evaluate_normals(predicted, gt, np.zeros_like(counts)) is None


def test_predictions_are_resized_and_the_truth_never() -> None:
    left, right = (0.6, 0, -0.8), (-0.6, 0, -0.8)
    predicted = np.array([[left, right]], np.float32)
    found = resize_normals(predicted, 1, 4)
    # Bilinear weights 3 : 1 of x = 0.6 and -0.6 give (0.3, 0, -0.8), of length 0.8544.
    np.testing.assert_allclose(found[0, 1], (0.3 / 0.8544, 0, -0.8 / 0.8544), atol=1e-4)
    np.testing.assert_allclose(found[0, [0, 3]], [left, right], atol=1e-6)
    metrics, _ = evaluate_normals(predicted, np.array([[left, left, right, right]], np.float32))
    assert metrics.pixels == 4
    inner = math.degrees(math.atan2(0.6, 0.8) - math.atan2(0.3, 0.8))
    assert metrics.mean == pytest.approx(inner / 2, abs=1e-4)


def test_missing_normals_do_not_bleed() -> None:
    normal = np.tile(np.float32([0, 0.6, -0.8]), (4, 4, 1))
    normal[:, 2:] = 0
    found = resize_normals(normal, 8, 8)
    np.testing.assert_allclose(found[:, :4], np.broadcast_to(np.float32([0, 0.6, -0.8]), (8, 4, 3)), atol=1e-6)
    assert not found[:, 4:].any()


def test_shapes_that_do_not_fit() -> None:
    predicted, gt = tilted([1, 2])
    with pytest.raises(ValueError, match=r"predicted normals have shape \(1, 2\)"):
        evaluate_normals(predicted[..., 0], gt)
    with pytest.raises(ValueError, match=r"ground-truth normals have shape \(2, 3\)"):
        evaluate_normals(predicted, gt[0])
    with pytest.raises(ValueError, match=r"pixels that count are \(2, 1\)"):
        evaluate_normals(predicted, gt, np.ones((2, 1), bool))


def test_the_mean_over_images_counts_each_the_same() -> None:
    mean = mean_over_images([scored([2]).metrics, scored([4, 4, 10]).metrics])
    assert mean == NormalMetrics(
        pixels=4,
        mean=pytest.approx((2 + 6) / 2),
        median=pytest.approx((2 + 4) / 2),
        rmse=pytest.approx((2 + math.sqrt(44)) / 2),
        under_5=pytest.approx((1 + 2 / 3) / 2),
        under_7_5=pytest.approx((1 + 2 / 3) / 2),
        under_11_25=1,
        under_22_5=1,
        under_30=1,
    )
    assert mean_over_images([]) is None and pooled_over_pixels([]) is None


def test_pooling_is_that_of_all_pixels_at_once() -> None:
    generator = np.random.default_rng(5)
    parts = [np.abs(generator.normal(0, 4 + 9 * i, 500 + 400 * i)) % 180 for i in range(6)]
    pooled = asdict(pooled_over_pixels([scored(part) for part in parts]))
    exact = asdict(scored(np.concatenate(parts)).metrics)
    assert pooled.pop("median") == pytest.approx(exact.pop("median"), abs=0.25)
    assert pooled == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_pooled_median_is_within_a_bin(seed: int) -> None:
    generator = np.random.default_rng(seed)
    parts = [generator.gamma(2, generator.uniform(0.1, 30), generator.integers(1, 60)) % 180 for _ in range(4)]
    everything = np.sort(np.concatenate(parts))
    median = pooled_over_pixels([scored(part) for part in parts]).median
    low, high = everything[(everything.size - 1) // 2], everything[everything.size // 2]
    assert low - 0.25 <= median <= high + 0.25


def test_the_largest_angle_has_a_bin() -> None:
    predicted, gt = tilted([180, 180])
    image = ImageNormals(*evaluate_normals(predicted, gt), "network", "annotation")
    assert len(image.histogram) == 720
    assert pooled_over_pixels([image]).median == pytest.approx(180, abs=0.25)
