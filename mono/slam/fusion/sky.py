"""Sky mask of outdoor photos by brightness, color and smoothness."""

from __future__ import annotations

import numpy as np

_SIDE = 480  # longer side at most, at which the mask is computed [px]
_SMOOTH = 10.0  # largest difference of neighboring sky pixels [gray levels]
_BRIGHT = 110  # gray level of the darkest sky
_LEAST = 0.005  # smallest share of the image


def sky_mask(rgb: np.ndarray) -> np.ndarray:
    """Find sky pixels in a photo taken outdoors by day.

    Sky is bright, not redder than blue, smooth, and connected to the upper edge. White ceilings are taken for sky, so
    it is not for indoors; dark and sunset skies are missed.

    Args:
        rgb: upright image, (H, W, 3) uint8.

    Returns:
        True for sky, (H, W) bool.
    """
    import cv2

    height, width = rgb.shape[:2]
    shrink = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    gray = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (3, 3), 0)
    around = np.ones((3, 3), np.uint8)
    span = cv2.dilate(gray, around).astype(np.int16) - cv2.erode(gray, around)
    red, blue = small[..., 0].astype(np.int16), small[..., 2].astype(np.int16)
    likely = (gray >= _BRIGHT) & (blue >= red - 8) & (span <= _SMOOTH)
    _, labels = cv2.connectedComponents(likely.astype(np.uint8), connectivity=4)
    at_top = np.unique(labels[0])
    sky = np.isin(labels, at_top[at_top > 0])
    if sky.mean() < _LEAST:
        return np.zeros((height, width), bool)
    # The smoothness stops a pixel before the skyline.
    grown = cv2.dilate(sky.astype(np.uint8), around)
    return cv2.resize(grown, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)
