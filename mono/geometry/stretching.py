"""Resize images to multiples of a patch size without padding, as Depth Anything 3 does."""

from __future__ import annotations

import numpy as np

Size = tuple[int, int]


def stretched_sizes(size: Size, crop: Size, multiple: int) -> tuple[Size, Size]:
    """Compute the two sizes that an image is resized to.

    Args:
        size: (height, width) of the image [px].
        crop: (height, width) that it is fitted into [px].
        multiple: the second size's sides are multiples of it [px].

    Returns:
        (height, width) of the fitted image, and of that with each side at the nearest multiple, which is 0 for a side
        that vanishes.
    """
    ratio = min(crop[0] / size[0], crop[1] / size[1])
    height, width = (max(1, round(side * ratio)) for side in size)
    half = multiple // 2
    return (height, width), ((height + half) // multiple * multiple, (width + half) // multiple * multiple)


def resize_smoothly(rgb: np.ndarray, *sizes: Size) -> np.ndarray:
    """Resize an image to each (height, width) in turn: area averages, or bicubic where a side grows."""
    import cv2

    for height, width in sizes:
        if rgb.shape[:2] != (height, width):
            grows = height > rgb.shape[0] or width > rgb.shape[1]
            rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC if grows else cv2.INTER_AREA)
    return rgb
