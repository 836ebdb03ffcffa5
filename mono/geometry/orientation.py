"""EXIF orientations: how pixels and directions move when an image is set upright."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Stored pixel (x, y) of a width x height image to its place in the upright image, by EXIF orientation.
UPRIGHT: dict[int, Callable[[float, float, int, int], tuple[float, float]]] = {
    1: lambda x, y, width, height: (x, y),
    2: lambda x, y, width, height: (width - 1 - x, y),
    3: lambda x, y, width, height: (width - 1 - x, height - 1 - y),
    4: lambda x, y, width, height: (x, height - 1 - y),
    5: lambda x, y, width, height: (y, x),
    6: lambda x, y, width, height: (height - 1 - y, x),
    7: lambda x, y, width, height: (height - 1 - y, width - 1 - x),
    8: lambda x, y, width, height: (y, width - 1 - x),
}


def turned_axes(orientation: int) -> np.ndarray:
    """Compute the map from directions in the stored image to those in the upright one.

    Args:
        orientation: EXIF orientation, 1 to 8.

    Returns:
        (2, 2) matrix of 0, 1 and -1.
    """
    move = UPRIGHT[orientation]
    origin = np.array(move(0, 0, 1, 1))
    return np.stack([move(1, 0, 1, 1) - origin, move(0, 1, 1, 1) - origin], 1)
