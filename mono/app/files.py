"""Files that the app hands out: layers of a photo, downloads, and projects that open again."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from mono.app.photos import OpenPhoto, clean_name
from mono.geometry.camera import Camera
from mono.geometry.pixel_mask import select_pixels
from mono.inference.prediction import Prediction
from mono.io.arrays import read_npy
from mono.io.depth import write_depth
from mono.io.images import read_image
from mono.io.normals import read_normals, write_normal
from mono.io.pixel_maps import read_mask, write_map, write_mask
from mono.system.errors import MetricDepthError
from mono.visual.color_maps import colorize, colorize_normals, depth_limits, write_image

DOWNLOADS = ("depth.png", "depth.json", "depth.npy", "mask.png", "points.ply", "mesh.glb")
LAYERS = ("photo", "depth", "confidence", "sky", "normals", "mask")
_CLOUD_POINTS = 200_000
_EDGES = 0.1
_PROJECT = ("photo.png", "depth.npy", "confidence.npy", "project.json")
_PROJECT_MAPS = ("sky.png", "normal.png")  # of networks that predict them
MAX_PROJECT = 100_000_000  # [bytes], packed or unpacked


def write_layer(path: Path, photo: OpenPhoto, layer: str) -> None:
    """Write a layer of a photo as a picture; confidence and sky are gray, higher is lighter.

    Raises:
        MetricDepthError: there is no such layer of this photo.
    """
    p = photo.prediction
    if layer == "photo":
        write_image(path, photo.rgb)
    elif layer == "depth":
        write_image(path, colorize(p.depth, *depth_limits(p.depth)))
    elif layer == "normals":
        write_image(path, colorize_normals(p.surface_normals()))
    elif layer == "mask":
        write_mask(path, _mask(p))
    elif layer == "sky" and p.sky is not None:
        write_mask(path, p.sky)
    elif layer == "confidence":
        low, high = np.nanpercentile(p.confidence, [1, 99])
        write_mask(path, (p.confidence - low) / max(high - low, 1e-6))
    else:
        raise MetricDepthError(f"this photo has no layer {layer!r:.40}; there are {', '.join(LAYERS)}")


def write_download(path: Path, photo: OpenPhoto, prediction: Prediction) -> None:
    """Write a file as the command line does.

    Args:
        path: file to write, with a name of `DOWNLOADS`.
        photo: the photo.
        prediction: its prediction, with the focal length and scale of the user.
    """
    if path.name == "mask.png":
        write_mask(path, _mask(prediction))
    elif path.name == "points.ply":
        prediction.to_ply(path, photo.rgb)
    elif path.name == "mesh.glb":
        prediction.to_mesh(path, photo.rgb, max_faces=1_000_000)
    else:
        write_depth(path.with_suffix(".png") if path.suffix == ".json" else path, prediction.depth, prediction.camera)


def cloud_bytes(photo: OpenPhoto) -> bytes:
    """Pack a thinned cloud for the 3D view: per point x, y [px], depth [m] as float32, and RGBA as bytes."""
    keep = _mask(photo.prediction)
    step = max(1, int(np.ceil(np.sqrt(keep.sum() / _CLOUD_POINTS))))
    rows, columns = np.nonzero(keep[::step, ::step])
    rows, columns = rows * step, columns * step
    points = np.zeros(len(rows), [("place", "<f4", 3), ("color", "u1", 4)])
    points["place"] = np.stack([columns, rows, photo.prediction.depth[rows, columns]], axis=1)
    points["color"][:, :3], points["color"][:, 3] = photo.rgb[rows, columns], 255
    return points.tobytes()


def error_bytes(photo: OpenPhoto) -> bytes:
    """Return the part of the relative standard error that the network announces, float32 (H, W).

    Raises:
        MetricDepthError: the model announces no errors.
    """
    p = photo.prediction
    return replace(p.uncertainty, shared=0.0).std(p.confidence).astype("<f4").tobytes()


def measurements_csv(measurements: Sequence[dict[str, Any]]) -> bytes:
    """Write measurements as CSV, one a line; names that programs would take for formulas are quoted."""
    text = io.StringIO()
    columns = ("length", "straight", "horizontal", "vertical", "area")
    writer = csv.writer(text)
    heads = [*(f"{c} [{'m2' if c == 'area' else 'm'}]" for c in columns), "relative standard error", "points [px]"]
    writer.writerow(["name", *heads])
    for item in measurements:
        name = str(item["name"])
        values = [f"{item[c]:.4f}" if item.get(c, False) is not False else "" for c in (*columns, "relative_error")]
        pixels = " ".join(f"{x:g},{y:g}" for x, y in item["pixels"])
        writer.writerow([f"'{name}" if name[:1] in tuple("=+-@\t") else name, *values, pixels])
    return text.getvalue().encode()


def project_bytes(photo: OpenPhoto, values: dict[str, object]) -> bytes:
    """Pack a project to a ZIP that `read_project` opens."""
    p, buffer = photo.prediction, io.BytesIO()
    project = {
        "name": photo.name, "model": photo.model, "camera": asdict(p.camera), "source": p.camera_source,
        "detail": p.camera_detail, "error_scale": p.error_scale, "focal_error": p.focal_error,
        **values,
    }  # fmt: skip
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        write_image(Path(folder, "photo.png"), photo.rgb)
        write_map(Path(folder, "depth.npy"), p.depth)
        write_map(Path(folder, "confidence.npy"), p.confidence)
        Path(folder, "project.json").write_text(json.dumps(project))
        if p.sky is not None:
            write_mask(Path(folder, "sky.png"), p.sky)
        if p.normal is not None:
            write_normal(Path(folder, "normal.png"), p.normal, "network")
        for file in sorted(Path(folder).iterdir()):
            archive.write(file, file.name)
    return buffer.getvalue()


def read_project(data: bytes) -> OpenPhoto:
    """Open a project that `project_bytes` packed.

    Raises:
        MetricDepthError: it is no project, or damaged.
    """
    wrong = "this is no project file of this app, or it is damaged: download it again"
    try:
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(data)) as archive:
            maps = [name for name in _PROJECT_MAPS if name in archive.namelist()]  # former projects have none
            if sum(archive.getinfo(name).file_size for name in (*_PROJECT, *maps)) > MAX_PROJECT:
                raise MetricDepthError("this project file unpacks to more than 100 MB: it is not of this app")
            for name in (*_PROJECT, *maps):
                Path(folder, name).write_bytes(archive.read(name))
            rgb = read_image(Path(folder, "photo.png")).rgb
            depth, confidence = (read_npy(Path(folder, name)).astype(np.float32) for name in _PROJECT[1:3])
            sky = read_mask(Path(folder, "sky.png")) if "sky.png" in maps else None
            normal = read_normals(Path(folder, "normal.png")) if "normal.png" in maps else None
            project = json.loads(Path(folder, "project.json").read_bytes())
            camera = Camera(**project["camera"] | {"distortion": tuple(project["camera"]["distortion"])})
            extra: dict[str, object] = {"focal_px": float(project["focal_px"]), "scale": float(project["scale"])}
            extra["measurements"] = [
                {
                    "name": str(item["name"])[:80],
                    "pixels": [[float(x), float(y)] for x, y in item["pixels"]][:200],
                    "area": bool(item["area"]),
                }
                for item in project["measurements"][:200]
            ]
            error_scale, focal_error = (
                None if project.get(key) is None else float(project[key]) for key in ("error_scale", "focal_error")
            )
            name, model, source, detail = (str(project[key])[:300] for key in ("name", "model", "source", "detail"))
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        if "unpacks to" in str(error):
            raise
        raise MetricDepthError(wrong) from error
    size = (camera.height, camera.width)
    same = all(a.shape == size for a in (depth, confidence))
    same &= all(a is None or a.shape[:2] == size for a in (rgb, sky, normal))
    if not same or not np.isfinite(depth).all():
        raise MetricDepthError(wrong)
    prediction = Prediction(
        np.maximum(depth, 0),
        confidence,
        camera,
        source,
        detail,
        normal=normal,
        sky=sky,
        error_scale=error_scale,
        focal_error=focal_error,
    )
    return OpenPhoto(clean_name(name), rgb, prediction, clean_name(model), extra=extra)


def safe_stem(name: str) -> str:
    """Reduce a name to letters, digits, dots, dashes and underscores, for a download."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name).stem).strip("._")[:60] or "photo"


def _mask(prediction: Prediction) -> np.ndarray:
    return select_pixels(prediction.depth, prediction.confidence, prediction.sky, edge_filter=_EDGES)
