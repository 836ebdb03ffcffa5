"""A finished run with exact depth of a painted box, and a COLMAP model of the same photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mono.geometry.camera import Camera
from mono.io.depth import write_depth
from mono.runs.manifest import Manifest
from tests.slam.boxes import CAMERA, HALF, walk

UNIT = 0.25  # units of the model in a metre
SURFACES = 400  # points of the model


def poses(count: int) -> np.ndarray:
    """Camera to world, (N, 4, 4) [m], steps of a third of a metre."""
    return walk(10 * count)[::10]


def exact_depth(camera: Camera, pose: np.ndarray) -> np.ndarray:
    """Depth along the axis of the inside of the box, of any lens."""
    rays = camera.rays().astype(np.float64)
    rays = (rays / rays[..., 2:]) @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        reach = (np.copysign(HALF, rays) - pose[:3, 3]) / rays
    return reach.min(axis=-1, initial=np.inf, where=rays != 0).astype(np.float32)


def off_the_walls(points: np.ndarray) -> np.ndarray:
    """Distance of points to the nearest wall of the box [m]."""
    return np.abs(HALF - np.abs(points)).min(-1)


def write_run(
    root: Path,
    count: int = 4,
    camera: Camera = CAMERA,
    factors: tuple[float, ...] = (),
    orientation: int = 1,
    **record: object,
) -> Path:
    """Write photos and a run's folder; depth is exact, times a factor for each frame."""
    out = root / "out"
    (root / "photos").mkdir(parents=True)
    manifest = Manifest(out)
    for i, pose in enumerate(poses(count)):
        depth = exact_depth(camera, pose)
        depth[:3, :5] = 0  # no depth there
        rgb = np.stack(
            [(20 * depth) % 256, np.full(depth.shape, 40 * i), np.arange(depth.size).reshape(depth.shape) % 251]
        )
        photo = Image.fromarray(np.moveaxis(rgb, 0, -1).astype(np.uint8))
        path = root / f"photos/{i + 1:03d}.png"
        if orientation == 6:
            exif = Image.Exif()
            exif[0x0112] = 6
            photo.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
        else:
            photo.save(path)
        factor = factors[i] if factors else 1.0
        write_depth(out / f"depth/{i + 1:03d}.npz", depth * np.float32(factor), camera)
        manifest.add(
            {
                "input": path.name,
                "path": str(path),
                "name": f"{i + 1:03d}",
                "status": "ok",
                "outputs": {"depth": f"depth/{i + 1:03d}.npz"},
                "intrinsics": [round(value, 4) for value in camera.intrinsics],
                "size": [camera.width, camera.height],
                **record,
            }
        )
    return out


def write_model(
    folder: Path, count: int = 4, camera: Camera = CAMERA, colmap_camera: tuple[str, list[float]] = ("", [])
) -> Path:
    """Write a COLMAP model of the photos, in units of 4 m; `colmap_camera` is its model and parameters."""
    import pycolmap

    name, parameters = colmap_camera
    if not name:
        name, parameters = "PINHOLE", [camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5]
    model = pycolmap.Reconstruction()
    own = pycolmap.Camera(model=name, width=camera.width, height=camera.height, params=parameters, camera_id=1)
    model.add_camera_with_trivial_rig(own)
    rng = np.random.default_rng(5)
    sides = rng.integers(0, 3, SURFACES)
    surface = rng.uniform(-HALF, HALF, (SURFACES, 3))
    surface[np.arange(SURFACES), sides] = HALF[sides] * rng.choice([-1, 1], SURFACES)
    tracks: list[list[tuple[int, int]]] = [[] for _ in surface]
    for i, pose in enumerate(poses(count), 1):
        local = (surface - pose[:3, 3]) @ pose[:3, :3]
        pixels, seen = camera.project(np.where(local[:, 2:] > 0.1, local, np.nan))
        points = []
        for j in np.flatnonzero(seen):
            tracks[j].append((i, len(points)))
            points.append(pycolmap.Point2D(xy=pixels[j] + 0.5))
        image = pycolmap.Image(name=f"{i:03d}.png", camera_id=1, image_id=i, points2D=pycolmap.Point2DList(points))
        world_to_camera = np.linalg.inv(pose)
        world_to_camera[:3, 3] *= UNIT
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(world_to_camera[:3]))
    for xyz, track in zip(surface, tracks, strict=True):
        if len(track) >= 3:
            elements = [pycolmap.TrackElement(i, j) for i, j in track]
            point = model.add_point3D(UNIT * xyz, pycolmap.Track(elements), np.array([9, 8, 7], np.uint8))
            model.points3D[point].error = 0.1
    folder.mkdir(parents=True)
    model.write_binary(str(folder))
    return folder
