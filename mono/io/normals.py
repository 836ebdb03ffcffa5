"""Surface-normal maps: PNG and NPY files, read and written in the camera frame."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import PngImagePlugin

from mono.geometry.normals import decode_normals, encode_normals
from mono.io.arrays import ArrayError, read_npy, write_npy
from mono.io.atomic import write_bytes
from mono.io.depth_encoding import encode_png16
from mono.io.file_kinds import require_file
from mono.io.images import DECODING_ERRORS
from mono.system.errors import MetricDepthError

NORMAL_FORMATS = ("png", "npy")
_CODE = "n = value / 65535 * 2 - 1, scaled to unit length; 0 0 0 = no normal"
_FRAME = "red, green, blue = x right, y down, z forward; in the camera's frame, pointing to the camera"

NORMAL_SUFFIXES = frozenset({".npy", ".png"})
NORMAL_FRAMES = ("opencv", "opengl")  # x right, y down, z forward; x right, y up, z backward

MAX_PIXELS = 1 << 26  # 67 megapixels

_UNIT = 0.1  # tolerated difference of a length from 1
_LEAST = 0.5  # shorter vectors are no normals
_STRAYS = 0.01  # share of pixels that may have other lengths, as where normals were interpolated
_AWAY = 0.5  # share of normals pointing away from the camera, from which on the axes must be wrong
_STRIP = 256  # rows converted at a time
_KINDS = "use an NPY of (height, width, 3) unit vectors, or an 8- or 16-bit RGB PNG of (n + 1) / 2"


class NormalError(MetricDepthError):
    """Error of a normal map that cannot be used, naming file, cause and remedy."""


def read_normals(path: str | os.PathLike[str], frame: str = "opencv") -> np.ndarray:
    """Read a map of surface normals.

    NPY: (H, W, 3) floating-point unit vectors, (0, 0, 0) where there is none. PNG: 8- or 16-bit RGB with x, y, z as
    red, green, blue, each (n + 1) / 2 of the largest code; black and middle gray are none.

    Args:
        path: normal map.
        frame: axes of the file: "opencv" (x right, y down, z forward) or "opengl" (x right, y up, z backward).

    Returns:
        (H, W, 3) float32 unit vectors in the camera frame (x right, y down, z forward), 0 where there is none. Their
        directions are those of the file: none is flipped toward the camera.

    Raises:
        NormalError: the file is missing, damaged, too large, of an unknown kind, or not a normal map.
        MetricDepthError: the frame is unknown.
    """
    path = Path(path)
    if frame not in NORMAL_FRAMES:
        raise MetricDepthError(f"{path}: normal_frame is {frame!r}; it is one of {', '.join(NORMAL_FRAMES)}")
    require_file(path, "a map of normals", NormalError)
    suffix = path.suffix.lower()
    if suffix not in NORMAL_SUFFIXES:
        raise NormalError(f"{path}: normals cannot be read from {suffix or 'a file without suffix'}; {_KINDS}")
    try:
        normal = _read_npy(path) if suffix == ".npy" else _read_png(path)
    except NormalError:
        raise
    except ArrayError as error:
        raise NormalError(f"{path}: {error}") from error
    except PermissionError as error:
        raise NormalError(f"{path}: may not be read (permission denied); change its permissions") from error
    except MemoryError as error:
        raise NormalError(f"{path}: is too large for the memory of this machine; make it smaller") from error
    except DECODING_ERRORS as error:
        raise NormalError(f"{path}: is damaged or not what its suffix promises; write it again") from error
    return convert_normals(normal, frame)


def convert_normals(normal: np.ndarray, frame: str) -> np.ndarray:
    """Convert normals between a frame and "opencv".

    Args:
        normal: (..., 3) normals in `frame`, or in "opencv" for the inverse.
        frame: one of `NORMAL_FRAMES`.

    Returns:
        Same shape; y and z are negated for "opengl".
    """
    return normal * np.array([1, -1, -1], normal.dtype) if frame == "opengl" else normal


def doubt_of_axes(normal: np.ndarray, frame: str, rays: np.ndarray) -> str:
    """Describe normals that point away from the camera; "": there is no doubt.

    Args:
        normal: normals as `read_normals` returns them, (H, W, 3).
        frame: axes that they were read with.
        rays: viewing directions of their pixels, (H, W, 3).
    """
    present = normal.any(axis=2)

    def away(vectors: np.ndarray) -> float:
        return float((np.einsum("ijk,ijk->ij", vectors, rays)[present] > 0).mean()) if present.any() else 0.0

    if (share := away(normal)) <= _AWAY:
        return ""
    other = next(name for name in NORMAL_FRAMES if name != frame)
    turned = away(convert_normals(normal, "opengl"))  # the conversion is its own inverse
    remedy = (
        f'with "normal_frame": "{other}" it would be {100 * turned:.0f} %'
        if turned < _AWAY
        else f"{other} does not mend it either: the normals are negated, or have other axes"
    )
    return f"{100 * share:.0f} % of the normals point away from the camera, which sees no surface from behind; {remedy}"


def _read_npy(path: Path) -> np.ndarray:
    stored = read_npy(path)
    if stored.ndim != 3 or stored.shape[2] != 3 or not stored.size:
        turned = "; its channels come first: transpose (1, 2, 0)" if stored.ndim == 3 and stored.shape[0] == 3 else ""
        raise NormalError(f"{path}: has shape {stored.shape}; normals are (height, width, 3){turned}")
    if stored.dtype.kind != "f":
        raise NormalError(f"{path}: holds {stored.dtype}; normals in NPY are floating point, codes go into a PNG")
    _check_size(path, stored.shape[1], stored.shape[0])
    normal = np.empty(stored.shape, np.float32)
    lengths, bad = [], 0
    for rows in _strips(len(stored)):
        strip = _to_float32(stored[rows])
        bad += int((~np.isfinite(strip)).any(axis=2).sum())
        if bad:
            continue
        with np.errstate(over="ignore"):
            length = np.linalg.norm(strip, axis=2)
        lengths.append(length[length > 0])
        present = length > _LEAST
        normal[rows] = np.where(present[..., None], strip / np.where(present, length, 1)[..., None], np.float32(0))
    if bad:
        raise NormalError(f"{path}: {bad} pixels are not finite (NaN or infinite); write (0, 0, 0) where there is none")
    _refuse_other_lengths(path, np.concatenate(lengths))
    return normal


def _read_png(path: Path) -> np.ndarray:
    codes = _read_codes(path)
    largest = 255 if codes.dtype == np.uint8 else 65535
    normal = np.empty(codes.shape, np.float32)
    lengths = []
    for rows in _strips(len(codes)):
        strip = codes[rows]
        length = np.linalg.norm(strip * np.float32(2 / largest) - np.float32(1), axis=2)
        lengths.append(length[strip.any(axis=2) & (length > _LEAST)])
        normal[rows] = decode_normals(strip)
    _refuse_other_lengths(path, np.concatenate(lengths))
    return normal


def _read_codes(path: Path) -> np.ndarray:
    """Read the RGB codes of a PNG: (H, W, 3) uint8 or uint16."""
    import cv2

    with path.open("rb") as file:
        try:
            image = PngImagePlugin.PngImageFile(file, "")
            _check_size(path, image.width, image.height)
            image.verify()  # all of it is there, and its checksums are right
        except NormalError:
            raise
        except DECODING_ERRORS as error:
            raise NormalError(f"{path}: is damaged or not a PNG; write it again") from error
    try:
        # Pillow has no 16-bit RGB: it would drop the lower 8 bits.
        stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise NormalError(f"{path}: is damaged; write it again") from error
    if stored is None:
        raise NormalError(f"{path}: is damaged or not a PNG; write it again")
    if stored.ndim != 3 or stored.shape[2] != 3 or stored.dtype not in (np.uint8, np.uint16):
        channels = 1 if stored.ndim == 2 else stored.shape[2]
        raise NormalError(f"{path}: has {channels} channels; normals are RGB, without alpha; {_KINDS}")
    return np.ascontiguousarray(stored[..., ::-1])


def _to_float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float32)


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise NormalError(f"{path}: is {width}x{height} pixels, more than 67 megapixels; make it smaller")


def _strips(height: int) -> list[slice]:
    return [slice(top, min(top + _STRIP, height)) for top in range(0, height, _STRIP)]


def _refuse_other_lengths(path: Path, lengths: np.ndarray) -> None:
    strays = np.abs(lengths - 1) > _UNIT
    if strays.size and strays.mean() > _STRAYS:
        raise NormalError(
            f"{path}: {100 * strays.mean():.0f} % of its vectors are not of length 1 (median length "
            f"{float(np.median(lengths)):.3g}): this is not a map of unit normals; {_KINDS}"
        )


def write_normal(path: Path, normal: np.ndarray, source: str) -> None:
    """Write surface normals in the format of their suffix.

    The same normals always give the same bytes.

    - `.png`: 16-bit RGB, coded by `mono.geometry.normals.encode_normals`. Code, frame and source are stored in the tEXt
      chunks "normal_code", "normal_frame" and "normal_source".
    - `.npy`: float32.

    Args:
        path: file to write; parent folders are made.
        normal: (H, W, 3) unit normals, 0 where there are none.
        source: origin of the normals: "network" or "depth".

    Raises:
        MetricDepthError: the suffix is none of `NORMAL_FORMATS`, or `normal` is not (H, W, 3).
        OSError: the file cannot be written.
    """
    path = Path(path)
    if normal.ndim != 3 or normal.shape[2] != 3 or normal.size == 0:
        raise MetricDepthError(f"{path.name}: normals have shape {normal.shape}; it must be (height, width, 3)")
    kind = path.suffix.lower().lstrip(".")
    if kind not in NORMAL_FORMATS:
        raise MetricDepthError(
            f"{path.name}: normals cannot be written as {kind!r}; choose one of {', '.join(NORMAL_FORMATS)}"
        )
    if kind == "png":
        texts = {"normal_code": _CODE, "normal_frame": _FRAME, "normal_source": source}
        write_bytes(path, encode_png16(encode_normals(normal), texts))
        return
    write_npy(path, normal)
