from __future__ import annotations

import numpy as np
import pytest

from mono.evaluation.boundaries import boundary_score

THRESHOLDS = np.linspace(1.05, 1.25, 10)


def _slow(predicted: np.ndarray, gt: np.ndarray, valid: np.ndarray) -> tuple[float, float, float] | None:
    """The definition, pair by pair."""
    height, width = gt.shape
    pairs = [((r, c), (r, c + 1)) for r in range(height) for c in range(width - 1)]
    pairs += [((r, c), (r + 1, c)) for r in range(height - 1) for c in range(width)]
    pairs = [pair for pair in pairs if valid[pair[0]] and valid[pair[1]]]
    pairs += [(b, a) for a, b in pairs]
    total, sums = 0.0, np.zeros(3)
    for t in THRESHOLDS:
        found = {pair for pair in pairs if predicted[pair[0]] / predicted[pair[1]] > t}
        true = {pair for pair in pairs if gt[pair[0]] / gt[pair[1]] > t}
        if true:
            right = len(found & true)
            total += t - 1
            scores = [2 * right / (len(found) + len(true)), right / max(len(found), 1), right / len(true)]
            sums += (t - 1) * np.array(scores)
    return None if total == 0 else tuple(sums / total)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gt = rng.uniform(2, 2.6, (9, 11)).astype(np.float32)
    predicted = (gt * np.exp(0.05 * rng.standard_normal(gt.shape))).astype(np.float32)
    valid = rng.uniform(size=gt.shape) < 0.8
    found = boundary_score(predicted, gt, valid)
    assert found is not None
    assert (found.f1, found.precision, found.recall) == pytest.approx(_slow(predicted, gt, valid), rel=1e-9)


def _step(column: int, factor: float = 2.0) -> np.ndarray:
    depth = np.full((12, 16), 2.0)
    depth[:, column:] *= factor
    return depth


def test_a_step_in_its_place_and_beside_it() -> None:
    valid = np.ones((12, 16), bool)
    for scale in (1, 0.3):
        found = boundary_score(scale * _step(8), _step(8), valid)
        assert found is not None
        assert (found.f1, found.precision, found.recall) == (1, 1, 1)
    for wrong in (_step(9), _step(8, 0.5), np.full((12, 16), 3.0)):
        found = boundary_score(wrong, _step(8), valid)
        assert found is not None
        assert (found.f1, found.precision, found.recall) == (0, 0, 0)


def test_thresholds_without_an_edge_in_ground_truth_are_left_out() -> None:
    valid, steep = np.ones((12, 16), bool), _step(8)
    found = boundary_score(steep, _step(8, 1.1), valid)
    assert found is not None and (found.f1, found.precision, found.recall) == (1, 1, 1)
    steep[:, :3] *= 1.12  # wrong at the three thresholds below 1.1 that count, and at those above, which do not
    found = boundary_score(steep, _step(8, 1.1), valid)
    assert found is not None and (found.precision, found.recall) == (0.5, 1)


def test_a_soft_edge_is_worth_less_than_a_sharp_one() -> None:
    soft = _step(8)
    soft[:, 7], soft[:, 8] = 2.52, 3.175
    found = boundary_score(soft, _step(8), np.ones((12, 16), bool))
    assert found is not None
    assert found.recall == 1
    assert found.precision == pytest.approx(1 / 3)
    assert found.f1 == pytest.approx(0.5)


def test_pairs_with_an_invalid_pixel_do_not_count() -> None:
    gt, predicted = _step(8), _step(8)
    valid = np.ones((12, 16), bool)
    valid[0, 3] = False
    gt[0, 3], predicted[0, 3] = 0, np.nan
    found = boundary_score(predicted, gt, valid)
    assert found is not None
    assert found.f1 == 1


def test_a_truth_without_edges_has_no_score() -> None:
    assert boundary_score(_step(8), np.full((12, 16), 2.0), np.ones((12, 16), bool)) is None
    assert boundary_score(_step(8), _step(8, 1.04), np.ones((12, 16), bool)) is None
    assert boundary_score(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1), bool)) is None
