"""Training batch in canonical space."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# Values of target maps that are no depth; 0 is unknown.
SKY = -1.0
FAR = -2.0  # a surface beyond the network's range
SURFACE = -3.0  # a surface at unknown depth


class Batch(NamedTuple):
    """Network inputs and targets; a single image has no B dimension.

    Attributes:
        image: (B, 3, H, W) normalized RGB.
        target: (B, 1, H, W) canonical depth [m]; 0 is unknown, negative values are `SKY`, `FAR` or
            `SURFACE`.
        intrinsics: (B, 4) fx, fy, cx, cy [px] of the canonical camera, which unprojects canonical depth: X and Y come
            out in metres, Z is canonical depth.
        factor: (B,) canonical depth / metric depth.
        area: (B, 4) top, bottom, left, right of the image inside the padded input [px].
        metric: (B,) True if the target is metric; otherwise it is up to an unknown factor per image.
        measured: (B,) True if the target is ground truth; otherwise a network predicted it, with unknown error.
    """

    image: Tensor
    target: Tensor
    intrinsics: Tensor
    factor: Tensor
    area: Tensor
    metric: Tensor
    measured: Tensor

    def to(self, device: str | torch.device) -> Batch:
        """Move the batch to a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


def grid_rays(intrinsics: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Compute pixel directions with unit z, (B, 3, R, C).

    Multiplied by depth they are points: x right, y down, z forward.

    Args:
        intrinsics: (B, 4) fx, fy, cx, cy [px].
        rows: (R,) pixel rows.
        columns: (C,) pixel columns.
    """
    fx, fy, cx, cy = intrinsics[:, :, None].unbind(1)
    x, y = (columns - cx) / fx, (rows - cy) / fy
    shape = len(intrinsics), len(rows), len(columns)
    x, y = x[:, None, :].expand(shape), y[:, :, None].expand(shape)
    return torch.stack([x, y, torch.ones_like(x)], 1)
