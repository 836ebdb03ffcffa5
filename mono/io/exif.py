"""What a photo's EXIF data says about the camera's focal length."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

# FocalPlaneResolutionUnit: 1 ("none") says nothing, inches are the standard's default, 4 and 5 are common additions.
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}

# Broken EXIF data makes Pillow raise any of these.
BROKEN_EXIF = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    SyntaxError,
    EOFError,
    struct.error,
)


@dataclass(frozen=True)
class ExifCamera:
    """EXIF's words on the focal length, for the upright image: width and x are already swapped for turned photos.

    A value that is missing, not a number or not finite is None; zeros and absurd values are kept as they are.

    Attributes:
        focal_35mm: focal length of the same view on 36x24 mm film [mm]; digital zoom is included.
        focal_mm: focal length of the lens [mm].
        plane_x, plane_y: pixels per mm of the sensor, at the size of the capture [px/mm].
        captured_width, captured_height: size of the picture as the camera wrote it [px].
        model: make and model, or "".
    """

    focal_35mm: float | None = None
    focal_mm: float | None = None
    plane_x: float | None = None
    plane_y: float | None = None
    captured_width: int | None = None
    captured_height: int | None = None
    model: str = ""


def read_orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 when there is none or it is broken."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except BROKEN_EXIF:
        return 1
    return value if value in range(1, 9) else 1


def read_exif_camera(image: Image.Image) -> ExifCamera | None:
    """The focal length's entries in an opened image's EXIF data, or None if there are none. Never raises."""
    try:
        base = image.getexif()
        tags = base.get_ifd(ExifTags.IFD.Exif)
    except BROKEN_EXIF:
        return None
    unit = _UNIT_MM.get(int(_number(tags, ExifTags.Base.FocalPlaneResolutionUnit) or 2))
    x = _number(tags, ExifTags.Base.FocalPlaneXResolution)
    y = _number(tags, ExifTags.Base.FocalPlaneYResolution)
    plane = [value / unit if value is not None and unit else None for value in (x, y)]
    size = [
        int(value) if value and value >= 1 else None
        for value in (_number(tags, ExifTags.Base.ExifImageWidth), _number(tags, ExifTags.Base.ExifImageHeight))
    ]
    if read_orientation(image) >= 5:
        plane.reverse()
        size.reverse()
    camera = ExifCamera(
        focal_35mm=_number(tags, ExifTags.Base.FocalLengthIn35mmFilm),
        focal_mm=_number(tags, ExifTags.Base.FocalLength),
        plane_x=plane[0],
        plane_y=plane[1],
        captured_width=size[0],
        captured_height=size[1],
        model=" ".join(filter(None, (_text(base, ExifTags.Base.Make), _text(base, ExifTags.Base.Model)))),
    )
    return None if camera.focal_35mm is None and camera.focal_mm is None else camera


def _number(tags: Mapping[int, Any], tag: int) -> float | None:
    value = tags.get(tag)
    if isinstance(value, tuple) and value:
        value = value[0]
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _text(tags: Mapping[int, Any], tag: int) -> str:
    value = tags.get(tag)
    return "".join(c for c in value if c.isprintable()).strip() if isinstance(value, str) else ""
