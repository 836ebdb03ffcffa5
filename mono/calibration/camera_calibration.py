"""Calibration of a camera and model: stored in the camera file, applied to later predictions."""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from mono.calibration.depth_alignment import DepthAlignment
from mono.calibration.known import AlignmentError
from mono.data.camera_source import ResolvedCamera
from mono.io.atomic import write_bytes
from mono.system.files import cached_while_unchanged, json_object

KEY = "calibration"  # entry of a camera file: an object by checksum of the model
_NUMBERS = ("scale", "exponent", "center", "standard_error", "exponent_error", "spread", "near", "far")
_MAX_BYTES = 64 << 20
logger = logging.getLogger(__name__)
_Prediction = TypeVar("_Prediction", bound=Any)


def with_calibration(prediction: _Prediction, found: ResolvedCamera, checksum: str) -> _Prediction:
    """Apply the calibration of the camera's file.

    Args:
        prediction: prediction, with `depth`, `format` and `calibration`.
        found: its camera.
        checksum: SHA-256 of the model's weights.

    Returns:
        The prediction with corrected depth; as it is, without a calibration for this model or without a unit.

    Raises:
        AlignmentError: the calibration in the file is damaged.
    """
    if found.file is None or not prediction.format.metric:
        return prediction
    calibration = read_calibration(found.file, checksum)
    if calibration is None:
        return prediction
    return replace(prediction, depth=calibration.apply(prediction.depth), calibration=calibration)


def read_calibration(path: Path, checksum: str) -> DepthAlignment | None:
    """Read a model's calibration from a camera file.

    Args:
        path: camera file.
        checksum: SHA-256 of the model's weights.

    Returns:
        The calibration; None without one for this model, which is logged where there are others.

    Raises:
        AlignmentError: the calibration is damaged.
    """
    return _read(path, checksum) if os.path.isfile(path) else None  # noqa: PTH113


@cached_while_unchanged(maxsize=64)
def _read(path: Path, checksum: str) -> DepthAlignment | None:
    is_json = path.suffix.lower() == ".json" and path.stat().st_size <= _MAX_BYTES
    entries = (json_object(path.read_bytes()) or {}).get(KEY) if is_json else None
    if entries is None:
        return None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise _damaged(path, f"{KEY} is no object of calibrations by checksum")
    if checksum not in entries:
        models = ", ".join(str(entry.get("model_name", "another model"))[:40] for entry in entries.values())
        if entries:
            logger.warning("%s: is calibrated for %s, not for this model: its depth stays as predicted", path, models)
        return None
    entry = entries[checksum]
    values = {name: entry[name] for name in _NUMBERS if name in entry}
    if not all(type(value) in (int, float) and math.isfinite(value) for value in values.values()):
        raise _damaged(path, "a number is missing or not finite")
    values = {"standard_error": 0.0, "spread": 0.0} | {name: float(value) for name, value in values.items()}
    if not all(1e-3 < values.get(name, 1.0) < 1e3 for name in ("scale", "center")):
        raise _damaged(path, "its scale is impossible")
    if "scale" not in values or not 0.1 <= values.get("exponent", 1.0) <= 10:
        raise _damaged(path, "it has no scale, or an impossible exponent")
    used = entry.get("used", 0)
    return DepthAlignment(
        model="affine" if values.get("exponent", 1.0) != 1.0 else "scale",
        used=used if type(used) is int else 0,
        left_out={},
        source=f"calibration in {path}",
        **values,  # type: ignore[arg-type]
    )


def write_calibration(
    path: Path, camera: Mapping[str, Any], checksum: str, model_name: str, alignment: DepthAlignment, images: int
) -> None:
    """Store a calibration in a camera file.

    Args:
        path: JSON camera file; it is made where there is none.
        camera: entries of a new file ("fx", "fy", ...); not used where the file exists.
        checksum: SHA-256 of the model's weights.
        model_name: name of the model.
        alignment: the calibration.
        images: number of images it was fitted to.

    Raises:
        AlignmentError: the file exists and is no JSON object.
        OSError: the file cannot be written.
    """
    content = dict(camera)
    if path.exists():
        loaded = json_object(path.read_bytes())
        if loaded is None:
            raise AlignmentError(f"{path}: is no JSON object, so no calibration can be added; choose another file")
        content = loaded
    entry = {name: round(value, 6) for name in _NUMBERS if math.isfinite(value := getattr(alignment, name))}
    entry |= {"model_name": model_name, "used": alignment.used, "images": images}
    former = content.get(KEY)
    content[KEY] = (former if isinstance(former, dict) else {}) | {checksum: entry}
    write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())


def _damaged(path: Path, why: str) -> AlignmentError:
    return AlignmentError(f"{path}: its {KEY} is damaged ({why}); run metricdepth calibrate again, or remove the entry")
