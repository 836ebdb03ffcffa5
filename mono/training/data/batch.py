"""A batch on its way from the data to the losses."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SKY = -1.0  # in target maps: nothing is there, however far; 0 is unknown


class Batch(NamedTuple):
    """Images as the network sees them, and what it should say. A single image is the same without the B.

    Attributes:
        image: (B, 3, H, W) normalised RGB.
        target: (B, 1, H, W) canonical depth [m], 0 where nothing is known, `SKY` where there is sky.
        intrinsics: (B, 4) fx, fy, cx, cy [px] of the canonical camera, with which canonical depth is unprojected: X and
            Y then come out in metres, Z is canonical depth.
        factor: (B,) canonical depth = metric depth * factor.
        area: (B, 4) top, bottom, left, right of the image inside the input [px]; around it is padding.
        metric: (B,) whether the target's scale is true; if not, it is right up to a factor that differs from image to
            image, and its unit says nothing.
        measured: (B,) whether the target is the truth; if not, a network said it, and how far off it is is not known.
    """

    image: Tensor
    target: Tensor
    intrinsics: Tensor
    factor: Tensor
    area: Tensor
    metric: Tensor
    measured: Tensor

    def to(self, device: str | torch.device) -> Batch:
        """The batch on a device."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


def grid_rays(intrinsics: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Directions of unit z through pixels, (B, 3, R, C); times depth they are points, x right, y down, z forward.

    Args:
        intrinsics: (B, 4) fx, fy, cx, cy [px].
        rows, columns: (R,) and (C,) pixel coordinates.
    """
    fx, fy, cx, cy = intrinsics[:, :, None].unbind(1)
    x, y = (columns - cx) / fx, (rows - cy) / fy
    shape = len(intrinsics), len(rows), len(columns)
    x, y = x[:, None, :].expand(shape), y[:, :, None].expand(shape)
    return torch.stack([x, y, torch.ones_like(x)], 1)
