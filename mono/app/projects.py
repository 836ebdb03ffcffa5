"""Projects of the app: a photo with its layers, camera and measurements, as a file that opens again."""

from __future__ import annotations

import io
import json
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mono.app.measurements import printable, read_items
from mono.app.photos import MAX_DECODING, OpenPhoto, clean_name
from mono.geometry.camera import Camera
from mono.inference.measurement import MAX_POINTS
from mono.inference.prediction import Prediction
from mono.io.arrays import read_npy
from mono.io.images import image_cost, read_image
from mono.io.normals import read_normals, write_normal
from mono.io.pixel_maps import read_mask, write_map, write_mask
from mono.system.checks import as_number
from mono.system.errors import MetricDepthError
from mono.visual.color_maps import write_image

MAX_PROJECT = 100_000_000  # [bytes], packed or unpacked
_PROJECT = ("photo.png", "depth.npy", "confidence.npy", "project.json")
_PROJECT_MAPS = ("sky.png", "normal.png")  # of networks that predict them
_MOST_DEPTH, _MOST_ERROR = 1e6, 100.0  # [m], and of the errors' factor; more is no project of the app
_WRONG = "this is no project file of this app, or it is damaged: download it again"
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RuntimeError, EOFError)


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
    members = _unpack(data)
    try:
        photo = _photo(members)
        sound = _is_sound(photo)
    except _DAMAGE as error:
        raise MetricDepthError(_WRONG) from error
    if not sound:
        raise MetricDepthError(_WRONG)
    return photo


def _unpack(data: bytes) -> dict[str, bytes]:
    """Return the members of a project by name."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            maps = [name for name in _PROJECT_MAPS if name in archive.namelist()]  # former projects have none
            small = sum(archive.getinfo(name).file_size for name in (*_PROJECT, *maps)) <= MAX_PROJECT
            members = {name: archive.read(name) for name in (*_PROJECT, *maps)} if small else {}
    except (*_DAMAGE, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError) as error:  # OSError: of bzip2
        raise MetricDepthError(_WRONG) from error
    if not small:
        raise MetricDepthError("this project file unpacks to more than 100 MB: it is not of this app")
    if any(image_cost(member) > MAX_DECODING for name, member in members.items() if name.endswith(".png")):
        raise MetricDepthError(_WRONG)
    return members


def _photo(members: Mapping[str, bytes]) -> OpenPhoto:
    """Read the members of a project; values of its files are still to be checked."""
    with tempfile.TemporaryDirectory() as folder:
        for name, member in members.items():
            Path(folder, name).write_bytes(member)
        rgb = read_image(Path(folder, "photo.png")).rgb
        depth, confidence = (read_npy(Path(folder, name)).astype(np.float32) for name in _PROJECT[1:3])
        sky = read_mask(Path(folder, "sky.png")) if "sky.png" in members else None
        normal = read_normals(Path(folder, "normal.png")) if "normal.png" in members else None
    project = json.loads(members["project.json"])
    error_scale, focal_error = (
        None if project.get(key) is None else as_number(project[key], key) for key in ("error_scale", "focal_error")
    )
    prediction = Prediction(
        np.maximum(depth, 0),  # NaN stays
        confidence,
        Camera(**project["camera"] | {"distortion": tuple(project["camera"]["distortion"])}),
        printable(project["source"], 300),
        printable(project["detail"], 300),
        normal=normal,
        sky=sky,
        error_scale=error_scale,
        focal_error=focal_error,
    )
    focal_px, scale = (as_number(project[key], key) for key in ("focal_px", "scale"))
    items = [item | {"pixels": item["pixels"][:MAX_POINTS]} for item in read_items(project["measurements"])]
    name, model = (clean_name(str(project[key])) for key in ("name", "model"))
    extra: dict[str, object] = {"focal_px": focal_px, "scale": scale, "measurements": items}
    photo = OpenPhoto(name, rgb, prediction, model, extra=extra)
    photo.focal_ratio(focal_px, scale)  # refuses impossible ones
    return photo


def _is_sound(photo: OpenPhoto) -> bool:
    """Tell if sizes and numbers of a project may be of the app, so that all that is computed of them is finite."""
    p, camera = photo.prediction, photo.prediction.camera
    shapes = {a.shape[:2] for a in (photo.rgb, p.depth, p.confidence, p.sky, p.normal) if a is not None}
    sides = ((camera.fx, camera.cx, camera.width), (camera.fy, camera.cy, camera.height))
    plain = camera.is_perspective and all(1e-3 < f / side < 1e3 and abs(c / side) < 1e2 for f, c, side in sides)
    announced = p.error_scale is not None  # results of `view` have no confidence, all NaN, and no errors
    known = not np.isinf(p.confidence).any() and not (announced and np.isnan(p.confidence).any())
    errors = all(value is None or 0 <= value <= _MOST_ERROR for value in (p.error_scale, p.focal_error))
    far = bool((p.depth <= _MOST_DEPTH).all())  # no NaN either
    return shapes == {(camera.height, camera.width)} and p.depth.ndim == 2 and plain and known and errors and far
