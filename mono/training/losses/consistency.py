"""Consistency loss: two views of an image must give one metric depth.

A network's scale may change with the input's size or crop. The canonical factor gives the difference of canonical
depth that two views should have; the rest is drift. Needs no ground truth.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mono.training.data.batch import Batch


def consistency(log_depth: Tensor, batch: Batch, rows: Tensor, columns: Tensor) -> Tensor:
    """Compute the mean log depth difference between paired views.

    Rows 2i and 2i + 1 of the batch are views of one image. Only pixels that both views show count; a pair without such
    pixels counts as zero.

    Args:
        log_depth: (B, 1, H, W) ln of predicted canonical depth.
        batch: cameras and factors that map pixels of one view to the other.
        rows: (R,) rows of the first view that are compared.
        columns: (C,) columns of the first view that are compared.

    Returns:
        Scalar mean over pairs of |difference of ln metric depth|.
    """
    height, width = log_depth.shape[-2:]
    first, second = slice(0, None, 2), slice(1, None, 2)
    log_metric = log_depth - batch.factor.log()[:, None, None, None]
    # Both views share a center of projection: equal directions show equal points.
    camera = batch.intrinsics.clone()
    camera[:, :2] /= batch.factor[:, None]
    fx, fy, cx, cy = camera[first].T[:, :, None]
    gx, gy, dx, dy = camera[second].T[:, :, None]
    x, y = (columns - cx) / fx * gx + dx, (rows - cy) / fy * gy + dy  # (B / 2, C) and (B / 2, R), in the second view
    grid = torch.stack(
        [
            ((2 * x + 1) / width - 1)[:, None, :].expand(-1, len(rows), -1),
            ((2 * y + 1) / height - 1)[:, :, None].expand(-1, -1, len(columns)),
        ],
        -1,
    )
    there = F.grid_sample(log_metric[second], grid, align_corners=False)
    here = log_metric[first][:, :, rows][..., columns]
    rows, columns = rows.expand(len(x), -1), columns.expand(len(x), -1)
    both = _inside(rows, columns, batch.area[first]) & _inside(y, x, batch.area[second])
    kept = (here - there).abs().where(both[:, None], 0.0).flatten(1).sum(1)
    return (kept / both.flatten(1).sum(1).clamp_min(1)).mean()


def _inside(rows: Tensor, columns: Tensor, area: Tensor) -> Tensor:
    """Mark pixels inside image areas.

    Pixels are (B, R) x (B, C), areas (B, 4); returns (B, R, C).
    """
    top, bottom, left, right = area.T[:, :, None]
    vertical, horizontal = (rows >= top) & (rows <= bottom - 1), (columns >= left) & (columns <= right - 1)
    return vertical[:, :, None] & horizontal[:, None, :]
