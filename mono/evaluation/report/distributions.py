"""Counts of pixels by true depth, predicted depth and error: small, of fixed size, and added up over images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

DEPTH_EDGES = 10 ** (np.arange(-80, 121) / 40)  # [m] 0.01 to 1000, 40 bins a decade; what is beyond is in the end bins
DISTANCE_EDGES = DEPTH_EDGES[::4]  # [m] 10 bins a decade
RATIO_EDGES = np.exp(np.arange(-50, 51) / 50)  # predicted / true, steps of 2 %; what is beyond is in the end bins
_DEPTHS, _DISTANCES, _RATIOS = len(DEPTH_EDGES) - 1, len(DISTANCE_EDGES) - 1, len(RATIO_EDGES) - 1


@dataclass(frozen=True)
class Distribution:
    """How an image's pixels, or a dataset's, are spread.

    Attributes:
        depths: pixels by true and predicted depth, (200, 200) int64, bins of `DEPTH_EDGES`.
        ratios: pixels by true depth and predicted / true, (50, 100) int64, of `DISTANCE_EDGES` and `RATIO_EDGES`.
        abs_rel: sums of |predicted - true| / true by true depth, (50,) float64, of `DISTANCE_EDGES`.
    """

    depths: np.ndarray
    ratios: np.ndarray
    abs_rel: np.ndarray

    @property
    def pixels(self) -> int:
        """How many pixels there are."""
        return int(self.ratios.sum())

    def limits(self, share: float) -> tuple[float, float]:
        """Depths [m] that all but a `share` at either end of the true and of the predicted depths lie between."""
        counts = np.maximum(*(axis / max(axis.sum(), 1) for axis in (self.depths.sum(0), self.depths.sum(1))))
        low = int(np.searchsorted(counts.cumsum(), share, side="right"))
        high = int(np.searchsorted(counts[::-1].cumsum(), share, side="right"))
        return float(DEPTH_EDGES[min(low, _DEPTHS - 1)]), float(DEPTH_EDGES[max(_DEPTHS - high, 1)])

    def gt_limits(self, share: float) -> tuple[float, float]:
        """As `limits`, of the true depths alone."""
        only_gt = np.zeros_like(self.depths)
        np.fill_diagonal(only_gt, self.depths.sum(1))
        return Distribution(only_gt, self.ratios, self.abs_rel).limits(share)

    def ratio_quantiles(self, shares: Iterable[float]) -> np.ndarray:
        """Quantiles of predicted / true at each distance, (shares, 50); NaN at distances without pixels."""
        cumulative = np.concatenate([np.zeros((_DISTANCES, 1)), self.ratios.cumsum(1)], 1)
        logs = np.log(RATIO_EDGES)
        rows = [
            [np.interp(share * row[-1], row, logs) if row[-1] else np.nan for row in cumulative] for share in shares
        ]
        return np.exp(np.array(rows))

    def share_within(self, factor: float) -> float:
        """Share of pixels predicted within a factor, up to the bins' width."""
        inside = (RATIO_EDGES[1:] <= factor * 1.001) & (RATIO_EDGES[:-1] >= 0.999 / factor)
        return float(self.ratios[:, inside].sum() / max(self.pixels, 1))


def distribution_of(predicted: np.ndarray, gt: np.ndarray) -> Distribution:
    """The distribution of pixels' depths [m], two arrays of one shape (n,), all positive and finite."""
    # Single precision: the bins need no more, and it takes half the time.
    p, t = np.asarray(predicted, np.float32), np.asarray(gt, np.float32)
    ratio = p / t
    true_bin = _bin(np.log10(t), 40, 80, _DEPTHS)
    ratio_bin = _bin(np.log(ratio), 50, 50, _RATIOS)
    distance = true_bin // 4
    depths = np.bincount(true_bin * _DEPTHS + _bin(np.log10(p), 40, 80, _DEPTHS), minlength=_DEPTHS**2)
    ratios = np.bincount(distance * _RATIOS + ratio_bin, minlength=_DISTANCES * _RATIOS)
    errors = np.bincount(distance, np.abs(ratio - 1), minlength=_DISTANCES)
    return Distribution(depths.reshape(_DEPTHS, _DEPTHS), ratios.reshape(_DISTANCES, _RATIOS), errors)


def pooled(parts: Iterable[Distribution]) -> Distribution:
    """All parts added up, each pixel counting the same; they are looked at one by one."""
    total = Distribution(
        np.zeros((_DEPTHS, _DEPTHS), np.int64), np.zeros((_DISTANCES, _RATIOS), np.int64), np.zeros(_DISTANCES)
    )
    for part in parts:
        total.depths[...] += part.depths
        total.ratios[...] += part.ratios
        total.abs_rel[...] += part.abs_rel
    return total


def _bin(values: np.ndarray, steps: int, offset: int, bins: int) -> np.ndarray:
    places = values * np.float32(steps) + np.float32(offset)
    return np.clip(places, 0, bins - 1, out=places).astype(np.int32)  # cut towards 0, which is down
