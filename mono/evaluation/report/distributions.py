"""Histograms of pixels by ground-truth depth, predicted depth and error, added up over images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

DEPTH_EDGES = 10 ** (np.arange(-80, 121) / 40)  # [m] 0.01 to 1000, 40 bins a decade; values beyond are in the end bins
DISTANCE_EDGES = DEPTH_EDGES[::4]  # [m] 10 bins a decade
RATIO_EDGES = np.exp(np.arange(-50, 51) / 50)  # predicted / true, steps of 2 %; values beyond are in the end bins
_DEPTHS, _DISTANCES, _RATIOS = len(DEPTH_EDGES) - 1, len(DISTANCE_EDGES) - 1, len(RATIO_EDGES) - 1


@dataclass(frozen=True)
class Distribution:
    """Histograms of the pixels of an image or a dataset (p predicted, t ground-truth depth).

    Attributes:
        depths: number of pixels by t and p, (200, 200) int64, bins of `DEPTH_EDGES`.
        ratios: number of pixels by t and p / t, (50, 100) int64, bins of `DISTANCE_EDGES` and `RATIO_EDGES`.
        abs_rel: sum of |p - t| / t by t, (50,) float64, bins of `DISTANCE_EDGES`.
    """

    depths: np.ndarray
    ratios: np.ndarray
    abs_rel: np.ndarray

    @property
    def pixels(self) -> int:
        """Count the pixels."""
        return int(self.ratios.sum())

    def limits(self, share: float) -> tuple[float, float]:
        """Compute the range that holds both ground-truth and predicted depth.

        Args:
            share: share of the pixels that may lie beyond each end.

        Returns:
            Nearest and farthest depth [m].
        """
        counts = np.maximum(*(axis / max(axis.sum(), 1) for axis in (self.depths.sum(0), self.depths.sum(1))))
        low = int(np.searchsorted(counts.cumsum(), share, side="right"))
        high = int(np.searchsorted(counts[::-1].cumsum(), share, side="right"))
        return float(DEPTH_EDGES[min(low, _DEPTHS - 1)]), float(DEPTH_EDGES[max(_DEPTHS - high, 1)])

    def gt_limits(self, share: float) -> tuple[float, float]:
        """Compute the range that holds ground-truth depth alone.

        Args:
            share: share of the pixels that may lie beyond each end.

        Returns:
            Nearest and farthest depth [m].
        """
        only_gt = np.zeros_like(self.depths)
        np.fill_diagonal(only_gt, self.depths.sum(1))
        return Distribution(only_gt, self.ratios, self.abs_rel).limits(share)

    def ratio_quantiles(self, shares: Iterable[float]) -> np.ndarray:
        """Compute quantiles of p / t at each distance.

        Args:
            shares: shares of the pixels, n of them.

        Returns:
            The quantiles, (n, 50); NaN at distances without pixels.
        """
        cumulative = np.concatenate([np.zeros((_DISTANCES, 1)), self.ratios.cumsum(1)], 1)
        logs = np.log(RATIO_EDGES)
        rows = [
            [np.interp(share * row[-1], row, logs) if row[-1] else np.nan for row in cumulative] for share in shares
        ]
        return np.exp(np.array(rows))

    def share_within(self, factor: float) -> float:
        """Compute the share of pixels predicted within a factor.

        Args:
            factor: largest factor between p and t, up to the bins' width.
        """
        inside = (RATIO_EDGES[1:] <= factor * 1.001) & (RATIO_EDGES[:-1] >= 0.999 / factor)
        return float(self.ratios[:, inside].sum() / max(self.pixels, 1))


def distribution_of(predicted: np.ndarray, gt: np.ndarray) -> Distribution:
    """Build the histograms of an image.

    Args:
        predicted: depth [m], (n,), positive and finite.
        gt: ground-truth depth [m], (n,), positive and finite.
    """
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
    """Add up histograms, each pixel counting the same.

    Args:
        parts: histograms of images, consumed one by one.
    """
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
    return np.clip(places, 0, bins - 1, out=places).astype(np.int32)  # truncated, which is down for positive numbers
