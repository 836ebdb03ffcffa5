"""Alignment of predictions with the truth before they are compared: three tiers that must never be mixed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from mono.system.errors import MetricDepthError

TIERS = ("metric", "median", "scale_shift")
ALIGNMENTS = (*TIERS, "scale_shift_inverse")

LABELS = {
    "metric": "metric (as predicted)",
    "median": "median-aligned (scale of each image from its ground truth)",
    "scale_shift": "scale-and-shift aligned (least squares in depth, from ground truth)",
    "scale_shift_inverse": "scale-and-shift aligned (least squares in inverse depth, from ground truth)",
}


def tier_names(images: Iterable[Collection[str]]) -> list[str]:
    """The tiers that any of the images (each a collection of tiers) has, in their usual order."""
    found = {tier for image in images for tier in image}
    return [tier for tier in ALIGNMENTS if tier in found]


@dataclass(frozen=True)
class Alignment:
    """scale * depth + shift, or 1 / (scale / depth + shift).

    Attributes:
        kind: one of `ALIGNMENTS`.
        scale: factor of depth, or of inverse depth.
        shift: what is added [m], or [1/m] for inverse depth.
        far: depth [m] that aligned inverse depth may reach at most, as it may cross zero.
    """

    kind: str
    scale: float = 1.0
    shift: float = 0.0
    far: float = math.inf

    def apply(self, depth: np.ndarray) -> np.ndarray:
        """Aligned depth [m], float64, of the same shape; it may be negative after a shift.

        Pixels without a prediction (0, negative, not finite) come out as 0.
        """
        depth = np.asarray(depth, np.float64)
        valid = np.isfinite(depth) & (depth > 0)
        if self.kind == "scale_shift_inverse":
            inverse = self.scale / np.where(valid, depth, 1.0) + self.shift
            aligned = 1 / np.maximum(inverse, 1 / self.far)
        else:
            aligned = self.scale * np.where(valid, depth, 0.0) + self.shift
        return np.where(valid, aligned, 0.0)


def fit(predicted: np.ndarray, gt: np.ndarray, kind: str, max_depth: float = math.inf) -> Alignment:
    """The alignment of an image's predictions with the truth.

    Args:
        predicted, truth: depth [m] of the same pixels, all with ground truth, any one shape. Pixels without a
            prediction (0, negative, not finite) are left out; without any other, nothing is aligned.
        kind: one of `ALIGNMENTS`. A constant prediction is moved to the mean of the truth by the least squares.
        max_depth: the protocol's limit [m]; without one, inverse depth is limited by the farthest truth.

    Raises:
        ValueError: another kind.
    """
    if kind not in ALIGNMENTS:
        raise MetricDepthError(f"there is no alignment {kind!r}; choose one of {', '.join(ALIGNMENTS)}")
    predicted, gt = np.asarray(predicted, np.float64), np.asarray(gt, np.float64)
    valid = np.isfinite(predicted) & (predicted > 0)
    if kind == "metric" or not valid.any():
        return Alignment(kind)
    x, y = predicted[valid], gt[valid]
    if kind == "median":
        return Alignment(kind, float(np.median(y) / np.median(x)))
    if kind == "scale_shift":
        return Alignment(kind, *_line(x, y))
    far = max_depth if math.isfinite(max_depth) else float(gt.max())
    return Alignment(kind, *_line(1 / x, 1 / y), far=far)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the least-squares line; slope 0 where x is constant."""
    mean_x, mean_y = float(x.mean()), float(y.mean())
    centred = x - mean_x
    variance = float(centred @ centred)
    if variance <= (1e-9 * mean_x) ** 2 * x.size:
        return 0.0, mean_y
    slope = float(centred @ (y - mean_y)) / variance
    return slope, mean_y - slope * mean_x


@dataclass(frozen=True)
class ScaleSpread:
    """How much the scale factors of images (true / predicted median depth) differ from 1 and from each other.

    Attributes:
        images: how many there are.
        median: their median.
        spread: standard deviation of their natural logarithms: 0.05 is 5 %.
        low, high: smallest and largest.
    """

    images: int
    median: float
    spread: float
    low: float
    high: float

    @property
    def common_factor(self) -> bool:
        """Whether all images are off by one factor (over 10 %, four times its spread), as by a wrong focal length."""
        offset = abs(math.log(self.median))
        return self.images >= 3 and offset > math.log(1.1) and offset > 4 * self.spread

    def describe(self) -> str:
        """The factors in a sentence, and what they mean."""
        text = (
            f"scale factors (true / predicted) of {self.images} images: median {self.median:.3f}, "
            f"spread {100 * self.spread:.1f} %, from {self.low:.3f} to {self.high:.3f}"
        )
        if self.common_factor:
            text += (
                f". All images are off by nearly the same factor: the focal length is probably wrong, or, where it is "
                f"calibrated, the model's scale on such scenes; {self.median:.3f} times the focal length would fit"
            )
        return text


def scale_spread(scales: Iterable[float | None]) -> ScaleSpread | None:
    """The spread of images' scale factors; None where there are none."""
    known = sorted(scale for scale in scales if scale is not None)
    if not known:
        return None
    logs = np.log(known)
    return ScaleSpread(len(known), float(np.median(known)), float(logs.std()), known[0], known[-1])
