"""Image formats that are read, and the one way to open a file of them."""

from __future__ import annotations

import logging
import re
import struct
import tokenize
import zlib
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

logger = logging.getLogger(__name__)

# In the order in which they are tried. All others that Pillow knows are left out: some start other programs.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM", "HEIF")
WHOLE_PIXELS = 1 << 26  # 67 megapixels, of formats that are decoded through several copies
_PPM = re.compile(rb"P[36](?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+(\d{1,5})\s")
_SENSOR_BITS = 14  # files of no more state how many are used

DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zlib.error,
    Image.DecompressionBombError,
)


class ImageFault(ValueError):
    """Cause of a failed decoding, for people."""


def open_image(file: BinaryIO, head: bytes) -> Image.Image | None:
    """Open an image of `FORMATS`, whatever its suffix.

    Pillow's own `open` would try every format it knows, and refuse large images.

    Args:
        file: the file.
        head: its first bytes, 30 or more.

    Returns:
        Image that is not decoded yet; None if it is of no known format.
    """
    if webp_pixels(head) > WHOLE_PIXELS:  # its decoder allocates everything when it opens a file
        raise ImageFault(f"a WebP of {webp_pixels(head) / 1e6:.0f} megapixels, more than 67")
    Image.init()
    for name in FORMATS:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is None or (accept is not None and accept(head[:16]) is not True):
            continue
        file.seek(0)
        try:
            return factory(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error) as error:
            logger.debug("not a readable %s: %s", name, error)
    return None


def webp_pixels(head: bytes) -> int:
    """Count the pixels that the header of an extended WebP announces; 0 for other files."""
    if head[:4] != b"RIFF" or head[8:16] != b"WEBPVP8X" or len(head) < 30:
        return 0
    return (1 + int.from_bytes(head[24:27], "little")) * (1 + int.from_bytes(head[27:30], "little"))


def is_deep_color(head: bytes) -> bool:
    """Tell if a PNG, PPM or JPEG 2000 holds colors in 16 bits a channel, however many are used.

    Args:
        head: first bytes of the file, 64 or more.
    """
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return len(head) > 25 and head[24] == 16 and head[25] in (2, 4, 6)
    if match := _PPM.match(head):
        return int(match[1]) >= 1 << _SENSOR_BITS
    codestream = head[:4] == b"\xff\x4f\xff\x51"
    if not codestream and head[4:8] != b"jP  ":
        return False
    place = 40 if codestream else head.find(b"ihdr") + 12
    channels, bits = int.from_bytes(head[place : place + 2], "big"), head[place + 2 : place + 3]
    return channels >= 2 and bits != b"\xff" and any((byte & 127) + 1 > _SENSOR_BITS for byte in bits)


def read_16_bit(file: BinaryIO) -> np.ndarray:
    """Decode an image with 16 bits a channel, which Pillow would reduce to 8.

    Args:
        file: opened PNG, TIFF, PPM or JPEG 2000.

    Returns:
        (H, W) or (H, W, 3) RGB in the stored type.

    Raises:
        ImageFault: it cannot be decoded.
    """
    import cv2

    file.seek(0)
    try:
        values = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageFault("its 16-bit colors cannot be decoded") from error
    if values is None:
        raise ImageFault("its 16-bit colors cannot be decoded")
    return values[..., 2::-1] if values.ndim == 3 and values.shape[2] >= 3 else values


def keep_premultiplied(image: Image.Image) -> bool:
    """Make Pillow decode a TIFF's premultiplied colors as stored, undivided by alpha.

    Args:
        image: opened image, not loaded yet.

    Returns:
        True if the loaded image, of mode "RGBA", holds premultiplied colors.
    """
    if not isinstance(image, TiffImageFile) or image.mode != "RGBA":
        return False
    stored = [
        tile._replace(args=(tile.args[0].replace("RGBa", "RGBA"), *tile.args[1:]))
        if isinstance(tile.args, tuple) and isinstance(tile.args[0], str)
        else tile
        for tile in image.tile
    ]
    premultiplied = stored != image.tile
    image.tile = stored
    return premultiplied
