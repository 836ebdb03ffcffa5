"""Losses for depth, each usable alone. Maps are (B, 1, H, W); a mask says where ground truth is.

Images without a pixel of ground truth count as zero. All are means over images, so that sparse ground truth weighs as
much as dense.
"""

from __future__ import annotations

import torch
from torch import Tensor

_EPS = 1e-6
_SPREAD = 1e-3  # smallest mean absolute deviation that says something of shape


def image_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over each image's masked pixels, (B,); 0 where there are none."""
    kept = values.where(mask, values.new_zeros(()))
    return kept.flatten(1).sum(1) / mask.flatten(1).sum(1).clamp_min(1)


def log_l1(log_depth: Tensor, log_target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of log depth: close to the mean relative error, blind to no offset."""
    return image_mean((log_depth - log_target).abs(), mask).mean()


def silog(log_depth: Tensor, log_target: Tensor, mask: Tensor, focus: float | Tensor = 0.5) -> Tensor:
    """Scale-invariant log error (Eigen et al., NeurIPS 2014): sqrt(mean(g^2) - focus * mean(g)^2), g in log depth.

    Args:
        log_depth, log_truth: ln of predicted and true depth.
        mask: where ground truth is.
        focus: 0 is the root mean square, 1 forgives any common scale; one for all images, or one for each, (B,).
    """
    g = log_depth - log_target
    variance = image_mean(g.square(), mask) - focus * image_mean(g, mask).square()
    return (variance.clamp_min(0) + _EPS).sqrt().mean()


def gradient_matching(log_depth: Tensor, log_target: Tensor, mask: Tensor, scales: int = 4) -> Tensor:
    """Multi-scale gradient loss (Li and Snavely, CVPR 2018; MiDaS): |dx R| + |dy R| of R, the error in log depth.

    Coarser scales take every 2nd, 4th, ... pixel; a difference counts where both its pixels have ground truth.
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
    """Random points in random boxes with sides of 0.125 to 0.5 of the map's, as flat indices (boxes, points)."""
    draws = torch.rand(4, boxes, 1, generator=generator)
    h, w = ((0.125 + 0.375 * draw) * side for draw, side in zip(draws[:2], (height, width), strict=True))
    y, x = torch.rand(2, boxes, points, generator=generator)
    rows = (draws[2] * (height - h) + y * h).long().clamp_max(height - 1)
    columns = (draws[3] * (width - w) + x * w).long().clamp_max(width - 1)
    return rows * width + columns


def rpnl(depth: Tensor, target: Tensor, mask: Tensor, points: Tensor) -> Tensor:
    """Random proposal normalisation loss (Metric3D, ICCV 2023, section 3.3): local shape alone.

    In each box, prediction and ground truth are centred on their median and divided by their mean absolute deviation;
    the loss is the mean absolute difference. Boxes with fewer than 8 points of ground truth, or with flat ground truth,
    are left out.

    Args:
        depth, truth: predicted and true depth, or a monotone function of both.
        mask: where ground truth is.
        points: flat indices (boxes, points) of the pixels of each box, as `box_points` gives them.
    """
    known = mask.flatten(1)[:, points]
    p, _ = _normalised(depth.flatten(1)[:, points], known)
    t, spread = _normalised(target.flatten(1)[:, points], known)
    usable = (known.sum(-1) >= 8) & (spread > _SPREAD)
    return _last_mean(_last_mean((p - t).abs(), known), usable).mean()


def _last_mean(values: Tensor, known: Tensor) -> Tensor:
    kept = values.where(known, values.new_zeros(()))
    return kept.sum(-1) / known.sum(-1).clamp_min(1)


def _normalised(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Values (..., N) minus their median, over their mean absolute deviation from it; and that deviation (...)."""
    median = values.where(known, torch.nan).nanmedian(-1, keepdim=True).values.nan_to_num()
    centred = values - median
    spread = _last_mean(centred.abs(), known)
    return centred / spread.clamp_min(_SPREAD)[..., None], spread


def laplace(log_depth: Tensor, log_target: Tensor, mask: Tensor, confidence: Tensor) -> Tensor:
    """Negative log likelihood (Kendall and Gal, NeurIPS 2017) of the error in log depth, Laplace-distributed with the
    scale b = -ln(confidence).

    Trains the confidence only: the depth is held fixed, else it would give up on what is hard.
    """
    scale = -confidence.clamp(_EPS, 1 - _EPS).log()
    error = (log_depth - log_target).abs().detach()
    return image_mean(error / scale + scale.log(), mask).mean()


def sky(log_depth: Tensor, mask: Tensor, log_far: float) -> Tensor:
    """How much nearer than `log_far` (ln of canonical depth) the sky is said to be, in log depth; farther is free."""
    return image_mean((log_far - log_depth).clamp_min(0), mask).mean()
