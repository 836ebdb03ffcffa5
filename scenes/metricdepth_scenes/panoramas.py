"""Cut photographs of known cameras out of panoramas: without depth, with a network's, or with labels of sky."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from metricdepth_scenes.assets import Assets
from metricdepth_scenes.cameras import look, pose_towards, sample_camera
from metricdepth_scenes.dataset import keep_settings
from metricdepth_scenes.floors import stretch_to_floor
from metricdepth_scenes.moves import MovedPanorama, look_up, sample
from mono.geometry.camera import Camera
from mono.io.atomic import write_bytes
from mono.io.depth import write_depth
from mono.io.depth_metadata import DepthEncoding
from mono.system.errors import MetricDepthError

if TYPE_CHECKING:
    from mono.inference.predictor import Predictor

logger = logging.getLogger(__name__)

_FARTHEST = 80.0  # [m] of depth that is believed
_HELD = {"indoor": (1.25, 0.3, 0.55, 1.9), "outdoor": (1.5, 0.3, 0.8, 2.2)}  # heights: mean, spread, least, most [m]
_TORN = 0.18  # share of a moved view that may have been hidden from the tripod
_TRIES = 12  # places drawn for a moved view before the tripod's own is taken


def cut_view(panorama: np.ndarray, camera: Camera, pose: np.ndarray) -> np.ndarray:
    """Sample a camera's view of a panorama bilinearly.

    (height, width, 3) uint8.

    Args:
        panorama: equirectangular, (H, 2 H, 3) uint8; its middle column is seen along +y, its upper edge is +z.
        camera: pinhole.
        pose: camera to world (z up), (4, 4); only its rotation counts.
    """
    return sample(panorama, *look_up(_directions(camera, pose), panorama.shape[:2]))


def cut_labels(labels: np.ndarray, camera: Camera, pose: np.ndarray) -> np.ndarray:
    """Look up a camera's view of a panorama's labels, see `cut_view`; (height, width)."""
    column, row = (np.rint(x).astype(int) for x in look_up(_directions(camera, pose), labels.shape))
    height, width = labels.shape
    return labels[row.clip(0, height - 1), column % width]


def _directions(camera: Camera, pose: np.ndarray) -> np.ndarray:
    """Compute the direction of each pixel in the world, (height, width, 3) float32."""
    return camera.rays() @ pose[:3, :3].T.astype(np.float32)


def cut_dataset(
    out: Path,
    frames: int,
    assets: Path,
    seed: int = 0,
    pixels: int = 100_000,
    teacher: Predictor | None = None,
    sky: bool = False,
    wide: bool = False,
    height: float | None = None,
    move: bool = False,
) -> Path:
    """Cut views out of an asset folder's panoramas.

    Returns their annotation file.

    Views look about level, in any direction, by hand-held cameras of 38 to 100 degrees. Panoramas of nothing but sky
    ("puresky" in their name) are left out. With a teacher, each view has the depth that it predicts for the view as a
    whole, averaged in log depth with the prediction for the mirrored view. With the height of the tripods too,
    the teacher sees each panorama as a whole, merged of many views, and its distance is stretched until the floor is a
    plane at that height (`stretch_to_floor`): views have metres of the real world, and parts those of the whole. Edges,
    labelled sky and what is beyond 80 m have no depth then. With `move` as well, that distance becomes a surface and
    each view is seen from another place, as high as cameras are held (0.55 to 1.9 m indoors, 0.8 to 2.2 m outdoors)
    and up to 1.2 m aside (`MovedPanorama`); from the tripod's own if a dozen places are taken or see too much that it
    did not.

    With `sky`, views show the panoramas that have labels (`Assets.sky_labels`), skies alone too, and look up more;
    their depth file holds labels for `--data ...:sky`.

    Wide views are of 60 to 115 degrees, look up and down farther, and are as sharp as their panorama: crops of them
    have every smaller angle, as training of the focal length needs it.

    Raises:
        FileNotFoundError: the assets folder has no index.json.
        ValueError: there is no panorama in it, `frames` is not positive, or `out` holds views of other settings.
    """
    if frames < 1:
        raise MetricDepthError(f"scenes: frames is {frames}; it must be at least 1")
    if move and (sky or wide):
        raise MetricDepthError("scenes: views from other places have metres: give --move without --sky and --wide")
    if move and not (teacher and height is not None):
        raise MetricDepthError("scenes: views from other places need metres: add --teacher MODEL --height 1.55")
    source = Assets(assets)
    panoramas = [(e.file, e.category) for e in source.entries("sky", ["indoor", "outdoor"])]
    panoramas = [p for p in panoramas if (source.sky_labels(p[0]) is not None if sky else "puresky" not in p[0])]
    if not panoramas:
        of_sky = " with labels of sky in sky_labels/" if sky else ""
        raise MetricDepthError(f"{assets}: its index.json lists no panorama (kind sky){of_sky}")
    if sky and teacher:
        raise MetricDepthError("views have a teacher's depth or labels of sky: give one of the two")
    if height is not None and not 0 < height < math.inf:
        raise MetricDepthError(f"scenes: the height of the tripods is {height} m; it must be positive (--height 1.55)")
    if height is not None and not teacher:
        raise MetricDepthError("scenes: a height of the tripods needs a network that predicts: add --teacher MODEL")
    settings = {"seed": seed, "assets": str(assets.resolve()), "pixels": pixels, "sky": sky, "wide": wide}
    settings |= {"move": True} if move else {}
    keep_settings(out, settings | {"teacher": teacher and teacher.checksum, "height": height})
    entries: dict[int, dict[str, object]] = {}
    file, distance, surface = "", np.zeros(0), None
    for number in sorted(range(frames), key=lambda number: number % len(panoramas)):  # one panorama after the other
        rng = np.random.default_rng(np.random.SeedSequence([seed, number, 3]))
        if file != panoramas[number % len(panoramas)][0]:
            file, category = panoramas[number % len(panoramas)]
            panorama, labels = source.image(file), source.sky_labels(file) if sky or height is not None else None
            if teacher and height is not None:
                distance, unknown = _distance(teacher, panorama, labels, height, Path(file).stem)
                surface = MovedPanorama(panorama, distance, unknown) if move else None
                distance = np.where(unknown, np.float32(0), distance)
        name = f"rgb/{number:06d}.jpg"
        entry: dict[str, object] = {"rgb": name}
        seen = None
        if surface:
            view, seen, camera = _moved_view(surface, category, pixels, rng)
        else:
            camera = _wide_camera(panorama, rng) if wide else sample_camera("room", rng, pixels)
            tilt = (4, 16, -40, 60) if sky else (-4, 16, -60, 50) if wide else (-8, 12, -40, 25)
            pose = _turned(rng, tilt)
            view = cut_view(panorama, camera, pose)
            if teacher and height is None:
                seen = _depth_both_ways(teacher, view, camera)
            elif teacher:
                seen = cut_labels(distance, camera, pose) * camera.unit_rays()[..., 2]
        _, data = cv2.imencode(".jpg", view[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        write_bytes(out / name, data.tobytes())
        entry |= {"cam_in": [round(v, 4) for v in camera.intrinsics], "family": "panorama", "scene": Path(file).stem}
        if seen is not None:
            entry["depth"] = f"depth/{number:06d}.png"
            write_depth(out / f"depth/{number:06d}.png", seen, encoding=DepthEncoding(scale=None))
        if sky and labels is not None:
            depth, seen = f"sky/{number:06d}.png", cut_labels(labels, camera, pose).astype(np.float32)
            write_depth(out / depth, seen, encoding=DepthEncoding(scale=1))
            entry |= {"depth": depth, "depth_scale": 1, "depth_invalid": [0]}
        entries[number] = entry
    annotations = out / "annotations.json"
    write_bytes(annotations, json.dumps({"files": [entries[number] for number in range(frames)]}, indent=0).encode())
    return annotations


def _turned(rng: np.random.Generator, tilt: tuple[float, float, float, float]) -> np.ndarray:
    """Draw a pose at the origin, by the mean, spread, least and most of its pitch [degrees]."""
    pitch = float(np.clip(rng.normal(*tilt[:2]), *tilt[2:]))
    return pose_towards(np.zeros(3), look(float(rng.uniform(0, 360)), pitch), float(rng.normal(0, 3)))


def _moved_view(
    surface: MovedPanorama, category: str, pixels: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, Camera]:
    """Draw a view from beside the tripod, or from it where that fails; its image, depth and camera."""
    mean, spread, least, most = _HELD[category]
    for _ in range(_TRIES):
        camera, pose = sample_camera("room", rng, pixels), _turned(rng, (-8, 12, -40, 25))
        place = surface.draw_place(rng, float(np.clip(rng.normal(mean, spread), least, most)))
        if place is not None:
            pose[:3, 3] = place
            rgb, depth, torn = surface.view(camera, pose)
            if torn < _TORN:
                return rgb, depth, camera
    logger.info("no place beside a tripod was free and saw little that was hidden: this view is its own")
    pose[:3, 3] = 0
    return *surface.view(camera, pose)[:2], camera


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


def _distance(
    teacher: Predictor, panorama: np.ndarray, labels: np.ndarray | None, height: float, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Predict a panorama's distance and bring it to metres.

    Returns:
        Distance, (H, 2 H) float32 [m], 0 in labelled sky and beyond 80 m; where views have none, (H, 2 H) bool: there,
        and at edges, which are blurred in it.
    """
    camera = Camera.panorama(panorama.shape[1], panorama.shape[0])
    distance, reach = stretch_to_floor(teacher.predict(panorama, camera).depth, height)
    if reach:
        logger.info("%s: a flat floor, followed to %.1f m", name, reach)
    else:
        logger.warning("%s: no flat floor was found; the ground nearby alone sets its scale", name)
    log = np.log(np.maximum(distance, 0.05))
    edges = (abs(log - cv2.blur(log, (9, 9))) > 0.04) & (distance > 0)
    unknown = (cv2.dilate(edges.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) | (distance > _FARTHEST)
    sky = np.zeros(distance.shape, bool) if labels is None else labels == 2
    unknown |= cv2.dilate(sky.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(sky | (distance > _FARTHEST), np.float32(0), distance), unknown
