"""Light on surfaces: soft lamps and windows, ambient light with nearness, gathered coarsely; the sun, finely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from metricdepth_scenes.builder import AreaLight, Scene
from metricdepth_scenes.surfaces import Hits, cast, reaches

STEP = 4
GATHER = 5


@dataclass(frozen=True)
class Irradiance:
    """Light on a coarse grid of pixels.

    Pixel (STEP * j + STEP // 2, STEP * i + STEP // 2) is entry [i, j].
    """

    light: np.ndarray
    depth: np.ndarray
    normal: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray, depth: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Interpolate light at pixels x.

        Y from neighbors on the same surface, (n, 3); needs their depth and normal.
        """
        h, w = self.depth.shape
        gx = np.clip((x - STEP // 2) / STEP, 0, w - 1.001).astype(np.float32)
        gy = np.clip((y - STEP // 2) / STEP, 0, h - 1.001).astype(np.float32)
        x0, y0 = gx.astype(np.int64), gy.astype(np.int64)
        tx, ty = gx - x0.astype(np.float32), gy - y0.astype(np.float32)
        light, zs, ns = self.light.reshape(-1, 3), self.depth.ravel(), self.normal.reshape(-1, 3)
        total = np.zeros((len(depth), 3), np.float32)
        weights = np.zeros(len(depth), np.float32)
        inverse = np.float32(12) / np.maximum(depth, 1e-3)
        for dy in (0, 1):
            for dx in (0, 1):
                k = np.minimum(y0 + dy, h - 1) * w + np.minimum(x0 + dx, w - 1)
                there = zs[k]
                side = np.einsum("ij,ij->i", normal, ns[k])
                side = np.square(np.square(np.maximum(side, 0)))
                weight = side / (1 + np.square((depth - there) * inverse))
                weight *= (tx if dx else 1 - tx) * (ty if dy else 1 - ty)
                weight += np.where(there > 0, np.float32(1e-6), np.float32(1e-12))
                total += light[k] * weight[:, None]
                weights += weight
        return total / weights[:, None]


def carried(lamp: AreaLight, pose: np.ndarray) -> AreaLight:
    """Move a lamp given in the camera's frame into the world; `pose` is camera to world, (4, 4)."""
    r = pose[:3, :3]
    return AreaLight(r @ lamp.corner + pose[:3, 3], r @ lamp.edge_u, r @ lamp.edge_v, lamp.color)


def coarse(scene: Scene, hits: Hits, normal: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> Irradiance:
    """Compute lamps, windows and ambient light on a coarse grid.

    Uses each STEP-th pixel of an image of `size` (height, width).
    """
    h, w = size
    rows, cols = np.arange(STEP // 2, h, STEP), np.arange(STEP // 2, w, STEP)
    pick = (rows[:, None] * w + cols[None]).ravel()
    shape = (len(rows), len(cols))
    depth = hits.distance[pick]
    n = normal[pick]
    valid = depth > 0
    start = hits.point[pick] + hits.face[pick] * 0.004
    light = np.zeros((len(pick), 3), np.float32)
    if valid.any():
        v = np.flatnonzero(valid)
        lit = _ambient(scene, start[v], n[v], rng)
        lit += lamplight(scene, scene.light.areas, start[v], n[v], rng)
        if scene.light.sun is not None and scene.light.areas:
            lit += sunlight(scene, start[v], n[v])
        light[v] = lit
    result = Irradiance(light.reshape(*shape, 3), depth.reshape(shape), n.reshape(*shape, 3))
    return _smoothed(_smoothed(result), 1, 4, 0.2)


def sunlight(scene: Scene, start: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Compute direct sun with hard shadows, (n, 3).

    It passes window panes.
    """
    light = scene.light
    assert light.sun is not None
    cosine = np.maximum(normal @ light.sun.astype(np.float32), 0)
    up = np.flatnonzero(cosine > 0)
    seen = np.zeros(len(start), np.float32)
    if len(up) and light.areas:
        first = cast(scene, start[up], np.broadcast_to(light.sun, (len(up), 3)))
        pane = np.array([m.pane for m in scene.materials])
        seen[up] = ~first.valid | pane[scene.mesh.mat[first.triangle]]
    elif len(up):
        seen[up] = reaches(scene, start[up], np.broadcast_to(light.sun, (len(up), 3)), 150.0)
    return (cosine * seen)[:, None] * light.sun_color.astype(np.float32)


def lamplight(
    scene: Scene, lamps: Sequence[AreaLight], start: np.ndarray, normal: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Compute the light of lamps at points, (n, 3).

    Each shadow uses one random point of the lamp.
    """
    total = np.zeros((len(start), 3), np.float32)
    for lamp in lamps:
        across = np.cross(lamp.edge_u, lamp.edge_v)
        area = float(np.linalg.norm(across))
        facing = across / area
        spot = rng.random((len(start), 2), np.float32)
        target = lamp.corner + spot[:, :1] * lamp.edge_u + spot[:, 1:] * lamp.edge_v
        direction = (target - start).astype(np.float32)
        d2 = np.einsum("ij,ij->i", direction, direction) + 0.02
        d = np.sqrt(d2)
        cosine = (
            np.maximum(np.einsum("ij,ij->i", direction, normal), 0)
            / d
            * np.maximum(-(direction @ facing.astype(np.float32)), 0)
            / d
        )
        some = np.flatnonzero(cosine > 1e-4)
        if not len(some):
            continue
        seen = reaches(scene, start[some], direction[some], 1.0 - 0.01 / d[some])
        total[some] += (cosine[some] * seen * area / d2[some])[:, None] * lamp.color.astype(np.float32)
    return total / np.pi


def _ambient(scene: Scene, start: np.ndarray, normal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compute ambient light.

    The sky where rays leave, else the color of the hit surface, darker if near.
    """
    total = np.zeros((len(start), 3), np.float32)
    means = np.array([np.clip(m.mean, 0, 1.2) for m in scene.materials], np.float32)
    glow = np.array([m.glow for m in scene.materials], np.float32)
    means[glow > 0] = 0.9
    means = (0.3 if scene.light.areas else 0.2) + 0.7 * means
    for _ in range(GATHER):
        d = rng.normal(size=(len(start), 3)).astype(np.float32)
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        d = normal + d * 0.98
        d /= np.linalg.norm(d, axis=1, keepdims=True)
        first = cast(scene, start, d)
        near = np.minimum(first.distance / scene.light.reach, 1)
        got = means[scene.mesh.mat[first.triangle]] * (0.1 + 0.9 * near)[:, None]
        upward = 0.6 + 0.4 * np.clip(d[:, 2], -1, 1)
        total += np.where(first.valid[:, None], got, upward[:, None] * (1 if scene.light.areas else 1.3))
    return total / GATHER * scene.light.ambient.astype(np.float32)


def _smoothed(grid: Irradiance, reach: int = 2, step: int = 1, alike: float | None = None) -> Irradiance:
    """Blur the coarse light bilaterally.

    `reach` taps to each side, `step` apart.

    `alike`: light counts less where it differs by more than this share.
    """
    h, w = grid.depth.shape
    total = np.zeros_like(grid.light)
    weights = np.zeros((h, w), np.float32)
    edge = reach * step
    pad = [
        cv2.copyMakeBorder(a, edge, edge, edge, edge, cv2.BORDER_REFLECT_101)
        for a in (grid.light, grid.depth, grid.normal)
    ]
    for dy in range(0, 2 * edge + 1, step):
        for dx in range(0, 2 * edge + 1, step):
            part = (slice(dy, dy + h), slice(dx, dx + w))
            z, n = pad[1][part], pad[2][part]
            near = 1 / (1 + (np.abs(z - grid.depth) / (0.06 * step * grid.depth + 1e-3)) ** 2)
            weight = near * np.maximum((n * grid.normal).sum(2), 0) ** 4 * (z > 0)
            if alike is not None:
                change = (pad[0][part] - grid.light).sum(2) / (alike * (grid.light.sum(2) + 1e-3))
                weight = weight / (1 + change * change) ** 2
            total += pad[0][part] * weight[..., None]
            weights += weight
    return Irradiance(total / (weights[..., None] + 1e-9), grid.depth, grid.normal)
