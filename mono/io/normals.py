"""Maps of true surface normals in, unit vectors of the camera's frame out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mono.geometry.normals import decode_normals, encode_normals
from mono.io.atomic import atomic_path, write_bytes
from mono.io.camera_files import same_aspect
from mono.io.depth_encoding import encode_png16
from mono.io.images import DECODING_ERRORS
from mono.system.errors import MetricDepthError

NORMAL_FORMATS = ("png", "npy")
_CODE = "n = value / 65535 * 2 - 1, scaled to unit length; 0 0 0 = no normal"
_FRAME = "red, green, blue = x right, y down, z forward; in the camera's frame, pointing to the camera"

NORMAL_SUFFIXES = frozenset({".npy", ".png"})
NORMAL_FRAMES = ("opencv", "opengl")  # x right, y down, z forward; x right, y up, z backward

_UNIT = 0.1  # how far a length may be from 1
_LEAST = 0.5  # what is shorter is no normal
_STRAYS = 0.01  # share of pixels that may have other lengths, as where normals were interpolated
_KINDS = "use an NPY of (height, width, 3) unit vectors, or an 8- or 16-bit RGB PNG of (n + 1) / 2"


class NormalError(MetricDepthError):
    """A map of normals cannot be used. The message names the file, what is wrong with it and what to do."""


def read_normals(
    path: str | os.PathLike[str], frame: str = "opencv", image_size: tuple[int, int] | None = None
) -> np.ndarray:
    """Read a map of surface normals.

    NPY: (height, width, 3), floating point, unit vectors, (0, 0, 0) where there is none. PNG: 8- or 16-bit RGB, x, y,
    z as red, green, blue, each (n + 1) / 2 of the largest code; black and middle grey are none.

    Args:
        path: the file.
        frame: what the file's axes are: "opencv" (x right, y down, z forward) or "opengl" (x right, y up, z backward).
        image_size: (width, height) [px] of the image that the map belongs to; the map may be a smaller or larger
            version of it.

    Returns:
        (height, width, 3) float32 of unit length in the camera's frame (x right, y down, z forward), 0 where there is
        none. Directions are the file's: none is turned towards the camera.

    Raises:
        NormalError: the file is missing, damaged, of an unknown kind, not a map of normals, or of another shape than
            the image.
        ValueError: the frame is unknown.
    """
    path = Path(path)
    if frame not in NORMAL_FRAMES:
        raise MetricDepthError(f"{path}: normal_frame is {frame!r}; it is one of {', '.join(NORMAL_FRAMES)}")
    if not path.is_file():
        state = "is a folder, not a map of normals" if path.is_dir() else "there is no such file; check the path"
        raise NormalError(f"{path}: {state}")
    suffix = path.suffix.lower()
    if suffix not in NORMAL_SUFFIXES:
        raise NormalError(f"{path}: normals cannot be read from {suffix or 'a file without suffix'}; {_KINDS}")
    try:
        normal = _read_npy(path) if suffix == ".npy" else _read_png(path)
    except NormalError:
        raise
    except PermissionError as error:
        raise NormalError(f"{path}: may not be read (permission denied); change its permissions") from error
    except (*DECODING_ERRORS, MemoryError) as error:
        raise NormalError(f"{path}: is damaged or not what its suffix says ({error}); write it again") from error
    if image_size is not None and not same_aspect(normal.shape[1], normal.shape[0], *image_size):
        raise NormalError(
            f"{path}: the normals are {normal.shape[1]}x{normal.shape[0]}, the image {image_size[0]}x{image_size[1]}, "
            "of another shape, so they do not show the same view; crop or turn them as the image"
        )
    return convert_normals(normal, frame)


def convert_normals(normal: np.ndarray, frame: str) -> np.ndarray:
    """Normals (..., 3) of a frame of `NORMAL_FRAMES` in the frame "opencv", or the other way round: y and z turn."""
    return normal * np.array([1, -1, -1], normal.dtype) if frame == "opengl" else normal


def _read_npy(path: Path) -> np.ndarray:
    stored = np.load(path, allow_pickle=False)
    if not isinstance(stored, np.ndarray):
        stored.close()
        raise NormalError(f"{path}: is an NPZ archive named .npy; write the array alone")
    if stored.ndim != 3 or stored.shape[2] != 3 or not stored.size:
        turned = "; its channels come first: transpose (1, 2, 0)" if stored.ndim == 3 and stored.shape[0] == 3 else ""
        raise NormalError(f"{path}: has shape {stored.shape}; normals are (height, width, 3){turned}")
    if stored.dtype.kind != "f":
        raise NormalError(f"{path}: holds {stored.dtype}; normals in NPY are floating point, codes go into a PNG")
    normal = stored.astype(np.float32)
    if not np.isfinite(normal).all():
        bad = int((~np.isfinite(normal)).any(axis=2).sum())
        raise NormalError(f"{path}: {bad} pixels are not finite (NaN or infinite); write (0, 0, 0) where there is none")
    length = np.linalg.norm(normal, axis=2)
    _refuse_other_lengths(path, length[length > 0])
    present = length > _LEAST
    return np.where(present[..., None], normal / np.where(present, length, 1)[..., None], np.float32(0))


def _read_png(path: Path) -> np.ndarray:
    import cv2

    # Pillow has no 16-bit RGB: it would cut it to 8 bits without a word.
    stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) if path.stat().st_size else None
    if stored is None:
        raise NormalError(f"{path}: is damaged or not a PNG; write it again")
    if stored.ndim != 3 or stored.shape[2] != 3:
        channels = 1 if stored.ndim == 2 else stored.shape[2]
        raise NormalError(f"{path}: has {channels} channels; normals are RGB, without alpha; {_KINDS}")
    codes: np.ndarray = np.ascontiguousarray(stored[..., ::-1])
    largest = 255 if codes.dtype == np.uint8 else 65535
    length = np.linalg.norm(codes * np.float32(2 / largest) - np.float32(1), axis=2)
    _refuse_other_lengths(path, length[codes.any(axis=2) & (length > _LEAST)])
    return decode_normals(codes)


def _refuse_other_lengths(path: Path, lengths: np.ndarray) -> None:
    strays = np.abs(lengths - 1) > _UNIT
    if strays.size and strays.mean() > _STRAYS:
        raise NormalError(
            f"{path}: {100 * strays.mean():.0f} % of its vectors are not of length 1 (median length "
            f"{float(np.median(lengths)):.3g}): this is not a map of unit normals; {_KINDS}"
        )


def write_normal(path: Path, normal: np.ndarray, source: str) -> None:
    """Write surface normals in the format of `path`'s suffix; the same normals always give the same bytes.

    - `.png`: 16-bit RGB, the codes of `mono.geometry.normals.encode_normals`. Code, frame and source stand in the file,
      in the tEXt chunks "normal_code", "normal_frame" and "normal_source".
    - `.npy`: float32.

    Args:
        path: where to; parent folders are made.
        normal: unit normals, (height, width, 3), 0 where there are none.
        source: where they come from: "network" or "depth".

    Raises:
        ValueError: the suffix is none of `NORMAL_FORMATS`, or `normal` is not (height, width, 3).
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
    with atomic_path(path) as temporary:
        np.save(temporary, np.ascontiguousarray(normal, np.float32))
