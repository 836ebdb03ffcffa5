"""Camera files of SLAM systems: camodocal (VINS, KITTI-360), Basalt, DSO and TUM's text files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mono.io.cameras.values import CameraFileError, CameraValues, side

_PARTS = ("mirror_parameters", "distortion_parameters", "projection_parameters")
_CAMODOCAL = {"gamma1": "fx", "gamma2": "fy", "mu": "fx", "mv": "fy", "u0": "cx", "v0": "cy"}
_ONE_LOWER = {"k2": "k1", "k3": "k2", "k4": "k3", "k5": "k4"}  # its Kannala-Brandt counts from the power of the angle
_DSO = re.compile(r"^(pinhole|fov|radtan|equidistant|kannalabrandt)$", re.IGNORECASE)
_DSO_MODELS = {"fov": "fov", "equidistant": "fisheye", "kannalabrandt": "fisheye"}


def from_camodocal(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Convert a camodocal calibration to plain keys; return None for content of another kind."""
    if "projection_parameters" not in content or not isinstance(content["projection_parameters"], Mapping):
        return None
    names = _CAMODOCAL | (_ONE_LOWER if str(content.get("model_type", "")).upper() == "KANNALA_BRANDT" else {})
    values = {key: value for key, value in content.items() if key not in _PARTS}
    for part in (content.get(part) for part in _PARTS):
        if isinstance(part, Mapping):
            values |= {names.get(str(key), str(key)): value for key, value in part.items()}
    return values


def from_basalt(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """Convert a Basalt calibration to a mapping a camera; return None for content of another kind."""
    inner = content.get("value0")
    cameras = inner.get("intrinsics") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(cameras, list):
        return None
    sizes = inner.get("resolution")
    sizes = sizes if isinstance(sizes, list) else []
    made: dict[str, Any] = {}
    for i, camera in enumerate(cameras):
        if isinstance(camera, Mapping) and isinstance(camera.get("intrinsics"), Mapping):
            values = {key: value for key, value in camera["intrinsics"].items() if key != "rpmax"}
            values["model"] = str(camera.get("camera_type", "")).removesuffix("-radtan8")
            made[f"cam{i}"] = values | ({"resolution": sizes[i]} if i < len(sizes) else {})
    return made or None


def parse_dso(path: Path, lines: Sequence[str]) -> CameraValues | None:
    """Parse DSO's camera.txt, as TUM's monocular dataset has it; return None for lines of another kind.

    Raises:
        CameraFileError: a number is out of range.
    """
    rows = [line.split() for line in lines]
    if not 3 <= len(rows) <= 4 or len(rows[1]) != 2 or len(rows[-1]) != 2:
        return None
    named = _DSO.match(rows[0][0])
    words = rows[0][1:] if named else rows[0]
    try:
        numbers, (width, height) = [float(word) for word in words], (float(word) for word in rows[1])
    except ValueError:
        return None
    if not 5 <= len(numbers) <= 8:
        return None
    wide, high = side(path, "image size", width), side(path, "image size", height)
    fx, fy, cx, cy, *distortion = numbers
    if cx < 1 and cy < 1:  # shares of the image, which begins at the corner of its first pixel
        fx, fy, cx, cy = fx * wide, fy * high, cx * wide - 0.5, cy * high - 0.5
    model = _DSO_MODELS.get(rows[0][0].lower(), "pinhole") if named else "fov"
    if not any(distortion):
        model, distortion = ("pinhole" if model == "fov" else model), []
    values = CameraValues(fx, fy, cx, cy, wide, high, None, tuple(distortion), model)
    values.camera(path, wide, high)
    return values


def parse_row(path: Path, numbers: Sequence[float]) -> CameraValues | None:
    """Parse fx fy cx cy k1 k2 p1 p2 and k3, as TUM's RGB-D tables have them; return None for a flat matrix.

    Raises:
        CameraFileError: a number is out of range.
    """
    if len(numbers) not in (8, 9) or (len(numbers) == 9 and numbers[1] == 0 == numbers[3]):
        return None
    fx, fy, cx, cy, *distortion = numbers
    if not 0.5 * fy < fx < 2 * fy:  # as of four numbers with decimal commas
        return None
    values = CameraValues(fx, fy, cx, cy, distortion=tuple(distortion))
    values.camera(path, 1, 1)
    return values


def check_pixels(path: Path, focal: float, width: int) -> None:
    """Refuse focal lengths that are no pixels: an equidistant lens that sees all around has a sixth of the width.

    Raises:
        CameraFileError: the focal length is below a twentieth of the width.
    """
    if focal < width / 20:
        raise CameraFileError(
            f"{path}: its focal length is {focal:g} px in an image {width} px wide, which no lens has; give it in "
            "pixels (OpenSfM's is a share of the longer side)"
        )
