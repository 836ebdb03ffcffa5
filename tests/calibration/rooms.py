"""Depth of a synthetic room: floor, wall, and a box before it."""

from __future__ import annotations

import numpy as np

from mono.geometry.camera import Camera

CAMERA = Camera.centered(300.0, 320, 240)


def room(height: float = 1.5, wall: float = 6.0, box: float = 2.5) -> np.ndarray:
    """Exact depth [m] of a level floor `height` below the camera, a wall, and a box standing before it."""
    v = (np.arange(240) - CAMERA.cy)[:, None] / CAMERA.fy
    floor = np.where(v > 1e-6, height / np.maximum(v, 1e-6), np.inf) * np.ones((1, 320))
    depth = np.minimum(floor, wall)
    depth[60:160, 200:290] = np.minimum(depth[60:160, 200:290], box)
    return depth.astype(np.float32)


def distances(depth: np.ndarray, rng: np.random.Generator, count: int, noise: float = 0.0) -> np.ndarray:
    """(N, 3) u, v and noisy depth of random pixels away from edges."""
    from mono.geometry.pixel_mask import depth_edges

    v, u = np.nonzero((depth > 0) & ~depth_edges(depth, 0.1, radius=3))
    inner = (v > 2) & (u > 2) & (v < depth.shape[0] - 3) & (u < depth.shape[1] - 3)
    v, u = v[inner], u[inner]
    at = rng.choice(len(v), count, replace=False)
    return np.column_stack([u[at], v[at], depth[v[at], u[at]] * np.exp(noise * rng.standard_normal(count))])
