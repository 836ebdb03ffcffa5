"""Colors: 8-bit RGB from images of any mode, depth and profile."""

from __future__ import annotations

import functools
import io
import logging

import numpy as np
from PIL import Image, ImageChops

from mono.io.exif import read_orientation
from mono.io.value_range import find_range

logger = logging.getLogger(__name__)

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DARK = 64  # of 255: below it, 16-bit colors use 14 bits or fewer
_EXCEPTIONS = 0.001  # share of premultiplied pixels that may be brighter than their alpha
_BRIGHT = 0.1  # share of colors that may be brighter, as text burnt in
_CLEAR, _OPAQUE, _HALF_OPAQUE = 5, 250, 128  # of 255
_FEW = 0.05  # share of opaque pixels below which the alpha channel is doubted
_MANY = 0.5  # share of pixels that are neither clear nor opaque from which it is doubted, too


def to_rgb(image: Image.Image, name: str = "the image", factor: int = 1) -> np.ndarray:
    """Convert any image to upright 8-bit RGB.

    Transparent images are laid over white, as viewers show them; where no pixel is even half opaque, alpha is ignored.
    Premultiplied colors are divided by alpha, unless they are brighter than it, which premultiplied ones cannot be.
    Grayscale of more than 8 bits is scaled as in `array_to_rgb`. An embedded ICC profile is converted to sRGB.

    Args:
        image: Pillow image; it is turned upright by its EXIF orientation.
        name: name of the image in warnings.
        factor: number of pixels, along each side, that are averaged into one.

    Returns:
        (H, W, 3) uint8, contiguous.
    """
    orientation = read_orientation(image)
    if image.mode.startswith("I") or image.mode == "F":
        return array_to_rgb(np.asarray(image), name, factor, orientation)
    if factor > 1 and image.mode in ("L", "RGB", "CMYK"):
        image, factor = image.reduce(factor), 1
    converted = _straight(_to_srgb(image))
    if converted.mode in ("RGBA", "LA", "PA") or "transparency" in converted.info:
        converted = _flatten(converted.convert("RGBA"), name)
    return _finish(converted.convert("RGB"), factor, orientation)


def array_to_rgb(
    values: np.ndarray,
    name: str = "the image",
    factor: int = 1,
    orientation: int = 1,
    span: tuple[float, float] | None = None,
) -> np.ndarray:
    """Convert integers of more than 8 bits or floats to 8-bit RGB.

    Integers up to 65535 are scaled from the least of 8, 10, 12, 14 and 16 bits that holds them all, with a warning for
    fewer than 16; a few stray pixels, and text or a logo burnt in, do not count where the rest has 12 bits or fewer.
    Floats up to 32 are taken to lie in 0..1, brighter ones are clipped; larger ones are scaled as integers are, and a
    few stray ones do not count where the rest is below 256, or where they are above 65535. NaN is black. Gray values
    that are no photo's, as temperatures, are stretched from black to white, with a warning.

    Args:
        values: (H, W) or (H, W, C); of C channels, the first three are used, or the first alone if there are fewer.
        name: name of the image in warnings.
        factor: number of pixels, along each side, that are averaged into one.
        orientation: EXIF orientation, 1 to 8.
        span: values that become black and white; None: found as above.

    Returns:
        (H, W, 3) uint8, upright, contiguous.
    """
    if values.ndim == 3:
        values = values[..., :3] if values.shape[2] >= 3 else values[..., 0]
    is_integer = np.issubdtype(values.dtype, np.integer)
    finite = values if is_integer else np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    black, white = span or find_range(finite, name)
    scaled = np.empty(finite.shape, np.uint8)
    for row in range(0, len(finite), 256):
        part = (finite[row : row + 256].astype(np.float64) - black) * (255 / (white - black))
        scaled[row : row + 256] = np.clip(np.rint(part), 0, 255)
    return _finish(Image.fromarray(scaled).convert("RGB"), factor, orientation)


