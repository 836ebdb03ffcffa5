"""Kitchen units and white goods."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Top
from metricdepth_scenes.meshes import box, cylinder, facing, rod, standing_box
from metricdepth_scenes.things.storage import cabinet


def kitchen_row(b: Builder, length: float) -> Piece:
    """Build base units, worktop, wall units, a splash back.

    Stove, sink and fridge among them.
    """
    d, h = 0.6, b.u(0.88, 0.93)
    unit = cabinet(b, length, h - 0.04, d)
    top, steel = b.role("stone") if b.chance(0.6) else b.role("wood"), b.role("metal", 0.2)
    parts = [*unit.meshes, standing_box((length + 0.02, d + 0.03, 0.04), z=h - 0.04, material=top)]
    parts.append(standing_box((length, 0.012, 0.55), 0, d / 2 - 0.006, h, material=b.role("bath")))
    x = -length / 2 + 0.35
    parts.append(standing_box((0.56, 0.5, 0.006), x, 0, h, material=b.solid((0.04, 0.04, 0.05), 0.06)))
    parts += [
        cylinder(0.09, 0.004, 18, material=steel).placed(x + sx * 0.14, sy * 0.12, h + 0.006)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    parts.append(box((0.56, 0.02, 0.5), (x, -d / 2 - 0.025, 0.5), material=b.solid((0.06, 0.06, 0.07), 0.06)))
    if length > 1.6:
        s = length / 2 - 0.5
        parts.append(standing_box((0.5, 0.4, 0.004), s, 0, h, material=steel))
        parts += [
            rod((s, 0.22, h), (s, 0.22, h + 0.28), 0.012, 8, steel),
            rod((s, 0.22, h + 0.28), (s, 0.05, h + 0.24), 0.012, 8, steel),
        ]
    if b.chance(0.75):
        wall = cabinet(b, length * b.u(0.6, 1.0), b.u(0.6, 0.8), 0.35)
        parts += [m.placed(0, d / 2 - 0.175, h + 0.5) for m in wall.meshes]
    return Piece(parts, length, d, h + 0.5, [Top(0.1, -0.05, h, length * 0.85, d * 0.7, 0.45)])


def fridge(b: Builder) -> Piece:
    """Build a fridge."""
    w, d, h = b.u(0.55, 0.75), b.u(0.58, 0.7), b.pick(0.85, b.u(1.6, 2.0))
    m = b.gray(b.pick(0.93, 0.95, 0.6, 0.15), 0.05)
    split = h * 0.62
    parts = [
        standing_box((w, d, h), material=m),
        standing_box((w - 0.01, 0.04, split - 0.05), 0, -d / 2 - 0.02, 0.05, material=m),
        standing_box((w - 0.01, 0.04, h - split - 0.01), 0, -d / 2 - 0.02, split + 0.01, material=m),
    ]
    parts += [
        box((0.02, 0.03, 0.3), (w / 2 - 0.06, -d / 2 - 0.06, z), material=b.role("metal", 0.2))
        for z in (split - 0.25, min(split + 0.2, h - 0.16))
    ]
    for _ in range(int(b.rng.integers(0, 5))):
        x, z, s = b.u(-0.35, 0.35) * w, b.u(0.4, 0.9) * h, b.u(0.05, 0.2)
        parts.append(facing(x, x + s, z, z + s, -d / 2 - 0.042, b.printed()))
    return Piece(parts, w, d, h, [Top(0, 0, h, w * 0.8, d * 0.8)])


def white_goods(b: Builder) -> Piece:
    """Build a washing machine, dryer or dishwasher."""
    m = b.gray(b.pick(0.92, 0.95, 0.7), 0.04)
    disc = cylinder(0.16, 0.02, 22, material=b.solid((0.1, 0.1, 0.12), 0.1))
    turned = disc.transformed(np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]), (0, -0.3, 0.45))
    return Piece([standing_box((0.6, 0.6, 0.85), material=m), turned], 0.6, 0.62, 0.85, [Top(0, 0, 0.85, 0.5, 0.5)])
