"""Lamps and radiators."""

from __future__ import annotations

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import box, cylinder, lathe, rod


def radiator(b: Builder) -> Piece:
    """Build a radiator."""
    w, h, m = b.u(0.5, 1.6), b.u(0.4, 0.65), b.solid((0.93, 0.93, 0.91), 0.03)
    n = int(w / 0.06)
    parts = [box((0.045, 0.08, h), ((k - (n - 1) / 2) * 0.06, 0, 0.12 + h / 2), material=m) for k in range(n)]
    return Piece([*parts, box((w, 0.03, 0.03), (0, 0, 0.15), material=m)], w, 0.1, h + 0.12)


def floor_lamp(b: Builder) -> Piece:
    """Build a floor lamp."""
    h, m = b.u(1.4, 1.8), b.role("metal", 0.3)
    shade = b.solid((0.95, 0.9, 0.75))
    r = b.u(0.12, 0.25)
    return Piece(
        [
            cylinder(0.14, 0.03, 16, material=m),
            rod((0, 0, 0), (0, 0, h), 0.012, 6, m),
            lathe([(r, h - 0.25), (r * b.u(0.5, 1), h)], 20, shade),
        ],
        2 * r,
        2 * r,
        h,
    )


def desk_lamp(b: Builder) -> Piece:
    """Build a desk lamp."""
    m, h = b.vivid(), b.u(0.35, 0.5)
    elbow = (b.u(-0.08, 0.08), 0.12, h * 0.75)
    head = (0.0, -0.1, h)
    shade = lathe([(0.07, -0.06), (0.03, 0.03), (0, 0.035)], 14, m).placed(*head)
    return Piece(
        [
            cylinder(0.08, 0.02, 14, material=m),
            rod((0, 0, 0.01), elbow, 0.008, 6, m),
            rod(elbow, head, 0.008, 6, m),
            shade,
        ],
        0.2,
        0.35,
        h + 0.05,
    )