def is_dark(image: Image.Image) -> bool:
    """Tell if most visible pixels are so dark that 16-bit colors may use 14 bits or fewer."""
    straight = _straight(image)
    alpha = _alpha(straight)
    visible = alpha.point(bool, "1") if alpha and _is_opacity(alpha) else None
    counts = np.reshape(straight.convert("RGB").histogram(visible), (3, 256))
    return bool((counts[:, _DARK:].sum(1) <= _BRIGHT * counts.sum(1)).all())


def dark_to_rgb(values: np.ndarray, image: Image.Image, name: str, factor: int = 1, orientation: int = 1) -> np.ndarray:
    """Convert colors of 16 bits to 8-bit RGB, with the transparency of their image.

    Args:
        values: (H, W) or (H, W, 3) uint16; scaled as in `array_to_rgb`, by the visible pixels.
        image: the same image in 8 bits, with its alpha or its transparent color.
        name: name of the image in warnings.
        factor: as in `to_rgb`.
        orientation: EXIF orientation, 1 to 8.

    Returns:
        (H, W, 3) uint8, upright, contiguous.
    """
    alpha, key = _alpha(_straight(image)), image.info.get("transparency")
    if isinstance(key, tuple) and values.ndim == 3:
        alpha = Image.fromarray(np.where((values == key).all(2), 0, 255).astype(np.uint8))
    if alpha is not None and _is_opacity(alpha):
        values = np.where(np.asarray(alpha).reshape(*values.shape[:2], *(1,) * (values.ndim - 2)) > 0, values, 0)
    span = find_range(values, name)
    if span[1] >= 65535:  # all bits are in use
        return to_rgb(image, name, factor)
    if alpha is None:
        return array_to_rgb(values, name, factor, orientation, span)
    layer = Image.fromarray(array_to_rgb(values, name, span=span))
    layer.putalpha(alpha)
    return _finish(_flatten(layer, name).convert("RGB"), factor, orientation)


def _finish(image: Image.Image, factor: int, orientation: int) -> np.ndarray:
    if factor > 1:
        image = image.reduce(factor)
    if orientation != 1:
        image = image.transpose(_UPRIGHT[orientation])
    return np.array(image, np.uint8, order="C")


def _straight(image: Image.Image) -> Image.Image:
    """Undo premultiplication by alpha, where there was any."""
    mode = {"RGBa": "RGBA", "La": "LA"}.get(image.mode)
    if mode is None:
        return image
    stored = Image.frombytes(mode, image.size, image.tobytes())
    *colors, alpha = stored.split()
    brighter = ImageChops.subtract(functools.reduce(ImageChops.lighter, colors), alpha).histogram()
    return stored if sum(brighter[2:]) > _EXCEPTIONS * sum(brighter) else image.convert(mode)


def _alpha(image: Image.Image) -> Image.Image | None:
    return image.getchannel("A") if "A" in image.getbands() else None


def _is_opacity(alpha: Image.Image | None) -> bool:
    """Tell if an alpha channel has any pixel that is at least half opaque."""
    return alpha is not None and any(alpha.histogram()[_HALF_OPAQUE:])


def _flatten(layer: Image.Image, name: str) -> Image.Image:
    """Lay an RGBA image over white, unless its alpha is no opacity."""
    alpha = layer.getchannel("A")
    counts = alpha.histogram()
    if not _is_opacity(alpha):
        most = max(value for value, count in enumerate(counts) if count)
        message = "%s: is transparent everywhere (alpha is at most %d of 255): alpha is ignored, the colors are used"
        logger.warning(message, name, most)
        return layer.convert("RGB")
    opaque = sum(counts[_OPAQUE:]) / sum(counts)
    if opaque < _FEW:
        message = "%s: only %.2g %% of its pixels are opaque; the rest is laid over white: check its alpha channel"
        logger.warning(message, name, 100 * opaque)
    elif (between := sum(counts[_CLEAR:_OPAQUE]) / sum(counts)) > _MANY:
        message = "%s: %.0f %% of its pixels are half transparent, as if alpha held something else; laid over white"
        logger.warning(message, name, 100 * between)
    white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    white.alpha_composite(layer)
    return white


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert to sRGB by a usable ICC profile."""
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
