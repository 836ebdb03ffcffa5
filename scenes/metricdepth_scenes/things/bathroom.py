"""Bathroom fittings."""

from __future__ import annotations

from metricdepth_scenes.builder import Builder, Piece, Top
from metricdepth_scenes.meshes import box, lathe, rod, standing_box
from metricdepth_scenes.things.storage import cabinet


def toilet(b: Builder) -> Piece:
    """Build a toilet."""
    m = b.solid((0.95, 0.95, 0.94), 0.06)
    bowl = lathe(
        [(0.12, 0), (0.11, 0.15), (0.19, 0.38), (0.2, 0.4), (0.15, 0.41), (0.1, 0.3), (0, 0.25)], 18, m
    ).scaled((1, 1.25, 1))
    tank = standing_box((0.38, 0.17, 0.36), 0, 0.26, 0.4, material=m)
    return Piece(
        [bowl, tank, standing_box((0.2, 0.3, 0.38), 0, 0.15, material=m)],
        0.4,
        0.7,
        0.78,
        [Top(0, 0.26, 0.76, 0.33, 0.13)],
    )


def basin(b: Builder) -> Piece:
    """Build a basin."""
    w, m = b.u(0.45, 1.1), b.solid((0.95, 0.95, 0.94), 0.06)
    unit = cabinet(b, w, 0.7, 0.42)
    steel = b.role("metal", 0.2)
    parts = [
        *unit.meshes,
        standing_box((w + 0.02, 0.46, 0.12), z=0.7, material=m),
        standing_box((w * 0.7, 0.3, 0.004), 0, -0.03, 0.82, material=b.role("metal")),
        rod((0, 0.17, 0.8), (0, 0.17, 0.95), 0.014, 8, steel),
        rod((0, 0.17, 0.95), (0, 0.05, 0.93), 0.012, 8, steel),
    ]
    mirror = b.solid((0.55, 0.58, 0.6), 0.5)
    parts.append(box((w * 0.9, 0.015, b.u(0.5, 0.9)), (0, 0.21, 1.5), material=mirror))
    return Piece(parts, w, 0.46, 0.95, [Top(0.3 * w, 0.02, 0.82, w * 0.3, 0.3)])


def bathtub(b: Builder) -> Piece:
    """Build a bathtub."""
    w, d, h, m = b.u(1.5, 1.8), b.u(0.7, 0.8), b.u(0.5, 0.6), b.solid((0.95, 0.95, 0.95), 0.06)
    parts = [standing_box((w, 0.07, h), 0, s * (d / 2 - 0.035), material=m) for s in (-1, 1)]
    parts += [standing_box((0.09, d, h), s * (w / 2 - 0.045), material=m) for s in (-1, 1)]
    parts += [
        standing_box((w, d, 0.15), material=m),
        rod((w / 2 - 0.1, 0, h), (w / 2 - 0.1, 0, h + 0.15), 0.015, 8, b.role("metal")),
    ]
    return Piece(parts, w, d, h)
