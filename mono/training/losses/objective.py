"""Training objective: compute a recipe's losses for a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mono.model.depth_model import NetworkOutput
from mono.system.errors import MetricDepthError
from mono.training.data.batch import FAR, SKY, SURFACE, Batch, grid_rays
from mono.training.losses import depth as losses
from mono.training.losses import geometry as geometry_losses
from mono.training.losses.consistency import consistency

_NEAREST = 1e-3  # [m], keeps logarithms finite
_SKY_ERROR = 2.0  # error of log depth that sky counts as


def compute_losses(
    output: NetworkOutput,
    batch: Batch,
    weights: Mapping[str, float],
    generator: torch.Generator,
    stride: int = 2,
) -> dict[str, Tensor]:
    """Compute every loss with a non-zero weight.

    Ground truth that is not metric is first multiplied by the median of prediction / ground truth, and only losses that
    ignore scale apply: `laplace` leaves such images out, and `silog` ignores the scale. `laplace` also leaves
    out predicted targets.

    Args:
        output: raw network output.
        batch: network inputs and targets.
        weights: weight of each loss by name; losses of weight 0 are left out.
        generator: source of random pixels.
        stride: use every n-th row and column; 2 suffices for dense ground truth, as decoders predict at a quarter of
            the size and each pass over memory costs.

    Returns:
        Scalar losses by name, before weighting.

    Raises:
        MetricDepthError: sky is to be learned, and the network predicts none.
    """
    if weights.get("sky") and output.sky is None:
        raise MetricDepthError("the recipe has the loss sky, and the network predicts none: set sky_widths, as lite.py")
    row, column = torch.randint(0, stride, (2,), generator=generator).tolist()
    part = (..., slice(row, None, stride), slice(column, None, stride))
    depth = output.depth[part].float().clamp_min(_NEAREST)
    confidence, target = output.confidence[part].float(), batch.target[part]
    log_depth = depth.log()
    known = target > 0
    metric = batch.metric[:, None, None, None]
    measured = (batch.metric & batch.measured)[:, None, None, None]
    log_target = target.where(known, 1.0).log()
    if not bool(metric.all()):
        # After the median shift as many pixels are too near as too far, so no common scale is learned.
        log_target = log_target + _medians(log_depth.detach() - log_target, known).where(~metric, 0.0)
    beyond = ((target == SKY) & metric) | ((target == FAR) & measured)
    focus = torch.where(batch.metric, 0.5, 1.0)
    height, width = known.shape[-2:]

    rows = row + stride * torch.arange(height, device=depth.device)
    columns = column + stride * torch.arange(width, device=depth.device)

    def unprojected() -> tuple[Tensor, Tensor, Tensor]:
        rays = grid_rays(batch.intrinsics, rows, columns)
        return rays * depth, rays * log_target.exp(), known

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator).to(depth.device)

    def boxes() -> Tensor:
        return losses.box_points(height, width, generator).to(depth.device)

    def pairs() -> Tensor:
        return geometry_losses.near_pairs(height, width, generator).to(depth.device)

    def sky() -> Tensor:
        assert output.sky is not None
        surface = (known & metric) | (target == FAR) | (target == SURFACE)
        return losses.sky(output.sky[part].float(), target == SKY, (target == SKY) | surface)

    def every_pixel() -> Tensor:
        return output.depth.float().clamp_min(_NEAREST).log()

    def edges() -> Tensor:
        there = (batch.target > 0) & batch.measured[:, None, None, None]
        return losses.gradient_matching(every_pixel(), batch.target.where(there, 1.0).log(), there, scales=1)

    computed: dict[str, Callable[[], Tensor]] = {
        "log_l1": lambda: losses.log_l1(log_depth, log_target, known),
        "silog": lambda: losses.silog(log_depth, log_target, known, focus),
        "gradient": lambda: losses.gradient_matching(log_depth, log_target, known),
        "rpnl": lambda: losses.rpnl(log_depth, log_target, known, boxes()),
        "vnl": lambda: geometry_losses.virtual_normal(*unprojected(), random(3, 4096)),
        "pwn": lambda: geometry_losses.pairwise_normal(*unprojected(), pairs()),
        "laplace": lambda: losses.laplace(
            log_depth,
            log_target.where(~beyond, log_depth.detach() + _SKY_ERROR),
            (known & measured) | beyond,
            confidence,
        ),
        "consistency": lambda: consistency(every_pixel(), batch, rows, columns),
        "sky": sky,
        "edges": edges,
    }
    return {name: computed[name]() for name, weight in weights.items() if weight}


def _medians(values: Tensor, known: Tensor) -> Tensor:
    """Compute medians of known pixels, (B, 1, 1, 1); 0 if none."""
    kept = values.where(known, torch.nan).flatten(1)
    return kept.nanmedian(1).values.nan_to_num()[:, None, None, None]
