"""Cut photographs of known cameras out of panoramas, without depth or with a network's."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from metricdepth_scenes.assets import Assets
from metricdepth_scenes.cameras import look, pose_towards, sample_camera
from mono.geometry.camera import Camera
from mono.io.atomic import write_bytes
from mono.io.depth import write_depth
from mono.io.depth_metadata import DepthEncoding
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.inference.predictor import Predictor


def cut_view(panorama: np.ndarray, camera: Camera, pose: np.ndarray) -> np.ndarray:
    """Sample a camera's view of a panorama bilinearly.

    (height, width, 3) uint8.

    Args:
        panorama: equirectangular, (H, 2 H, 3) uint8; its middle column is seen along +y, its upper edge is +z.
        camera: pinhole.
        pose: camera to world (z up), (4, 4); only its rotation counts.
    """
    height, width = panorama.shape[:2]
    x, y, z = np.moveaxis(camera.rays() @ pose[:3, :3].T.astype(np.float32), 2, 0)
    column = (np.arctan2(x, y) / (2 * math.pi) + 0.5) * width - 0.5
    row = (0.5 - np.arctan2(z, np.hypot(x, y)) / math.pi) * height - 0.5
    around = np.concatenate([panorama[:, -1:], panorama, panorama[:, :1]], 1)
    return cv2.remap(around, column + 1, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def cut_dataset(
    out: Path,
    frames: int,
    assets: Path,
    seed: int = 0,
    pixels: int = 100_000,
    teacher: Predictor | None = None,
    wide: bool = False,
) -> Path:
    """Cut views out of an asset folder's panoramas.

    Returns their annotation file.

    Views look about level, in any direction, by hand-held cameras of 38 to 100 degrees. Panoramas of nothing but sky
    ("puresky" in their name) are left out. With a teacher, each view has the depth that it predicts for the view as a
    whole, averaged in log depth with the prediction for the mirrored view.

    Wide views are of 60 to 115 degrees, look up and down farther, and are as sharp as their panorama: crops of them
    have every smaller angle, as training of the focal length needs it.

    Raises:
        FileNotFoundError: the assets folder has no index.json.
        ValueError: there is no panorama in it, or `frames` is not positive.
    """
    if frames < 1:
        raise MetricDepthError(f"scenes: frames is {frames}; it must be at least 1")
    source = Assets(assets)
    panoramas = [e.file for e in source.entries("sky", ["indoor", "outdoor"]) if "puresky" not in e.file]
    if not panoramas:
        raise MetricDepthError(f"{assets}: its index.json lists no panorama (kind sky)")
    entries = []
    for number in range(frames):
        rng = np.random.default_rng(np.random.SeedSequence([seed, number, 3]))
        file = panoramas[number % len(panoramas)]
        panorama = source.image(file)
        camera = _wide_camera(panorama, rng) if wide else sample_camera("room", rng, pixels)
        pitch = rng.normal(-4, 16) if wide else np.clip(rng.normal(-8, 12), -40, 25)
        direction = look(float(rng.uniform(0, 360)), float(np.clip(pitch, -60, 50)))
        view = cut_view(panorama, camera, pose_towards(np.zeros(3), direction, float(rng.normal(0, 3))))
        name = f"rgb/{number:06d}.jpg"
        _, data = cv2.imencode(".jpg", view[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        write_bytes(out / name, data.tobytes())
        intrinsics = [round(v, 4) for v in camera.intrinsics]
        entry = {"rgb": name, "cam_in": intrinsics, "family": "panorama", "scene": Path(file).stem}
        if teacher:
            depth = f"depth/{number:06d}.png"
            write_depth(out / depth, _depth_both_ways(teacher, view, camera), encoding=DepthEncoding(scale=None))
            entry["depth"] = depth
        entries.append(entry)
    annotations = out / "annotations.json"
    write_bytes(annotations, json.dumps({"files": entries}, indent=0).encode())
    return annotations


def _wide_camera(panorama: np.ndarray, rng: np.random.Generator) -> Camera:
    """Draw a wide camera with the pixels per angle of a panorama."""
    focal = 1.1 * len(panorama) / math.pi
    long = 2 * focal * math.tan(math.radians(rng.uniform(60, 115)) / 2)
    short = long / float(rng.choice([1.0, 1.25, 4 / 3, 1.5]))
    width, height = (short, long) if rng.random() < 0.25 else (long, short)
    return Camera.centered(focal, round(width), round(height))


def _depth_both_ways(teacher: Predictor, view: np.ndarray, camera: Camera) -> np.ndarray:
    """Average depth over mirroring, (height, width) [m].

    0 where either has none.
    """
    turned = replace(camera, cx=camera.width - 1 - camera.cx)
    here = teacher.predict(view, camera).depth
    there = teacher.predict(np.ascontiguousarray(view[:, ::-1]), turned).depth[:, ::-1]
    return np.sqrt(here * there)
