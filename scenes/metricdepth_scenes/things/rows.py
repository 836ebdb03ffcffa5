"""Rows of seats and benches, boards to write on, lecterns."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, joined, standing_box


def seat_row(b: Builder, n: int, desk: bool, wood: int, cloth: int, metal: int) -> Piece:
    """Build a row of n fixed seats 0.55 m apart, with or without a writing ledge at their backs; they look along -y."""
    pitch = 0.55
    parts: list[Mesh] = []
    up = b.chance(0.5)
    for k in range(n):
        x = (k - (n - 1) / 2) * pitch
        if up:
            parts.append(box((0.44, 0.06, 0.4), (x, 0.12, 0.6), material=cloth))
        else:
            parts.append(box((0.44, 0.42, 0.05), (x, -0.04, 0.43), material=cloth))
        parts.append(box((0.46, 0.04, 0.42), (x, 0.2, 0.7), material=wood))
        parts.append(standing_box((0.04, 0.3, 0.42), x - pitch / 2, 0.05, material=metal))
    width = n * pitch
    parts.append(standing_box((0.04, 0.3, 0.42), width / 2, 0.05, material=metal))
    if desk:
        parts.append(box((width, 0.32, 0.025), (0, 0.42, 0.74), material=wood))
        parts.append(box((width, 0.02, 0.45), (0, 0.28, 0.5), material=wood))
    return Piece(parts, width, 0.9 if desk else 0.55, 0.92)


def lectern(b: Builder) -> Piece:
    """Build a lectern."""
    m = b.wood()
    parts = [standing_box((0.6, 0.45, 1.05), material=m), box((0.66, 0.52, 0.03), (0, 0, 1.1), material=m)]
    return Piece(parts, 0.66, 0.52, 1.12)


def pupils(b: Builder, seat: Piece, n: int) -> Piece:
    """Build n loose chairs side by side.

    Each turned a little.
    """
    pitch = max(seat.width, 0.45) + b.u(0.04, 0.25)
    mesh = joined(seat.meshes)
    parts = [
        mesh.placed((k - (n - 1) / 2) * pitch + b.u(-0.04, 0.04), b.u(-0.06, 0.06), 0, b.u(-0.12, 0.12))
        for k in range(n)
        if b.chance(0.93)
    ]
    width = float(n * pitch)
    return Piece(parts or [mesh], width, float(np.hypot(seat.depth, 0.1)), seat.height)
