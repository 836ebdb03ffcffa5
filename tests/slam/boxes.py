"""A box with painted walls to look at, as pictures with exact depth that are made when they are read."""

import functools

import numpy as np

from mono.geometry.camera import Camera

CAMERA = Camera.from_fov(70, 240, 180)
HALF = np.array([4.0, 2.0, 6.0])  # half sides of the box [m]


_PAINT = np.random.default_rng(0).random((64, 64, 64))


def _cast(camera, pose):
    rays = camera.rays().astype(np.float64) @ pose[:3, :3].T
    with np.errstate(divide="ignore"):
        reach = np.where(rays > 0, (HALF - pose[:3, 3]) / rays, (-HALF - pose[:3, 3]) / rays)
    return reach.min(axis=-1), rays, reach.argmin(axis=-1)


def distance_in_box(camera, pose):
    """Exact depth of the inside of the box, of the camera's depth kind."""
    return np.nan_to_num(_cast(camera, pose)[0]).astype(np.float32)


def look_at_box(pose, camera=CAMERA):
    """Picture (without jagged edges) and exact depth of the inside of the box."""
    depth, rays, side = _cast(camera.resized(2 * camera.width, 2 * camera.height), pose)
    depth, rays = np.nan_to_num(depth), np.nan_to_num(rays)
    points = pose[:3, 3] + rays * depth[..., None]
    grey = np.full(side.shape, 25.0)
    for size, weight in ((0.7, 90), (0.25, 110)):  # paint in patches of two sizes, no two places alike
        cells = np.floor(points / size + 1e-9).astype(np.int64)
        np.put_along_axis(cells, side[..., None], side[..., None] + 20, axis=-1)
        grey += weight * _PAINT[tuple(np.moveaxis(cells, -1, 0) % 64)]
    grey = grey.reshape(camera.height, 2, camera.width, 2).mean(axis=(1, 3))
    rgb = np.repeat(np.rint(grey).astype(np.uint8)[..., None], 3, axis=2)
    return rgb, distance_in_box(camera, pose)


def walk(count):
    """A way with turns, sideways and forwards, (count, 4, 4) camera to world [m]."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    for i, pose in enumerate(poses):
        a = 0.012 * i
        pose[:3, :3] = [[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]
        pose[:3, 3] = [1.2 * np.sin(0.03 * i), 0.2 * np.sin(0.05 * i), 0.03 * i]
    return poses


@functools.cache
def seen(i):
    """`look_at_box` from the i-th pose of the way."""
    return look_at_box(walk(i + 1)[i])
