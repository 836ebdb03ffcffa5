"""Scale from images' ratios: values, errors that are told, drift, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from mono.calibration.sampling import depth_at
from mono.slam.scale.drift import Drift, find_drift, find_jump
from mono.slam.scale.estimate import ImageScale, ScaleError, ScaleEstimate, estimate_scale, image_scale
from mono.slam.scale.rescaling import Rescaling, format_rescaling

POSITIONS = np.linspace(0, 1, 40)


def message(log_scales: np.ndarray, spread: float = 0.1) -> list[ImageScale]:
    n = len(log_scales)
    return [ImageScale(i, i / (n - 1), float(v), spread, 100) for i, v in enumerate(log_scales)]


def noise(seed: int, std: float = 0.03, alike: float = 0.0, count: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    e = rng.normal(size=count + 20) * std
    for i in range(1, len(e)):
        e[i] = alike * e[i - 1] + math.sqrt(1 - alike**2) * e[i]
    return e[20:]


def test_depth_between_pixels_is_that_of_the_plane_and_none_at_edges() -> None:
    h, w = 40, 60
    u, v = np.meshgrid(np.arange(w), np.arange(h))
    depth = 1 / (0.1 + 0.0002 * u + 0.001 * v)
    depth[:, 40:] *= 2
    depth[20:25, 5:10] = 0
    uv = np.array([[10.25, 12.75], [39.2, 5.0], [7.0, 22.0], [59.0, 39.0], [-1.0, 3.0], [12.0, 60.0]])
    found = depth_at(depth, uv)
    assert found[0] == pytest.approx(1 / (0.1 + 0.0002 * 10.25 + 0.001 * 12.75), rel=1e-12)
    assert found[3] == pytest.approx(depth[39, 59])
    assert np.isnan(found[[1, 2, 4, 5]]).all()


def test_an_image_says_its_median_in_spite_of_outliers() -> None:
    ratios = np.log(2.0) + np.concatenate([np.linspace(-0.02, 0.02, 61), np.full(25, 3.0)])
    found = image_scale(7, 0.5, ratios)
    assert found is not None and found.log_scale == pytest.approx(math.log(2), abs=0.02) and found.points == 86
    assert 0.005 < found.spread < 0.05
    assert image_scale(7, 0.5, ratios[:14]) is None


def test_the_error_is_as_large_as_it_says() -> None:
    """Over many seeds: the mean error is nil, and its size is the reported one, for alike neighbours too."""
    for alike, low, high in ((0.0, 0.75, 1.2), (0.5, 0.75, 1.3)):
        found = [estimate_scale(message(math.log(3) + noise(seed, 0.1, alike))) for seed in range(40)]
        normal = np.array([math.log(f.scale / 3) / f.standard_error for f in found])
        assert abs(normal.mean()) < 0.4
        assert low < np.sqrt((normal**2).mean()) < high
    assert found[0].points == 4000


@pytest.mark.parametrize("count", [5, 10, 20])
def test_few_images_know_that_they_are_few(count: int) -> None:
    found = [estimate_scale(message(noise(seed, 0.1)[:count])) for seed in range(300)]
    normal = np.abs([math.log(f.scale) / f.standard_error for f in found])
    assert (normal > 3).mean() < 0.07 and 0.5 < np.median(normal) / 0.6745 < 1.1


def test_outlying_images_move_the_scale_little() -> None:
    values = noise(1)
    values[::10] += 1.0
    found = estimate_scale(message(values))
    assert abs(math.log(found.scale)) < 0.03 and found.spread < 0.06


def test_a_drift_of_45_percent_is_found_and_followed() -> None:
    gt = np.log(1 + 0.45 * POSITIONS)
    for seed in range(5):
        found = estimate_scale(message(gt + noise(seed)))
        assert found.drift.significant and found.drift.p <= 0.005 and found.drift.trend_p <= 0.005
        assert found.drift.range == pytest.approx(1.45, abs=0.12)
        assert found.drift.trend == pytest.approx(math.log(1.45), abs=0.08)
        assert np.abs(np.log(found.at(POSITIONS)) - gt).max() < 0.06
        # What drifts is not noise: the mean is known as well as without the drift.
        assert found.standard_error < 0.015


@pytest.mark.parametrize("where, factor", [(0.5, 2.0), (0.6, 1.45), (0.75, 1.45), (0.85, 2.0)])
def test_parts_of_different_scale_are_refused_wherever_they_meet(where: float, factor: float) -> None:
    first = int((where >= POSITIONS).sum())
    for seed in range(5):
        with pytest.raises(ScaleError, match=f"between frame {first - 1} and {first}: parts of different scale"):
            estimate_scale(message(math.log(factor) * (where < POSITIONS) + noise(seed, 0.02)))


def test_a_drift_that_begins_late_is_followed() -> None:
    gt = np.log(1 + 0.45 * np.clip((POSITIONS - 0.7) / 0.3, 0, 1))
    for seed in range(5):
        found = estimate_scale(message(gt + noise(seed, 0.02)))
        assert found.drift.significant and np.abs(np.log(found.at(POSITIONS)) - gt).max() < 0.06


@pytest.mark.parametrize(("alike", "most"), [(0.0, 0), (0.6, 2)])
def test_noise_is_no_jump(alike: float, most: int) -> None:
    series = [noise(seed, 0.1, alike) for seed in range(100)]
    assert sum(find_jump(POSITIONS, y)[1] != 0 for y in series) <= most
    assert find_jump(POSITIONS[:5], series[0][:5]) == (0, 0.0)


def test_a_scale_that_goes_up_and_comes_back_is_found_though_it_has_no_trend() -> None:
    found = find_drift(POSITIONS, 0.2 * np.sin(np.pi * POSITIONS) + noise(3))
    assert found.significant and abs(found.trend) < 0.1 and len(found.knots) > 2


@pytest.mark.parametrize(("alike", "most"), [(0.0, 1), (0.6, 5)])
def test_without_a_drift_hardly_any_is_found(alike: float, most: int) -> None:
    """Of 40 series; where neighbours are alike, slow noise looks like drift, and still few are taken for one."""
    found = [find_drift(POSITIONS, noise(seed, 0.05, alike)) for seed in range(40)]
    assert sum(f.significant for f in found) <= most


def test_without_a_significant_drift_the_scale_is_one_along_the_way() -> None:
    found = estimate_scale(message(noise(2)))
    assert not found.drift.significant
    assert (found.at(POSITIONS) == found.scale).all()


def test_exact_ratios_have_no_drift_and_no_error() -> None:
    found = estimate_scale(message(np.full(40, math.log(5.0))))
    assert found.scale == pytest.approx(5) and found.standard_error == 0 and not found.drift.significant


def test_a_small_drift_is_not_corrected() -> None:
    found = find_drift(POSITIONS, 0.015 * POSITIONS + noise(0, 0.0005))
    assert not found.significant and found.p <= 0.005
    assert found.failed_tests == ("it is 1.4 %, not above 2 %",)


def test_the_report_names_the_tests_that_failed() -> None:
    drift = Drift(0.1, 0.01, 0.001, 0.001, False, (0.0, 1.0), (0.0, 0.2))
    lines = {
        drift: "not significant (p = 0.001): left-out stretches are not predicted better; one scale is used",
        replace(drift, p=0.35, log_scale=(0.0, 0.01)): "not significant (p = 0.35): p is above 0.005, left-out "
        "stretches are not predicted better, it is 1.0 %, not above 2 %; one scale is used",
        replace(drift, p=0.4, knots=(0.5,), log_scale=(0.1,)): "not significant (p = 0.4): p is above 0.005, "
        "one scale fits best; one scale is used",
        replace(drift, predicts=True): "significant (p = 0.001): largest over smallest scale 1.221; corrected along "
        "the path",
    }
    for found, line in lines.items():
        estimate = ScaleEstimate(1.0, 0.01, 0.01, (), found)
        assert format_rescaling(Rescaling(estimate, 40, ()), True).splitlines()[-1].split("drift", 1)[1].strip() == line


def test_what_cannot_be_trusted_is_refused_with_the_reason() -> None:
    with pytest.raises(ScaleError, match="only 4 images"):
        estimate_scale(message(np.zeros(4)))
    with pytest.raises(ScaleError, match="poses and frames do not belong together"):
        estimate_scale(message(np.zeros(40), spread=0.8))
    broken = np.where(np.random.default_rng(0).random(40) < 0.5, 0.0, 1.2)
    with pytest.raises(ScaleError, match="the reconstruction is broken"):
        estimate_scale(message(broken + noise(0)))
