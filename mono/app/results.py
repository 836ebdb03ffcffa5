"""Results of a run, opened in the app without a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mono.app.photos import OpenPhoto, clean_name, flattening, shrink
from mono.inference.prediction import Prediction
from mono.io.depth import read_depth
from mono.io.depth_metadata import saved_camera
from mono.io.images import read_image
from mono.runs.manifest import Manifest
from mono.runs.paths import own_file
from mono.system.errors import MetricDepthError


def saved_results(out: Path) -> dict[str, Callable[[], OpenPhoto]]:
    """List a run's photos with saved depth.

    Args:
        out: output folder of `metricdepth predict`.

    Returns:
        Functions that open a photo, by name.

    Raises:
        MetricDepthError: the folder holds no saved depth.
    """
    if not (out / "manifest.jsonl").is_file():
        raise MetricDepthError(f"{out}: holds no results (manifest.jsonl is missing); give an output folder of predict")
    records = (
        r for r in Manifest(out, clean=False).walk() if r["status"] == "ok" and "depth" in r["outputs"] and "path" in r
    )
    found: dict[str, Callable[[], OpenPhoto]] = {record["name"]: partial(_open, out, record) for record in records}
    if not found:
        raise MetricDepthError(f"{out}: holds no depth; run metricdepth predict with --save depth")
    return found


def _open(out: Path, record: Mapping[str, Any]) -> OpenPhoto:
    """Read a photo and its saved depth; confidence is not saved with it."""
    file = own_file(out, record["outputs"]["depth"])
    if file is None:
        raise MetricDepthError(f"{record['name']}: its depth is missing in {out}; predict it again")
    rgb, depth = read_image(record["path"]).rgb, read_depth(file)
    camera = saved_camera(file)
    if rgb.shape[:2] != depth.shape or camera is None:
        raise MetricDepthError(f"{record['name']}: photo and saved depth differ in size; predict it again")
    flat = flattening(str(record["name"]), camera)
    depth = flat.depth_to_pinhole(depth)
    rgb, camera = shrink(flat.image_to_pinhole(rgb), flat.pinhole)
    rows, columns = (np.arange(new) * old // new for new, old in zip(rgb.shape[:2], depth.shape, strict=True))
    depth = depth[np.ix_(rows, columns)]
    source, detail = record.get("camera_source", "unknown"), str(record.get("camera_detail", ""))
    prediction = Prediction(depth, np.full_like(depth, np.nan), camera, source, detail)
    return OpenPhoto(clean_name(record["name"]), rgb, prediction, str(record.get("model", "")))
