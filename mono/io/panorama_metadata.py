"""Panoramas by the metadata of their files: XMP packets, their projection and window, cameras of 360 degrees."""

from __future__ import annotations

import re
from dataclasses import dataclass

from PIL import Image

_PROJECTION = re.compile(rb"""\b\w+:ProjectionType\s*(?:=\s*["']\s*|>\s*)([A-Za-z_-]{1,40})""")
_WINDOW = (  # in the order of PanoramaWindow
    "CroppedAreaLeftPixels", "CroppedAreaTopPixels", "CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels",
    "FullPanoWidthPixels", "FullPanoHeightPixels",
)  # fmt: skip
_CROP = re.compile(rb"""\b\w+:(%s)\s*(?:=\s*["']\s*|>\s*)(-?\d{1,7})(?:\.0*)?\b""" % "|".join(_WINDOW).encode())
_PANORAMA_CAMERA = re.compile(
    r"theta|insta360|gear 360|sm-[rc]2[01]0|keymission 360|qoocam|lg-r105|madventure|vuze|evo360|x360", re.IGNORECASE
)
_WHOLE = 0.02  # of the aspect ratio, by which a whole panorama may differ from 2:1
_XMP = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")  # segments of a JPEG


@dataclass(frozen=True)
class PanoramaWindow:
    """Window of a whole panorama of 360 by 180 degrees, as Google's photo sphere metadata state it, unchecked.

    Attributes:
        left, top: first column and row of the window [px].
        width, height: size of the window [px].
        full_width, full_height: size of the whole panorama [px].
    """

    left: int
    top: int
    width: int
    height: int
    full_width: int
    full_height: int


def is_whole(size: tuple[int, int]) -> bool:
    """Tell if an image is twice as wide as high, but for the rounding of a smaller size.

    Args:
        size: (width, height) [px].
    """
    return abs(size[0] / size[1] - 2) < _WHOLE


def read_xmp(image: Image.Image) -> bytes:
    """Join all XMP packets of an image."""
    packets = [image.info.get(key) for key in ("xmp", "XML:com.adobe.xmp")]
    packets += [data for _, data in getattr(image, "applist", ()) if data.startswith(_XMP)]  # Pillow keeps only one
    packets += [_unhex(image.info.get(f"Raw profile type {kind}")) for kind in ("xmp", "APP1")]  # as ImageMagick writes
    encoded = (packet.encode("utf-8", "replace") if isinstance(packet, str) else packet for packet in packets)
    return b"\n".join(packet for packet in encoded if isinstance(packet, bytes))


def _unhex(profile: object) -> bytes:
    """Return the content of a raw profile: a name, a length and hexadecimal digits; nothing if it is damaged."""
    try:
        return bytes.fromhex(str(profile or "").lstrip("\n").split("\n", 2)[-1])
    except ValueError:
        return b""


def read_projection(xmp: bytes, size: tuple[int, int], model: str) -> str:
    """Read the projection of a panorama by XMP, or by the camera's model and an aspect of 2:1.

    Args:
        xmp: as from `read_xmp`.
        size: (width, height) of the image [px].
        model: make and model of the camera.

    Returns:
        The projection, as "equirectangular"; "" for other photos.
    """
    if match := _PROJECTION.search(xmp):
        projection = match[1].decode().lower()
        return "" if projection in ("perspective", "rectilinear") else projection
    return "equirectangular" if is_whole(size) and _PANORAMA_CAMERA.search(model) else ""


def read_window(xmp: bytes) -> tuple[PanoramaWindow | None, tuple[str, ...]]:
    """Read the window of a whole panorama that an image shows, or which of its tags are missing."""
    found = {name.decode(): int(value) for name, value in _CROP.findall(xmp)}
    missing = tuple(name for name in _WINDOW if name not in found)
    if missing:
        return None, missing if found else ()
    return PanoramaWindow(*(found[name] for name in _WINDOW)), ()
