"""Stored maps of an image: whether they show its view, and how they become upright as it does."""

from __future__ import annotations

import functools
import logging
from pathlib import Path

import numpy as np

from mono.data.image_header import ImageHeader, read_image_header
from mono.io.cameras.files import same_aspect
from mono.io.images import ImageError

logger = logging.getLogger(__name__)

_SMALLEST = 16  # shorter side [px] of maps that may differ from the image in size

# Image axes of the upright image in those of the stored one, by EXIF orientation: (x, y) upright = matrix @ stored.
TURNS = {
    2: ((-1, 0), (0, 1)),
    3: ((-1, 0), (0, -1)),
    4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)),
    6: ((0, -1), (1, 0)),
    7: ((0, -1), (-1, 0)),
    8: ((0, 1), (-1, 0)),
}


def required_turn(shape: tuple[int, ...], rgb: Path, image_size: tuple[int, int] | None = None) -> int | None:
    """Return the EXIF orientation that makes a map upright.

    Args:
        shape: (height, width, ...) of the stored map.
        rgb: image file of the map; read only where `image_size` does not decide.
        image_size: (width, height) [px] of the upright image, or None.

    Returns:
        1 for a map that is upright already, 5 to 8 for one stored unturned like its photo, None for another view.

    Raises:
        ImageError: the image header is needed and cannot be read.
    """
    size = shape[1], shape[0]
    if image_size is not None and same_view(size, image_size):
        return 1
    header = read_image_header(rgb)
    if same_view(size, header.size):
        return 1
    if header.orientation >= 5 and same_view(size, header.size[::-1]):
        return header.orientation
    return None


def same_view(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell if one size is the other resized, see `same_aspect`; below 16 pixels sizes must be equal.

    Args:
        size: (width, height) [px].
        other: (width, height) [px].
    """
    if size == other:
        return True
    return min(*size, *other) >= _SMALLEST and same_aspect(*size, *other)


def turn_upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """Turn or mirror an image by its EXIF orientation.

    Args:
        values: (height, width, ...) as stored.
        orientation: EXIF orientation, 1 to 8.

    Returns:
        upright array, contiguous; height and width are swapped from orientation 5 on.
    """
    if orientation == 1:
        return values
    (a, b), (c, d) = TURNS[orientation]
    if a == 0:
        values, a, d = values.swapaxes(0, 1), b, c
    return np.ascontiguousarray(values[::d, ::a])


@functools.cache
def warn_of_hidden_turn(rgb: Path) -> None:
    """Warn once of a turned photo whose shape does not show if its depth map is turned too."""
    try:
        header = read_image_header(rgb)
    except ImageError:
        return  # the photo is not needed here; reading it reports the error
    if header.turn_is_hidden:
        logger.warning(
            "%s: is turned by its EXIF orientation (%d), and shapes do not show if its depth map is turned too; it is "
            "taken to be upright", rgb, header.orientation
        )  # fmt: skip


def describe_mismatch(shape: tuple[int, ...], rgb: Path) -> str:
    """Describe a map of another view than its image, with the remedy."""
    header: ImageHeader = read_image_header(rgb)
    if same_view((shape[0], shape[1]), header.size):
        remedy = "of another shape, lying on its side: turn it like the image"
    elif min(shape[:2]) < _SMALLEST:
        remedy = f"a map of another size than its image needs at least {_SMALLEST} pixels a side"
    else:
        remedy = "of another shape, so it does not show the same view: crop or turn it like the image"
    return f"is {shape[1]}x{shape[0]}, its image {rgb} is {header.width}x{header.height} (upright); {remedy}"
