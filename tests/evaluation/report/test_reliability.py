from __future__ import annotations

import numpy as np
import pytest

from mono.evaluation.report.reliability import confidence_groups, reliability


def test_groups_by_hand() -> None:
    confidence = np.arange(1280)[::-1] / 1280.0
    groups = confidence_groups(confidence, np.arange(1280) * 1.0)
    assert groups.pixels.tolist() == [20] * 64
    # The least sure come first: errors 1279 to 1260, of confidence 0 to 19 / 1280.
    np.testing.assert_allclose(groups.error, np.arange(64)[::-1] * 20 + 9.5)
    np.testing.assert_allclose(groups.confidence, (np.arange(64) * 20 + 9.5) / 1280)
    np.testing.assert_allclose(groups.worst_first, groups.error)


def test_pixels_of_one_confidence_share_their_error() -> None:
    groups = confidence_groups(np.ones(1280), np.arange(1280) * 1.0)
    np.testing.assert_allclose(groups.error, 639.5)
    np.testing.assert_allclose(groups.worst_first[[0, -1]], [1269.5, 9.5])


def test_few_pixels_make_few_groups() -> None:
    groups = confidence_groups(np.arange(50.0), np.arange(50.0))
    assert groups.pixels.tolist() == [16, 17, 17]
    np.testing.assert_allclose(groups.error, [7.5, 24, 41])
    groups = confidence_groups(np.array([0.5, 0.1, 0.9]), np.array([2.0, 3.0, 1.0]))
    assert (groups.pixels.tolist(), groups.error.tolist()) == ([3], [2])
    assert confidence_groups(np.zeros(0), np.zeros(0)) is None
    assert confidence_groups(np.array([np.nan]), np.array([1.0])) is None


def test_what_is_not_finite_is_least_sure() -> None:
    confidence = np.repeat([0.5, np.nan, 0.2], 16)
    groups = confidence_groups(confidence, np.repeat([1.0, 9.0, 3.0], 16))
    np.testing.assert_allclose(groups.confidence, [0.2, 0.2, 0.5])
    np.testing.assert_allclose(groups.error, [6, 6, 1])


def test_tenths_and_areas_by_hand() -> None:
    # Sixteen pixels each of error 1 to 10, the surer the better.
    errors, order = np.arange(10, 0, -1.0), np.repeat(np.arange(10.0), 16)
    perfect = reliability([confidence_groups(order, np.repeat(errors, 16))])
    assert [tenth.abs_rel for tenth in perfect.tenths] == pytest.approx(errors.tolist())
    assert [tenth.confidence for tenth in perfect.tenths] == pytest.approx(list(range(10)))
    assert (perfect.images, perfect.pixels) == (1, 160)
    assert perfect.rank_correlation == pytest.approx(-1)
    assert perfect.ause == pytest.approx(0, abs=1e-12)
    assert perfect.verdict == "surer pixels are really better"
    wrong = reliability([confidence_groups(-order, np.repeat(errors, 16))])
    assert wrong.rank_correlation == pytest.approx(1)
    assert wrong.tenths[0].abs_rel == pytest.approx(1) and wrong.tenths[-1].abs_rel == pytest.approx(10)
    assert wrong.verdict == "surer pixels are worse: this confidence misleads"
    assert wrong.ause_of_chance == pytest.approx(perfect.ause_of_chance)
    assert wrong.ause > wrong.ause_of_chance > 0.3


def test_the_areas_of_two_kinds_of_pixels() -> None:
    # Half the pixels have error 1, half 0. Worst first, after leaving out x the rest has (0.5 - x) / (1 - x), then 0:
    # that is (1 - ln 2) / 2 on average, while random order stays at 0.5.
    groups = confidence_groups(np.repeat([0.0, 1.0], 640), np.repeat([1.0, 0.0], 640))
    found = reliability([groups])
    assert found.ause == pytest.approx(0, abs=1e-9)
    assert found.ause_of_chance == pytest.approx((0.5 - (1 - np.log(2)) / 2) / 0.5, abs=1e-3)


def test_images_are_ranked_together() -> None:
    sure = confidence_groups(np.full(64, 0.9), np.full(64, 0.1))
    unsure = confidence_groups(np.full(192, 0.2), np.full(192, 0.3))
    found = reliability([sure, None, unsure])
    assert (found.images, found.pixels) == (2, 256)
    # A quarter is sure: of the tenths, the last two, and half of the eighth.
    assert [tenth.abs_rel for tenth in found.tenths] == pytest.approx([0.3] * 7 + [0.2, 0.1, 0.1])
    assert found.tenths[0].confidence == pytest.approx(0.2) and found.tenths[9].confidence == pytest.approx(0.9)


def test_the_order_of_pixels_and_images_says_nothing() -> None:
    generator = np.random.default_rng(0)
    images = [(generator.integers(0, 5, 999) / 4, generator.random(999)) for _ in range(3)]
    groups = [confidence_groups(*image) for image in images]
    shuffled = []
    for confidence, error in images:
        order = generator.permutation(confidence.size)
        shuffled.append(confidence_groups(confidence[order], error[order]))
    first, second = reliability(groups), reliability(shuffled[::-1])
    assert [t.abs_rel for t in first.tenths] == pytest.approx([t.abs_rel for t in second.tenths])
    assert (first.rank_correlation, first.ause) == pytest.approx((second.rank_correlation, second.ause))


def test_a_weak_relation_is_not_called_a_strong_one() -> None:
    generator = np.random.default_rng(2)
    error = generator.random(64_000)
    groups = [confidence_groups(generator.random(6400) - 0.03 * part, part) for part in error.reshape(10, -1)]
    found = reliability(groups)
    assert -0.3 < found.rank_correlation < -0.1
    assert found.verdict == "surer pixels are somewhat better"


def test_noise_says_little() -> None:
    generator = np.random.default_rng(1)
    found = reliability([confidence_groups(generator.random(6400), generator.random(6400)) for _ in range(5)])
    assert abs(found.rank_correlation) < 0.2
    assert found.ause == pytest.approx(found.ause_of_chance, rel=0.05)
    assert found.describe().startswith("Confidence says little about the error. The surest tenth")


def test_what_is_the_same_everywhere() -> None:
    flat = reliability([confidence_groups(np.ones(100), np.arange(100.0))])
    assert flat.rank_correlation is None
    assert flat.describe().startswith("The confidence is the same everywhere")
    assert flat.ause == pytest.approx(flat.ause_of_chance)
    exact = reliability([confidence_groups(np.arange(100.0), np.zeros(100))])
    assert exact.describe().startswith("The error is the same everywhere") and exact.ause == 0
    assert reliability([None]) is None and reliability([]) is None
