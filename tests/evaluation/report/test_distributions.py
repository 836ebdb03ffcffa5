from __future__ import annotations

import numpy as np
import pytest

from mono.evaluation.report.distributions import DEPTH_EDGES, DISTANCE_EDGES, RATIO_EDGES, distribution_of, pooled


def test_every_pixel_is_counted_once_in_the_bin_of_its_depths():
    gt = np.array([1.01, 1.01, 5.0, 40.0])
    predicted = np.array([1.01, 2.03, 5.0, 20.0])
    found = distribution_of(predicted, gt)
    assert found.pixels == found.depths.sum() == 4
    expected, _, _ = np.histogram2d(gt, predicted, [DEPTH_EDGES, DEPTH_EDGES])
    np.testing.assert_array_equal(found.depths, expected)
    expected, _, _ = np.histogram2d(gt, predicted / gt, [DISTANCE_EDGES, RATIO_EDGES])
    np.testing.assert_array_equal(found.ratios, expected)


def test_random_depths_agree_with_numpys_histograms():
    generator = np.random.default_rng(1)
    gt = np.exp(generator.uniform(np.log(0.3), np.log(80), 20_000))
    predicted = gt * np.exp(generator.normal(0, 0.2, gt.size))
    found = distribution_of(predicted, gt)
    expected, _, _ = np.histogram2d(gt, predicted, [DEPTH_EDGES, DEPTH_EDGES])
    # Single precision may move a pixel that lies on an edge.
    assert np.abs(found.depths - expected).sum() <= 4
    sums, _ = np.histogram(gt, DISTANCE_EDGES, weights=np.abs(predicted - gt) / gt)
    np.testing.assert_allclose(found.abs_rel, sums, rtol=1e-4, atol=1.0)
    assert found.abs_rel.sum() == pytest.approx(sums.sum(), rel=1e-5)


def test_depths_beyond_the_bins_are_in_the_end_bins():
    found = distribution_of(np.array([1e-6, 1e6]), np.array([1e6, 1e-6]))
    assert found.depths[-1, 0] == found.depths[0, -1] == 1
    assert found.ratios[-1, 0] == found.ratios[0, -1] == 1


def test_parts_add_up():
    one, two = distribution_of(np.array([2.0, 3.0]), np.array([2.5, 2.5])), distribution_of(np.ones(3), np.ones(3))
    whole = pooled([one, two])
    assert whole.pixels == 5
    np.testing.assert_array_equal(whole.depths, one.depths + two.depths)
    assert whole.abs_rel.sum() == pytest.approx(0.4)
    assert pooled([]).pixels == 0


def test_quantiles_of_the_ratio_at_each_distance():
    generator = np.random.default_rng(2)
    ratios = np.exp(generator.normal(np.log(1.1), 0.1, 50_000))
    found = distribution_of(3.5 * ratios, np.full(ratios.size, 3.5)).ratio_quantiles((0.05, 0.5, 0.95))
    place = int(np.searchsorted(DISTANCE_EDGES, 3.5) - 1)
    np.testing.assert_allclose(found[:, place], np.quantile(ratios, (0.05, 0.5, 0.95)), rtol=0.01)
    assert np.isnan(np.delete(found, place, axis=1)).all()


def test_share_within_a_factor():
    found = distribution_of(np.array([1.0, 1.15, 0.9, 1.5]), np.ones(4))
    assert found.share_within(1.25) == 0.75
    assert found.share_within(1.6) == 1.0
    assert found.share_within(1.07) == 0.25


def test_limits_hold_all_but_the_share():
    gt = np.concatenate([np.full(98, 3.0), [0.5, 50.0]])
    found = distribution_of(gt, gt)
    near, far = found.gt_limits(0.02)
    assert 2.8 < near <= 3.0 <= far < 3.2
    near, far = found.gt_limits(0.0)
    assert near <= 0.5 < 50.0 <= far < 54
    near, far = distribution_of(np.full(10, 0.2), np.full(10, 3.0)).limits(0.01)
    assert near <= 0.2 and far >= 3.0
