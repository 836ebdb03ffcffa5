"""Drift of scale along a path: significance and course.

docs/scale-drift.md derives the tests.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mono.calibration.statistics import clip_along, lag_one

_SIGNIFICANT = 0.005  # largest p of a significant drift
_SMALLEST_DRIFT = 0.02  # in log scale; less is not worth a correction
_SERIES = 1000


@dataclass(frozen=True)
class Drift:
    """Change of scale along a path, and its significance.

    Attributes:
        trend: change of log scale from the first to the last position, by a straight line.
        trend_error: standard error of the trend.
        trend_p: share of driftless series of the same noise with as clear a trend.
        p: share of such series in which a line with knots gains as much in BIC over a constant.
        predicts: True if the line predicts left-out stretches better than a constant.
        knots: positions of the best line's knots, 0..1, (K,); one if the constant is best.
        log_scale: log scale at the knots, (K,).
    """

    trend: float
    trend_error: float
    trend_p: float
    p: float
    predicts: bool
    knots: tuple[float, ...]
    log_scale: tuple[float, ...]

    @property
    def significant(self) -> bool:
        """True if all tests confirm a drift."""
        return not self.failed_tests

    @property
    def range(self) -> float:
        """Largest over smallest scale along the path."""
        return math.exp(max(self.log_scale) - min(self.log_scale))

    @property
    def failed_tests(self) -> tuple[str, ...]:
        """Describe the tests that do not confirm a drift; empty if it is significant."""
        failed = [f"p is above {_SIGNIFICANT:g}"] * (self.p > _SIGNIFICANT)
        if len(self.knots) == 1:
            return *failed, "one scale fits best"
        failed += ["left-out stretches are not predicted better"] * (not self.predicts)
        change = max(self.log_scale) - min(self.log_scale)
        failed += [f"it is {100 * math.expm1(change):.1f} %, not above 2 %"] * (not change > _SMALLEST_DRIFT)
        return tuple(failed)


def find_drift(position: np.ndarray, log_scale: np.ndarray) -> Drift:
    """Test log scales for a drift along the path.

    A constant competes with lines of 2 to 8 evenly spaced knots. The best line's gain in BIC is compared with its gains
    on driftless series of the same noise, made from its residuals with their autocorrelation (first order). A drift
    must also predict left-out stretches better than a constant, and exceed 2 %.

    Args:
        position: places along the path, 0..1, increasing, (N,).
        log_scale: log scales there, (N,).
    """
    n = len(log_scale)
    x, y = np.asarray(position, np.float64), clip_along(np.asarray(log_scale, np.float64))
    hats = {k: _hat(x, k) for k in (2, 3, 4, 6, 8) if k <= n // 4}
    bic = {1: _bic(y[None], np.full((n, n), 1 / n), 1), **{k: _bic(y[None], hat, k) for k, hat in hats.items()}}
    best = min(bic, key=lambda k: float(bic[k][0]))
    # The residual of the most flexible line is the noise: a drift must not count as noise.
    most = max(hats, default=1)
    left = y - (hats[most] @ y if most > 1 else y.mean())
    null = _noise_like(left, most, _SERIES)
    gain = float(bic[1][0]) - min((float(bic[k][0]) for k in hats), default=math.inf)
    constant = _bic(null, np.full((n, n), 1 / n), 1)
    gains = constant - np.min([_bic(null, hat, k) for k, hat in hats.items()], axis=0) if hats else np.zeros(len(null))
    p = float((1 + (gains >= gain).sum()) / (1 + len(gains))) if hats else 1.0
    slope, error, slope_p = _trend(x, y, null)
    knots = np.linspace(0, 1, best) if best > 1 else np.array([0.5])
    values = _solver(x, best) @ y if best > 1 else np.array([np.median(log_scale)])
    predicts = best > 1 and _predicts(x, y, best)
    return Drift(slope, error, slope_p, p, predicts, tuple(map(float, knots)), tuple(map(float, values)))


def find_jump(position: np.ndarray, log_scale: np.ndarray) -> tuple[int, float]:
    """Find a jump of log scales between two constants.

    Two constants must explain them better than one, and than any line of `find_drift`, by 10 in BIC.

    Args:
        position: places along the path, 0..1, increasing, (N,).
        log_scale: log scales there, (N,).

    Returns:
        Index of the first value behind the jump, and the difference of the parts' medians; (0, 0.0) without a jump.
    """
    n, y = len(log_scale), clip_along(np.asarray(log_scale, np.float64))
    splits = range(3, n - 2)
    if not splits:
        return 0, 0.0

    def left(k: int) -> float:
        return float(((y[:k] - y[:k].mean()) ** 2).sum() + ((y[k:] - y[k:].mean()) ** 2).sum())

    squares, at = min((left(k), k) for k in splits)
    floor = max(float((y**2).sum()), 1e-200) * 1e-14
    two = n * math.log(max(squares, floor)) + 3 * math.log(n)
    others = [_bic(y[None], np.full((n, n), 1 / n), 1)]
    others += [_bic(y[None], _hat(position, k), k) for k in (2, 3, 4, 6, 8) if k <= n // 4]
    if two > float(min(others)[0]) - 10:
        return 0, 0.0
    return at, float(np.median(log_scale[at:]) - np.median(log_scale[:at]))


def _bic(series: np.ndarray, hat: np.ndarray, count: int) -> np.ndarray:
    """Compute the BIC of series (S, N) under a fit of `count` values, (S,)."""
    n = series.shape[1]
    squares = ((series - series @ hat.T) ** 2).sum(1)
    floor = np.maximum((series**2).sum(1), 1e-200) * 1e-14
    return n * np.log(np.maximum(squares, floor)) + count * math.log(n)


def _noise_like(residual: np.ndarray, fitted: int, count: int) -> np.ndarray:
    """Draw autoregressive series with the residual's innovations, (count, N)."""
    n = len(residual)
    # A line fitted to noise absorbs its slow part: the autocorrelation left is too small by about this.
    correlation = float(np.clip(lag_one(residual) + (1 + 2 * fitted) / n, 0, 0.9))
    innovations = residual[1:] - correlation * residual[:-1]
    innovations = innovations - innovations.mean()
    drawn = np.random.default_rng(n).choice(innovations, (n + 20, count))
    series = np.empty((n + 20, count))
    series[0] = drawn[0]
    for i in range(1, n + 20):
        series[i] = correlation * series[i - 1] + drawn[i]
    return series[20:].T


