"""Meaning of stored depth: how it is encoded, and for which camera it holds."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mono.geometry.camera import Camera
from mono.io.atomic import write_bytes
from mono.io.depth_encoding import clean_depth
from mono.io.exr import read_text_attribute
from mono.system.checks import as_number
from mono.system.errors import MetricDepthError
from mono.system.files import json_object

METADATA_KEY = "metricdepth"  # member of an NPZ and attribute of an EXR with the metadata as JSON
SIDECAR_FORMATS = ("png", "npy")  # formats that cannot hold a camera
_MAX_BYTES = 2**20  # real ones have 300
_LARGEST = 65535
_MALFORMED = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


@dataclass(frozen=True)
class DepthEncoding:
    """Stored values of depth files.

    Attributes:
        scale: stored value of one meter in 16-bit PNGs, 1 to 65535; None: chosen for each file, 1000 where all depth
            is below 65.5 m, else 200.
        invalid: value of pixels without depth in NPY, NPZ and EXR files: 0 or NaN. In a PNG it is always 0.

    Raises:
        MetricDepthError: a value is out of range.
    """

    scale: float | None = 1000
    invalid: float = 0.0

    def __post_init__(self) -> None:
        needed = f'it must be 1 to {_LARGEST} steps per meter (millimeters: 1000), or "auto"'
        if self.scale is not None and not 1 <= as_number(self.scale, "depth scale", needed) <= _LARGEST:
            raise MetricDepthError(f"depth scale is {self.scale:g}; {needed}")
        invalid = as_number(self.invalid, "invalid depth", needed := "it must be 0 or NaN")
        if not (invalid == 0 or math.isnan(invalid)):
            raise MetricDepthError(f"invalid depth is {invalid:g}; {needed}")

    @property
    def farthest(self) -> float:
        """Return the largest depth of a PNG with this scale [m]."""
        return _LARGEST / (self.scale or 200)

    def count_beyond(self, depth: np.ndarray) -> int:
        """Count the pixels whose depth a PNG cannot hold.

        Args:
            depth: depth [m] of any shape.
        """
        if np.max(depth, initial=0) * (self.scale or 200) < _LARGEST:  # not so for NaN
            return 0
        steps = np.rint(np.minimum(clean_depth(depth), np.float32(1e6)) * np.float32(self.scale or 200))
        return int(np.count_nonzero(steps > _LARGEST))


def describe_depth(kind: str, encoding: DepthEncoding, scale: float | None, camera: Camera | None) -> dict[str, Any]:
    """Describe a depth file: unit, direction, invalid value, and camera.

    Args:
        kind: "png", "npy", "npz" or "exr".
        encoding: its stored values.
        scale: stored value of one meter of a PNG.
        camera: camera of the depth map.

    Returns:
        Values of JSON types.
    """
    content: dict[str, Any] = {}
    if kind == "png":
        content["depth_scale"] = scale
    content |= {"unit": "m", "depth_kind": "z" if camera is None else camera.depth_kind}
    content["invalid"] = "nan" if kind != "png" and math.isnan(encoding.invalid) else 0
    if camera is not None:
        values = asdict(camera) | {"distortion": list(camera.distortion)}
        if camera.model == "pinhole":
            del values["model"]
        if camera.max_angle is None:
            del values["max_angle"]
        content |= {"camera": values, "pixel_centers": "integer"}
    return content


def sidecar_path(path: Path) -> Path:
    """Return the path of the JSON file beside a depth PNG or NPY.

    Args:
        path: depth file.

    Returns:
        Path with the suffix .json.
    """
    return Path(path).with_suffix(".json")


def write_sidecar(path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the JSON file beside a depth PNG or NPY; the scale of a PNG stays where an NPY shares it.

    Args:
        path: depth file that is written.
        metadata: as from `describe_depth`.

    Raises:
        OSError: the file cannot be written.
    """
    former: dict[str, Any] = {}
    if path.suffix.lower() == ".npy" and path.with_suffix(".png").is_file():
        scale = _known_metadata(path).get("depth_scale")
        former = {"depth_scale": scale} if isinstance(scale, (int, float)) else {}
    write_bytes(sidecar_path(path), (json.dumps(former | dict(metadata), indent=1) + "\n").encode())


def invalid_is_zero(path: Path) -> bool:
    """Tell if a depth file says that 0 is invalid.

    Args:
        path: NPY with its JSON file beside it, NPZ or EXR; others say nothing, which gives False.
    """
    return _known_metadata(path).get("invalid") == 0


def unitless_kind(path: Path) -> str | None:
    """Read the kind of a depth file's values that have no unit, as "disparity".

    Args:
        path: NPY with its JSON file beside it, NPZ or EXR.

    Returns:
        The kind; None where the values are meters, or nothing is said of them.
    """
    content = _known_metadata(path)
    return content.get("depth_kind") if content.get("unit", "m") is None else None


def saved_camera(depth_file: Path) -> Camera | None:
    """Read the camera that was written with a depth map.

    Args:
        depth_file: PNG or NPY with its JSON file beside it, NPZ or EXR.

    Returns:
        The camera; None where the file states none.

    Raises:
        MetricDepthError: the metadata are damaged.
    """
    holder = _holder(depth_file)
    if not holder.is_file():
        return None
    try:
        text = _read_metadata(holder)
        values = dict(json.loads(text).get("camera") or {}) if text else {}
        return Camera(**{**values, "distortion": tuple(values["distortion"])}) if values else None
    except (*_MALFORMED, zipfile.BadZipFile) as error:
        detail = f": {error}" if isinstance(error, MetricDepthError) else ""
        raise MetricDepthError(
            f"{holder}: its camera cannot be read{detail}; write depth again, or remove the file"
        ) from error


def _holder(depth_file: Path) -> Path:
    """Return the file that holds a depth file's metadata."""
    kind = depth_file.suffix.lower().lstrip(".")
    return sidecar_path(depth_file) if kind in SIDECAR_FORMATS else depth_file


def _known_metadata(depth_file: Path) -> dict[str, Any]:
    """Read the metadata of an NPY, NPZ or EXR; nothing where there are none, or damaged ones."""
    if depth_file.suffix.lower() not in (".npy", ".npz", ".exr"):
        return {}
    try:
        text = _read_metadata(_holder(depth_file))
    except (*_MALFORMED, zipfile.BadZipFile, OSError):
        return {}
    return json_object(text) or {}


def _read_metadata(path: Path) -> str | bytes | None:
    if path.suffix.lower() == ".exr":
        return read_text_attribute(path, METADATA_KEY)
    if path.suffix.lower() == ".npz":
        with zipfile.ZipFile(path) as archive:
            name = f"{METADATA_KEY}.json"
            if name not in archive.namelist():
                return None
            with archive.open(name) as member:
                data = member.read(_MAX_BYTES + 1)
    else:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise MetricDepthError("it is too large for a camera")
    return data
