"""Photographs of any common kind in, upright 8-bit RGB out."""

from __future__ import annotations

import io
import logging
import os
import struct
import tokenize
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from mono.io.exif import ExifCamera, read_exif_camera, read_orientation
from mono.system.errors import MetricDepthError

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif"})
MIN_SIDE = 8
MAX_PIXELS = 178_956_970  # Pillow refuses more by itself

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
)


class ImageError(MetricDepthError):
    """An image cannot be used. The message names the file, what is wrong with it and what to do."""


@dataclass(frozen=True)
class Photo:
    """An image as the camera saw it.

    Attributes:
        rgb: (H, W, 3) uint8, upright, contiguous.
        exif: what the file says about the focal length, for the upright image; None if nothing.
    """

    rgb: np.ndarray
    exif: ExifCamera | None = None


def read_image(path: str | os.PathLike[str]) -> Photo:
    """Read a JPEG, PNG, WebP, TIFF, BMP (or anything else Pillow decodes); HEIC where `pillow-heif` is installed.

    The first frame of an animation or a multi-page file is taken, with a warning. See `to_rgb` for the conversion.

    Raises:
        ImageError: the file is missing, empty, not an image, cut short, smaller than 8 pixels a side or larger than
            179 megapixels.
    """
    path = Path(path)
    if not path.exists():
        raise ImageError(f"{path}: there is no such file; check the path")
    if path.is_dir():
        raise ImageError(f"{path}: is a folder, not an image; give it as an input folder instead")
    if not path.is_file():
        raise ImageError(f"{path}: is not a regular file; give an image file")
    try:
        with path.open("rb") as file:
            return _decode(path, file)
    except PermissionError as error:
        raise ImageError(f"{path}: may not be read (permission denied); change its permissions") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ImageError(f"{path}: is too large ({error}); make it smaller first") from error


def _decode(path: Path, file: io.BufferedReader) -> Photo:
    head = file.read(1024)
    file.seek(0)
    if not head:
        raise ImageError(f"{path}: is empty (0 bytes); copy or download it again")
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        _register_heif(path)
    try:
        image = Image.open(file)
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: {_what_is_it(head)}") from error
    except DECODING_ERRORS as error:
        raise ImageError(f"{path}: is damaged ({error}); copy or download it again") from error
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise ImageError(f"{path}: is {width}x{height} pixels; at least {MIN_SIDE} a side are needed")
    if width * height > MAX_PIXELS:
        raise ImageError(f"{path}: is {width}x{height} pixels, more than 179 megapixels; make it smaller first")
    try:
        # A phone's MPO is a JPEG with extras behind it, and its first frame is the photo.
        if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
            logger.warning("%s: has %d frames or pages; the first is used", path, getattr(image, "n_frames", 0))
        image.seek(0)
        image.load()
        exif = read_exif_camera(image)
        return Photo(to_rgb(image), exif)
    except DECODING_ERRORS as error:
        reason = str(error) or type(error).__name__
        raise ImageError(f"{path}: is cut short or damaged ({reason}); copy or download it again") from error


def to_rgb(image: Image.Image) -> np.ndarray:
    """An image of any Pillow mode as (H, W, 3) uint8, upright by its EXIF orientation, contiguous.

    Transparent images are laid over white, as viewers show them. 16-bit images are scaled by 1/257. Floating-point
    images are taken to lie in 0..1, or 0..255 or 0..65535 if their largest value says so; NaN is black. An embedded
    ICC profile is converted to sRGB.
    """
    if image.mode.startswith("I") or image.mode == "F":
        grey = _deep_grey(np.asarray(image))
        converted = Image.fromarray(grey).convert("RGB")
    else:
        converted = _to_srgb(image)
        if converted.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in converted.info:
            layer = converted.convert("RGBA")
            converted = Image.new("RGBA", layer.size, (255, 255, 255, 255))
            converted.alpha_composite(layer)
        converted = converted.convert("RGB")
    orientation = read_orientation(image)
    if orientation != 1:
        converted = converted.transpose(_UPRIGHT[orientation])
    return np.array(converted, np.uint8, order="C")


def _deep_grey(values: np.ndarray) -> np.ndarray:
    """16-bit, 32-bit or floating-point grey as uint8."""
    integer = np.issubdtype(values.dtype, np.integer)
    values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    largest = values.max()
    if largest > 65535:
        scale = 255 / largest
    elif integer or largest > 255:
        scale = 1 / 257
    else:
        scale = 255.0 if largest <= 1 else 1.0
    return np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)


def _to_srgb(image: Image.Image) -> Image.Image:
    """The image's colours in sRGB, where a usable ICC profile is embedded; else the image itself."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    from PIL import ImageCms

    try:
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(embedded):
            return image
        converted = ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        logger.debug("ICC profile ignored: %s", error)
        return image
    return converted or image


def _register_heif(path: Path) -> None:
    try:
        import pillow_heif  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise ImageError(f"{path}: is a HEIC image; to read it: pip install pillow-heif, or save it as JPEG") from error
    pillow_heif.register_heif_opener()


def _what_is_it(head: bytes) -> str:
    """What a file that no decoder knows seems to be, and what to do about it."""
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "is a web page (HTML), not an image; the download went wrong, download it again"
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not an image; fetch it with: git lfs pull"
    if not head.strip(b"\0"):
        return "holds only zeros, not an image; copy or download it again"
    text = head.decode("utf-8", "ignore")
    if len(text.encode()) >= len(head) - 3 and all(c.isprintable() or c.isspace() for c in text):
        return "is a text file, not an image; give a JPEG, PNG, WebP, TIFF or BMP"
    return "is not an image of a known format, or is damaged; give a JPEG, PNG, WebP, TIFF or BMP"
