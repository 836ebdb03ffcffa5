"""Smooth correction over image and depth: trilinear between few knots."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

GRIDS = ((3, 4, 2), (5, 8, 3), (8, 14, 4))  # knots along v, u and log depth, coarse to fine
STIFFNESS = (0.3, 0.08, 0.02)  # expected change of log depth between knots, loose to stiff
_HOLD = 1.0  # expected size of the correction: far from all points it goes to zero


@dataclass(frozen=True)
class Field:
    """Correction of log depth at knots.

    Attributes:
        values: log factors, (knots along v, along u, along log depth).
        low, high: log depth of the first and the last knot.
        freedom: effective number of parameters.
    """

    values: np.ndarray
    low: float
    high: float
    freedom: float

    def at(self, u: np.ndarray, v: np.ndarray, log_depth: np.ndarray) -> np.ndarray:
        """Interpolate the correction.

        Args:
            u: place along the width, 0 to 1, (N,).
            v: place along the height, 0 to 1, (N,).
            log_depth: log predicted depth, (N,).
        """
        places, weights = _corners(self.values.shape, self.low, self.high, u, v, log_depth)
        flat, total = self.values.ravel(), np.zeros(len(u))
        for place, weight in zip(places, weights, strict=True):
            total += flat[place] * weight
        return total


def _corners(
    shape: tuple[int, ...], low: float, high: float, u: np.ndarray, v: np.ndarray, x: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Find the eight knots around points, as flat places, and their weights."""
    cells, parts = [], []
    for position, count in zip((v, u, (x - low) / max(high - low, 1e-9)), shape, strict=True):
        scaled = np.clip(position, 0, 1) * (count - 1)
        cell = np.minimum(scaled.astype(np.int64), count - 2)
        cells.append(cell)
        parts.append(scaled - cell)
    places, weights = [], []
    for corner in itertools.product((0, 1), repeat=3):
        index = [cell + step for cell, step in zip(cells, corner, strict=True)]
        places.append((index[0] * shape[1] + index[1]) * shape[2] + index[2])
        factors = [part if step else 1 - part for part, step in zip(parts, corner, strict=True)]
        weights.append(factors[0] * factors[1] * factors[2])
    return places, weights


def solve_field(
    points: np.ndarray, residual: np.ndarray, sigma: float, shape: tuple[int, int, int], stiffness: float
) -> Field:
    """Solve for the field that fits residuals and changes little between knots.

    A sparse robust least-squares problem: residuals beyond three standard deviations are reweighted.

    Args:
        points: u and v from 0 to 1, and log predicted depth, (N, 3).
        residual: log(known / aligned depth) of the points, (N,).
        sigma: standard deviation of a residual that noise alone makes.
        shape: number of knots along v, u and log depth, each at least 2.
        stiffness: expected change of log depth between neighboring knots.
    """
    from scipy import linalg, sparse

    low, high = (float(value) for value in np.percentile(points[:, 2], (1, 99)))
    places, weights = _corners(shape, low, high, points[:, 0], points[:, 1], points[:, 2])
    n, knots = len(points), int(np.prod(shape))
    rows = np.tile(np.arange(n), 8)
    design = sparse.csr_matrix((np.concatenate(weights), (rows, np.concatenate(places))), (n, knots))
    penalty = _differences(shape) / stiffness**2 + sparse.identity(knots) / _HOLD**2
    weight, solution, normal = np.ones(n), np.zeros(knots), None
    for _ in range(3):
        scaled: Any = sparse.diags(weight / sigma**2) @ design
        normal = (design.T @ scaled).toarray()
        factor = linalg.cho_factor(normal + penalty.toarray())
        solution = linalg.cho_solve(factor, scaled.T @ residual)
        left = np.abs(residual - design @ solution) / sigma
        weight = np.minimum(1, (3 / np.maximum(left, 1e-9)) ** 2)
    freedom = float(np.trace(linalg.cho_solve(factor, normal)))
    return Field(solution.reshape(shape), low, high, freedom)


def _differences(shape: tuple[int, int, int]) -> Any:
    """Build the squared differences between neighboring knots."""
    from scipy import sparse

    steps = [sparse.diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], (n - 1, n)) for n in shape]
    eyes = [sparse.identity(n) for n in shape]
    total: Any = 0
    for axis, step in enumerate(steps):
        parts = [step if i == axis else eye for i, eye in enumerate(eyes)]
        d = sparse.kron(sparse.kron(parts[0], parts[1]), parts[2])
        total = total + d.T @ d
    return total.tocsr()
