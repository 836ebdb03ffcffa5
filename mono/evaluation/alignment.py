"""Alignment of predictions with ground truth in tiers, whose scores must never be mixed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from mono.system.errors import MetricDepthError

_LARGEST_FOCAL_FACTOR = 8.0  # a focal length is hardly ever wrong by more
TIERS = ("metric", "median", "scale_shift")
ALIGNMENTS = (*TIERS, "scale_shift_inverse")

LABELS = {
    "metric": "metric (as predicted)",
    "median": "median-aligned (scale of each image from its ground truth)",
    "scale_shift": "scale-and-shift aligned (least squares in depth, from ground truth)",
    "scale_shift_inverse": "scale-and-shift aligned (least squares in inverse depth, from ground truth)",
}


def tier_names(images: Iterable[Collection[str]]) -> list[str]:
    """List the tiers that any image has, in the order of `ALIGNMENTS`.

    Args:
        images: tiers of each image.
    """
    found = {tier for image in images for tier in image}
    return [tier for tier in ALIGNMENTS if tier in found]


def primary_tier(tiers: Collection[str]) -> str:
    """Choose the tier that stands for an image: "metric" where it has one.

    Args:
        tiers: tiers of the image, at least one.
    """
    return tier_names([tiers])[0]


@dataclass(frozen=True)
class Alignment:
    """Linear map of depth, scale * depth + shift, or of inverse depth, 1 / (scale / depth + shift).

    Attributes:
        kind: one of `ALIGNMENTS`.
        scale: factor of depth, or of inverse depth.
        shift: offset of depth [m], or of inverse depth [1/m].
        far: largest depth [m] after alignment in inverse depth, which may cross zero.
    """

    kind: str
    scale: float = 1.0
    shift: float = 0.0
    far: float = math.inf

    def apply(self, depth: np.ndarray) -> np.ndarray:
        """Align predicted depth.

        Args:
            depth: predicted depth, any shape; 0, negative values and NaN are no prediction.

        Returns:
            Aligned depth [m], float64, same shape, 0 where there is no prediction; a shift may make it negative.
            Infinite depth stays infinite; aligned in inverse depth, it is the value 0.
        """
        depth = np.asarray(depth, np.float64)
        valid, infinite = depth > 0, np.isposinf(depth)
        if self.kind == "scale_shift_inverse":
            inverse = self.scale / np.where(valid, depth, 1.0) + self.shift
            aligned = 1 / np.maximum(inverse, 1 / self.far)
        else:
            aligned = self.scale * np.where(valid & ~infinite, depth, 0.0) + self.shift
            aligned = np.where(infinite, math.inf, aligned)
        return np.where(valid, aligned, 0.0)


def fit(predicted: np.ndarray, gt: np.ndarray, kind: str, max_depth: float = math.inf) -> Alignment:
    """Fit the alignment of an image's predictions to ground truth.

    Args:
        predicted: predicted depth, any shape. Pixels without a prediction (0, negative, NaN) are ignored, and infinite
            ones too unless inverse depth is aligned; if there are no others, nothing is aligned.
        gt: ground-truth depth [m] of the same pixels, same shape, all positive.
        kind: one of `ALIGNMENTS`. Least squares move a constant prediction to the mean of the ground truth.
        max_depth: largest depth of the protocol [m]; if infinite, inverse depth is limited by the farthest
            ground truth.

    Raises:
        MetricDepthError: `kind` is not one of `ALIGNMENTS`.
    """
    if kind not in ALIGNMENTS:
        raise MetricDepthError(f"there is no alignment {kind!r}; choose one of {', '.join(ALIGNMENTS)}")
    predicted, gt = np.asarray(predicted, np.float64), np.asarray(gt, np.float64)
    valid = predicted > 0
    if kind != "scale_shift_inverse":
        valid &= np.isfinite(predicted)
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
    """Fit slope and offset of the least-squares line; slope 0 where x is constant."""
    mean_x, mean_y = float(x.mean()), float(y.mean())
    centered = x - mean_x
    variance = float(centered @ centered)
    if variance <= (1e-9 * mean_x) ** 2 * x.size:
        return 0.0, mean_y
    slope = float(centered @ (y - mean_y)) / variance
    return slope, mean_y - slope * mean_x


@dataclass(frozen=True)
class ScaleSpread:
    """Spread of the images' scale factors: ground-truth over predicted median depth.

    Attributes:
        images: number of images.
        median: median factor.
        spread: standard deviation of the factors' natural logarithms; 0.05 is 5 %.
        low: smallest factor.
        high: largest factor.
    """

    images: int
    median: float
    spread: float
    low: float
    high: float

    @property
    def common_factor(self) -> bool:
        """Check that all images share an offset of over 10 % and four times its spread, as by a wrong focal length."""
        offset = abs(math.log(self.median))
        return self.images >= 3 and offset > math.log(1.1) and offset > 4 * self.spread

    def describe(self, advise: bool = True) -> str:
        """Describe the factors and their likely cause in sentences.

        Args:
            advise: name the likely cause of a common factor.
        """
        text = (
            f"scale factors (true / predicted) of {self.images} images: median {self.median:.3f}, "
            f"spread {100 * self.spread:.1f} %, from {self.low:.3f} to {self.high:.3f}"
        )
        if not (advise and self.common_factor):
            return text
        text += ". All images are off by nearly the same factor: "
        if abs(math.log(self.median)) > math.log(_LARGEST_FOCAL_FACTOR):
            return text + (
                "too much for a wrong focal length, so the predictions are probably in another unit than metres "
                "(--pred-scale) or are no depth (--pred-kind)"
            )
        return text + (
            "the focal length is probably wrong, or, where it is calibrated, the model's scale on such scenes; "
            f"{self.median:.3f} times the focal length would fit"
        )


def scale_spread(scales: Iterable[float | None]) -> ScaleSpread | None:
    """Summarize the scale factors of images.

    Args:
        scales: factor of each image; None for images without one.

    Returns:
        Their spread; None without any factor.
    """
    known = sorted(scale for scale in scales if scale is not None)
    if not known:
        return None
    logs = np.log(known)
    return ScaleSpread(len(known), float(np.median(known)), float(logs.std()), known[0], known[-1])
