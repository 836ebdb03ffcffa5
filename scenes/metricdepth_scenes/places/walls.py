"""The walls of a room, the holes in them, and where a piece finds a place at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, Vector, box, quad


@dataclass(frozen=True)
class Opening:
    """Hole in a wall.

    From and to along the wall and in height [m]; kind is window, door or way (open).
    """

    start: float
    end: float
    low: float
    high: float
    kind: str


@dataclass(frozen=True)
class Wall:
    """Wall seen from inside.

    Starts at `start` and runs `length` [m] along `along`; `inward` is its normal.
    """

    start: np.ndarray
    along: np.ndarray
    inward: np.ndarray
    length: float
    openings: list[Opening] = field(default_factory=list)

    @property
    def yaw(self) -> float:
        """Return the yaw [rad] that puts a piece's back to this wall."""
        return float(np.arctan2(self.along[1], self.along[0]))

    def at(self, u: float, out: float = 0.0, z: float = 0.0) -> np.ndarray:
        """Return the world position of a point on the wall."""
        p = self.start + self.along * u + self.inward * out
        return np.array([p[0], p[1], z])

    def quad(self, corners: Sequence[Vector], uv_size: tuple[float, float] | None = None, material: int = 0) -> Mesh:
        """Build a quad of corners given as for `at`."""
        return quad([self.at(*corner) for corner in corners], uv_size, material)

    def patch(self, u0: float, u1: float, z0: float, z1: float, out: float, material: int) -> Mesh:
        """Build an upright rectangle parallel to the wall."""
        return self.quad([(u0, out, z0), (u1, out, z0), (u1, out, z1), (u0, out, z1)], (u1 - u0, z1 - z0), material)

    def box(self, size: Vector, u: float, out: float, z: float, material: int) -> Mesh:
        """Build a box along the wall about a point given as for `at`."""
        return box(size, self.at(u, out, z), self.yaw, material)


@dataclass(frozen=True)
class Room:
    """Rectangular room: x in 0..width.

    Y in 0..depth, z in 0..height [m].
    """

    width: float
    depth: float
    height: float
    walls: tuple[Wall, ...]
    bath: bool = False


def along_wall(
    b: Builder, room: Room, piece: Piece, tries: int = 14, lift: float = 0.0, gap: float = 0.02
) -> tuple[float, float, float] | None:
    """Put a piece with its back at some wall where it is free; returns x, y, yaw, or None when there is no place."""
    for _ in range(tries):
        wall = room.walls[int(b.rng.integers(4))]
        if wall.length < piece.width + 0.05:
            continue
        u = b.pick(
            piece.width / 2 + 0.03,
            wall.length - piece.width / 2 - 0.03,
            b.u(piece.width / 2, wall.length - piece.width / 2),
        )
        blocked = any(
            o.start < u + piece.width / 2
            and o.end > u - piece.width / 2
            and (o.kind != "window" or lift + piece.height > o.low + 0.1)
            for o in wall.openings
        )
        if blocked:
            continue
        p = wall.at(u, piece.depth / 2 + gap)
        half = np.abs(wall.along) * piece.width / 2 + np.abs(wall.inward) * piece.depth / 2
        if b.free(p[0] - half[0], p[0] + half[0], p[1] - half[1], p[1] + half[1], -0.01):
            b.put(piece, float(p[0]), float(p[1]), lift, wall.yaw)
            return float(p[0]), float(p[1]), wall.yaw
    return None
