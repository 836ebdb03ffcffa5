"""Image circles of fisheye lenses: how far off the axis an image shows anything but its black surround."""

from __future__ import annotations

import numpy as np

from mono.geometry.camera import Camera

_SIDE = 320  # longer side of the image that is looked at [px]
_BLACK = 24  # brightest channel of a black pixel, with the noise of JPEG
_RING, _ALL = 0.75, 0.97  # black share of a ring outside of the circle, and of all of them: there may be a time stamp
_RIM = 4  # rings inside of the circle that show something [deg]
_SHOWN = 0.5  # share of bright pixels there
_LEAST = 0.01  # smallest share of the image that a surround has
_FRINGE = 1  # width of the circle's dark rim [deg]


def find_image_circle(rgb: np.ndarray, camera: Camera) -> float | None:
    """Find the angle off the axis beyond which a fisheye image is black.

    Black is a surround only where it begins all around at one angle, and the rings inside are bright: a dark corner of
    the scene is none, and at night no circle may be found.

    Args:
        rgb: image, (height, width, 3) uint8.
        camera: its camera.

    Returns:
        Angle in whole degrees; None where there is no circle.
    """
    import cv2

    scale = min(1.0, _SIDE / max(camera.width, camera.height))
    small = camera.resized(max(2, round(camera.width * scale)), max(2, round(camera.height * scale)))
    black = cv2.resize(rgb, (small.width, small.height), interpolation=cv2.INTER_AREA).max(-1) <= _BLACK
    rays = small.unit_rays()
    seen = np.isfinite(rays[..., 2])
    angles = np.degrees(np.arccos(np.clip(rays[..., 2][seen], -1, 1))).astype(int)
    total = np.bincount(angles, minlength=181)
    dark = np.bincount(angles, black[seen], minlength=181)
    bright = np.flatnonzero(dark < _RING * total)
    if not len(bright):
        return None
    edge = int(bright[-1]) + 1
    rim = slice(edge - _RIM - _FRINGE, edge - _FRINGE)
    surround = total[edge:].sum()
    if edge <= _RIM + _FRINGE or surround < _LEAST * total.sum() or dark[edge:].sum() < _ALL * surround:
        return None
    if dark[rim].sum() > (1 - _SHOWN) * max(total[rim].sum(), 1):
        return None
    return float(edge - _FRINGE)
