"""Standard errors of an alignment."""

from __future__ import annotations

import math

import numpy as np

from mono.calibration.field import Field
from mono.calibration.observations import Observations
from mono.calibration.robust_line import CUT, FEW, FLOOR, RobustLine

_CLUSTERED, _CELLS = 40, 8  # from so many points on, neighbors may share an error; cells along the longer side


def standard_errors(
    observations: Observations, line: RobustLine, kept: np.ndarray, field: Field | None
) -> tuple[float, float]:
    """Compute standard errors of the log scale and of the exponent.

    Many points count by cells of the image, whose points may share an error.

    Args:
        observations: log ratios of known and predicted distances.
        line: scale and exponent.
        kept: points that count, (N,) bool.
        field: field on top of the line; None: there is none.

    Returns:
        Both standard errors, widened as Student's t is for few points.
    """
    x = observations.place[kept, 2]
    residual = observations.log_ratio[kept] - line.at(x)
    if field is not None:
        residual = residual - field.at(*observations.place[kept].T)
    n, bent = len(x), line.b != 0
    spread = line.spread if field is None else max(float(residual.std()) / CUT, FLOOR / 10)
    freedom = n - 1 - bent if n >= FEW else max(n - 1 - bent, 0) + 1
    wide = _student(freedom) if n > 1 else 1.0  # of one distance, the error is taken from other images
    # One source may be wrong as a whole by its own error.
    error = max(spread, float(np.median(observations.sigma[kept]))) / math.sqrt(n)
    slope = spread / math.sqrt(float(((x - x.mean()) ** 2).sum())) if bent else 0.0
    if n >= _CLUSTERED:
        long = max(observations.size)
        cell = np.floor(observations.place[kept, :2] * observations.size / long * _CELLS).astype(np.int64)
        _, group = np.unique(cell[:, 0] * 1000 + cell[:, 1], return_inverse=True)
        groups = int(group.max()) + 1
        if groups > 3:
            grow = groups / (groups - 1)
            error = max(error, math.sqrt(grow * float((np.bincount(group, residual) ** 2).sum())) / n)
            if bent:
                off = x - x.mean()
                square = float((off**2).sum())
                slope = max(slope, math.sqrt(grow * float((np.bincount(group, residual * off) ** 2).sum())) / square)
            wide = _student(groups - 1)
    return error * wide, slope * wide


def _student(freedom: int) -> float:
    """Ratio of the 84th percentiles of Student's t and of the normal distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1), 0.8413447))
