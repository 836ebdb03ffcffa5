"""Depth maps: PNG, TIFF, NPY, NPZ and EXR files, read and written in meters."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from mono.geometry.camera import Camera
from mono.io.arrays import ArrayError, read_npy, read_npz, write_npy
from mono.io.atomic import atomic_path, write_bytes
from mono.io.depth_encoding import clean_depth, encode_png16, quantise, write_npz
from mono.io.depth_metadata import METADATA_KEY, SIDECAR_FORMATS, DepthEncoding, describe_depth, write_sidecar
from mono.io.exr import ExrError, read_depth_channel, write_depth_channel
from mono.io.file_kinds import require_file
from mono.io.images import DECODING_ERRORS
from mono.io.pfm import PfmError, read_pfm
from mono.io.tiff import TiffError, describe_kind, needs_own_reader, read_directories, read_pixels
from mono.system.errors import MetricDepthError

DEPTH_FORMATS = ("png", "npy", "npz", "exr")

DEPTH_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".npy", ".npz", ".exr", ".pfm"})
MAX_PIXELS = 1 << 27  # 134 megapixels
SCALE_KEY = "depth_scale"  # tEXt chunk of a PNG that states its scale

_MILLIMETERS = DepthEncoding()
_ROWS = 256  # converted at a time, which takes less memory
_KINDS = "use a 16-bit PNG or TIFF, NPY, NPZ, EXR or PFM"


class DepthError(MetricDepthError):
    """Error of a depth map that cannot be used, naming file, cause and remedy."""


def read_depth(path: str | os.PathLike[str], scale: float | None = None) -> np.ndarray:
    """Read a depth map in meters.

    Formats: 16-bit PNG or TIFF, float TIFF, NPY, NPZ (key "depth", or its only array), EXR, PFM.

    Args:
        path: depth file.
        scale: stored value of one meter. None: the scale in a PNG's text chunk "depth_scale"; else floating-point files
            are taken to be in meters, and integer files are an error.

    Returns:
        (H, W) float32 depth along the optical axis [m]; 0 where there is none (NaN, infinite, zero or negative).

    Raises:
        DepthError: the file is missing, damaged, too large, of an unknown kind or not a depth map (8-bit, color, not
            two-dimensional), or its scale is unknown or not a positive number.
    """
    depth = read_values(path, scale)
    for top in range(0, len(depth), _ROWS):
        rows = depth[top : top + _ROWS]
        rows[~(np.isfinite(rows) & (rows > 0))] = 0
    return depth


def read_values(path: str | os.PathLike[str], scale: float | None = None) -> np.ndarray:
    """Read a depth file's values, also those of none.

    Args:
        path: depth file.
        scale: divides the stored values, as for `read_depth`.

    Returns:
        (H, W) float32; NaN, infinite, zero and negative values as they are stored.

    Raises:
        DepthError: as for `read_depth`.
    """
    path = Path(path)
    if scale is not None and not (math.isfinite(scale) and scale > 0):
        raise DepthError(f"{path}: depth_scale is {scale}; it must be a positive number (stored value per meter)")
    require_file(path, "a depth map", DepthError)
    suffix = path.suffix.lower()
    try:
        if suffix not in DEPTH_SUFFIXES:
            raise DepthError(f"{path}: depth cannot be read from {path.suffix or 'a file without suffix'}; {_KINDS}")
        if path.stat().st_size == 0:
            raise DepthError(f"{path}: is empty (0 bytes); copy or write it again")
        if suffix == ".npy":
            stored = read_npy(path)
        elif suffix == ".npz":
            stored = read_npz(path, "depth")
        elif suffix == ".exr":
            stored = read_depth_channel(path)
        elif suffix == ".pfm":
            stored = read_pfm(path)
        else:
            stored, own_scale = _read_image_values(path)
            scale = own_scale if scale is None else scale
        return _scaled(path, stored, scale)
    except DepthError:
        raise
    except (ArrayError, ExrError, PfmError, TiffError) as error:
        raise DepthError(f"{path}: {error}") from error
    except PermissionError as error:
        raise DepthError(f"{path}: may not be read (permission denied); change its permissions") from error
    except MemoryError as error:
        raise DepthError(f"{path}: is too large for the memory of this machine; make it smaller") from error
    except (*DECODING_ERRORS, zipfile.BadZipFile) as error:
        raise DepthError(f"{path}: is damaged or not what its suffix promises; write it again") from error


def _scaled(path: Path, stored: np.ndarray, scale: float | None) -> np.ndarray:
    if stored.ndim == 3 and 1 in (stored.shape[0], stored.shape[2]):
        stored = stored.squeeze(0 if stored.shape[0] == 1 else 2)
    if stored.ndim != 2 or not stored.size:
        raise DepthError(f"{path}: has shape {stored.shape}; a depth map is (height, width)")
    if stored.size > MAX_PIXELS:
        raise DepthError(f"{path}: has {stored.size / 1e6:.0f} megapixels, more than 134; make it smaller")
    if stored.dtype in (np.uint8, np.int8):
        raise DepthError(f"{path}: is 8-bit, too coarse for depth (perhaps an image of a depth map?); {_KINDS}")
    if stored.dtype.kind not in "iuf":
        raise DepthError(f"{path}: holds {stored.dtype}, not numbers that could be depth; {_KINDS}")
    if scale is None and stored.dtype.kind != "f":
        raise DepthError(
            f"{path}: holds integers ({stored.dtype}) of unknown unit; "
            "give depth_scale, the stored value of one meter (KITTI: 256, millimeters: 1000), or the command's "
            "flag for it (--depth-scale, --align-scale, --pred-scale)"
        )
    depth = np.empty(stored.shape, np.float32)
    precise = np.float64 if stored.dtype.itemsize > 4 else np.float32
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for top in range(0, len(stored), _ROWS):
            rows = slice(top, top + _ROWS)
            depth[rows] = np.divide(stored[rows].astype(precise), scale or 1.0).astype(np.float32)
    return depth


def _read_image_values(path: Path) -> tuple[np.ndarray, float | None]:
    """Read the stored values of a PNG or TIFF, and the scale stated in a PNG."""
    with path.open("rb") as file:
        head = file.read(8)
        tags = read_directories(file) if head[:2] in (b"II", b"MM") else []
        if tags and needs_own_reader(tags[0], head):
            return read_pixels(file, tags[0]), None
        try:
            opened = _open_png_or_tiff(path, file, head)
        except DepthError:
            if not tags:
                raise
            raise DepthError(f"{path}: is {describe_kind(tags[0])}, which cannot be read as depth; {_KINDS}") from None
        with opened as image:
            if image.width * image.height > MAX_PIXELS:
                size = f"{image.width}x{image.height}"
                raise DepthError(f"{path}: is {size} pixels, more than the 134 megapixels that are read of a depth map")
            mode = image.mode
            if mode in ("1", "L", "P", "LA", "PA"):
                raise DepthError(f"{path}: is 8-bit, too coarse for depth (perhaps an image of a depth map?); {_KINDS}")
            if not (mode.startswith("I") or mode == "F"):
                raise DepthError(f"{path}: is a color image ({mode}), not depth (perhaps a colored map?); {_KINDS}")
            image.load()
            return np.asarray(image), _parse_scale(path, image.info.get(SCALE_KEY))


def _open_png_or_tiff(path: Path, file: Any, head: bytes) -> Image.Image:
    file.seek(0)
    try:
        if head == b"\x89PNG\r\n\x1a\n":
            return PngImagePlugin.PngImageFile(file, "")
        if head[:2] in (b"II", b"MM"):
            return TiffImagePlugin.TiffImageFile(file, "")
    except DECODING_ERRORS as error:
        raise DepthError(f"{path}: is damaged, or a kind of PNG or TIFF that cannot be read; write it again") from error
    raise DepthError(f"{path}: is not a PNG or TIFF; write it again")


def _parse_scale(path: Path, text: object) -> float | None:
    if text is None:
        return None
    try:
        scale = float(str(text))
    except ValueError:
        scale = math.nan
    if not (math.isfinite(scale) and scale > 0):
        raise DepthError(f"{path}: its text chunk {SCALE_KEY} is {text!r}, not a positive number; give depth_scale")
    return scale


def png_depth_scale(path: str | os.PathLike[str]) -> float | None:
    """Read the depth scale in a PNG's text chunk, without decoding it.

    Args:
        path: depth file.

    Returns:
        Stored value of one meter; None if the file has no such chunk or is not a PNG.

    Raises:
        DepthError: the chunk is there, but is not a positive number.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, _open_png_or_tiff(path, file, file.read(8)) as image:
            text = image.info.get(SCALE_KEY)
    except DECODING_ERRORS:
        return None
    return _parse_scale(path, text)


