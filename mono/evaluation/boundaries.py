"""Boundary metric: accuracy of depth edges where ground truth is dense."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_THRESHOLDS = np.linspace(1.05, 1.25, 10)  # ratio of the depths of two neighbors that makes an edge


@dataclass(frozen=True)
class BoundaryScore:
    """Accuracy of depth edges from 0 to 1, as weighted means over the thresholds where ground truth has an edge.

    Attributes:
        f1: harmonic mean of precision and recall.
        precision: share of predicted edges that are right.
        recall: share of ground-truth edges that are found.
    """

    f1: float
    precision: float
    recall: float


def boundary_score(predicted: np.ndarray, gt: np.ndarray, valid: np.ndarray) -> BoundaryScore | None:
    """Compare the occluding contours of two depth maps.

    Two neighbors (in a row or column) are an edge at threshold t when the farther is more than t times as far as the
    nearer; a predicted edge is right when it lies between the same two pixels and has the same side in front.
    Ten thresholds from 1.05 to 1.25 are averaged, weighted by t - 1, so that strong edges count more. Thresholds at
    which ground truth has no edge are left out, as recall is undefined there, and with them what is predicted at them:
    where no edge of ground truth exceeds 1.1, an edge of 1.1 that is predicted as 2 scores 1, in precision too.
    Only ratios matter, so a wrong scale costs nothing. After the boundary measure of Depth Pro (Bochkovskii et al.,
    2024), without its thinning of thick edges: compare values of this function with each other only.

    Args:
        predicted: depth [m], (height, width), positive where `valid`; infinite depth lies behind any other.
        gt: ground-truth depth [m], (height, width), positive and finite where `valid`.
        valid: (height, width) bool; pairs count where both pixels are valid.

    Returns:
        The score; None where ground truth has no edge.
    """
    steps = np.log(_THRESHOLDS).astype(np.float32)
    bins = len(steps) + 1
    right, found, true = np.zeros(bins), np.zeros(bins), np.zeros(bins)
    logs = [np.log(np.where(valid, depth, 1), dtype=np.float32) for depth in (predicted, gt)]
    for axis in (0, 1):
        pairs = np.logical_and(*_neighbors(valid, axis))
        with np.errstate(invalid="ignore"):  # between two infinite ones there is no edge
            jumps = [np.subtract(*_neighbors(log, axis)) for log in logs]
        pairs &= (np.abs(jumps[0]) > steps[0]) | (np.abs(jumps[1]) > steps[0])
        jump_predicted, jump_true = jumps[0][pairs], jumps[1][pairs]
        # How many thresholds an edge passes: it is an edge at each of the first so many.
        passed = np.searchsorted(steps, np.abs(jump_predicted))
        needed = np.searchsorted(steps, np.abs(jump_true))
        same_side = (jump_predicted > 0) == (jump_true > 0)
        found += np.bincount(passed, minlength=bins)
        true += np.bincount(needed, minlength=bins)
        right += np.bincount(np.minimum(passed, needed)[same_side], minlength=bins)
    # From "passes exactly k" to "passes at least k", for k from 1.
    right, found, true = (counts[::-1].cumsum()[::-1][1:] for counts in (right, found, true))
    present = true > 0
    if not present.any():
        return None
    weights = (_THRESHOLDS - 1) * present
    precision = right / np.maximum(found, 1)
    recall = right / np.maximum(true, 1)
    f1 = 2 * right / np.maximum(found + true, 1)
    return BoundaryScore(*(float((weights * values).sum() / weights.sum()) for values in (f1, precision, recall)))


def _neighbors(array: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Pair all pixels but the first along an axis with those before them."""
    if axis == 0:
        return array[1:], array[:-1]
    return array[:, 1:], array[:, :-1]
