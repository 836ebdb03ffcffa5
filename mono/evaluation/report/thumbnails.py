"""Thumbnails of the report page: stored as codes, colored once the whole dataset is known."""

from __future__ import annotations

import base64
import contextlib
import io
import math

import numpy as np

from mono.system.errors import MetricDepthError
from mono.visual.color_maps import INVALID_COLOR, colorize

_AREA = 192 * 144  # [px] of a thumbnail
_LARGEST = 2 * _AREA  # [px], with margin: sides are at least 1 px and rounded
_PNG = b"\x89PNG\r\n\x1a\n"
_NEAREST, _FARTHEST = 0.1, 400.0  # [m] of depth codes: steps of 3.3 %
_LARGEST_FACTOR = 2.0  # of error codes
_QUALITY = 60  # of WebP; JPEG takes twice the bytes, four times for colour maps
_EFFORT = 2  # of WebP, up to 6; 4 takes twice the time and saves a tenth of the bytes
_FEW = 0.2  # share of a thumbnail's pixels
_DOT = 2.5  # radius [px] of a single point
_ERROR_STOPS = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))


def thumbnail_size(height: int, width: int) -> tuple[int, int]:
    """Compute the size of a thumbnail; small images keep theirs.

    Args:
        height: height of the image [px].
        width: width of the image [px].

    Returns:
        (height, width) [px].
    """
    shrink = min(1.0, math.sqrt(_AREA / (height * width)))
    return max(1, round(height * shrink)), max(1, round(width * shrink))


def shrink_values(values: np.ndarray, valid: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Average valid values over each smaller pixel, so that sparse maps stay visible.

    Args:
        values: (height, width); invalid values are ignored.
        valid: (height, width) bool.
        size: (height', width') of the result.

    Returns:
        Means, (height', width') float32, and their validity, (height', width') bool.
    """
    import cv2

    known = np.where(valid, values, 0).astype(np.float32)
    weight = cv2.resize(valid.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)
    total = cv2.resize(known, size[::-1], interpolation=cv2.INTER_AREA)
    present = weight > 1e-6
    return total / np.where(present, weight, 1), present


def depth_codes(depth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink a depth map to 8-bit codes on a logarithmic scale.

    Args:
        depth: depth [m], (height, width), 0 where there is none.
        size: (height', width') of the thumbnail.

    Returns:
        Codes, (height', width') uint8, 0 where there is no depth.
    """
    means, present = shrink_values(depth, np.isfinite(depth) & (depth > 0), size)
    position = np.log(np.where(present, means, 1) / _NEAREST) / math.log(_FARTHEST / _NEAREST)
    return _grown(_codes(position, present))


def error_codes(log_ratio: np.ndarray, valid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink a map of errors to 8-bit codes.

    Args:
        log_ratio: ln(p / t), (height, width).
        valid: (height, width) bool.
        size: (height', width') of the thumbnail.

    Returns:
        Codes, (height', width') uint8, 0 where invalid.
    """
    means, present = shrink_values(log_ratio, valid, size)
    return _grown(_codes(0.5 + 0.5 * means / math.log(_LARGEST_FACTOR), present))


def depth_colors(codes: np.ndarray, near: float, far: float) -> np.ndarray:
    """Color depth codes.

    Args:
        codes: (height, width) uint8.
        near: depth at the near end of the color scale [m].
        far: depth at the far end [m].

    Returns:
        RGB, (height, width, 3) uint8.
    """
    ramp = _NEAREST * (_FARTHEST / _NEAREST) ** (np.arange(-1, 255) / 254)
    ramp[0] = 0
    return colorize(ramp[None], near, far)[0][codes]


def error_colors(codes: np.ndarray, factor: float) -> np.ndarray:
    """Color error codes: blue is too near, red too far.

    Args:
        codes: (height, width) uint8.
        factor: factor of p / t at the ends of the color scale.

    Returns:
        RGB, (height, width, 3) uint8.
    """
    ratio = np.arange(-127, 128) / 127 * math.log(_LARGEST_FACTOR) / math.log(factor)
    table = np.concatenate([[INVALID_COLOR], error_ramp(0.5 + 0.5 * ratio)])
    return table.astype(np.uint8)[codes]


def error_ramp(position: np.ndarray) -> np.ndarray:
    """Look up colors of the error scale.

    Args:
        position: positions on the scale, (n,), 0 to 1.

    Returns:
        RGB, (n, 3).
    """
    stops = np.linspace(0, 1, len(_ERROR_STOPS))
    channels = np.array(_ERROR_STOPS, float).T
    return np.stack([np.rint(np.interp(position, stops, channel)) for channel in channels], -1)


def encode_codes(codes: np.ndarray) -> bytes:
    """Encode codes, (height, width) uint8, as PNG without loss."""
    import cv2

    return cv2.imencode(".png", codes)[1].tobytes()


def decode_codes(data: bytes) -> np.ndarray:
    """Decode codes that `encode_codes` encoded.

    Args:
        data: PNG of at most `_LARGEST` pixels.

    Returns:
        Codes, (height, width) uint8.

    Raises:
        MetricDepthError: the data is damaged, or no thumbnail.
    """
    import cv2

    header = data[:8] == _PNG and data[12:16] == b"IHDR"
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    codes = None
    if header and 0 < width * height <= _LARGEST:
        with contextlib.suppress(cv2.error):
            codes = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if codes is None:
        raise MetricDepthError("a thumbnail is damaged")
    return np.asarray(codes, np.uint8)


def encode_image(rgb: np.ndarray) -> bytes:
    """Encode RGB, (height, width, 3) uint8, as WebP."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "WEBP", quality=_QUALITY, method=_EFFORT)
    return stream.getvalue()


def shrink_image(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Shrink RGB, (height, width, 3) uint8, to a size (height', width')."""
    import cv2

    return cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)


def data_uri(webp: bytes) -> str:
    """Embed a WebP image in a data URI."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"


def _codes(position: np.ndarray, present: np.ndarray) -> np.ndarray:
    return np.where(present, 1 + np.rint(np.clip(position, 0, 1) * 254), 0).astype(np.uint8)


def _grown(codes: np.ndarray) -> np.ndarray:
    """Grow single points to visible dots where there are few; a pixel takes the nearest's code."""
    import cv2

    known = codes > 0
    share = float(known.mean())
    if not 0 < share < _FEW:
        return codes
    gaps = np.where(known, 0, 1).astype(np.uint8)
    far, labels = cv2.distanceTransformWithLabels(gaps, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    values = np.zeros(int(labels.max()) + 1, np.uint8)
    values[labels[known]] = codes[known]
    return np.where(far <= (_DOT if share < _FEW / 4 else 1), values[labels], 0).astype(np.uint8)
