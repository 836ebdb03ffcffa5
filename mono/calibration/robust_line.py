"""Robust lines through log ratios over log depth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mono.calibration.statistics import TO_STD

OUTLIER = 3.0  # standard deviations
CUT = 0.9866  # standard deviation of a normal distribution that is cut there
FLOOR = 0.003  # of log ratios, below which differences are rounding
FEW = 8  # distances, below which `_NETWORK` counts as one degree of freedom of the spread
_NETWORK = 0.10  # error of a network's depth at a pixel, relative, where nothing else tells


@dataclass(frozen=True)
class RobustLine:
    """Robust line y = a + b (x - center).

    Attributes:
        a, b: coefficients; b is 0 for one scale.
        center: weighted mean of x.
        kept: points that count, (N,) bool.
        spread: standard deviation of the residuals of kept points.
        noise: robust standard deviation of all residuals.
    """

    a: float
    b: float
    center: float
    kept: np.ndarray
    spread: float
    noise: float

    def at(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the line."""
        return self.a + self.b * (x - self.center)


def robust_line(x: np.ndarray, y: np.ndarray, sigma: np.ndarray, bent: bool) -> RobustLine:
    """Fit a line by least squares to the points within three robust standard deviations of it.

    Args:
        x: log predicted depth, (N,).
        y: log ratio of known and predicted distance, (N,).
        sigma: relative standard error of what is known, (N,).
        bent: fit a slope too.
    """
    a, b, center = float(np.median(y)), 0.0, float(np.mean(x))
    if bent:
        b = _theil_sen(x, y)
        a = float(np.median(y - b * (x - center)))
    kept, noise = np.ones(len(y), bool), 0.0
    for _ in range(30):
        residual = y - a - b * (x - center)
        middle = np.median(residual) if bent or len(y) > 2 else residual.mean()
        noise = float(TO_STD * np.median(np.abs(residual - middle)))
        # What is known has errors too: they are part of the noise, and weigh where they exceed it.
        own = np.maximum(noise**2 - np.median(sigma) ** 2, 0) + sigma**2
        limit = OUTLIER * np.sqrt(np.maximum(np.maximum(own, noise**2), FLOOR**2))
        within = np.abs(residual) <= limit
        if not within.any():
            within = np.ones(len(y), bool)
        w = within / np.maximum(own, FLOOR**2)
        center = float((w * x).sum() / w.sum())
        if bent:
            variance = float((w * (x - center) ** 2).sum())
            b = float((w * (x - center) * y).sum() / variance) if variance > 0 else 0.0
        a = float((w * y).sum() / w.sum())
        if (within == kept).all():
            break
        kept = within
    residual = y - a - b * (x - center)
    freedom = int(kept.sum()) - 1 - bent
    square = float((residual[kept] ** 2).sum())
    spread = math.sqrt(square / freedom) / CUT if freedom > 0 else 0.0
    if len(y) < FEW:
        spread = math.sqrt((square + _NETWORK**2) / (max(freedom, 0) + 1))
    return RobustLine(a, b, center, kept, spread, max(noise, FLOOR))


def _theil_sen(x: np.ndarray, y: np.ndarray) -> float:
    """Median slope of pairs; at most 40 000 of them."""
    rng = np.random.default_rng(0)
    n = len(x)
    if n <= 280:
        i, j = np.triu_indices(n, 1)
    else:
        i, j = rng.integers(0, n, (2, 40_000))
    apart = np.abs(x[i] - x[j]) > 0.25 * (x.max() - x.min())
    return float(np.median((y[i] - y[j])[apart] / (x[i] - x[j])[apart])) if apart.any() else 0.0
