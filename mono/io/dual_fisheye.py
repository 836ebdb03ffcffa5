"""Unstitched pictures of 360-degree cameras: the round images of two fisheyes side by side."""

from __future__ import annotations

import math

import numpy as np

from mono.io.panorama_metadata import is_whole

_SIDE = 160  # of a round image when it is looked at [px]
_BLACK = 24  # brightest channel of a black pixel, with the noise of JPEG
_LARGEST = 1.1  # radius of a round image, in halves of its side: lenses fill their half, or a little less
_LEAST = 0.25  # share of a round image that is not black
_ROWS, _BRIGHT = (0.6, 0.85), 0.5  # places above or below the middle where so much is not black, but corners are
_EDGE = 0.02  # share of a round image's pixels beyond what is taken for its edge
_ASIDE = 0.1  # in halves of their side, by which round images may lie beside their middle: others overlap


def round_images(rgb: np.ndarray) -> float:
    """Measure two round images side by side on black.

    Black is a surround only where the round images are bright at the same height; at night, it may be missed.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        Their radius in halves of their side, where 1 makes them touch; 0.0 where there are no such images.
    """
    height, width = rgb.shape[:2]
    if not is_whole((width, height)) or rgb[0, 0].max() > _BLACK or rgb[-1, -1].max() > _BLACK:
        return 0.0
    import cv2

    black = cv2.resize(rgb, (2 * _SIDE, _SIDE), interpolation=cv2.INTER_AREA).max(-1) <= _BLACK
    axis = (np.arange(_SIDE) + 0.5) / (_SIDE / 2) - 1
    x, y = np.meshgrid(axis, axis)
    away = np.hypot(x, y)
    low, high = ((sign * y > _ROWS[0]) & (sign * y < _ROWS[1]) & (np.abs(x) < 1 / 3) for sign in (1, -1))
    radii = []
    for half in (~black[:, :_SIDE], ~black[:, _SIDE:]):
        if half[away < 1].mean() < _LEAST or max(half[low].mean(), half[high].mean()) < _BRIGHT:
            return 0.0
        left, right = np.quantile(x[half], (_EDGE, 1 - _EDGE))
        radii.append(float(np.quantile(away[half], 1 - _EDGE)) / math.sqrt(1 - _EDGE))
        if abs(left + right) / 2 > _ASIDE or radii[-1] > _LARGEST:
            return 0.0
    return sum(radii) / 2
