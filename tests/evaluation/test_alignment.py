from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mono.evaluation.alignment import ALIGNMENTS, LABELS, TIERS, fit, scale_spread


def _pair(seed: int = 0, size: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    gt = rng.uniform(1, 20, size)
    return gt * rng.uniform(0.5, 2, size), gt


def test_every_alignment_has_a_label_and_tiers_come_first() -> None:
    assert set(LABELS) == set(ALIGNMENTS)
    assert TIERS == ("metric", "median", "scale_shift")


def test_metric_changes_nothing() -> None:
    p, t = _pair()
    np.testing.assert_array_equal(fit(p, t, "metric").apply(p), p)


def test_median_is_the_ratio_of_medians() -> None:
    p, t = _pair()
    aligned = fit(p, t, "median")
    assert aligned.scale == pytest.approx(np.median(t) / np.median(p))
    assert np.median(aligned.apply(p)) == pytest.approx(np.median(t))


@pytest.mark.parametrize("seed", range(3))
def test_scale_and_shift_are_numpys_least_squares(seed: int) -> None:
    p, t = _pair(seed)
    found = fit(p, t, "scale_shift")
    assert (found.scale, found.shift) == pytest.approx(tuple(np.polyfit(p, t, 1)), rel=1e-9)
    np.testing.assert_allclose(found.apply(p), np.polyval(np.polyfit(p, t, 1), p), rtol=1e-9)
    inverse = fit(p, t, "scale_shift_inverse", max_depth=1e9)
    assert (inverse.scale, inverse.shift) == pytest.approx(tuple(np.polyfit(1 / p, 1 / t, 1)), rel=1e-9)
    np.testing.assert_allclose(1 / inverse.apply(p), np.polyval(np.polyfit(1 / p, 1 / t, 1), 1 / p), rtol=1e-9)


@given(st.floats(0.1, 10), st.floats(0, 5))
def test_exact_lines_are_undone(scale: float, shift: float) -> None:
    t = _pair()[1]
    np.testing.assert_allclose(fit(scale * t + shift, t, "scale_shift").apply(scale * t + shift), t, rtol=1e-6)
    p = 1 / (scale / t + shift)
    np.testing.assert_allclose(fit(p, t, "scale_shift_inverse", 80).apply(p), t, rtol=1e-6)


def test_pixels_without_prediction_are_left_out_of_the_fit_and_stay_invalid() -> None:
    p, t = _pair()
    holes = p.copy()
    holes[:4] = [0, -1, np.nan, -np.inf]
    for kind in ALIGNMENTS:
        found = fit(holes, t, kind, 80)
        whole = fit(p[4:], t[4:], kind, 80)
        assert (found.scale, found.shift) == (whole.scale, whole.shift)
        aligned = found.apply(holes)
        assert aligned[:4].tolist() == [0, 0, 0, 0]
        np.testing.assert_array_equal(aligned[4:], whole.apply(p[4:]))


def test_infinite_depth_is_left_out_of_fits_in_depth_and_is_zero_in_inverse_depth() -> None:
    p, t = _pair()
    far = np.append(p, np.inf)
    for kind in ("median", "scale_shift"):
        found, rest = fit(far, np.append(t, 50.0), kind), fit(p, t, kind)
        assert (found.scale, found.shift) == (rest.scale, rest.shift)
        np.testing.assert_array_equal(found.apply(far), [*rest.apply(p), np.inf])
    found = fit(far, np.append(t, 50.0), "scale_shift_inverse", 1e9)
    expected = np.polyfit(np.append(1 / p, 0), np.append(1 / t, 1 / 50), 1)
    assert (found.scale, found.shift) == pytest.approx(tuple(expected), rel=1e-9)
    assert found.apply(far)[-1] == pytest.approx(1 / expected[1])
    constant = fit(np.array([3.0, 3.0, np.inf]), np.array([2.0, 4.0, 9.0]), "scale_shift")
    assert constant.apply(np.array([3.0, np.inf])).tolist() == [3.0, np.inf]  # a slope of 0 gives no NaN


@pytest.mark.parametrize("kind", ALIGNMENTS)
def test_nothing_predicted_is_not_aligned(kind: str) -> None:
    found = fit(np.zeros(5), np.ones(5), kind)
    assert (found.scale, found.shift) == (1, 0)
    assert found.apply(np.zeros(5)).tolist() == [0] * 5


def test_a_constant_prediction_moves_to_the_mean() -> None:
    t = np.array([1.0, 2.0, 6.0])
    np.testing.assert_allclose(fit(np.full(3, 7.1), t, "scale_shift").apply(np.full(3, 7.1)), 3)
    np.testing.assert_allclose(fit(np.full(3, 7.1), t, "median").apply(np.full(3, 7.1)), 2)


@pytest.mark.parametrize(("limit", "expected"), [(80.0, 80.0), (math.inf, 10.0)])
def test_inverse_depth_below_zero_is_far(limit: float, expected: float) -> None:
    t = np.array([1.0, 2.0, 10.0])
    found = fit(1 / (1 / t + 0.5), t, "scale_shift_inverse", limit)
    assert found.apply(np.array([100.0])).tolist() == pytest.approx([expected])


def test_an_unknown_kind() -> None:
    with pytest.raises(ValueError, match=r"'affine'.*metric, median, scale_shift, scale_shift_inverse"):
        fit(np.ones(2), np.ones(2), "affine")


def test_a_common_factor_points_at_the_focal_length() -> None:
    spread = scale_spread([1.30, 1.28, None, 1.33, 1.31])
    assert spread is not None
    assert spread.images == 4
    assert spread.median == pytest.approx(1.305)
    assert (spread.low, spread.high) == (1.28, 1.33)
    assert spread.spread == pytest.approx(np.std(np.log([1.30, 1.28, 1.33, 1.31])))
    assert spread.common_factor
    assert "1.305 times" in spread.describe()


@pytest.mark.parametrize("scales", [[1.01, 0.99, 1.02, 1.0], [0.7, 1.4, 2.2, 1.3], [1.3, 1.3]])
def test_other_factors_do_not(scales: list[float]) -> None:
    spread = scale_spread(scales)
    assert spread is not None
    assert not spread.common_factor
    assert "focal" not in spread.describe()


def test_no_factors() -> None:
    assert scale_spread([]) is None
    assert scale_spread([None]) is None
