"""What training makes small: the losses of a recipe, on a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from mono.model.depth_model import NetworkOutput
from mono.training import losses
from mono.training.mixed_data import SKY


def compute_losses(
    output: NetworkOutput, target: Tensor, weights: Mapping[str, float], far: float, generator: torch.Generator
) -> dict[str, Tensor]:
    """The losses with a weight, unweighted, for targets (B, 1, H, W) as `MixedFrames` gives them.

    Args:
        output: of the network.
        target: canonical depth [m].
        weights: by loss; those of 0 are left out.
        far: sky nearer than this is wrong [m in canonical space].
        generator: of random pixels.
    """
    # Every second pixel is enough: the decoder speaks at a quarter of the size, and each pass over memory costs.
    row, column = torch.randint(0, 2, (2,), generator=generator).tolist()
    half = (..., slice(row, None, 2), slice(column, None, 2))
    depth = output.depth[half].float().clamp_min(1e-3).log()
    confidence, target = output.confidence[half].float(), target[half]
    known = target > 0
    truth = target.where(known, 1.0).log()
    height, width = known.shape[-2:]
    points = losses.box_points(height, width, generator).to(depth.device)
    computed = {
        "log_l1": lambda: losses.log_l1(depth, truth, known),
        "silog": lambda: losses.silog(depth, truth, known),
        "gradient": lambda: losses.gradient_matching(depth, truth, known),
        "rpnl": lambda: losses.rpnl(depth, truth, known, points),
        "laplace": lambda: losses.laplace(depth, truth, known, confidence),
        "sky": lambda: losses.sky(depth, target == SKY, math.log(far)),
    }
    return {name: computed[name]() for name, weight in weights.items() if weight}
