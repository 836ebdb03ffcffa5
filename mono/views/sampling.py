"""Bilinear sampling of the maps of a view, in full precision and across invalid pixels."""

from __future__ import annotations

import numpy as np


def sample(values: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Sample maps bilinearly; OpenCV rounds coordinates to 1/32 px, which steep surfaces would show.

    Args:
        values: maps, (height, width, channels) float32, contiguous.
        columns: columns [px], (n,); beyond the border, values are those of the border.
        rows: rows [px], (n,).

    Returns:
        (n, channels) float32.
    """
    height, width, channels = values.shape
    columns = np.clip(columns, 0, width - 1).astype(np.float32)
    rows = np.clip(rows, 0, height - 1).astype(np.float32)
    left = np.minimum(columns.astype(np.int32), max(width - 2, 0))
    top = np.minimum(rows.astype(np.int32), max(height - 2, 0))
    right, below = (columns - left)[:, None], (rows - top)[:, None]
    flat, first = values.reshape(-1, channels), top * width + left
    step_x, step_y = int(width > 1), width if height > 1 else 0
    upper = flat[first] * (1 - right) + flat[first + step_x] * right
    lower = flat[first + step_y] * (1 - right) + flat[first + step_y + step_x] * right
    return upper * (1 - below) + lower * below
