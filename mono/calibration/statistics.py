"""Robust statistics and rank correlation of series."""

from __future__ import annotations

import numpy as np

TO_STD = 1.4826  # standard deviation over median absolute deviation, for normal noise


def robust_std(values: np.ndarray) -> float:
    """Estimate the standard deviation from the median absolute deviation."""
    return float(TO_STD * np.median(np.abs(values - np.median(values))))


def clip_outliers(values: np.ndarray) -> np.ndarray:
    """Clip values at three robust standard deviations."""
    middle, std = float(np.median(values)), robust_std(values)
    return np.clip(values, middle - 3 * std, middle + 3 * std) if std > 0 else values


def clip_along(values: np.ndarray, reach: int = 3) -> np.ndarray:
    """Clip outliers from the median of their neighbors; lasting jumps stay."""
    n = len(values)
    middle = np.array([np.median(values[max(i - reach, 0) : i + reach + 1]) for i in range(n)])
    return middle + clip_outliers(values - middle) if robust_std(values - middle) > 0 else values


def huber_mean(values: np.ndarray) -> float:
    """Compute the Huber mean, with a threshold of 1.345 robust standard deviations."""
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
    """Estimate the lag-one autocorrelation, 0 to 0.8.

    Outliers are clipped, and the bias of short series is corrected.
    """
    found = lag_one(clip_outliers(values))
    return float(np.clip(found + (1 + 3 * max(found, 0.0)) / len(values), 0, 0.8))


def lag_one(values: np.ndarray) -> float:
    """Compute the sample autocorrelation at lag one."""
    v = values - values.mean()
    square = float((v**2).sum())
    return float((v[1:] * v[:-1]).sum()) / square if square > 0 else 0.0


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Compute Spearman's rank correlation of two series.

    Args:
        a: values, (n,).
        b: values of the same items, (n,).

    Returns:
        The correlation from -1 to 1; equal values share their mean rank. None where either series is constant.
    """
    first, second = _ranks(a), _ranks(b)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Rank values from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts + 1) / 2)[inverse]
