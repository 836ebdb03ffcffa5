"""Ray hits: exact depth and normals, textures and emitted light."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from metricdepth_scenes.builder import Light, Scene
from metricdepth_scenes.materials import TO_LINEAR, Material

FAR = 320.0


@dataclass(frozen=True)
class Hits:
    """First hits of n rays.

    Attributes:
        distance: in units of the ray's direction (depth, if that has z = 1 in the camera); 0 where nothing is hit.
        triangle: number of the triangle hit; only meaningful where distance > 0.
        point: where [m], (n, 3).
        face: unit normal of the triangle, turned to the ray's origin, (n, 3).
        bary: barycentric coordinates of the triangle's second and third corner, (n, 2).
    """

    distance: np.ndarray
    triangle: np.ndarray
    point: np.ndarray
    face: np.ndarray
    bary: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Mark rays that hit something, (n,) bool."""
        return self.distance > 0


def cast(scene: Scene, origin: np.ndarray, direction: np.ndarray) -> Hits:
    """Cast rays; origin (3,) or (n, 3).

    Direction (n, 3), any length.
    """
    import open3d as o3d

    rays = np.empty((len(direction), 6), np.float32)
    rays[:, :3], rays[:, 3:] = origin, direction
    answer = scene.caster.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=1)
    t = answer["t_hit"].numpy()
    hit = np.isfinite(t) & (t < 1e5)
    t = np.where(hit, t, 0).astype(np.float32)
    face = answer["primitive_normals"].numpy()
    face = face * -np.sign(np.einsum("ij,ij->i", face, rays[:, 3:]))[:, None]
    face[~hit] = 0
    triangle = np.where(hit, answer["primitive_ids"].numpy(), 0).astype(np.int64)
    point = rays[:, :3] + rays[:, 3:] * t[:, None]
    return Hits(t, triangle, point, face.astype(np.float32), answer["primitive_uvs"].numpy())


def reaches(scene: Scene, origin: np.ndarray, direction: np.ndarray, length: np.ndarray | float) -> np.ndarray:
    """Test that nothing blocks `direction` * `length`, (n,) bool."""
    import open3d as o3d

    rays = np.empty((len(direction), 6), np.float32)
    rays[:, :3] = origin
    rays[:, 3:] = direction * np.reshape(length, (-1, 1))
    blocked = scene.caster.test_occlusions(o3d.core.Tensor.from_numpy(rays), tnear=0.0, tfar=0.999, nthreads=1)
    return ~blocked.numpy()


def _corners(values: np.ndarray, hits: Hits, keep: np.ndarray) -> np.ndarray:
    c = values[hits.triangle[keep]]
    u, v = hits.bary[keep, :1], hits.bary[keep, 1:]
    return c[:, 0] * (1 - u - v) + c[:, 1] * u + c[:, 2] * v


def shading_normals(scene: Scene, hits: Hits) -> np.ndarray:
    """Interpolate normals, turned to the side of the face normals, (n, 3)."""
    n = _corners(scene.mesh.nrm, hits, np.arange(len(hits.distance)))
    n *= np.where(np.einsum("ij,ij->i", n, hits.face) < 0, -1, 1)[:, None]
    return n / (np.linalg.norm(n, axis=1, keepdims=True) + 1e-9)


def textured(scene: Scene, hits: Hits, direction: np.ndarray, pixel: float, rng: np.random.Generator) -> np.ndarray:
    """Sample linear texture colors, (n, 3) float32.

    `pixel` is a pixel's size at distance 1 (1 / focal length).
    """
    color = np.zeros((len(hits.distance), 3), np.float32)
    keep = np.flatnonzero(hits.valid)
    if not len(keep):
        return color
    material = scene.mesh.mat[hits.triangle[keep]]
    uv = _corners(scene.mesh.uv, hits, keep)
    d = direction[keep]
    length = np.linalg.norm(d, axis=1)
    cosine = np.abs(np.einsum("ij,ij->i", d, hits.face[keep])) / length
    footprint = pixel * hits.distance[keep] / np.sqrt(np.maximum(cosine, 0.05))
    texel = np.array([m.levels[0].shape[1] / m.tile for m in scene.materials], np.float32)
    unit = _metres_per_uv(scene)[hits.triangle[keep]]
    level = np.log2(np.maximum(footprint * texel[material] * unit, 1e-3)) + rng.random(len(keep), np.float32) - 0.5
    depth = np.array([len(m.levels) - 1 for m in scene.materials])
    level = np.clip(np.round(level), 0, depth[material]).astype(np.int64)
    key = material.astype(np.int64) * 32 + level
    order = np.argsort(key, kind="stable")
    bounds = np.flatnonzero(np.diff(key[order], prepend=-1, append=-1))
    for start, stop in pairwise(bounds):
        ids = order[start:stop]
        m: Material = scene.materials[material[ids[0]]]
        color[keep[ids]] = _sample(m.levels[level[ids[0]]], uv[ids] / m.tile) * m.tint
    return color


def _metres_per_uv(scene: Scene) -> np.ndarray:
    """Compute texture coordinates per metre of each triangle, (n,).

    Kept on the scene.
    """
    known = scene.__dict__.get("_uv_density")
    if known is None:
        t, w = scene.mesh.tri, scene.mesh.uv
        area = np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1)
        e, f = w[:, 1] - w[:, 0], w[:, 2] - w[:, 0]
        known = np.sqrt(np.abs(e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0]) / (area + 1e-12)).astype(np.float32)
        scene.__dict__["_uv_density"] = known
    return known


def _sample(image: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Sample a repeating texture bilinearly in linear light.

    (n, 3) float32; uv is (n, 2) with 1 = one tile.
    """
    h, w = image.shape[:2]
    at = (uv - np.floor(uv)) * np.array([w, h], np.float32) - 0.5
    n = len(at)
    rows = -(-n // 4096)
    grid = np.zeros((rows * 4096, 2), np.float32)
    grid[:n] = at
    x, y = (np.ascontiguousarray(grid[:, k].reshape(rows, 4096)) for k in (0, 1))
    out = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return TO_LINEAR[out.reshape(-1, 3)[:n]]


def sky_color(light: Light, direction: np.ndarray) -> np.ndarray:
    """Sample the linear sky color along directions (n, 3).

    (n, 3) float32.
    """
    d = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    u = (np.arctan2(d[:, 1], d[:, 0]) + light.sky_yaw) / (2 * np.pi) + 0.5
    v = np.arccos(np.clip(d[:, 2], -1, 1)) / np.pi
    return _sample(light.sky, np.stack([u, np.clip(v, 0.002, 0.998)], 1).astype(np.float32)) * light.sky_gain
