"""Corrections that make the depths of overlapping views agree: one sparse robust system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mono.views.layout import View
from mono.views.sampling import sample

_NODES = 7  # of a view's correction, along each side
_STIFFNESS = 0.03  # weight of the corrections' slopes against the disagreement of views
_SMALLEST = 0.01  # disagreement in log distance below which all count by their square
_ROUNDS = 8
_HUBER = 0.1  # log distance of a view from the mean of all beyond which it loses weight


@dataclass(frozen=True, eq=False)
class ViewDepth:
    """Depth of one view.

    Attributes:
        view: camera and direction.
        depth: depth along the view's axis [m], (height, width) float32, 0 where there is none.
        certainty: weight of each pixel, (height, width) float32, 0 outside of the wide image.
    """

    view: View
    depth: np.ndarray
    certainty: np.ndarray

    def inverse(self) -> np.ndarray:
        """Stack inverse depth, validity and certainty as (3, height, width) float32 for sampling."""
        maps = np.zeros((3, *self.depth.shape), np.float32)
        valid = (self.depth > 0) & np.isfinite(self.depth)
        np.divide(1, self.depth, out=maps[0], where=valid, casting="unsafe")
        maps[1], maps[2] = valid, self.certainty
        return maps


@dataclass(frozen=True, eq=False)
class Agreement:
    """Corrections of the depths of views.

    Attributes:
        corrections: log factors at the nodes of a grid over each view, (views, nodes, nodes).
        factors: log factor of each view as a whole; their weighted robust mean is 0.
        disagreement: median difference of two views in log distance, before and after; NaN without overlaps.
    """

    corrections: np.ndarray
    factors: np.ndarray
    disagreement: tuple[float, float]

    def corrected(self, index: int, depth: np.ndarray) -> np.ndarray:
        """Apply the correction of view `index` to its depth, (height, width)."""
        nodes = self.corrections[index]
        if not nodes.any():
            return depth
        height, width = depth.shape
        across, along = _node_coordinates(np.arange(width), width), _node_coordinates(np.arange(height), height)
        field = _weights(along) @ nodes @ _weights(across).T
        return depth * np.exp(field).astype(np.float32)


def agree(depths: Sequence[ViewDepth], directions: np.ndarray, solid: np.ndarray) -> Agreement:
    """Find smooth corrections under which overlapping views agree, and which keep the mean scale.

    Minimized is the sum of the absolute differences in log distance wherever two views see the same direction, plus
    the squared slopes of the corrections. A factor for a view as a whole costs nothing; so scales agree by factors as
    far as they can, and what remains is spread smoothly.

    Args:
        depths: depths of all views.
        directions: unit vectors in the wide camera's frame that are compared, (n, 3).
        solid: solid angle that each stands for, (n,).
    """
    samples = [_seen(depth, directions, solid) for depth in depths]
    count, size = len(depths), _NODES * _NODES
    first, second = _pairs(samples)
    if not len(first.index):
        return Agreement(np.zeros((count, _NODES, _NODES)), np.zeros(count), (float("nan"), float("nan")))
    difference = first.log - second.log
    weight = np.sqrt(first.weight * second.weight)
    weight /= weight.sum()
    solution = _solve(first, second, difference, weight, count * size)
    after = difference + first.apply(solution) - second.apply(solution)
    nodes = solution.reshape(count, _NODES, _NODES)
    means, trust = np.zeros(count), np.zeros(count)
    for i, seen in enumerate(samples):
        trust[i] = seen.weight.sum()
        means[i] = float(seen.weight @ seen.shifted(i).apply(solution)) / max(trust[i], 1e-12)
    middle = _robust_mean(means, trust)
    medians = tuple(_weighted_median(np.abs(values), weight) for values in (difference, after))
    return Agreement(nodes - middle, means - middle, (medians[0], medians[1]))


@dataclass(frozen=True, eq=False)
class _Seen:
    """Log distances that a view (or several) has for directions, with the correction's nodes around each."""

    index: np.ndarray
    log: np.ndarray
    weight: np.ndarray
    nodes: np.ndarray
    shares: np.ndarray

    def apply(self, corrections: np.ndarray) -> np.ndarray:
        """Interpolate corrections at the samples."""
        return (corrections[self.nodes] * self.shares).sum(1)

    def take(self, chosen: np.ndarray) -> _Seen:
        """Select samples."""
        return _Seen(self.index[chosen], self.log[chosen], self.weight[chosen], self.nodes[chosen], self.shares[chosen])

    def shifted(self, view: int) -> _Seen:
        """Count nodes from those of view number `view` on."""
        return _Seen(self.index, self.log, self.weight, self.nodes + view * _NODES * _NODES, self.shares)


