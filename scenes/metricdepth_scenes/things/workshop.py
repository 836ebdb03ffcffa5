"""Furniture of garages, cellars and stores: steel shelving, benches, crates, tool boards, tanks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Top
from metricdepth_scenes.meshes import Mesh, box, facing, lathe, rod, standing_box


def crate(b: Builder) -> Piece:
    """Build a plastic storage box.

    Its lid closed or off.
    """
    w, d, h = b.pick((0.6, 0.4, 0.32), (0.4, 0.3, 0.22), (0.6, 0.4, 0.22), (0.8, 0.45, 0.4), (0.3, 0.2, 0.15))
    m = b.vivid()
    wall = 0.012
    parts = [standing_box((w, d, wall), material=m)]
    parts += [standing_box((wall, d, h), s * (w / 2 - wall / 2), material=m) for s in (-1, 1)]
    parts += [standing_box((w, wall, h), 0, s * (d / 2 - wall / 2), material=m) for s in (-1, 1)]
    parts += [box((w + 0.02, 0.02, 0.03), (0, s * d / 2, h - 0.015), material=m) for s in (-1, 1)]
    if b.chance(0.5):
        parts.append(standing_box((w + 0.02, d + 0.02, 0.03), z=h, material=m if b.chance(0.5) else b.vivid()))
    else:
        parts += [
            box((w * b.u(0.2, 0.5), d * b.u(0.2, 0.5), h * 0.8), (x * w, 0, h * 0.5), material=b.vivid())
            for x in (-0.2, 0.2)
        ]
    return Piece(parts, w, d, h, [Top(0, 0, h + 0.03, w * 0.8, d * 0.8)])


def carton(b: Builder, limit: float = 0.5) -> Piece:
    """Build a carton with a strip of tape and a label."""
    w, d, h = b.u(0.2, 0.55), b.u(0.2, 0.4), min(b.u(0.12, 0.45), limit)
    m = b.solid(np.array(b.pick((0.68, 0.53, 0.36), (0.72, 0.58, 0.42), (0.85, 0.83, 0.78))) * b.u(0.8, 1.1))
    parts = [standing_box((w, d, h), material=m)]
    parts.append(standing_box((w * 0.98, 0.05, 0.001), z=h, material=b.solid((0.75, 0.65, 0.45))))
    x, z, s = b.u(-0.2, 0.2) * w, b.u(0.3, 0.7) * h, b.u(0.05, 0.1)
    parts.append(facing(x - s, x + s, z - s * 0.6, z + s * 0.6, -d / 2 - 0.001, b.printed()))
    return Piece(parts, w, d, h)


def steel_shelf(b: Builder, w: float | None = None) -> Piece:
    """Build open steel shelving.

    1.8 to 2.2 m high, with cartons, crates and cans on it.
    """
    w, d, h = w or b.pick(0.9, 1.0, 1.2, 1.8), b.pick(0.3, 0.4, 0.5, 0.6), b.pick(1.8, 2.0, 2.2)
    m = b.gray(b.pick(0.55, 0.65, 0.3, 0.15), 0.03) if b.chance(0.7) else b.vivid()
    parts: list[Mesh] = [
        standing_box((0.035, 0.035, h), sx * (w / 2 - 0.017), sy * (d / 2 - 0.017), material=m)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    boards = np.linspace(b.u(0.05, 0.25), h - 0.03, int(b.rng.integers(4, 7)))
    parts += [box((w, d, 0.03), (0, 0, z), material=m) for z in boards]
    full = b.u(0.3, 1.0)
    tops = []
    for lower, upper in pairwise(boards):
        gap, x = float(upper - lower) - 0.04, -w / 2 + 0.05
        if b.chance(0.3):
            tops.append(Top(0, 0, float(lower) + 0.016, w * 0.9, d * 0.85, gap))
            continue
        while x < w / 2 - 0.15:
            thing = carton(b, gap * 0.9) if b.chance(0.6) else crate(b)
            if not b.chance(full) or thing.height > gap or x + thing.width > w / 2:
                x += b.u(0.1, 0.3)
                continue
            parts += [
                p.placed(x + thing.width / 2, -b.u(0, 0.05), float(lower) + 0.016, b.u(-0.06, 0.06))
                for p in thing.meshes
            ]
            x += thing.width + b.u(0.01, 0.08)
    tops.append(Top(0, 0, h, w * 0.9, d * 0.85))
    return Piece(parts, w, d, h, tops)


def workbench(b: Builder) -> Piece:
    """Build a heavy bench.

    0.85 to 0.95 m high, with a vice, drawers and a board of tools behind.
    """
    w, d, h = b.u(1.2, 2.4), b.u(0.55, 0.75), b.u(0.85, 0.95)
    top, leg, steel = b.role("wood"), b.role(b.pick("metal", "wood")), b.role("metal", 0.3)
    parts = [box((w, d, 0.05), (0, 0, h - 0.025), material=top)]
    parts += [
        standing_box((0.07, 0.07, h - 0.05), sx * (w / 2 - 0.06), sy * (d / 2 - 0.06), material=leg)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    parts.append(box((w - 0.1, d - 0.1, 0.03), (0, 0, 0.2), material=top))
    parts += [box((0.5, 0.02, 0.14), (w / 2 - 0.4, -d / 2 + 0.02, h - 0.14 - 0.16 * k), material=leg) for k in (0, 1)]
    vice = (-w / 2 + 0.25, -d / 2 + 0.08)
    parts += [
        box((0.12, 0.24, 0.1), (*vice, h + 0.05), material=steel),
        box((0.14, 0.03, 0.14), (vice[0], vice[1] - 0.1, h + 0.08), material=steel),
        rod((vice[0] - 0.1, vice[1] - 0.16, h + 0.05), (vice[0] + 0.1, vice[1] - 0.16, h + 0.05), 0.008, 6, steel),
    ]
    if b.chance(0.6):
        parts += [p.placed(0, d / 2 - 0.01, h + 0.15) for p in tool_board(b, w * 0.9, 0.8)]
    return Piece(parts, w, d, h + 0.3, [Top(0.15, 0, h, w * 0.75, d * 0.85)])


def tool_board(b: Builder, w: float, h: float) -> list[Mesh]:
    """Build a board of hanging hammers.

    Saws, spanners and screwdrivers, in the plane y = 0.
    """
    parts = [standing_box((w, 0.012, h), 0, 0.006, material=b.role("wood"))]
    steel, dark = b.gray(0.5, 0.1), b.gray(0.1)
    for x in np.arange(-w / 2 + 0.08, w / 2 - 0.05, b.u(0.09, 0.16)):
        z, long = h * b.u(0.55, 0.92), b.u(0.12, 0.33)
        grip = b.pick(dark, b.vivid())
        parts.append(rod((x, -0.015, z), (x, -0.015, z - long * 0.45), 0.014, 6, grip))
        parts.append(rod((x, -0.015, z - long * 0.45), (x, -0.015, z - long), 0.006, 6, steel))
        if b.chance(0.5):
            parts.append(box((b.u(0.06, 0.13), 0.025, 0.03), (x, -0.018, z - long), material=steel))
    return parts


def tank(b: Builder) -> Piece:
    """Build a water heater, gas bottle or drum."""
    r, h = b.pick((0.29, 0.88), (0.25, 1.5), (0.3, 1.7), (0.15, 0.6), (0.11, 0.45))
    m = b.pick(b.gray(0.92, 0.03), b.gray(0.5, 0.05), b.vivid())
    body = lathe([(0, 0), (r, 0.02), (r, h - 0.06), (r * 0.7, h), (0, h)], 20, m)
    bands = [lathe([(r, z * h), (r + 0.008, z * h + 0.015), (r, z * h + 0.03)], 20, m) for z in (0.33, 0.66)]
    pipe = rod((r * 0.3, 0, h - 0.02), (r * 0.3, 0, h + b.u(0.05, 0.5)), 0.014, 8, b.role("metal", 0.2))
    return Piece([body, *bands, pipe], 2 * r, 2 * r, h)


def ladder(b: Builder) -> Piece:
    """Build a ladder that leans against a wall."""
    h, lean, m = b.u(1.6, 2.8), b.u(0.2, 0.5), b.role(b.pick("metal", "wood"))
    rails = [rod((s * 0.2, -lean / 2, 0), (s * 0.16, lean / 2, h), 0.022, 6, m) for s in (-1, 1)]
    rungs = [
        rod((-0.19, (t - 0.5) * lean, t * h), (0.19, (t - 0.5) * lean, t * h), 0.014, 6, m)
        for t in np.arange(0.28, h, 0.28) / h
    ]
    return Piece([*rails, *rungs], 0.45, lean + 0.05, h)
