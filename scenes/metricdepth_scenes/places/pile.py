"""Laying things on a surface and on one another, by a map of heights."""

from __future__ import annotations

import cv2
import numpy as np

from metricdepth_scenes.meshes import Mesh


class Pile:
    """Height map of things in a rectangle.

    Further things come to rest on them.

    Attributes:
        low: the rectangle's smallest x and y [m].
        height: top of what lies in each cell [m], (rows along y, columns along x) float32.
    """

    CELL = 0.006

    def __init__(self, x0: float, x1: float, y0: float, y1: float, z: float = 0.0) -> None:
        self.low = np.array([x0, y0])
        shape = max(int((y1 - y0) / self.CELL), 1), max(int((x1 - x0) / self.CELL), 1)
        self.height = np.full(shape, z, np.float32)
        self._last: tuple[Mesh, np.ndarray] | None = None

    def fit(self, mesh: Mesh, x: float, y: float, lean: bool = True) -> tuple[Mesh, float] | None:
        """Lower a mesh at x.

        Y until it rests, leaning with what it lies on.

        Args:
            mesh: thing in its own frame, about x = y = 0.
            x: where [m].
            y: where [m].
            lean: whether it may turn to the slope below it.

        Returns:
            The resting mesh and the mean gap below it [m], or None where it does not fit into the rectangle.
        """
        points = self._points(mesh)
        level = self._rest(points, x, y)
        if level is None:
            return None
        z, gap, support = level
        turned = _slope(support) if lean and gap > 0.01 else None
        if turned is not None:
            leaning = self._rest(points @ turned.T, x, y)
            if leaning is not None and leaning[1] < gap:
                return mesh.transformed(turned, (x, y, leaning[0] + 0.0005)), leaning[1]
        return mesh.placed(x, y, z + 0.0005), gap

    def add(self, mesh: Mesh) -> None:
        """Remember a resting mesh."""
        rows, cols, _, top, mask = self._patch(_samples(mesh))
        part = self.height[rows, cols]
        part[mask] = np.maximum(part, top)[mask]

    def _points(self, mesh: Mesh) -> np.ndarray:
        """Sample a mesh.

        Kept for the next try at another place.
        """
        if self._last is None or self._last[0] is not mesh:
            self._last = mesh, _samples(mesh)
        return self._last[1]

    def _rest(self, points: np.ndarray, x: float, y: float) -> tuple[float, float, np.ndarray] | None:
        """Find the height at which points rest.

        The mean gap below, and the cells below: x, y, z (n, 3).
        """
        points = points + np.array([x, y, 0], np.float32)
        size = np.array(self.height.shape[::-1]) * self.CELL
        if (points[:, :2].min(0) < self.low).any() or (points[:, :2].max(0) > self.low + size).any():
            return None
        rows, cols, bottom, _, mask = self._patch(points)
        part = self.height[rows, cols]
        room = part[mask] - bottom[mask]
        v, u = np.nonzero(mask)
        z = float(room.max())
        return z, float((z - room).mean()), np.stack([u * self.CELL, v * self.CELL, part[v, u]], 1)

    def _patch(self, points: np.ndarray) -> tuple[slice, slice, np.ndarray, np.ndarray, np.ndarray]:
        """Find rows and columns below points.

        The lowest and highest in each cell, and which cells they cover.
        """
        at = ((points[:, :2] - self.low) / self.CELL).astype(int)
        limit = np.array(self.height.shape[::-1]) - 1
        first, last = np.clip(at.min(0), 0, limit), np.clip(at.max(0), 0, limit)
        at = np.clip(at, first, last) - first
        shape = last[1] - first[1] + 1, last[0] - first[0] + 1
        bottom, top = np.full(shape, 99, np.float32), np.full(shape, -99, np.float32)
        np.minimum.at(bottom, (at[:, 1], at[:, 0]), points[:, 2])
        np.maximum.at(top, (at[:, 1], at[:, 0]), points[:, 2])
        kernel = np.ones((3, 3), np.uint8)
        bottom, top = cv2.erode(bottom, kernel), cv2.dilate(top, kernel)
        mask = (bottom < 98) & (top > -98)
        return slice(first[1], last[1] + 1), slice(first[0], last[0] + 1), bottom, top, mask


def _slope(support: np.ndarray) -> np.ndarray | None:
    """Find the rotation that lays a level thing on a plane through points (n, 3), None if that is level."""
    flat = np.column_stack([support[:, :2], np.ones(len(support))])
    slope = np.linalg.lstsq(flat, support[:, 2], rcond=None)[0][:2]
    steep = float(np.hypot(*slope))
    if steep < 0.03:
        return None
    slope *= min(steep, 0.8) / steep
    up = np.array([-slope[0], -slope[1], 1.0]) / np.sqrt(1 + slope @ slope)
    side = np.cross([0, 0, 1.0], up)
    cross = np.array([[0, -side[2], side[1]], [side[2], 0, -side[0]], [-side[1], side[0], 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + up[2]), np.float32)


def _samples(mesh: Mesh) -> np.ndarray:
    """Take corners of a mesh and points spread over it, the same for the same mesh, (n, 3)."""
    tri = mesh.tri
    area = np.linalg.norm(np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0]), axis=1)
    total = np.cumsum(area)
    pick = np.searchsorted(total, (np.arange(3000) + 0.5) / 3000 * total[-1])
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 3000, 1))
    flip = a + b > 1
    a, b = np.where(flip, 1 - a, a), np.where(flip, 1 - b, b)
    t = tri[np.minimum(pick, len(tri) - 1)]
    inner = t[:, 0] + (t[:, 1] - t[:, 0]) * a + (t[:, 2] - t[:, 0]) * b
    corners = tri.reshape(-1, 3)
    return np.concatenate([inner.astype(np.float32), corners[:: max(1, len(corners) // 6000)]])
