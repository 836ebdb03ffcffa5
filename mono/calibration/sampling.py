"""Samples of depth maps at image points."""

from __future__ import annotations

import numpy as np


def depth_at(depth: np.ndarray, uv: np.ndarray, jump: float = 0.2) -> np.ndarray:
    """Interpolate depth at image points, away from edges.

    Corners often lie on edges, where the depth of a point may be that of either side.

    Args:
        depth: depth map, (H, W), 0 without depth.
        uv: points [px], pixel centers at whole numbers, (P, 2).
        jump: largest relative difference among the 16 pixels around a point.

    Returns:
        Depth, (P,); NaN without depth, beside an edge, or outside the map.
    """
    h, w = depth.shape
    left, top = np.floor(uv[:, 0]).astype(np.int64), np.floor(uv[:, 1]).astype(np.int64)
    columns = left[:, None] + np.arange(-1, 3)
    rows = top[:, None] + np.arange(-1, 3)
    inside = (left >= 0) & (top >= 0) & (left < w) & (top < h)
    around = depth[np.clip(rows, 0, h - 1)[:, :, None], np.clip(columns, 0, w - 1)[:, None]].astype(np.float64)
    low, high = around.min((1, 2)), around.max((1, 2))
    good = inside & (low > 0) & (high <= low * (1 + jump))
    a, b = uv[:, 0] - left, uv[:, 1] - top
    # On a plane, inverse depth is linear in the image.
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = 1 / around[:, 1:3, 1:3]
        upper = inner[:, 0, 0] * (1 - a) + inner[:, 0, 1] * a
        lower = inner[:, 1, 0] * (1 - a) + inner[:, 1, 1] * a
        return np.where(good, 1 / (upper * (1 - b) + lower * b), np.nan)
