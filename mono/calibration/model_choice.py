"""Choice of a model: an information criterion and cross-validation."""

from __future__ import annotations

import math

import numpy as np

from mono.calibration.field import GRIDS, STIFFNESS, Field, solve_field
from mono.calibration.known import AlignmentError
from mono.calibration.observations import Observations
from mono.calibration.robust_line import FLOOR, OUTLIER, RobustLine, robust_line
from mono.calibration.statistics import TO_STD

_PER_FREEDOM = 4.0
_FOLDS, _FIELD_FOLDS, _FOLD_POINTS = 10, 3, 3000


def prefers_bent(x: np.ndarray, y: np.ndarray, sigma: np.ndarray, line: RobustLine, bent: RobustLine) -> bool:
    """Tell if BIC and cross-validation prefer an exponent.

    Args:
        x: log predicted depth, (N,).
        y: log ratio of known and predicted distance, (N,).
        sigma: relative standard error of what is known, (N,).
        line: fit of one scale.
        bent: fit of scale and exponent.
    """
    noise = bent.noise
    gain = _loss(y - line.at(x), noise).sum() - _loss(y - bent.at(x), noise).sum()
    if gain <= math.log(len(y)):
        return False
    straight, curved = np.empty(len(y)), np.empty(len(y))
    for fold in _folds(len(y)):
        straight[fold] = (y - robust_line(x[~fold], y[~fold], sigma[~fold], False).at(x))[fold]
        curved[fold] = (y - robust_line(x[~fold], y[~fold], sigma[~fold], True).at(x))[fold]
    return _better(_loss(curved, noise), _loss(straight, noise))


def choose_field(
    observations: Observations, residual: np.ndarray, noise: float, forced: bool
) -> tuple[Field, float, np.ndarray, float] | None:
    """Choose knots and stiffness of a field by cross-validation.

    Args:
        observations: log ratios of known and predicted distances.
        residual: what scale and exponent leave of them, (N,).
        noise: robust standard deviation of these residuals.
        forced: a field is asked for, and taken if the points support its freedom.

    Returns:
        The field, robust standard deviation of what it leaves, points that count, (N,) bool, and the cross-validated
        spread; None where a simpler model is preferred.

    Raises:
        AlignmentError: `forced`, and the points do not support a field.
    """
    place = observations.place
    chosen = np.random.default_rng(2).permutation(len(residual))[:_FOLD_POINTS]
    points, values = place[chosen], residual[chosen]
    folds, best = _folds(len(chosen), _FIELD_FOLDS), None
    size = max(noise, float(np.median(observations.sigma)), FLOOR)
    for shape in GRIDS:
        if np.prod(shape) > len(residual):
            break
        for stiffness in STIFFNESS:
            left = np.empty(len(values))
            for fold in folds:
                field = solve_field(points[~fold], values[~fold], size, shape, stiffness)
                left[fold] = values[fold] - field.at(*points[fold].T)
            error = float(_loss(left, noise).mean())
            if best is None or error < best[0]:
                best = (error, shape, stiffness, left)
    if best is None:
        return None
    _, shape, stiffness, left = best
    field = solve_field(place, residual, size, shape, stiffness)
    after = residual - field.at(*place.T)
    gain = float(_loss(residual, noise).sum() - _loss(after, noise).sum())
    supported = field.freedom <= len(residual) / _PER_FREEDOM
    preferred = gain > field.freedom * math.log(len(residual)) and _better(_loss(left, noise), _loss(values, noise))
    if not supported or not (forced or preferred):
        if forced:
            raise AlignmentError(
                f"a field of {field.freedom:.0f} effective parameters is more than {len(residual)} known distances "
                "support: use --align-model auto"
            )
        return None
    own = max(float(TO_STD * np.median(np.abs(after))), FLOOR)
    return field, own, np.abs(after) <= OUTLIER * own, float(TO_STD * np.median(np.abs(left)))


def _loss(residual: np.ndarray, noise: float) -> np.ndarray:
    return np.minimum((residual / noise) ** 2, OUTLIER**2)


def _folds(count: int, folds: int = _FOLDS) -> list[np.ndarray]:
    number = np.random.default_rng(1).permutation(count) % min(folds, count)
    return [number == k for k in range(number.max() + 1)]


def _better(loss: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether losses are smaller by more than the standard error of their differences."""
    gain = other - loss
    return float(gain.mean()) > float(gain.std()) / math.sqrt(len(gain))
