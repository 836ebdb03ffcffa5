"""Guided filter (He, Sun and Tang, ECCV 2010), computed on smaller images (He and Sun, 2015)."""

from __future__ import annotations

import numpy as np

_WINDOW = 24  # [px], half the side of the windows in which colors tell a map's values
_LEAST_VARIANCE = 3e-4  # of colors from 0 to 1: what varies less tells nothing
_SHRINK = 4  # sides of the maps, in sides of those that are computed with


def guided_filter(values: np.ndarray, colors: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Bring a map to a photo's pixels: around each of them, it is the linear function of color that fits it best.

    So what has another color than the sky around it is none, however thin it is.

    Args:
        values: (h, w) float32.
        colors: the photo in this size, (h, w, 3) uint8.
        photo: (H, W, 3) uint8.

    Returns:
        (H, W) float32, from 0 to 1.
    """
    import cv2

    size = [max(1, round(side / _SHRINK)) for side in values.shape[::-1]]
    side = 2 * round(_WINDOW / _SHRINK) + 1

    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.blur(x, (side, side), borderType=cv2.BORDER_REFLECT)

    few = cv2.resize(colors, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    target = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    channels = cv2.split(few)
    *means, middle = (mean(x) for x in (*channels, target))
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    rr, rg, rb, gg, gb, bb = (
        mean(channels[i] * channels[j]) - means[i] * means[j] + (_LEAST_VARIANCE if i == j else 0) for i, j in pairs
    )
    r, g, b = (mean(channel * target) - own * middle for channel, own in zip(channels, means, strict=True))
    # The 3x3 matrix of (co)variances by its adjugate, which is symmetric too.
    a_rr, a_rg, a_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    a_gg, a_gb, a_bb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    whole = rr * a_rr + rg * a_rg + rb * a_rb
    slopes = [
        (x * r + y * g + z * b) / whole for x, y, z in ((a_rr, a_rg, a_rb), (a_rg, a_gg, a_gb), (a_rb, a_gb, a_bb))
    ]
    level = middle - sum(slope * own for slope, own in zip(slopes, means, strict=True))
    fitted = cv2.resize(mean(level), photo.shape[1::-1])
    part = np.empty_like(fitted)  # maps of the photo's size are made once: that takes longer than to fill them
    for slope, channel in zip(slopes, cv2.split(photo), strict=True):
        cv2.resize(mean(slope), photo.shape[1::-1], dst=part)
        cv2.add(fitted, cv2.multiply(part, channel, dst=part, scale=1 / 255, dtype=cv2.CV_32F), dst=fitted)
    return fitted.clip(0, 1, out=fitted)
