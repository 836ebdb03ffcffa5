"""Planes and spheres whose depth and normals are known exactly at every pixel."""

import cv2
import numpy as np

from mono.geometry.camera import Camera


def plane(camera: Camera, normal, distance: float):
    """Depth and unit normals of the plane n . X = -distance, whose normal points to the camera; 0 where it is unseen.

    Returns:
        depth (height, width) float32 and normals (height, width, 3) float64.
    """
    normal = np.asarray(normal, np.float64) / np.linalg.norm(normal)
    falling = -(exact_rays(camera) @ normal)
    depth = np.where(falling > 1e-3, distance / np.maximum(falling, 1e-3), 0)
    return depth.astype(np.float32), np.where(depth[..., None] > 0, normal, 0)


def sphere(camera: Camera, centre, radius: float, wall: float | None = None):
    """Depth and normals of a sphere, before a wall at depth `wall` if given; as `plane`."""
    rays, centre = exact_rays(camera), np.asarray(centre, np.float64)
    a, b, c = (rays * rays).sum(-1), rays @ centre, centre @ centre - radius * radius
    inside = b * b - a * c
    depth = np.where(inside > 0, (b - np.sqrt(np.maximum(inside, 0))) / a, 0)
    normal = np.where(depth[..., None] > 0, (rays * depth[..., None] - centre) / radius, 0)
    if wall is not None:
        normal = np.where(depth[..., None] > 0, normal, [0, 0, -1.0])
        depth = np.where(depth > 0, depth, wall)
    return depth.astype(np.float32), normal


def exact_rays(camera: Camera):
    """Directions through all pixels, (height, width, 3) float64, z = 1."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    return np.stack([*np.meshgrid(x, y), np.ones((camera.height, camera.width))], axis=-1)


def away_from_edges(normal, reach: int, turn: float = 3.0):
    """Pixels with normals, of which none within `reach` pixels turns by more than `turn` degrees to its neighbour.

    Returns:
        (height, width) bool.
    """
    edge = ~normal.any(axis=-1)
    for axis in (0, 1):
        lines, edges = np.moveaxis(normal, axis, 0), np.moveaxis(edge, axis, 0)
        turned = (lines[1:] * lines[:-1]).sum(-1) < np.cos(np.radians(turn))
        edges[1:] |= turned
        edges[:-1] |= turned
    return cv2.dilate(edge.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0
