"""Depth metrics of an image and of many: per image then averaged, and pooled over pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

import numpy as np

from mono.evaluation.alignment import TIERS, Alignment, fit
from mono.evaluation.boundaries import boundary_score
from mono.evaluation.protocols import Protocol
from mono.evaluation.resizing import resize_known
from mono.system.errors import MetricDepthError

_DENSE_SHARE = 0.5  # of the pixels that count must have ground truth for boundaries to mean anything


@dataclass(frozen=True)
class ImageMetrics:
    """Depth metrics of an image: p is predicted, t ground-truth depth, means are over pixels.

    Attributes:
        pixels: number of pixels compared.
        abs_rel: mean of |p - t| / t.
        sq_rel: mean of (p - t)^2 / t [m].
        rmse: square root of the mean of (p - t)^2 [m].
        rmse_log: square root of the mean of (ln p - ln t)^2.
        log10: mean of |log10 p - log10 t|.
        silog: standard deviation of ln p - ln t, times 100.
        delta1: share of pixels with max(p / t, t / p) below 1.25.
        delta2: share of pixels below 1.25^2.
        delta3: share of pixels below 1.25^3.
        log_bias: mean of ln p - ln t; positive where predictions are too far.
        scale: median t / median p before any alignment; None without predictions or without their unit.
        boundary_f1: F1 of depth edges (`boundary_score`); None where ground truth is not dense or has no edges.
        missing: number of these pixels without a prediction, which count as the nearest depth; None where unknown, as
            in results of former versions.
    """

    pixels: int
    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    log10: float
    silog: float
    delta1: float
    delta2: float
    delta3: float
    log_bias: float
    scale: float | None = None
    boundary_f1: float | None = None
    missing: int | None = None


def compare(predicted: np.ndarray, gt: np.ndarray) -> ImageMetrics:
    """Compute the metrics of predicted depth against ground truth.

    Args:
        predicted: depth [m], any shape, positive and finite.
        gt: ground-truth depth [m], same shape, positive and finite.

    Raises:
        MetricDepthError: shapes differ, there are no pixels, or a value is not positive and finite.
    """
    p, t = np.asarray(predicted, np.float64).ravel(), np.asarray(gt, np.float64).ravel()
    if np.shape(predicted) != np.shape(gt) or not t.size:
        raise MetricDepthError(
            f"{np.shape(predicted)} predicted and {np.shape(gt)} ground-truth depths cannot be compared"
        )
    if not (p.min() > 0 and t.min() > 0 and p.max() < math.inf and t.max() < math.inf):
        raise MetricDepthError("depths to compare must be positive and finite")
    error = p - t
    squared = error * error
    ratio = p / t
    logs = np.log(ratio)
    farther = np.maximum(ratio, 1 / ratio)
    spread = float(logs.std())
    bias = float(logs.mean())
    return ImageMetrics(
        pixels=t.size,
        abs_rel=float((np.abs(error) / t).mean()),
        sq_rel=float((squared / t).mean()),
        rmse=math.sqrt(squared.mean()),
        rmse_log=math.hypot(spread, bias),
        log10=float(np.abs(logs).mean()) / math.log(10),
        silog=100 * spread,
        delta1=float((farther < 1.25).mean()),
        delta2=float((farther < 1.25**2).mean()),
        delta3=float((farther < 1.25**3).mean()),
        log_bias=bias,
    )


def evaluate_tiers(
    predicted: np.ndarray, gt: np.ndarray, protocol: Protocol, alignments: Sequence[str] = TIERS
) -> dict[str, ImageMetrics] | None:
    """Compute an image's metrics with several alignments.

    Args:
        predicted: depth [m], (height', width'); resized to the ground truth. Pixels without a prediction (0, negative,
            NaN) count as predicted at the protocol's nearest depth; they are not left out. Infinite depth counts as the
            protocol's farthest, or as the image's farthest ground truth where the protocol has no limit.
        gt: ground-truth depth [m], (height, width), 0 where there is none; never resized.
        protocol: pixels that count, and their range.
        alignments: tiers of `alignment.ALIGNMENTS`.

    Returns:
        The metrics by tier; None where no pixel of the image counts.

    Raises:
        MetricDepthError: a map is not (height, width), or the protocol or an alignment do not fit.
    """
    for name, depth in (("predicted", predicted), ("ground-truth", gt)):
        if depth.ndim != 2 or depth.size == 0:
            raise MetricDepthError(f"{name} depth has shape {depth.shape}; it must be (height, width)")
    window = protocol.window(*gt.shape)
    predicted, gt = resize_depth(predicted, *gt.shape)[window], gt[window]
    valid = protocol.in_range(gt)
    if not valid.any():
        return None
    p, t = predicted[valid], gt[valid].astype(np.float64)
    edges = protocol.ground_truth != "sparse" and t.size >= _DENSE_SHARE * valid.size
    median = fit(p, t, "median")
    factor = median.scale if (np.isfinite(p) & (p > 0)).any() else None
    farthest, missing = float(t.max()), int(np.count_nonzero(~(p > 0)))

    @cache
    def boundary_f1(aligned: Alignment) -> float | None:
        whole = comparable(aligned.apply(predicted), protocol, math.inf, clamp=False)
        score = boundary_score(whole, gt, valid)
        return score.f1 if score else None

    found = {}
    for alignment in alignments:
        aligned = median if alignment == "median" else fit(p, t, alignment, protocol.far)
        metrics = compare(comparable(aligned.apply(p), protocol, farthest), t)
        # A factor does not move edges: the metric and the median tier share theirs.
        shape = Alignment("metric") if alignment == "median" else aligned
        f1 = boundary_f1(shape) if edges else None
        found[alignment] = replace(metrics, scale=factor, boundary_f1=f1, missing=missing)
    return found


def resize_depth(depth: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize depth bilinearly; invalid pixels do not bleed.

    Args:
        depth: depth [m], (height', width'); 0, negative values and NaN are invalid.
        height: new height [px].
        width: new width [px].

    Returns:
        Depth [m], (height, width), 0 where most of the weight is invalid; infinite where most of the rest is.
    """
    if depth.shape == (height, width):
        return depth
    total, weight = resize_known(depth, np.isfinite(depth) & (depth > 0), (height, width))
    far = np.isposinf(depth)
    infinite = resize_known(depth, far, (height, width))[1] if far.any() else np.zeros_like(weight)
    mean = np.where(infinite > weight, np.float32(np.inf), total / np.maximum(weight, np.float32(0.25)))
    return np.where(weight + infinite > 0.5, mean, np.float32(0))