@dataclass(frozen=True)
class WrittenDepth:
    """Outcome of writing a depth map.

    Attributes:
        metadata: unit, direction, scale, invalid value, camera and notes, as they are stored with the depth.
        beyond_range: number of pixels that became invalid, as the file cannot hold depth so large.
    """

    metadata: dict[str, Any]
    beyond_range: int = 0


def write_depth(
    path: Path,
    depth: np.ndarray,
    camera: Camera | None = None,
    notes: Mapping[str, Any] | None = None,
    encoding: DepthEncoding = _MILLIMETERS,
    zero_is_value: bool = False,
) -> WrittenDepth:
    """Write a depth map in the format of its suffix.

    Whatever is not a depth (NaN, infinite, negative, or beyond the format's range) is written as invalid. On one
    machine, the same depth always gives the same bytes. Unit, direction, invalid value and camera go with it: for a PNG
    or NPY into a JSON file of the same name (`write_sidecar`), which is written first, so that a complete depth map
    always has one.

    - `.png`: 16 bit, value / scale = meters, 0 = invalid; tEXt chunks "depth_scale" and "unit".
    - `.npy`: float32 [m]. `.npz`: the same, compressed, under the key "depth", with "K" (3x3) and metricdepth.json.
    - `.exr`: float32 [m] in channel "Z", attribute "metricdepth" (JSON); needs the package OpenEXR.

    Args:
        path: file to write; parent folders are made.
        depth: (H, W) depth along the optical axis [m], or along the ray for cameras of that `depth_kind`.
        camera: camera of the depth map.
        notes: further metadata, as the alignment of the depth.
        encoding: scale of PNGs, and invalid value of the other formats.
        zero_is_value: 0 and negative values are kept, and the others become NaN: for values without a unit.

    Returns:
        Metadata, and the number of pixels beyond the range of a PNG.

    Raises:
        MetricDepthError: the suffix is none of `DEPTH_FORMATS` or cannot hold the values, `depth` is not (H, W), or
            OpenEXR is missing.
        OSError: the file cannot be written.
    """
    path = Path(path)
    depth = np.asarray(depth)
    if depth.ndim != 2 or depth.size == 0:
        raise MetricDepthError(f"{path.name}: depth has shape {depth.shape}; it must be (height, width)")
    kind = path.suffix.lower().lstrip(".")
    if kind not in DEPTH_FORMATS:
        raise MetricDepthError(
            f"{path.name}: depth cannot be written as {kind!r}; choose one of {', '.join(DEPTH_FORMATS)}"
        )
    scale, beyond = None, 0
    if zero_is_value:
        if kind == "png":
            raise MetricDepthError(f"{path.name}: a depth PNG holds meters; write these values as npy, npz or exr")
        encoding = replace(encoding, invalid=math.nan)
    if kind == "png":
        steps, scale = quantise(depth, encoding.scale)
        beyond = encoding.count_beyond(depth)
    metadata = describe_depth(kind, encoding, scale, camera) | dict(notes or {})
    text = json.dumps(metadata, indent=1) + "\n"
    if kind in SIDECAR_FORMATS:
        write_sidecar(path, metadata)
    if kind == "png":
        texts = {SCALE_KEY: f"{scale:.17g}", "unit": "m = value / depth_scale; 0 = invalid"}
        if metadata["depth_kind"] == "ray":
            texts["depth_kind"] = "ray"
        write_bytes(path, encode_png16(steps, texts))
        return WrittenDepth(metadata, beyond)
    meters = clean_depth(depth, encoding.invalid, zero_is_value)
    if kind == "npy":
        write_npy(path, meters)
        return WrittenDepth(metadata)
    with atomic_path(path) as temporary:
        if kind == "npz":
            arrays = {"depth": meters}
            if camera is not None:
                arrays["K"] = camera.matrix
            write_npz(temporary, arrays, {f"{METADATA_KEY}.json": text})
        else:
            write_depth_channel(temporary, meters, {METADATA_KEY: text})
    return WrittenDepth(metadata)
