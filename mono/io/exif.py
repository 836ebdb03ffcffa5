"""Camera and orientation of a photo, from its EXIF data and XMP."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from PIL import ExifTags, Image

from mono.io.panorama_metadata import PanoramaWindow, read_projection, read_window, read_xmp
from mono.io.sensors import sensor_size

# FocalPlaneResolutionUnit: 1 ("none") gives no unit, inches are the standard's default, 4 and 5 are common additions.
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
    ZeroDivisionError,
    RecursionError,
    struct.error,
)

_EDITORS = re.compile(
    r"photoshop|lightroom|gimp|picasa|paint|affinity|capture one|darktable|rawtherapee|snapseed|acdsee|irfanview|"
    r"xnview|imagemagick|graphicsmagick|photoscape|pixelmator|aperture|iphoto|luminar|faststone|elements|"
    r"photo ?editor|photo gallery|photofiltre|corel|ulead|digikam|gwenview|shotwell|dxo|silkypix|photomatix|hugin|"
    r"microsoft|windows|vsco|polarr|instagram|canva|figma",
    re.IGNORECASE,
)
# These count only where no 35-mm equivalent tells that a photo was resized.
_CONVERTERS = re.compile(
    r"photo professional|photo raw|zoner|xnconvert|topaz|krita|^photos\b|viewnx|nx studio|capture nx|photodirector|"
    r"photolab|phocus|^art \d|aftershot|pixlr|fotor|vuescan|^preview\b",
    re.IGNORECASE,
)
_SWEEP = 6  # CustomRendered of a panorama that an iPhone was swept over
_FISHEYE = re.compile(r"fish-?\s?eye|\bfish\b", re.IGNORECASE)
_ACTION_CAMERA = re.compile(
    r"^gopro|hero\d|insta360|osmo action|dji action|keymission|yi action|\bsjcam", re.IGNORECASE
)


@dataclass(frozen=True)
class ExifCamera:
    """Camera data of a photo, for the upright image: width and x are already swapped for turned photos.

    A value that is missing, not a number or not finite is None; zeros and absurd values are kept as they are.

    Attributes:
        focal_35mm: focal length of the same view on 36x24 mm film [mm].
        focal_mm: focal length of the lens [mm].
        plane_x, plane_y: pixels per mm of the sensor, at the size of the capture [px/mm].
        captured_width, captured_height: size of the picture as the camera wrote it [px].
        model: make and model, or "".
        orientation: EXIF orientation of the stored pixels, 1 to 8.
        digital_zoom: digital zoom ratio, 1 for none.
        sensor: (longer, shorter) side of the camera's sensor [mm], where its model is known.
        editor: software that may have resized the photo, or "".
        lens: name of the lens, or "".
        projection: projection of a panorama, as "equirectangular", or "".
        window: part of a whole panorama that the photo shows, from its XMP; None: not stated.
        missing_window: tags of the window that are missing where there are others.
        is_sweep: the camera says that it put the photo together while it was turned.
        round_images: radius of two round images on black, if the photo shows such, in halves of their sides; or 0.
    """

    focal_35mm: float | None = None
    focal_mm: float | None = None
    plane_x: float | None = None
    plane_y: float | None = None
    captured_width: int | None = None
    captured_height: int | None = None
    model: str = ""
    orientation: int = 1
    digital_zoom: float = 1.0
    sensor: tuple[float, float] | None = None
    editor: str = ""
    lens: str = ""
    projection: str = ""
    window: PanoramaWindow | None = None
    missing_window: tuple[str, ...] = ()
    is_sweep: bool = False
    round_images: float = 0.0

    @property
    def has_focal(self) -> bool:
        """Tell if there is any focal length."""
        return self.focal_35mm is not None or self.focal_mm is not None

    @property
    def distorting_lens(self) -> str:
        """Name the fisheye lens or action camera, or ""."""
        if _FISHEYE.search(self.lens):
            return f"the fisheye lens {self.lens}"
        return f"the action camera {self.model}" if _ACTION_CAMERA.search(self.model) else ""


def read_orientation(image: Image.Image) -> int:
    """Read the EXIF orientation, 1 to 8; 1 if missing or broken."""
    return _orientation(_exif(image))


def read_exif_camera(image: Image.Image) -> ExifCamera | None:
    """Read what an opened image tells about its camera.

    Returns:
        The camera data; None if the file has none, or it is broken.
    """
    return _camera(_exif(image), image.size, read_xmp(image))


def read_tiff_camera(file: BinaryIO, size: tuple[int, int]) -> ExifCamera | None:
    """Read what a TIFF that Pillow cannot open tells about its camera.

    Args:
        file: opened file; its position changes.
        size: (width, height) of the image [px].

    Returns:
        The camera data; None if the file has none, or it is broken, or a BigTIFF.
    """
    file.seek(0)
    if b"+" in file.read(4):
        return None
    base = Image.Exif()
    try:
        file.seek(0)
        base.load_from_fp(file)
        xmp = base.get(ExifTags.Base.XMLPacket)
    except BROKEN_EXIF:
        return None
    return _camera(base, size, xmp if isinstance(xmp, bytes) else b"")


def _camera(base: Image.Exif, size: tuple[int, int], xmp: bytes) -> ExifCamera | None:
    """Camera data by the tags, the size and the XMP packet of an image."""
    orientation = _orientation(base)
    try:
        tags = base.get_ifd(ExifTags.IFD.Exif)
    except BROKEN_EXIF:
        base, tags = Image.Exif(), {}
    unit = _UNIT_MM.get(int(_number(tags, ExifTags.Base.FocalPlaneResolutionUnit) or 2))
    x = _number(tags, ExifTags.Base.FocalPlaneXResolution)
    y = _number(tags, ExifTags.Base.FocalPlaneYResolution)
    plane = [value / unit if value is not None and unit else None for value in (x, y)]
    captured = [
        int(value) if value and value >= 1 else None
        for value in (_number(tags, ExifTags.Base.ExifImageWidth), _number(tags, ExifTags.Base.ExifImageHeight))
    ]
    if orientation >= 5:
        plane.reverse()
        captured.reverse()
    make, model = _text(base, ExifTags.Base.Make), _text(base, ExifTags.Base.Model)
    software = _text(base, ExifTags.Base.Software)
    zoom = _number(tags, ExifTags.Base.DigitalZoomRatio) or 1.0
    window, missing = read_window(xmp)
    film = _number(tags, ExifTags.Base.FocalLengthIn35mmFilm)
    edited = _EDITORS.search(software) or (not film and _CONVERTERS.search(software))
    camera = ExifCamera(
        focal_35mm=film,
        focal_mm=_number(tags, ExifTags.Base.FocalLength),
        plane_x=plane[0],
        plane_y=plane[1],
        captured_width=captured[0],
        captured_height=captured[1],
        model=model if make and model.lower().startswith(make.lower().split()[0]) else f"{make} {model}".strip(),
        orientation=orientation,
        digital_zoom=zoom if 1 < zoom <= 100 else 1.0,
        sensor=sensor_size(make, model),
        editor=software if edited else "",
        lens=_text(tags, ExifTags.Base.LensModel),
        projection=read_projection(xmp, size, f"{make} {model}"),
        window=window,
        missing_window=missing,
        is_sweep=_number(tags, ExifTags.Base.CustomRendered) == _SWEEP,
    )
    known = camera.has_focal or camera.orientation != 1 or camera.projection or camera.is_sweep
    return camera if known else None


def _exif(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except BROKEN_EXIF:
        return Image.Exif()


def _orientation(base: Image.Exif) -> int:
    try:
        value = base.get(ExifTags.Base.Orientation, 1)
    except BROKEN_EXIF:
        return 1
    return int(value) if isinstance(value, int) and value in range(1, 9) else 1


def _number(tags: Mapping[int, Any], tag: int) -> float | None:
    try:
        value = tags.get(tag)
        if isinstance(value, tuple) and value:
            value = value[0]
        number = float(value)  # type: ignore[arg-type]
    except BROKEN_EXIF:
        return None
    return number if math.isfinite(number) else None


def _text(tags: Mapping[int, Any], tag: int) -> str:
    try:
        value = tags.get(tag)
    except BROKEN_EXIF:
        return ""
    return "".join(c for c in value if c.isprintable()).strip() if isinstance(value, str) else ""
