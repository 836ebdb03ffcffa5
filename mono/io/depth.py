"""Depth maps in, metres out."""

from __future__ import annotations

import json
import math
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from mono.geometry.camera import Camera
from mono.io.atomic import atomic_path, write_bytes
from mono.io.depth_encoding import encode_png16, quantise, valid_or_zero, write_npz
from mono.io.images import DECODING_ERRORS
from mono.system.errors import MetricDepthError

DEPTH_FORMATS = ("png", "npy", "npz", "exr")

DEPTH_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".npy", ".npz", ".exr"})
SCALE_KEY = "depth_scale"  # tEXt chunk of a PNG that knows its scale

_KINDS = "use a 16-bit PNG or TIFF, NPY, NPZ or EXR"


class DepthError(MetricDepthError):
    """A depth map cannot be used. The message names the file, what is wrong with it and what to do."""


def read_depth(path: str | os.PathLike[str], scale: float | None = None) -> np.ndarray:
    """Read a depth map: 16-bit PNG or TIFF, float TIFF, NPY, NPZ (key "depth", or its only array), EXR.

    Args:
        path: the file.
        scale: metres = stored value / scale. None: the scale a PNG carries in its text chunk "depth_scale"; else
            floating-point files are taken to be in metres, and integer files are an error.

    Returns:
        depth along the optical axis [m], (H, W) float32, 0 where there is none (NaN, infinite, zero or negative).

    Raises:
        DepthError: the file is missing, damaged, of an unknown kind or not a depth map (8-bit, colour, not
            two-dimensional), or its scale is unknown or not a positive number.
    """
    path = Path(path)
    if scale is not None and not (math.isfinite(scale) and scale > 0):
        raise DepthError(f"{path}: depth_scale is {scale}; it must be a positive number (stored value per metre)")
    if not path.is_file():
        state = "is a folder, not a depth map" if path.is_dir() else "there is no such file; check the path"
        raise DepthError(f"{path}: {state}")
    readers = {".npy": _read_npy, ".npz": _read_npz, ".exr": _read_exr}
    try:
        if path.suffix.lower() not in DEPTH_SUFFIXES:
            raise DepthError(f"{path}: depth cannot be read from {path.suffix or 'a file without suffix'}; {_KINDS}")
        if path.stat().st_size == 0:
            raise DepthError(f"{path}: is empty (0 bytes); copy or write it again")
        if path.suffix.lower() in readers:
            stored = readers[path.suffix.lower()](path)
        else:
            stored, own_scale = _read_image_values(path)
            scale = own_scale if scale is None else scale
    except DepthError:
        raise
    except PermissionError as error:
        raise DepthError(f"{path}: may not be read (permission denied); change its permissions") from error
    except (*DECODING_ERRORS, zipfile.BadZipFile, MemoryError) as error:
        raise DepthError(f"{path}: is damaged or not what its suffix says ({error}); write it again") from error
    return _to_metres(path, stored, scale)


def _to_metres(path: Path, stored: np.ndarray, scale: float | None) -> np.ndarray:
    if stored.ndim == 3 and 1 in (stored.shape[0], stored.shape[2]):
        stored = stored.squeeze(0 if stored.shape[0] == 1 else 2)
    if stored.ndim != 2 or not stored.size:
        raise DepthError(f"{path}: has shape {stored.shape}; a depth map is (height, width)")
    if stored.dtype in (np.uint8, np.int8):
        raise DepthError(f"{path}: is 8-bit, too coarse for depth (perhaps a picture of a depth map?); {_KINDS}")
    if stored.dtype.kind not in "iuf":
        raise DepthError(f"{path}: holds {stored.dtype}, not numbers that could be depth; {_KINDS}")
    if scale is None and stored.dtype.kind != "f":
        raise DepthError(
            f"{path}: holds whole numbers ({stored.dtype}) of unknown unit; "
            "give depth_scale, the stored value of one metre (KITTI: 256, millimetres: 1000)"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        precise = np.float64 if stored.dtype.itemsize > 4 else np.float32
        depth = np.divide(stored.astype(precise), scale or 1.0).astype(np.float32)
    valid = np.isfinite(depth) & (depth > 0)
    return np.where(valid, depth, np.float32(0))


def _read_image_values(path: Path) -> tuple[np.ndarray, float | None]:
    """Stored values of a PNG or TIFF, and the scale the file itself names."""
    try:
        with Image.open(path) as image:
            image.load()
            mode, own_scale, stored = image.mode, image.info.get(SCALE_KEY), np.asarray(image)
    except UnidentifiedImageError as error:
        raise DepthError(f"{path}: is not a PNG or TIFF, or is damaged; write it again") from error
    except Image.DecompressionBombError as error:
        raise DepthError(f"{path}: is too large ({error})") from error
    if mode in ("1", "L", "P", "LA", "PA"):
        raise DepthError(f"{path}: is 8-bit, too coarse for depth (perhaps a picture of a depth map?); {_KINDS}")
    if not (mode.startswith("I") or mode == "F"):
        raise DepthError(f"{path}: is a colour image ({mode}), not depth (perhaps a picture of a depth map?); {_KINDS}")
    return stored, _parse_scale(path, own_scale)


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


def _read_npy(path: Path) -> np.ndarray:
    loaded = np.load(path, allow_pickle=False)
    if not isinstance(loaded, np.ndarray):
        loaded.close()
        raise DepthError(f"{path}: is an NPZ archive named .npy; rename it")
    return loaded


def _read_npz(path: Path) -> np.ndarray:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        raise DepthError(f"{path}: is a plain NPY array named .npz; rename it")
    with loaded as archive:
        names = archive.files
        if "depth" in names:
            return archive["depth"]
        if len(names) != 1:
            raise DepthError(f'{path}: holds {", ".join(names) or "nothing"}; name the depth array "depth"')
        return archive[names[0]]


def _read_exr(path: Path) -> np.ndarray:
    try:
        import OpenEXR  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        raise DepthError(f"{path}: to read EXR: pip install OpenEXR, or use PNG, NPY or NPZ") from error
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: np.array(channel.pixels) for name, channel in file.channels().items()}
    except RuntimeError as error:
        raise DepthError(f"{path}: is damaged or not an EXR ({error}); write it again") from error
    for name in ("Z", "depth", "Y", "R"):
        if name in channels:
            return channels[name]
    if len(channels) != 1:
        raise DepthError(f"{path}: holds the channels {', '.join(channels)}; name the depth channel Z")
    return next(iter(channels.values()))