def _trend(x: np.ndarray, y: np.ndarray, null: np.ndarray) -> tuple[float, float, float]:
    """Fit a slope; return it, its standard error, and the share of `null` (S, N) as steep."""
    centered = x - x.mean()
    square = float((centered**2).sum())
    if square < 1e-12:
        return 0.0, math.inf, 1.0

    def steepness(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slopes = series @ centered / square
        residual = series - series.mean(1, keepdims=True) - slopes[:, None] * centered
        return slopes, np.sqrt(np.maximum((residual**2).sum(1), 1e-300) / max(len(x) - 2, 1) / square)

    slope, error = steepness(y[None])
    slopes, errors = steepness(null)
    steeper = (np.abs(slopes) / errors >= abs(slope[0]) / error[0]).sum()
    return float(slope[0]), float(error[0]), float((1 + steeper) / (1 + len(null)))


def _tents(x: np.ndarray, count: int) -> np.ndarray:
    """Evaluate hat functions on evenly spaced knots, (N, count)."""
    return np.maximum(1 - np.abs(x[:, None] * (count - 1) - np.arange(count)), 0)


def _solver(x: np.ndarray, count: int) -> np.ndarray:
    """Build the matrix from values at `x` to least-squares values at knots, (count, N).

    A weak penalty on bending keeps knots without images nearby on their neighbors' line.
    """
    tents = _tents(x, count)
    bend = np.diff(np.eye(count), 2, axis=0) * 0.05
    stacked = np.concatenate([tents, bend])
    return np.linalg.pinv(stacked)[:, : len(x)]


def _hat(x: np.ndarray, count: int) -> np.ndarray:
    """Build the matrix from values (N,) to the best line's values, (N, N)."""
    return _tents(x, count) @ _solver(x, count)


def _predicts(x: np.ndarray, y: np.ndarray, count: int) -> bool:
    """Tell whether the line predicts left-out eighths better than the mean does.

    The sum of squared errors must be smaller by a fifth.
    """
    part = np.minimum((np.arange(len(x)) * 8) // len(x), 7)
    line, constant = 0.0, 0.0
    for k in range(8):
        out = part == k
        line += float(((y[out] - _tents(x[out], count) @ _solver(x[~out], count) @ y[~out]) ** 2).sum())
        constant += float(((y[out] - y[~out].mean()) ** 2).sum())
    return line < 0.8 * constant
