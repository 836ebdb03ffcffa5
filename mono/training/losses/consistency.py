"""One depth however an image is shown: two views of a frame, cropped and resized differently, must agree.

A network may say another scale when the input's size or crop changes. The canonical factor tells how canonical depth
has to differ between two views; what else differs is drift. No ground truth is needed.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mono.training.data.batch import Batch


def consistency(log_depth: Tensor, batch: Batch, rows: Tensor, columns: Tensor) -> Tensor:
    """Mean absolute difference of the log metric depth that two views say of the same place, over the pixels that both
    show; a mean over pairs, in which a pair without such pixels counts as zero.

    Rows 2i and 2i + 1 of the batch are views of one frame, as a plan for pairs gives them.

    Args:
        log_depth: (B, 1, H, W) ln of predicted canonical depth.
        batch: whose cameras and factors tell which pixels belong together.
        rows, columns: of the first view's pixels that are compared.
    """
    height, width = log_depth.shape[-2:]
    first, second = slice(0, None, 2), slice(1, None, 2)
    log_metric = log_depth - batch.factor.log()[:, None, None, None]
    # Both views share a centre of projection: a pixel is the same place if its direction is the same.
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
    """Whether pixels (B, R) x (B, C) lie on the image, (B, R, C), for areas (B, 4)."""
    top, bottom, left, right = area.T[:, :, None]
    vertical, horizontal = (rows >= top) & (rows <= bottom - 1), (columns >= left) & (columns <= right - 1)
    return vertical[:, :, None] & horizontal[:, None, :]