def png_depth_scale(path: str | os.PathLike[str]) -> float | None:
    """The depth scale a PNG carries in its text chunk, without decoding it; None if it has none or is not a PNG.

    Raises:
        DepthError: the chunk is there, but is not a positive number.
    """
    try:
        with Image.open(path) as image:
            return _parse_scale(Path(path), image.info.get(SCALE_KEY))
    except DepthError:
        raise
    except (*DECODING_ERRORS, Image.DecompressionBombError):
        return None


def write_depth(path: Path, depth: np.ndarray, camera: Camera | None = None) -> dict[str, Any] | None:
    """Write a depth map in the format of `path`'s suffix; on one machine the same depth always gives the same bytes.

    Whatever is not a depth (NaN, infinite, negative, or beyond the format's range) is written as 0, invalid.

    - `.png`: 16 bit, value / scale = metres. The scale is 1000 where all depth is below 65.5 m, else 200 (depth up to
      327.6 m). It stands in the file (tEXt chunks "depth_scale" and "unit") and in a JSON file of the same name
      (`sidecar_path`), which is written first, so that a complete PNG always has one.
    - `.npy`: float32 [m]. `.npz`: the same, compressed, under the key "depth".
    - `.exr`: float32 [m] in channel "Z"; needs the package OpenEXR.

    Args:
        path: where to; parent folders are made.
        depth: depth along the optical axis [m], (height, width).
        camera: the camera of the depth map, for the JSON file beside a PNG.

    Returns:
        What the JSON file holds, for a PNG; None for the other formats.

    Raises:
        ValueError: the suffix is none of `DEPTH_FORMATS`, or `depth` is not (height, width).
        ModuleNotFoundError: EXR without the package OpenEXR.
        OSError: the file cannot be written.
    """
    path = Path(path)
    depth = np.asarray(depth)
    if depth.ndim != 2 or depth.size == 0:
        raise MetricDepthError(f"{path.name}: depth has shape {depth.shape}; it must be (height, width)")
    kind = path.suffix.lower().lstrip(".")
    if kind == "png":
        return _write_png(path, depth, camera)
    if kind not in DEPTH_FORMATS:
        raise MetricDepthError(
            f"{path.name}: depth cannot be written as {kind!r}; choose one of {', '.join(DEPTH_FORMATS)}"
        )
    metres = valid_or_zero(depth)
    with atomic_path(path) as temporary:
        if kind == "npy":
            np.save(temporary, metres)
        elif kind == "npz":
            write_npz(temporary, metres)
        else:
            _write_exr(temporary, metres)
    return None


def sidecar_path(path: Path) -> Path:
    """Where the JSON file of a depth PNG lies."""
    return Path(path).with_suffix(".json")


def _write_png(path: Path, depth: np.ndarray, camera: Camera | None) -> dict[str, Any]:
    steps, scale = quantise(depth)
    sidecar: dict[str, Any] = {"depth_scale": scale, "unit": "m", "invalid": 0}
    if camera is not None:
        sidecar["camera"] = {
            "fx": camera.fx,
            "fy": camera.fy,
            "cx": camera.cx,
            "cy": camera.cy,
            "width": camera.width,
            "height": camera.height,
            "distortion": list(camera.distortion),
        }
    data = encode_png16(steps, {"depth_scale": str(scale), "unit": "m = value / depth_scale; 0 = invalid"})
    write_bytes(sidecar_path(path), (json.dumps(sidecar, indent=1) + "\n").encode())
    write_bytes(path, data)
    return sidecar


def _write_exr(path: Path, depth: np.ndarray) -> None:
    exr = _import_openexr()
    header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
    with exr.File(header, {"Z": depth}) as file:
        file.write(str(path))


def _import_openexr() -> Any:
    try:
        import OpenEXR  # type: ignore[import-not-found,unused-ignore]
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "EXR files need the package OpenEXR: pip install OpenEXR (or choose png, npy or npz)", name="OpenEXR"
        ) from error
    return OpenEXR
