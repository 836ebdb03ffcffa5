"""Robust statistics of series."""

from __future__ import annotations

import numpy as np

TO_STD = 1.4826  # of a median absolute deviation, for normal noise


def robust_std(values: np.ndarray) -> float:
    return float(TO_STD * np.median(np.abs(values - np.median(values))))


def tamed(values: np.ndarray) -> np.ndarray:
    """Values with those beyond three robust standard deviations moved there."""
    middle, std = float(np.median(values)), robust_std(values)
    return np.clip(values, middle - 3 * std, middle + 3 * std) if std > 0 else values


def tamed_along(values: np.ndarray, reach: int = 3) -> np.ndarray:
    """Values far from the median of their neighbours moved nearer: outliers go, a jump for good stays."""
    n = len(values)
    middle = np.array([np.median(values[max(i - reach, 0) : i + reach + 1]) for i in range(n)])
    return middle + tamed(values - middle) if robust_std(values - middle) > 0 else values


def huber_mean(values: np.ndarray) -> float:
    """The mean with deviations beyond 1.345 robust standard deviations counting as that much."""
    middle, std = float(np.median(values)), robust_std(values)
    if std == 0:
        return middle
    for _ in range(50):
        weights = np.minimum(1, 1.345 * std / np.maximum(np.abs(values - middle), 1e-300))
        moved = float((weights * values).sum() / weights.sum())
        if abs(moved - middle) < 1e-12:
            break
        middle = moved
    return middle


def autocorrelation(values: np.ndarray) -> float:
    """How alike neighbours are (lag one), of what outliers leave, within 0..0.8, without the bias of few."""
    found = lag_one(tamed(values))
    return float(np.clip(found + (1 + 3 * max(found, 0.0)) / len(values), 0, 0.8))


def lag_one(values: np.ndarray) -> float:
    v = values - values.mean()
    square = float((v**2).sum())
    return float((v[1:] * v[:-1]).sum()) / square if square > 0 else 0.0
