"""Panoramas seen from beside their tripod: predicted distance makes them a surface with the photograph on it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from metricdepth_scenes.meshes import caster_of
from mono.geometry.camera import Camera

_STEEP = 1.12  # farthest corner of a triangle through its nearest, level ground apart: beyond it the surface is torn
_GRAZING = 0.03  # cosine of the angle at which the panorama saw a triangle: below it the surface is torn
_RAMP = 0.15  # the same where the distance is blurred: below it the triangle hides what lies behind an edge
_LEVEL = 0.95  # least share of a triangle's normal that points up on level ground
_CLEARANCE = 0.35  # from a moved camera to anything [m]
_REACH, _FARTHEST_MOVE = 0.25, 1.2  # share of the median distance, and [m]
_BACKDROP = 150.0  # [m], where what has no distance hangs


class MovedPanorama:
    """Surface of a panorama, to be seen from other places than its own.

    Args:
        panorama: equirectangular, (H, 2 H, 3) uint8, see `panoramas.cut_view`.
        distance: along its rays [m], (H, 2 H), 0 where unknown.
        blurred: where distance is no surface's, as at edges, (H, 2 H) bool; None: nowhere.
    """

    def __init__(self, panorama: np.ndarray, distance: np.ndarray, blurred: np.ndarray | None = None) -> None:
        self.panorama, self.distance = panorama, distance
        height, width = distance.shape
        up = (0.5 - (np.arange(height) + 0.5) / height)[:, None] * math.pi
        around = ((np.arange(width) + 0.5) / width - 0.5)[None] * 2 * math.pi
        away = np.where(distance > 0, distance, _BACKDROP)
        x, y, z = np.cos(up) * np.sin(around), np.cos(up) * np.cos(around), np.sin(up) + 0 * around
        self.points = (np.stack([x, y, z], 2) * away[..., None]).reshape(-1, 3).astype(np.float32)
        number = np.arange(height * width).reshape(height, width)
        right = np.roll(number, -1, 1)
        a, b, c, d = number[:-1], right[:-1], number[1:], right[1:]
        self.faces = np.concatenate([np.stack(f, 2).reshape(-1, 3) for f in ((a, c, b), (b, c, d))])
        corners = self.points[self.faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        middle = corners.mean(1)
        length = np.linalg.norm(normal, axis=1) * np.linalg.norm(middle, axis=1)
        cosine = (normal * middle).sum(1) / np.maximum(length, 1e-12)
        flat = abs(normal[:, 2]) > _LEVEL * np.linalg.norm(normal, axis=1)
        self.outward = normal * np.sign(cosine)[:, None]
        far = away.reshape(-1)[self.faces]
        below = np.sin(np.maximum(-up.ravel(), 1e-3))
        level = np.repeat(np.maximum(below[1:] / below[:-1], 1), width)  # what level ground has between two rows
        limit = np.where(flat, np.maximum(_STEEP, 1.05 * np.tile(level, 2)), _STEEP)
        self.torn = (abs(cosine) < _GRAZING) | (far.max(1) > limit * far.min(1))
        self.known = (distance.reshape(-1) > 0)[self.faces].all(1) & ~self.torn
        if blurred is not None:
            ramp = blurred.reshape(-1)[self.faces].any(1)
            self.torn |= ramp & (abs(cosine) < _RAMP)
            self.known &= ~ramp
        self._caster = caster_of(corners)

    @property
    def height(self) -> float:
        """Return how high the tripod stands above the ground [m]."""
        rows = len(self.distance)
        below = np.degrees((np.arange(rows) + 0.5) / rows * np.pi - np.pi / 2)
        ring = self.distance[abs(below - 54) < 4]
        return float(np.median(ring[ring > 0]) * math.sin(math.radians(54))) if (ring > 0).any() else math.nan

    def draw_place(self, rng: np.random.Generator, above_ground: float) -> np.ndarray | None:
        """Draw a place near the tripod's, (3,) [m], or None if something stands there or before it.

        Args:
            rng: random generator.
            above_ground: height of the place [m].
        """
        known = self.distance[self.distance > 0]
        reach = min(rng.random() * _REACH * float(np.median(known)), _FARTHEST_MOVE) if known.size else 0.0
        turn = rng.uniform(0, 2 * math.pi)
        place = np.array([reach * math.cos(turn), reach * math.sin(turn), above_ground - self.height])
        if not np.isfinite(place).all() or np.linalg.norm(self.points - place, axis=1).min() < _CLEARANCE:
            return None
        column, row = (int(np.rint(x)) for x in look_up(place, self.distance.shape))
        seen = self.distance[min(max(row, 0), len(self.distance) - 1), column % self.distance.shape[1]]
        return place if seen > np.linalg.norm(place) or seen == 0 else None

    def view(self, camera: Camera, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Render a camera's view.

        Args:
            camera: pinhole.
            pose: camera to world (z up), (4, 4); the tripod's lens is at (0, 0, 0).

        Returns:
            rgb (height, width, 3) uint8; depth (height, width) float32 [m], 0 where unknown and where the surface is
            torn, as it was hidden from the tripod; and the share of the torn, 1 in a view without any surface.
        """
        size = camera.height, camera.width
        way = np.ascontiguousarray(camera.rays().reshape(-1, 3) @ pose[:3, :3].T, np.float32)
        start = np.ascontiguousarray(np.broadcast_to(pose[:3, 3].astype(np.float32), way.shape))
        found = self._caster.run(start, way, output=True)
        hit = found["primID"] >= 0
        depth = np.where(hit, found["tfar"], np.float32(_BACKDROP)).astype(np.float32)
        face = np.where(hit, found["primID"], 0)
        behind = (self.outward[face] * way).sum(1) < 0
        torn = hit & (self.torn[face] | behind)
        surface = hit & (depth < _BACKDROP / 2)
        column, row = look_up((start + way * depth[:, None]).reshape(*size, 3), self.panorama.shape[:2])
        unknown = (torn | ~hit | ~self.known[face]).reshape(size).astype(np.uint8)
        unknown = cv2.dilate(unknown, np.ones((3, 3), np.uint8)) > 0
        share = float((surface & torn).sum() / surface.sum()) if surface.any() else 1.0
        return sample(self.panorama, column, row), np.where(unknown, np.float32(0), depth.reshape(size)), share


def look_up(direction: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Compute the (column, row) of a panorama of `shape` in directions (..., 3), z up."""
    height, width = shape
    x, y, z = np.moveaxis(direction, -1, 0)
    column = (np.arctan2(x, y) / (2 * math.pi) + 0.5) * width - 0.5
    return column, (0.5 - np.arctan2(z, np.hypot(x, y)) / math.pi) * height - 0.5


def sample(panorama: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Sample a panorama bilinearly, around its seam too."""
    around = np.concatenate([panorama[:, -1:], panorama, panorama[:, :1]], 1)
    column, row = column.astype(np.float32) + 1, row.astype(np.float32)
    return cv2.remap(around, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
