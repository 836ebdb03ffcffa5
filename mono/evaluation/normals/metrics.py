"""Metrics of surface normals: the angle to the true normal, of an image and of many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mono.geometry.normals import angles
from mono.system.errors import MetricDepthError

BIN = 0.25  # [deg] of the histograms that medians are pooled from
MISSING = 90.0  # [deg]
_BINS = round(180 / BIN)
_LIMITS = {"under_5": 5.0, "under_7_5": 7.5, "under_11_25": 11.25, "under_22_5": 22.5, "under_30": 30.0}  # [deg]


@dataclass(frozen=True)
class NormalMetrics:
    """Angles between predicted and true normals, over pixels that have a true one.

    Attributes:
        pixels: how many pixels were compared.
        mean, median: of the angles [deg].
        rmse: square root of the mean of the squared angles [deg].
        under_5, under_7_5, under_11_25, under_22_5, under_30: share of pixels with an angle below that [deg].
    """

    pixels: int
    mean: float
    median: float
    rmse: float
    under_5: float
    under_7_5: float
    under_11_25: float
    under_22_5: float
    under_30: float


@dataclass(frozen=True)
class ImageNormals:
    """What the comparison of an image's normals gives.

    Attributes:
        metrics: of the image's pixels.
        histogram: pixels by angle in bins of 0.25 degrees from 0; bins after the last pixel are cut off.
        predicted: where the predicted normals are from: "network", "saved" or "depth".
        truth: where the true ones are from: "annotation" or "depth".
        window, noise: of true normals from depth, as in `normal_truth.DerivedNormals`.
    """

    metrics: NormalMetrics
    histogram: tuple[int, ...]
    predicted: str
    truth: str
    window: int | None = None
    noise: float | None = None


def evaluate_normals(
    predicted: np.ndarray, gt: np.ndarray, counts: np.ndarray | None = None
) -> tuple[NormalMetrics, tuple[int, ...]] | None:
    """The metrics of an image's normals.

    A pixel without a predicted normal counts as 90 degrees off, which is what a direction drawn at random is on
    average. If it were left out, a method would gain by being silent where it is difficult.

    Args:
        predicted: (height', width', 3), of any size: it is resized to the truth's (`resize_normals`); 0 where there is
            none.
        gt: (height, width, 3), 0 where there is none; never resized.
        counts: (height, width) bool, pixels that may count; None: all.

    Returns:
        The metrics and the histogram of the angles (see `ImageNormals`); None where no pixel counts.

    Raises:
        ValueError: a map is not (height, width, 3), or `counts` is not of the truth's size.
    """
    for name, normal in (("predicted", predicted), ("true", gt)):
        if normal.ndim != 3 or normal.shape[2] != 3 or normal.size == 0:
            raise MetricDepthError(f"{name} normals have shape {normal.shape}; they must be (height, width, 3)")
    if counts is not None and counts.shape != gt.shape[:2]:
        raise MetricDepthError(f"pixels that count are {counts.shape}, the true normals {gt.shape[:2]}")
    known = gt.any(axis=2)
    if counts is not None:
        known &= counts
    if not known.any():
        return None
    found = angles(resize_normals(predicted, *gt.shape[:2])[known], gt[known])
    found = np.where(np.isfinite(found), found, MISSING)
    return _metrics(found), _histogram(found)


def resize_normals(normal: np.ndarray, height: int, width: int) -> np.ndarray:
    """Normals at another size, (height, width, 3) float32, of unit length.

    Bilinear, as depth is resized, then brought back to unit length; 0 where most of the weight, or the direction, is
    missing. Pixels without a normal (0, or not finite) do not bleed into others. Directions stay as they are.
    """
    valid = np.isfinite(normal).all(axis=2) & normal.any(axis=2)
    if valid.all() and normal.shape[:2] == (height, width):
        return normal
    known = np.where(valid[..., None], normal, 0).astype(np.float32)
    if known.shape[:2] == (height, width):
        return known
    import cv2

    size = (width, height)
    total = cv2.resize(known, size, interpolation=cv2.INTER_LINEAR)
    weight = cv2.resize(valid.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    length = np.linalg.norm(total, axis=2)
    kept = (weight > 0.5) & (length > 1e-6)
    return np.where(kept[..., None], total / np.where(kept, length, 1)[..., None], np.float32(0))


def mean_over_images(metrics: Iterable[NormalMetrics]) -> NormalMetrics | None:
    """Each metric's mean over images, each counting the same; `pixels` is the sum. None where there are none.

    The sums are exact, so that the result does not depend on the order of the images.
    """
    images = list(metrics)
    if not images:
        return None

    def mean(name: str) -> float:
        return math.fsum(getattr(image, name) for image in images) / len(images)

    return NormalMetrics(
        pixels=sum(image.pixels for image in images),
        **{name: mean(name) for name in ("mean", "median", "rmse", *_LIMITS)},
    )


def pooled_over_pixels(images: Sequence[ImageNormals]) -> NormalMetrics | None:
    """The metrics of all images' pixels together, each pixel counting the same, as papers on normals give them.

    All are exact but the median, which is within 0.25 degrees, a bin of the histograms, of one of the angles that an
    exact median lies between. None where there are none.
    """
    if not images:
        return None
    pixels = sum(image.metrics.pixels for image in images)

    def mean(values: Iterable[float]) -> float:
        return math.fsum(i.metrics.pixels * value for i, value in zip(images, values, strict=True)) / pixels

    return NormalMetrics(
        pixels=pixels,
        median=_median_of(pooled_histogram(images)),
        rmse=math.sqrt(mean(image.metrics.rmse**2 for image in images)),
        **{name: mean(getattr(image.metrics, name) for image in images) for name in ("mean", *_LIMITS)},
    )


def pooled_histogram(images: Iterable[ImageNormals]) -> np.ndarray:
    """Pixels of all images by angle, (720,) int64, in bins of 0.25 degrees from 0 to 180."""
    total = np.zeros(_BINS, np.int64)
    for image in images:
        total[: len(image.histogram)] += np.asarray(image.histogram, np.int64)
    return total


def _metrics(found: np.ndarray) -> NormalMetrics:
    return NormalMetrics(
        pixels=found.size,
        mean=float(found.mean()),
        median=float(np.median(found)),
        rmse=math.sqrt((found * found).mean()),
        **{name: float((found < limit).mean()) for name, limit in _LIMITS.items()},
    )


def _histogram(found: np.ndarray) -> tuple[int, ...]:
    bins = np.minimum((found / BIN).astype(np.int64), _BINS - 1)
    return tuple(np.bincount(bins).tolist())


def _median_of(histogram: np.ndarray) -> float:
    """The angle [deg] that half the pixels are below, their angles being even within a bin."""
    cumulative = histogram.cumsum()
    half = cumulative[-1] / 2
    place = int(np.searchsorted(cumulative, half))
    before = cumulative[place] - histogram[place]
    return float(BIN * (place + (half - before) / histogram[place]))
