"""Unstitched pictures of 360-degree cameras: the round images of two fisheyes side by side."""

from __future__ import annotations

import numpy as np

from mono.io.panorama_metadata import is_whole

DUAL_FISHEYE = "unstitched dual-fisheye"

_SIDE = 160  # of a round image when it is looked at [px]
_BLACK = 24  # brightest channel of a black pixel, with the noise of JPEG
_OUTSIDE = 1.12  # in radii of a round image: lenses fill their half, or a little less
_DARK, _BRIGHT = 0.95, 0.5  # shares of black pixels outside and of others inside
_LEAST = 0.25  # share of a round image that is not black
_ROWS = (0.6, 0.85)  # above and below the middle, where corners are wide and a round image still is


def is_dual_fisheye(rgb: np.ndarray) -> bool:
    """Tell if two round images on black are shown.

    Black is a surround only where the round images are bright at the same height; at night, it may be missed.

    Args:
        rgb: (H, W, 3) uint8.
    """
    height, width = rgb.shape[:2]
    if not is_whole((width, height)) or rgb[0, 0].max() > _BLACK or rgb[-1, -1].max() > _BLACK:
        return False
    import cv2

    black = cv2.resize(rgb, (2 * _SIDE, _SIDE), interpolation=cv2.INTER_AREA).max(-1) <= _BLACK
    axis = (np.arange(_SIDE) + 0.5) / (_SIDE / 2) - 1
    x, y = np.meshgrid(axis, axis)
    outside, inside, middle = np.hypot(x, y) > _OUTSIDE, np.hypot(x, y) < 1, np.abs(x) < 1 / 3
    low, high = ((sign * y > _ROWS[0]) & (sign * y < _ROWS[1]) & middle for sign in (1, -1))
    return all(
        black[:, half][outside].mean() >= _DARK
        and 1 - black[:, half][inside].mean() >= _LEAST
        and max(1 - black[:, half][low].mean(), 1 - black[:, half][high].mean()) >= _BRIGHT
        for half in (slice(0, _SIDE), slice(_SIDE, None))
    )
