"""Where the sky is in a photo taken outdoors, by brightness, colour and smoothness: networks give it some depth."""

from __future__ import annotations

import numpy as np

_SIDE = 480  # [px]; the mask is found on a picture whose longer side is at most this
_SMOOTH = 10.0  # grey levels that neighbouring pixels of the sky differ by at most
_BRIGHT = 110  # grey level of the darkest sky
_LEAST = 0.005  # share of the picture below which it is no sky


def sky_mask(rgb: np.ndarray) -> np.ndarray:
    """Pixels that are sky, where the photo was taken outdoors by day: bright, not redder than blue, smooth, and joined
    to the picture's upper edge by such pixels.

    A white ceiling is taken for sky, so it is not for use indoors; dark and sunset skies are not found.

    Args:
        rgb: (height, width, 3) uint8, upright.

    Returns:
        (height, width) bool.
    """
    import cv2

    height, width = rgb.shape[:2]
    shrink = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (3, 3), 0)
    around = np.ones((3, 3), np.uint8)
    span = cv2.dilate(grey, around).astype(np.int16) - cv2.erode(grey, around)
    red, blue = small[..., 0].astype(np.int16), small[..., 2].astype(np.int16)
    likely = (grey >= _BRIGHT) & (blue >= red - 8) & (span <= _SMOOTH)
    _, labels = cv2.connectedComponents(likely.astype(np.uint8), connectivity=4)
    at_top = np.unique(labels[0])
    sky = np.isin(labels, at_top[at_top > 0])
    if sky.mean() < _LEAST:
        return np.zeros((height, width), bool)
    # The smoothness stops a pixel before the skyline.
    grown = cv2.dilate(sky.astype(np.uint8), around)
    return cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