def _seen(depth: ViewDepth, directions: np.ndarray, solid: np.ndarray) -> _Seen:
    view = depth.view
    columns, rows, cosine = view.locate(directions)
    close = view.closeness(columns, rows, cosine)
    index = np.flatnonzero(close > 0)
    columns, rows, cosine, close = columns[index], rows[index], cosine[index], close[index]
    inverse, valid, certainty = sample(depth.inverse(), columns, rows)
    kept = (valid > 0.999) & (certainty > 0)
    index, columns, rows = index[kept], columns[kept], rows[kept]
    log = -np.log(inverse[kept].astype(np.float64) * cosine[kept])
    x, y = _node_coordinates(columns, view.camera.width), _node_coordinates(rows, view.camera.height)
    left, top = (np.clip(values.astype(int), 0, _NODES - 2) for values in (x, y))
    x, y = x - left, y - top
    corner = top * _NODES + left
    nodes = np.stack([corner, corner + 1, corner + _NODES, corner + _NODES + 1], 1)
    shares = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], 1)
    weight = solid[index] * np.sqrt(close[kept]) * certainty[kept]
    return _Seen(index, log, weight.astype(np.float64), nodes, shares)


def _pairs(samples: Sequence[_Seen]) -> tuple[_Seen, _Seen]:
    """Match the samples of each two views; returns both sides, of equal length."""
    sides: tuple[list[_Seen], list[_Seen]] = ([], [])
    for i, a in enumerate(samples):
        for j in range(i + 1, len(samples)):
            _, chosen_a, chosen_b = np.intersect1d(a.index, samples[j].index, assume_unique=True, return_indices=True)
            if len(chosen_a):
                sides[0].append(a.take(chosen_a).shifted(i))
                sides[1].append(samples[j].take(chosen_b).shifted(j))
    return _joined(sides[0]), _joined(sides[1])


def _joined(parts: Sequence[_Seen]) -> _Seen:
    if not parts:
        return _Seen(np.zeros(0, int), np.zeros(0), np.zeros(0), np.zeros((0, 4), int), np.zeros((0, 4)))
    names = ("index", "log", "weight", "nodes", "shares")
    return _Seen(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _solve(first: _Seen, second: _Seen, difference: np.ndarray, weight: np.ndarray, unknowns: int) -> np.ndarray:
    """Minimize weighted absolute differences and slopes, by iteratively reweighted least squares."""
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    rows = np.repeat(np.arange(len(difference)), 8)
    columns = np.concatenate([first.nodes, second.nodes], 1).ravel()
    values = np.concatenate([first.shares, -second.shares], 1).ravel()
    system = sparse.csr_matrix((values, (rows, columns)), (len(difference), unknowns))
    prior = _STIFFNESS * _slopes(unknowns) + 1e-9 * sparse.identity(unknowns)
    solution = np.zeros(unknowns)
    # The first round takes whole factors out: from there, what stands out is an edge and no other scale.
    remaining, smallest = difference, max(_SMALLEST, float(np.abs(difference).mean()))
    for _ in range(_ROUNDS):
        robust = weight / np.maximum(np.abs(remaining), smallest)
        normal = system.T @ sparse.diags(robust) @ system + prior
        solution = spsolve(normal.tocsc(), -(system.T @ (robust * difference)))
        remaining = difference + system @ solution
        smallest = max(_SMALLEST, smallest / 3)
    return solution


def _slopes(unknowns: int) -> Any:
    """Quadratic form of the differences of neighboring nodes, for all views."""
    from scipy import sparse

    step = sparse.diags([-np.ones(_NODES - 1), np.ones(_NODES - 1)], [0, 1], (_NODES - 1, _NODES))
    line, one = step.T @ step, sparse.identity(_NODES)
    grid = sparse.kron(line, one) + sparse.kron(one, line)
    return sparse.kron(sparse.identity(unknowns // (_NODES * _NODES)), grid)


def _robust_mean(values: np.ndarray, weights: np.ndarray) -> float:
    """Compute the weighted mean in which values far from the others lose weight (Huber)."""
    middle = _weighted_median(values, weights)
    for _ in range(20):
        share = weights * np.minimum(1, _HUBER / np.maximum(np.abs(values - middle), 1e-12))
        middle = float(share @ values / share.sum())
    return middle


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _node_coordinates(pixels: np.ndarray, size: int) -> np.ndarray:
    """Convert pixels of a side to positions among the nodes, 0 to `_NODES` - 1."""
    return np.clip((pixels + 0.5) / size, 0, 1) * (_NODES - 1)


def _weights(positions: np.ndarray) -> np.ndarray:
    """Return linear interpolation weights, (n, nodes)."""
    return np.maximum(0, 1 - np.abs(positions[:, None] - np.arange(_NODES)))
