"""Books, paper and pens."""

from __future__ import annotations

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import box, lathe, quad, rod, standing_box


def book_pile(b: Builder) -> Piece:
    """Build a pile of books."""
    meshes, z = [], 0.0
    for _ in range(int(b.rng.integers(1, 6))):
        t, w, d = b.u(0.008, 0.05), b.u(0.13, 0.24), b.u(0.19, 0.32)
        center = (b.u(-0.015, 0.015), b.u(-0.015, 0.015), z + t / 2)
        yaw = b.u(-0.25, 0.25)
        meshes.append(box((w, d, t), center, yaw, b.vivid()))
        meshes.append(box((w * 0.98, d * 1.002, t * 0.75), (center[0] + 0.003, *center[1:]), yaw, b.role("paper", 0.1)))
        z += t
    return Piece(meshes, 0.25, 0.32, z)


def sheet(b: Builder) -> Piece:
    """Build a sheet of paper."""
    w, d = b.pick((0.21, 0.297), (0.148, 0.21), (0.297, 0.42))
    m = b.printed()
    z = b.u(0.001, 0.01)
    rim = standing_box((w, d, z), material=b.role("paper", 0.1))
    corners = [(x * w / 2, y * d / 2, z + 0.0005) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return Piece([rim, quad(corners, material=m)], w, d, z)


def pens(b: Builder) -> Piece:
    """Build a few pens."""
    r, h = b.u(0.03, 0.045), b.u(0.08, 0.12)
    rods = [
        rod((0, 0, 0.01), (b.u(-r, r) * 0.9, b.u(-r, r) * 0.9, h + b.u(0.02, 0.09)), 0.004, 6, b.vivid())
        for _ in range(4)
    ]
    return Piece(
        [lathe([(0, 0), (r, 0), (r, h), (r * 0.92, h), (r * 0.9, 0.01)], 12, b.vivid()), *rods], 2 * r, 2 * r, h + 0.08
    )
