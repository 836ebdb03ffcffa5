"""Files that the app hands out: layers of a photo, downloads and the cloud."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from mono.app.photos import OpenPhoto
from mono.geometry.pixel_mask import select_pixels
from mono.inference.prediction import Prediction
from mono.io.depth import write_depth
from mono.io.pixel_maps import write_mask
from mono.system.errors import MetricDepthError
from mono.visual.color_maps import colorize, colorize_normals, depth_limits, write_image

DOWNLOADS = ("depth.png", "depth.json", "depth.npy", "mask.png", "points.ply", "mesh.glb")
LAYERS = ("photo", "depth", "confidence", "sky", "normals", "mask")
_CLOUD_POINTS = 200_000
_EDGES = 0.1


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


def safe_stem(name: str) -> str:
    """Reduce a name to letters, digits, dots, dashes and underscores, for a download."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", Path(name).stem).strip("._")[:60] or "photo"


def _mask(prediction: Prediction) -> np.ndarray:
    return select_pixels(prediction.depth, prediction.confidence, prediction.sky, edge_filter=_EDGES)
