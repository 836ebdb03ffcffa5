"""Photos: upright 8-bit RGB from the common image formats."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from mono.io.colors import array_to_rgb, dark_to_rgb, is_dark, to_rgb
from mono.io.dual_fisheye import round_images
from mono.io.exif import ExifCamera, read_exif_camera, read_orientation, read_tiff_camera
from mono.io.file_kinds import describe_file, require_file
from mono.io.image_formats import (
    DECODING_ERRORS,
    WHOLE_PIXELS,
    ImageFault,
    is_deep_color,
    keep_premultiplied,
    open_image,
    read_16_bit,
)
from mono.io.tiff import (
    TiffError,
    decoded_bytes,
    describe_kind,
    has_deep_colors,
    is_raw,
    needs_own_reader,
    read_directories,
    read_pixels,
    shows_white_as_zero,
    skip_thumbnail,
)
from mono.system.errors import MetricDepthError
from mono.system.memory import release_freed_memory

__all__ = ["DECODING_ERRORS", "IMAGE_SUFFIXES", "MAX_PIXELS", "MIN_SIDE", "ImageError", "Photo", "read_image", "to_rgb"]

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".gif",
    ".avif", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
MIN_SIDE = 8
MAX_PIXELS = 1 << 28  # 268 megapixels, of a stored image
FULL_SIZE_PIXELS = 1 << 25  # 34 megapixels; larger images are read at a reduced size
MAX_FILE_BYTES = 1 << 30

_JPEG = ("JPEG", "MPO")
_LARGE = (*_JPEG, "PNG", "TIFF", "BMP", "PPM")  # others are decoded through several copies
_METADATA = threading.Lock()  # as the list of warnings is the process's
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


class ImageError(MetricDepthError):
    """Error of an image that cannot be used, naming file, cause and remedy."""


@dataclass(frozen=True)
class Photo:
    """Image as the camera saw it.

    Attributes:
        rgb: (H, W, 3) uint8 RGB, upright, contiguous.
        exif: focal-length entries of the file, for the upright image at its full size; None if there are none.
        stored_size: (width, height) of the upright image in the file [px], where `rgb` was read at a reduced size.
    """

    rgb: np.ndarray
    exif: ExifCamera | None = None
    stored_size: tuple[int, int] | None = None

    @property
    def full_size(self) -> tuple[int, int]:
        """Return (width, height) [px] of the upright image in its file, for which its camera holds."""
        return self.stored_size or (self.rgb.shape[1], self.rgb.shape[0])


def read_image(path: str | os.PathLike[str]) -> Photo:
    """Read a photo as upright 8-bit RGB.

    The content decides the format, whatever the suffix: JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000, PPM, and HEIC
    where `pillow-heif` is installed. The first frame of an animation or page of a file is taken, with a warning. Images
    of more than 34 megapixels are read at a half, quarter or eighth of their size, with a warning. See `to_rgb` for the
    conversion of colors.

    Args:
        path: image file.

    Returns:
        The photo; `Photo.stored_size` is set where it was reduced.

    Raises:
        ImageError: the file is missing, empty, not an image, raw sensor data, cut short, smaller than 8 pixels on a
            side, or too large: 268 megapixels (WebP, GIF, AVIF, HEIC and JPEG 2000: 67).
    """
    path = Path(path)
    require_file(path, "an image", ImageError)
    try:
        with path.open("rb") as file:
            return _decode(path, file, path.stat().st_size)
    except PermissionError as error:
        raise ImageError(f"{path}: may not be read (permission denied); change its permissions") from error
    except MemoryError as error:
        raise ImageError(f"{path}: is too large for the memory of this machine; make it smaller first") from error


def read_image_bytes(data: bytes, name: str = "image") -> Photo:
    """Read a photo from the bytes of its file; see `read_image`.

    Args:
        data: content of the file.
        name: name of the image, for messages.

    Raises:
        ImageError: as for `read_image`.
    """
    try:
        return _decode(Path(name), io.BufferedReader(io.BytesIO(data)), len(data))
    except MemoryError as error:
        raise ImageError(f"{name}: is too large for the memory of this machine; make it smaller first") from error


def image_cost(image: str | os.PathLike[str] | bytes) -> int:
    """Estimate the memory that reading an image takes.

    Args:
        image: image file, of which only the header is read, or its content.

    Returns:
        Peak memory [bytes]; 0 where the file cannot be opened, which `read_image` explains.
    """
    try:
        if isinstance(image, bytes):
            return _cost(io.BufferedReader(io.BytesIO(image)))
        path = Path(image)
        if not path.is_file():
            return 0
        with path.open("rb") as file:
            return _cost(file)
    except (*DECODING_ERRORS, MemoryError):
        return 0


def _cost(file: io.BufferedReader) -> int:
    file = skip_thumbnail(file) or file
    file.seek(0)
    head = file.read(1024)
    tags = read_directories(file)
    if tags and needs_own_reader(tags[0], head):
        return 2 * decoded_bytes(tags[0])
    image = open_image(file, head)
    if image is None:
        return 0
    pixels, factor = image.width * image.height, _reduction(*image.size)
    reduced = pixels // factor**2
    return 4 * (reduced if image.format in _JPEG else pixels) + 3 * reduced


def _decode(path: Path, file: io.BufferedReader, size: int) -> Photo:
    head = file.read(1024)
    if not head:
        raise ImageError(f"{path}: is empty (0 bytes); copy or download it again")
    if size > MAX_FILE_BYTES:
        raise ImageError(f"{path}: is a file of {size / 1e9:.1f} GB, more than 1.1 GB; save it as JPEG")
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS and b"avif" not in head[12:64]:
        _register_heif(path)
    tags = read_directories(file)
    if is_raw(tags) or (tags and head[8:10] == b"CR") or head[4:12] == b"ftypcrx ":
        raise ImageError(f"{path}: is raw sensor data, as cameras store it; develop it to JPEG, PNG or TIFF first")
    if tags and (full := skip_thumbnail(file)) is not None:
        photo = _decode(path, full, size)
        with _noted_metadata(path):
            return replace(photo, exif=photo.exif or read_tiff_camera(file, photo.full_size))
    if tags and needs_own_reader(tags[0], head):
        try:
            values = read_pixels(file, tags[0])
        except TiffError as error:
            raise ImageError(f"{path}: {error}") from error
        width, height = values.shape[1::-1]
        factor = _check_size(path, width, height, MAX_PIXELS)
        with _noted_metadata(path):
            exif = read_tiff_camera(file, (width, height))
        rgb = array_to_rgb(values, str(path), factor)
        rgb = np.invert(rgb) if shows_white_as_zero(tags[0]) else rgb
        return _photo(path, rgb, exif, (width, height), factor)
    try:
        with _noted_metadata(path):
            image = open_image(file, head)
    except DECODING_ERRORS as error:
        raise ImageError(f"{path}: is damaged{_reason(error)}; copy or download it again") from error
    if image is None and tags:
        kind = describe_kind(tags[0])
        raise ImageError(f"{path}: is {kind}, which cannot be read, or is damaged; save it as 8- or 16-bit RGB")
    if image is None:
        raise ImageError(f"{path}: {describe_file(head)}")
    factor = _check_size(path, *image.size, MAX_PIXELS if image.format in _LARGE else WHOLE_PIXELS)
    try:
        white_is_zero = bool(tags) and shows_white_as_zero(tags[0])
        deep = has_deep_colors(tags[0]) if tags else is_deep_color(head)
        photo = _read(path, file, image, factor, deep, white_is_zero)
        image.close()
    except DECODING_ERRORS as error:
        raise ImageError(f"{path}: is cut short or damaged{_reason(error)}; copy or download it again") from error
    if factor > 1:
        release_freed_memory()
    return photo


def _read(path: Path, file: BinaryIO, image: Image.Image, factor: int, deep: bool, white_is_zero: bool) -> Photo:
    width, height = image.size
    # A phone's MPO is a JPEG with extras behind it, and its first frame is the photo.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        logger.warning("%s: has %d frames or pages; the first is used", path, getattr(image, "n_frames", 0))
    image.seek(0)
    if factor > 1 and image.format in _JPEG:
        image.draft("RGB", (width // factor, height // factor))
    # Pillow turns a TIFF upright when it loads it, and forgets what else it says.
    with _noted_metadata(path):
        exif = read_exif_camera(image) if image.format == "TIFF" else None
    premultiplied = keep_premultiplied(image)
    image.load()
    left = 1 if image.width < width else factor
    with _noted_metadata(path):
        orientation, exif = read_orientation(image), exif or read_exif_camera(image)
    if premultiplied:
        image = Image.frombytes("RGBa", image.size, image.tobytes())
    # Pillow drops the lower 8 bits of 16-bit colors, and these may be nearly all that there is.
    if deep and is_dark(image):
        rgb = dark_to_rgb(read_16_bit(file), image, str(path), left, orientation)
    else:
        rgb = to_rgb(image, str(path), left)
    if white_is_zero and image.mode.startswith(("I", "F")):  # which Pillow leaves as they are
        rgb = np.invert(rgb)
    stored = (width, height) if orientation < 5 else (height, width)
    return _photo(path, rgb, exif, stored, factor)


@contextlib.contextmanager
def _noted_metadata(path: Path) -> Iterator[None]:
    """Turn Pillow's warnings of broken metadata into one of the image's own."""
    with _METADATA, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    if any("EXIF" in str(warning.message) for warning in caught):
        logger.warning("%s: its metadata are damaged: focal length and orientation may be missing", path)


def _photo(path: Path, rgb: np.ndarray, exif: ExifCamera | None, stored_size: tuple[int, ...], factor: int) -> Photo:
    if radius := round_images(rgb):
        exif = replace(exif or ExifCamera(), round_images=radius)
    if factor == 1:
        return Photo(rgb, exif)
    width, height = stored_size
    message = "%s: has %dx%d pixels; it is read at 1/%d of that, %dx%d, and results are not larger"
    logger.warning(message, path, width, height, factor, rgb.shape[1], rgb.shape[0])
    return Photo(rgb, exif, (width, height))


def _check_size(path: Path, width: int, height: int, most: int) -> int:
    """Refuse images that are too small or too large, and return the factor to reduce others by."""
    if width * height > most:
        raise ImageError(
            f"{path}: is {width}x{height} pixels, more than the {most / 1e6:.0f} megapixels that are read of its "
            "format; make it smaller first"
        )
    factor = _reduction(width, height)
    if min(width, height) < MIN_SIDE * factor:
        raise ImageError(f"{path}: is {width}x{height} pixels; at least {MIN_SIDE * factor} on a side are needed")
    return factor


def _reduction(width: int, height: int) -> int:
    return next((factor for factor in (1, 2, 4) if width * height <= FULL_SIZE_PIXELS * factor**2), 8)


def _register_heif(path: Path) -> None:
    try:
        import pillow_heif  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise ImageError(f"{path}: is a HEIC image; to read it: pip install pillow-heif, or save it as JPEG") from error
    pillow_heif.register_heif_opener()


def _reason(error: BaseException) -> str:
    logger.debug("decoding failed", exc_info=error)  # in the decoder's words
    return f" ({error})" if isinstance(error, ImageFault) else ""
