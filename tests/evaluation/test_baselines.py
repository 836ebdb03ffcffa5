from __future__ import annotations

import numpy as np
import pytest

from mono.evaluation.baselines import PUBLISHED, best_constant, published
from mono.evaluation.metrics import evaluate_tiers, mean_over_images, pooled_over_pixels
from mono.evaluation.protocols import PROTOCOLS, Protocol


@pytest.fixture
def ground_truths():
    generator = np.random.default_rng(0)
    return [np.exp(generator.normal(center, 0.5, count)) for center, count in ((0.3, 200), (1.0, 50), (1.6, 400))]


@pytest.mark.parametrize("averaging", ["image", "pixel"])
def test_no_other_constant_is_better(ground_truths, averaging):
    protocol = Protocol("own", averaging=averaging)
    average = pooled_over_pixels if averaging == "pixel" else mean_over_images

    def abs_rel(constant):
        maps = [gt[None] for gt in ground_truths]
        return average([evaluate_tiers(np.full_like(m, constant), m, protocol)["metric"] for m in maps]).abs_rel

    found = best_constant(ground_truths, [gt.size for gt in ground_truths], protocol)
    tried = [abs_rel(constant) for constant in np.linspace(0.5, 4, 350)]
    assert found.tiers["metric"].abs_rel <= min(tried) + 1e-9
    assert found.tiers["metric"].abs_rel == pytest.approx(min(tried), abs=2e-4)
    assert found.tiers["metric"].abs_rel == pytest.approx(abs_rel(found.depth), rel=1e-12)


def test_metrics_of_the_constant_are_those_of_a_constant_prediction(ground_truths):
    protocol = Protocol("own", max_depth=20)
    found = best_constant(ground_truths, [gt.size for gt in ground_truths], protocol)
    expected = [evaluate_tiers(np.full((1, t.size), found.depth), t[None], protocol) for t in ground_truths]
    for tier, mean in found.tiers.items():
        wanted = mean_over_images([tiers[tier] for tiers in expected])
        for name in ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta3", "pixels"):
            assert getattr(mean, name) == pytest.approx(getattr(wanted, name), rel=1e-9), (tier, name)


def test_a_known_case():
    # |c - 1| / 1 + |c - 3| / 3 is least at c = 1, where it is 2 / 3.
    found = best_constant([np.array([1.0, 3.0])], [2], Protocol("own"))
    assert found.depth == 1.0
    assert found.tiers["metric"].abs_rel == pytest.approx(1 / 3)
    assert found.tiers["median"].abs_rel == pytest.approx((1 + 1 / 3) / 2)


def test_images_count_the_same_whatever_their_size():
    many, few = np.full(1000, 2.0), np.full(10, 1.0)
    assert best_constant([many, few], [1000, 10], Protocol("own")).depth == 1.0
    assert best_constant([many, few], [1000, 10], Protocol("own", averaging="pixel")).depth == 2.0


def test_without_images_there_is_no_constant():
    assert best_constant([], [], Protocol("own")) is None
    nothing = np.array([])
    assert best_constant([nothing], [0], Protocol("own")) is None
    assert best_constant([nothing, np.array([2.0])], [0, 1], Protocol("own")).depth == 2.0


def test_published_figures_stand_beside_their_protocol_only():
    assert [p.model for p in published("kitti_eigen_garg")] == ["Metric3D ConvNeXt-L", "AdaBins", "NeWCRFs"]
    assert {p.model: p.values["abs_rel"] for p in published("nyu_eigen")} == {
        "Metric3D ConvNeXt-L": 0.083,
        "AdaBins": 0.103,
        "NeWCRFs": 0.095,
    }
    for protocol in PROTOCOLS:
        if protocol.name not in ("kitti_eigen_garg", "nyu_eigen"):
            assert published(protocol.name) == ()


def test_published_figures_are_possible():
    for figures in PUBLISHED:
        values = figures.values
        assert 0 < values["abs_rel"] < 0.2 < values["rmse"] < 5
        assert 0.9 < values["delta1"] <= values.get("delta2", 1) <= values.get("delta3", 1) <= 1
        assert figures.reference