def mean_over_images(metrics: Iterable[ImageMetrics]) -> ImageMetrics | None:
    """Average each metric over images of equal weight, as papers do.

    Args:
        metrics: metrics of each image.

    Returns:
        The means; `pixels` and `missing` are sums, `scale` and `boundary_f1` are means over the images that have them.
        Sums are exact, so the order of the images does not matter. None without images.
    """
    images = list(metrics)
    if not images:
        return None
    means: dict[str, float | None] = {}
    for field in fields(ImageMetrics):
        values = [value for image in images if (value := getattr(image, field.name)) is not None]
        means[field.name] = math.fsum(values) / len(values) if values else None
    counts = {"pixels": sum(image.pixels for image in images), "missing": missing_pixels(images)}
    return ImageMetrics(**{**means, **counts})  # type: ignore[arg-type]


def missing_pixels(metrics: Iterable[ImageMetrics]) -> int | None:
    """Sum the pixels without a prediction; None where no image counted them.

    Args:
        metrics: metrics of each image.
    """
    known = [image.missing for image in metrics if image.missing is not None]
    return sum(known) if known else None


def pooled_over_pixels(metrics: Iterable[ImageMetrics]) -> ImageMetrics | None:
    """Pool the metrics over all images' pixels of equal weight.

    Args:
        metrics: metrics of each image.

    Returns:
        The pooled metrics, exact and independent of order; `scale` and `boundary_f1` belong to images and are None.
        None without images.
    """
    images = list(metrics)
    if not images:
        return None
    pixels = sum(image.pixels for image in images)

    def mean(values: Iterable[float]) -> float:
        return math.fsum(image.pixels * value for image, value in zip(images, values, strict=True)) / pixels

    names = ("abs_rel", "sq_rel", "log10", "delta1", "delta2", "delta3", "log_bias")
    plain = {name: mean(getattr(image, name) for image in images) for name in names}
    bias = plain["log_bias"]
    spread = math.sqrt(mean((image.silog / 100) ** 2 + (image.log_bias - bias) ** 2 for image in images))
    return ImageMetrics(
        pixels=pixels,
        rmse=math.sqrt(mean(image.rmse**2 for image in images)),
        rmse_log=math.hypot(spread, bias),
        silog=100 * spread,
        missing=missing_pixels(images),
        **plain,
    )


def comparable(depth: np.ndarray, protocol: Protocol, farthest: float, *, clamp: bool | None = None) -> np.ndarray:
    """Make predicted depth comparable: positive, finite and clamped to the range.

    Args:
        depth: depth [m], any shape; pixels without a prediction become the protocol's nearest depth.
        protocol: range of depth.
        farthest: depth [m] of infinite predictions where the protocol has no largest depth: the farthest ground truth.
        clamp: clamp to the range; None: as the protocol does.
    """
    floored = np.where(depth > 0, limit_depth(depth, protocol, farthest), protocol.min_depth)
    if protocol.clamp if clamp is None else clamp:
        return np.clip(floored, protocol.min_depth, protocol.far)
    return floored


def limit_depth(depth: np.ndarray, protocol: Protocol, farthest: float) -> np.ndarray:
    """Bring infinite depth to the far end of a protocol.

    Args:
        depth: depth [m], any shape.
        protocol: range of depth.
        farthest: far end [m] where the protocol has no largest depth.
    """
    return np.where(np.isposinf(depth), protocol.far if math.isfinite(protocol.far) else farthest, depth)
