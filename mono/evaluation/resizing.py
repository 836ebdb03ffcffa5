"""Resize maps of which some pixels are unknown."""

from __future__ import annotations

import numpy as np


def resize_known(values: np.ndarray, known: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Resize the known pixels of a map bilinearly.

    Args:
        values: (height, width) or (height, width, C); unknown values are ignored.
        known: (height, width) bool.
        size: (height', width') of the result.

    Returns:
        Sums of weighted values, of that size, and the weight of the known ones, (height', width'), float32.
    """
    import cv2

    kept = np.where(known if values.ndim == 2 else known[..., None], values, 0).astype(np.float32)
    total, weight = (
        cv2.resize(np.ascontiguousarray(m), size[::-1], interpolation=cv2.INTER_LINEAR)
        for m in (kept, known.astype(np.float32))
    )
    return total, weight
