"""Median of depth maps."""

from __future__ import annotations

import math

import numpy as np


def median_depth(depth: np.ndarray) -> float:
    """Compute the median of valid depth.

    Args:
        depth: depth of any shape, valid where positive.

    Returns:
        The median, as `numpy.median` gives it in float32; NaN if no depth is valid.
    """
    values = np.ascontiguousarray(depth, np.float32).ravel()
    if not values.size or not values.min() > 0:  # NaN is not
        values = values[values > 0]
    middle = len(values) // 2
    if not len(values):
        return math.nan
    ordered = np.partition(values.view(np.int32), middle).view(np.float32)  # positive floats are in order as integers
    upper = ordered[middle]
    return float(upper if len(values) % 2 else (ordered[:middle].max() + upper) / 2)
