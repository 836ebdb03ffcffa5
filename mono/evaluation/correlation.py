"""Rank correlation of two series."""

from __future__ import annotations

import numpy as np


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
