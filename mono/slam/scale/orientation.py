"""EXIF orientation: from pixels as stored to the upright image."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mono.data.sample import Sample
from mono.data.video import VideoSample
from mono.io.exif import BROKEN_EXIF, read_orientation

# Formats that carry an EXIF orientation and that COLMAP reads as stored; JPEG includes MPO.
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")


def stored_orientation(sample: Sample) -> int:
    """Read the EXIF orientation of a frame's file, 1 to 8.

    Video frames, and files that cannot be opened, have 1.
    """
    if isinstance(sample, VideoSample):
        return 1
    try:
        with Image.open(sample.rgb, formats=_FORMATS) as image:
            return read_orientation(image)
    except BROKEN_EXIF:
        return 1


def turn_points(uv: np.ndarray, width: float, height: float, orientation: int) -> np.ndarray:
    """Move points from an image as stored to the upright image.

    Args:
        uv: (P, 2) [px]; the corner of the first pixel is (0, 0), as in COLMAP.
        width: width of the image as stored [px].
        height: height of the image as stored [px].
        orientation: EXIF orientation, 1 to 8.

    Returns:
        Points in the upright image, whose sides are swapped for 5 to 8, (P, 2) [px].
    """
    x, y = uv[..., 0], uv[..., 1]
    left, up = width - x, height - y
    turned = {1: (x, y), 2: (left, y), 3: (left, up), 4: (x, up), 5: (y, x), 6: (up, x), 7: (up, left), 8: (y, left)}
    return np.stack(turned[orientation], axis=-1)
