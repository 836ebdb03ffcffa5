"""Projects of the app: a photo with its layers, camera and measurements, as a file that opens again."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mono.app.photos import OpenPhoto, clean_name
from mono.geometry.camera import Camera
from mono.inference.prediction import Prediction
from mono.io.arrays import read_npy
from mono.io.images import read_image
from mono.io.normals import read_normals, write_normal
from mono.io.pixel_maps import read_mask, write_map, write_mask
from mono.system.errors import MetricDepthError
from mono.visual.color_maps import write_image

MAX_PROJECT = 100_000_000  # [bytes], packed or unpacked
_PROJECT = ("photo.png", "depth.npy", "confidence.npy", "project.json")
_PROJECT_MAPS = ("sky.png", "normal.png")  # of networks that predict them


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
