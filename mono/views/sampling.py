"""Bilinear sampling of the maps of a view, in full precision and across invalid pixels."""

from __future__ import annotations

import numpy as np


def sample(maps: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Sample maps bilinearly; OpenCV rounds coordinates to 1/32 px, which steep surfaces would show.

    Args:
        maps: (channels, height, width) float32.
        columns: columns [px], (n,); beyond the border, values are those of the border.
        rows: rows [px], (n,).

    Returns:
        (channels, n) float32.
    """
    import torch
    import torch.nn.functional as F

    _, height, width = maps.shape
    grid = np.empty((1, 1, len(columns), 2), np.float32)  # from -1 to 1 between the outermost pixels
    np.subtract(columns * np.float32(2 / max(width - 1, 1)), 1, out=grid[0, 0, :, 0])
    np.subtract(rows * np.float32(2 / max(height - 1, 1)), 1, out=grid[0, 0, :, 1])
    source, places = torch.from_numpy(maps)[None], torch.from_numpy(grid)
    found = F.grid_sample(source, places, padding_mode="border", align_corners=True)
    return found[0, :, 0].numpy()
