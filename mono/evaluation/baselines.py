"""Baselines of a result: the best constant depth, computed, and published figures, quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mono.evaluation.alignment import TIERS, fit
from mono.evaluation.metrics import ImageMetrics, compare, mean_over_images, pooled_over_pixels
from mono.evaluation.protocols import Protocol

_KITTI, _NYU = "kitti_eigen_garg", "nyu_eigen"
_METRIC3D = "Yin et al., ICCV 2023"
_ADABINS = "Bhat et al., CVPR 2021"
_NEWCRFS = "Yuan et al., CVPR 2022"


@dataclass(frozen=True)
class Published:
    """Metrics quoted from a paper; not measured by this package.

    Attributes:
        model: name of the evaluated model.
        protocol: name of the protocol with the same crop and range.
        training: relation of the training data to the dataset.
        values: metrics of the metric tier, by their names in `ImageMetrics`.
        reference: source of the figures.
    """

    model: str
    protocol: str
    training: str
    values: Mapping[str, float]
    reference: str


PUBLISHED = (
    Published("Metric3D ConvNeXt-L", _KITTI, "zero-shot", {
        "abs_rel": 0.058, "rmse": 2.770, "rmse_log": 0.092, "delta1": 0.964, "delta2": 0.993, "delta3": 0.998
    }, _METRIC3D),
    Published("AdaBins", _KITTI, "trained on KITTI", {"abs_rel": 0.058, "rmse": 2.360, "delta1": 0.964}, _ADABINS),
    Published("NeWCRFs", _KITTI, "trained on KITTI", {"abs_rel": 0.052, "rmse": 2.129, "delta1": 0.974}, _NEWCRFS),
    Published("Metric3D ConvNeXt-L", _NYU, "zero-shot", {
        "abs_rel": 0.083, "rmse": 0.310, "log10": 0.035, "delta1": 0.944, "delta2": 0.986, "delta3": 0.995
    }, _METRIC3D),
    Published("AdaBins", _NYU, "trained on NYU", {
        "abs_rel": 0.103, "rmse": 0.364, "log10": 0.044, "delta1": 0.903
    }, _ADABINS),
    Published("NeWCRFs", _NYU, "trained on NYU", {
        "abs_rel": 0.095, "rmse": 0.334, "log10": 0.041, "delta1": 0.922
    }, _NEWCRFS),
)  # fmt: skip


def published(protocol: str) -> tuple[Published, ...]:
    """Select the published figures comparable with a protocol; none for most.

    Args:
        protocol: name of the protocol.
    """
    return tuple(figures for figures in PUBLISHED if figures.protocol == protocol)


@dataclass(frozen=True)
class ConstantDepth:
    """Constant depth for all pixels of all images, the baseline that a result must beat.

    Attributes:
        depth: constant depth [m].
        tiers: average metrics by tier; aligned, it is each image's median or mean ground-truth depth.
    """

    depth: float
    tiers: Mapping[str, ImageMetrics]


def best_constant(gts: Sequence[np.ndarray], pixels: Sequence[int], protocol: Protocol) -> ConstantDepth | None:
    """Find the constant depth of least AbsRel over a dataset.

    AbsRel of a constant c is a mean of |c - t| / t, so the best c is the median of the ground-truth depths t, each
    weighted by 1 / t and by its pixel's weight in the average; this is exact for the given depths.

    Args:
        gts: ground-truth depths [m] of each image's pixels that count (all, or evenly spaced quantiles), (n,),
            positive; images without any are left out.
        pixels: number of pixels that count, by image.
        protocol: averaging over images, and range.

    Returns:
        The constant and its average metrics; None without images.
    """
    pixels = [count for gt, count in zip(gts, pixels, strict=True) if len(gt)]
    gts = [np.asarray(gt, np.float64) for gt in gts if len(gt)]
    if not gts:
        return None
    pooled = protocol.averaging == "pixel"
    shares = [count if pooled else 1 for count in pixels]
    depths = np.concatenate(gts)
    weights = np.concatenate([np.full(gt.size, share / gt.size) for gt, share in zip(gts, shares, strict=True)])
    constant = _weighted_median(depths, weights / depths)
    average = pooled_over_pixels if pooled else mean_over_images
    tiers = {}
    for tier in TIERS:
        images = []
        for gt, count in zip(gts, pixels, strict=True):
            aligned = fit(np.full(gt.size, constant), gt, tier, protocol.far).apply(np.full(gt.size, constant))
            images.append(replace(compare(aligned, gt), pixels=count))
        mean = average(images)
        if mean is not None:
            tiers[tier] = mean
    return ConstantDepth(constant, tiers)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    cumulative = weights[order].cumsum()
    return float(values[order[np.searchsorted(cumulative, 0.5 * cumulative[-1])]])
