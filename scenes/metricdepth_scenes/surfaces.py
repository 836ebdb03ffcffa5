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
    """Cast rays to their first hits.

    Args:
        scene: the scene.
        origin: start of the rays [m], (3,) or (n, 3).
        direction: directions of any length, (n, 3).
    """
    start, way = _rays(origin, direction)
    if not len(way):
        return Hits(np.zeros(0, np.float32), np.zeros(0, np.int64), way, way, np.zeros((0, 2), np.float32))
    found = scene.caster.run(start, way, output=True)
    hit = (found["primID"] >= 0) & (found["tfar"] < 1e5)
    t = np.where(hit, found["tfar"], 0).astype(np.float32)
    face = found["Ng"] / (np.linalg.norm(found["Ng"], axis=1, keepdims=True) + 1e-30)
    face = face * -np.sign(np.einsum("ij,ij->i", face, way))[:, None]
    face[~hit] = 0
    triangle = np.where(hit, found["primID"], 0).astype(np.int64)
    bary = np.stack([found["u"], found["v"]], 1).astype(np.float32)
    return Hits(t, triangle, start + way * t[:, None], face.astype(np.float32), bary)


def reaches(scene: Scene, origin: np.ndarray, direction: np.ndarray, length: np.ndarray | float) -> np.ndarray:
    """Test that nothing blocks `direction` * `length`, (n,) bool."""
    start, way = _rays(origin, direction * np.reshape(length, (-1, 1)))
    if not len(way):
        return np.zeros(0, bool)
    return scene.caster.run(start, way, dists=np.full(len(way), 0.999, np.float32), query="OCCLUDED") < 0


def _rays(origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return origins and directions as embree takes them, (n, 3) float32 each."""
    way = np.ascontiguousarray(direction, np.float32)
    return np.ascontiguousarray(np.broadcast_to(np.asarray(origin, np.float32), way.shape)), way


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
