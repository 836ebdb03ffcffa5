"""Metrics of surface normals: angles to ground truth, of an image and of many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mono.evaluation.resizing import resize_known
from mono.geometry.normals import angles
from mono.system.errors import MetricDepthError

BIN = 0.25  # [deg] bin width of the histograms that medians are pooled from
MISSING = 90.0  # [deg] error of a pixel without a prediction
_BINS = round(180 / BIN)
_LIMITS = {"under_5": 5.0, "under_7_5": 7.5, "under_11_25": 11.25, "under_22_5": 22.5, "under_30": 30.0}  # [deg]


@dataclass(frozen=True)
class NormalMetrics:
    """Angles between predicted and ground-truth normals, over pixels with ground truth.

    Attributes:
        pixels: number of pixels compared.
        mean: mean angle [deg].
        median: median angle [deg].
        rmse: square root of the mean of the squared angles [deg].
        under_5: share of pixels with an angle below 5 degrees.
        under_7_5: share of pixels below 7.5 degrees.
        under_11_25: share of pixels below 11.25 degrees.
        under_22_5: share of pixels below 22.5 degrees.
        under_30: share of pixels below 30 degrees.
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
    """Normal scores of one image.

    Attributes:
        metrics: metrics of the image's pixels.
        histogram: number of pixels by angle in bins of 0.25 degrees from 0; empty bins at the end are cut off.
        predicted: origin of the predicted normals: "network", "saved" or "depth".
        ground_truth: origin of the ground-truth normals: "annotation" or "depth".
        window: averaging window of ground truth derived from depth [px], as in `DerivedNormals`.
        noise: uncertainty of ground truth derived from depth [deg], as in `DerivedNormals`.
    """

    metrics: NormalMetrics
    histogram: tuple[int, ...]
    predicted: str
    ground_truth: str
    window: int | None = None
    noise: float | None = None


def evaluate_normals(
    predicted: np.ndarray, gt: np.ndarray, counts: np.ndarray | None = None
) -> tuple[NormalMetrics, tuple[int, ...]] | None:
    """Compute the metrics of an image's normals.

    A pixel without a predicted normal counts as 90 degrees off, the average of a random direction. If it were left
    out, a method would gain by predicting nothing where it is difficult.

    Args:
        predicted: unit normals, (height', width', 3), 0 where there is none; resized to the ground truth
            (`resize_normals`).
        gt: ground-truth unit normals, (height, width, 3), 0 where there is none; never resized.
        counts: pixels that may count, (height, width) bool; None: all.

    Returns:
        The metrics and the histogram of the angles (see `ImageNormals`); None where no pixel counts.

    Raises:
        MetricDepthError: a map is not (height, width, 3), or `counts` is not of the ground truth's size.
    """
    for name, normal in (("predicted", predicted), ("ground-truth", gt)):
        if normal.ndim != 3 or normal.shape[2] != 3 or normal.size == 0:
            raise MetricDepthError(f"{name} normals have shape {normal.shape}; they must be (height, width, 3)")
    if counts is not None and counts.shape != gt.shape[:2]:
        raise MetricDepthError(f"pixels that count are {counts.shape}, the ground-truth normals {gt.shape[:2]}")
    known = gt.any(axis=2)
    if counts is not None:
        known &= counts
    if not known.any():
        return None
    found = angles(resize_normals(predicted, *gt.shape[:2])[known], gt[known])
    found = np.where(np.isfinite(found), found, MISSING)
    return _metrics(found), _histogram(found)


def resize_normals(normal: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize normals bilinearly, and normalize them again.

    Args:
        normal: unit normals, (height', width', 3), 0 or non-finite where there is none; these do not bleed.
        height: new height [px].
        width: new width [px].

    Returns:
        Unit normals, (height, width, 3) float32, 0 where most of the weight, or the direction, is missing.
    """
    valid = np.isfinite(normal).all(axis=2) & normal.any(axis=2)
    if valid.all() and normal.shape[:2] == (height, width):
        return normal
    if normal.shape[:2] == (height, width):
        return np.where(valid[..., None], normal, 0).astype(np.float32)
    total, weight = resize_known(normal, valid, (height, width))
    length = np.linalg.norm(total, axis=2)
    kept = (weight > 0.5) & (length > 1e-6)
    return np.where(kept[..., None], total / np.where(kept, length, 1)[..., None], np.float32(0))


def mean_over_images(metrics: Iterable[NormalMetrics]) -> NormalMetrics | None:
    """Average each metric over images of equal weight.

    Args:
        metrics: metrics of each image.

    Returns:
        The means; `pixels` is the sum. Sums are exact, so the order of the images does not matter. None without images.
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
    """Pool the metrics over all images' pixels, as papers on normals do.

    Args:
        images: scores of each image.

    Returns:
        The metrics, exact but for the median, which is within a bin (0.25 degrees) of an angle that the exact median
        lies between. None without images.
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
    """Add up the histograms of images.

    Args:
        images: scores of each image.

    Returns:
        Number of pixels by angle, (720,) int64, in bins of 0.25 degrees from 0 to 180.
    """
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
    """Interpolate the median angle [deg] of a histogram."""
    cumulative = histogram.cumsum()
    half = cumulative[-1] / 2
    place = int(np.searchsorted(cumulative, half))
    before = cumulative[place] - histogram[place]
    return float(BIN * (place + (half - before) / histogram[place]))
