"""Depth losses. Maps are (B, 1, H, W); a mask marks pixels with ground truth.

All are means over images, so sparse ground truth weighs as much as dense; images without ground truth count as zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

_EPS = 1e-6
_SPREAD = 1e-3  # smallest mean absolute deviation of a usable box


def image_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average each image's masked pixels, (B,); 0 if none."""
    kept = values.where(mask, values.new_zeros(()))
    return kept.flatten(1).sum(1) / mask.flatten(1).sum(1).clamp_min(1)


def log_l1(log_depth: Tensor, log_target: Tensor, mask: Tensor) -> Tensor:
    """Compute the mean absolute error of log depth."""
    return image_mean((log_depth - log_target).abs(), mask).mean()


def silog(log_depth: Tensor, log_target: Tensor, mask: Tensor, focus: float | Tensor = 0.5) -> Tensor:
    """Compute the scale-invariant log error (Eigen et al., NeurIPS 2014).

    sqrt(mean(g^2) - focus * mean(g)^2), where g is the error of log depth.

    Args:
        log_depth: (B, 1, H, W) ln of predicted depth.
        log_target: (B, 1, H, W) ln of ground truth.
        mask: (B, 1, H, W) pixels with ground truth.
        focus: 0 gives the root mean square, 1 ignores a common scale; a number, or (B,).
    """
    g = log_depth - log_target
    variance = image_mean(g.square(), mask) - focus * image_mean(g, mask).square()
    return (variance.clamp_min(0) + _EPS).sqrt().mean()


def gradient_matching(log_depth: Tensor, log_target: Tensor, mask: Tensor, scales: int = 4) -> Tensor:
    """Compute the multi-scale gradient loss (Li and Snavely, CVPR 2018; MiDaS).

    The sum of |dx R| and |dy R| of R, the error of log depth. Coarser scales take every 2nd, 4th, ... pixel; a
    difference counts where both its pixels have ground truth.
    """
    total = log_depth.new_zeros(())
    for scale in range(scales):
        step = 2**scale
        error = (log_depth - log_target)[..., ::step, ::step]
        known = mask[..., ::step, ::step]
        for dim in (-1, -2):
            count = error.shape[dim] - 1
            if count < 1:
                continue
            difference = error.narrow(dim, 1, count) - error.narrow(dim, 0, count)
            both = known.narrow(dim, 1, count) & known.narrow(dim, 0, count)
            total = total + image_mean(difference.abs(), both).mean()
    return total / scales


def box_points(height: int, width: int, generator: torch.Generator, boxes: int = 32, points: int = 256) -> Tensor:
    """Draw random points in random boxes of a map.

    Returns:
        (boxes, points) flat pixel indices; box sides are 0.125 to 0.5 of the map's.
    """
    draws = torch.rand(4, boxes, 1, generator=generator)
    h, w = ((0.125 + 0.375 * draw) * side for draw, side in zip(draws[:2], (height, width), strict=True))
    y, x = torch.rand(2, boxes, points, generator=generator)
    rows = (draws[2] * (height - h) + y * h).long().clamp_max(height - 1)
    columns = (draws[3] * (width - w) + x * w).long().clamp_max(width - 1)
    return rows * width + columns


def rpnl(depth: Tensor, target: Tensor, mask: Tensor, points: Tensor) -> Tensor:
    """Compute the random proposal normalization loss (Metric3D, section 3.3).

    In each box, prediction and ground truth are centered on their median and divided by their mean absolute deviation;
    the loss is the mean absolute difference. Boxes with fewer than 8 points of ground truth, or with flat ground truth,
    are left out.

    Args:
        depth: (B, 1, H, W) predicted depth, or a monotone function of it.
        target: (B, 1, H, W) ground truth, or the same function of it.
        mask: (B, 1, H, W) pixels with ground truth.
        points: (boxes, points) flat pixel indices from `box_points`.
    """
    known = mask.flatten(1)[:, points]
    p, _ = _normalize(depth.flatten(1)[:, points], known)
    t, spread = _normalize(target.flatten(1)[:, points], known)
    usable = (known.sum(-1) >= 8) & (spread > _SPREAD)
    return _last_mean(_last_mean((p - t).abs(), known), usable).mean()


def _last_mean(values: Tensor, known: Tensor) -> Tensor:
    kept = values.where(known, values.new_zeros(()))
    return kept.sum(-1) / known.sum(-1).clamp_min(1)


def _normalize(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Center values (..., N) on their median and scale by their spread.

    Also returns the spread (...), the mean absolute deviation from the median.
    """
    median = values.where(known, torch.nan).nanmedian(-1, keepdim=True).values.nan_to_num()
    centered = values - median
    spread = _last_mean(centered.abs(), known)
    return centered / spread.clamp_min(_SPREAD)[..., None], spread


def laplace(log_depth: Tensor, log_target: Tensor, mask: Tensor, confidence: Tensor) -> Tensor:
    """Compute the Laplace likelihood of the depth error.

    Kendall and Gal, NeurIPS 2017. The error of log depth has the scale b = -ln(confidence). Trains the confidence
    alone: depth is held fixed, or the network would give up on difficult pixels.
    """
    scale = -confidence.clamp(_EPS, 1 - _EPS).log()
    error = (log_depth - log_target).abs().detach()
    return image_mean(error / scale + scale.log(), mask).mean()


def sky(probability: Tensor, is_sky: Tensor, known: Tensor) -> Tensor:
    """Compute cross entropy plus dice loss of sky.

    Cross entropy is the mean over all known pixels, dice is over the batch: images without sky count only what is
    called sky in them.

    Args:
        probability: (B, 1, H, W) predicted probability of sky.
        is_sky: (B, 1, H, W) pixels that show sky.
        known: (B, 1, H, W) pixels that show sky or a surface.
    """
    p, t, weight = probability.clamp(_EPS, 1 - _EPS), is_sky.float(), known.float()
    entropy = -(t * p.log() + (1 - t) * (1 - p).log())
    overlap, total = (weight * p * t).sum(), (weight * (p + t)).sum()
    dice = 1 - (2 * overlap + 1) / (total + 1)
    return (weight * entropy).sum() / weight.sum().clamp_min(1) + dice
