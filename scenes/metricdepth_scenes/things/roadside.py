"""Build objects beside and over roads: lamps, signals, gantries, noise barriers, bridges, wires, city blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, cylinder, rod, standing_box, sticks


def street_lamp(b: Builder, height: float, material: int, arm: float) -> Piece:
    """Build a lamp post.

    Its arm of `arm` [m] towards -y and its head glowing.
    """
    lamp = b.glowing((1.0, 0.9, 0.7))
    parts = [
        cylinder(0.1, height, 8, 0.055, material),
        rod((0, 0, height - 0.05), (0, -arm, height + 0.1), 0.04, 6, material),
        box((0.25, 0.7, 0.1), (0, -arm, height + 0.14), material=material),
        box((0.2, 0.5, 0.03), (0, -arm, height + 0.08), material=lamp),
    ]
    return Piece(parts, 0.3, 0.3, height)


def signal(b: Builder, reach: float) -> Piece:
    """Build a traffic light facing -y.

    With `reach` [m] a mast arm towards -x carries two more heads.
    """
    m, dark = b.role("metal", 0.4), b.solid((0.05, 0.05, 0.05))
    high = 5.8 if reach else b.u(2.9, 3.6)
    parts = [cylinder(0.1 if reach else 0.06, high, 8, material=m)]
    on = int(b.rng.integers(3))
    colors = ((0.95, 0.1, 0.08), (0.95, 0.65, 0.1), (0.1, 0.85, 0.45))
    heads = [(0.0, high - 0.6 if not reach else 3.0)]
    if reach:
        parts.append(rod((0, 0, high - 0.1), (-reach, 0, high), 0.07, 7, m))
        heads += [(-reach, high - 0.5), (-reach * 0.55, high - 0.5)]
    for x, z in heads:
        parts.append(box((0.34, 0.22, 1.0), (x, -0.18, z), material=dark))
        for k, color in enumerate(colors):
            lit = b.glowing(color, day=2.0) if k == on else b.solid(np.array(color) * 0.25)
            parts.append(box((0.2, 0.03, 0.2), (x, -0.3, z + 0.31 - 0.31 * k), material=lit))
    return Piece(parts, 0.4, 0.4, high)


def gantry(b: Builder, span: float) -> Piece:
    """Build a sign gantry over a road of `span` [m] across, its signs facing -y, 5.2 m clear."""
    m = b.gray(b.u(0.5, 0.7), 0.05)
    board = b.solid(b.pick((0.05, 0.2, 0.55), (0.03, 0.35, 0.2), (0.03, 0.35, 0.2), (0.08, 0.08, 0.08)))
    white = b.gray(0.9)
    parts = [standing_box((0.35, 0.35, 7.0), s * span / 2, material=m) for s in (-1, 1)]
    parts += [box((span, 0.12, 0.12), (0, y, z), material=m) for y in (-0.3, 0.3) for z in (5.9, 6.9)]
    x = -span / 2 + 1
    while x < span / 2 - 4:
        wide, tall = b.u(2.5, 5.5), b.u(1.6, 3.0)
        if b.chance(0.7):
            cx, cz = x + wide / 2, 5.2 + tall / 2
            parts.append(box((wide, 0.08, tall), (cx, -0.45, cz), material=white))
            parts.append(box((wide - 0.15, 0.1, tall - 0.15), (cx, -0.45, cz), material=board))
            for k in range(int(tall / 0.55)):
                line = wide * b.u(0.25, 0.7)
                z = 5.2 + 0.4 + 0.55 * k
                parts.append(box((line, 0.12, 0.22), (x + 0.3 + line / 2, -0.45, z), material=white))
        x += wide + b.u(0.3, 2)
    return Piece(parts, span, 0.8, 7.5)


def noise_barrier(b: Builder, length: float, height: float) -> Piece:
    """Build a run of noise barrier.

    Posts 4 m apart and panels, the upper ones now and then of glass.
    """
    post, panel = b.role("metal", 0.2), b.role(b.pick("concrete", "wood", "metal", "facade"), 0.2)
    parts = [
        standing_box((0.2, 0.2, height + 0.05), float(x), material=post)
        for x in np.arange(-length / 2, length / 2 + 0.1, 4.0)
    ]
    for k in range(int(height / 0.5)):
        parts.append(box((length, 0.12, 0.49), (0, 0.0 if k % 2 else 0.01, 0.5 * k + 0.25), material=panel))
    return Piece(parts, length, 0.2, height)


def jersey(b: Builder, length: float) -> Piece:
    """Build a concrete crash barrier, 0.85 m high."""
    m = b.role("concrete", 0.2)
    parts = [standing_box((length, wide, high), material=m) for wide, high in ((0.6, 0.18), (0.42, 0.35), (0.24, 0.85))]
    return Piece(parts, length, 0.6, 0.85)


def bridge(b: Builder, span: float, wide: float, clear: float) -> Piece:
    """Build a bridge deck over a road along y.

    `span` [m] between abutments, `wide` along the road.
    """
    m, rail = b.role("concrete", 1.0), b.role("metal", 0.4)
    long, deep = span + 60, b.u(0.8, 1.6)
    parts = [box((long, wide, deep), (0, 0, clear + deep / 2), material=m)]
    top = clear + deep
    for s in (-1, 1):
        parts.append(box((long, 0.3, 0.35), (0, s * wide / 2, top + 0.1), material=b.role("concrete", 0.5)))
        parts += [box((long, 0.05, 0.06), (0, s * wide / 2, top + z), material=rail) for z in (0.65, 1.0, 1.25)]
        parts += [
            standing_box((0.06, 0.06, 1.2), float(x), s * wide / 2, top, material=rail)
            for x in np.arange(-long / 2, long / 2, 2.0)
        ]
        parts.append(standing_box((30.0, wide, clear), s * (span / 2 + 15.0), material=m))
    if span > 18 and b.chance(0.6):
        for y in np.arange(-wide / 2 + 1, wide / 2, 3.0):
            parts.append(cylinder(0.45, clear, 12, material=m).placed(0, float(y), 0))
    return Piece(parts, long, wide, top + 1.3)


def wires(points: list[np.ndarray], material: int) -> Mesh:
    """Hang a wire along points [m].

    Sagging between each two.
    """
    t = np.linspace(0, 1, 9)[:, None]
    lines = []
    for a, c in pairwise(points):
        line = a + (c - a) * t
        line[:, 2] -= (4 * t * (1 - t))[:, 0] * 0.02 * float(np.linalg.norm(c - a))
        lines.append(line)
    start, end = np.concatenate([p[:-1] for p in lines]), np.concatenate([p[1:] for p in lines])
    return sticks(start, end, np.full(len(start), 0.016), material)


def block(b: Builder, width: float, storeys: int, depth: float | None = None) -> Piece:
    """Build a town building, front towards -y.

    Shop floor, rows of windows or glass bands, cornice, flat roof.
    """
    depth = depth or b.u(9, 16)
    storey, ground = b.u(2.8, 3.5), b.u(3.3, 4.4)
    height = ground + storey * (storeys - 1) + b.u(0.3, 1.0)
    wall = b.role("facade", 0.5)
    trim = b.gray(b.pick(0.92, 0.85, 0.5, 0.2)) if b.chance(0.7) else b.role("concrete", 0.4)
    glass = b.solid(b.pick((0.07, 0.08, 0.1), (0.12, 0.16, 0.2), (0.2, 0.24, 0.27)), b.u(0.04, 0.16))
    lit = b.glowing((0.95, 0.78, 0.5), night=1.2) if b.night else glass
    y = -depth / 2
    parts = [standing_box((width, depth, height), material=wall)]
    style = b.pick("windows", "windows", "windows", "bands", "grid")
    wide, tall, sill = b.u(0.9, 1.5), b.u(1.3, 2.0), b.u(0.5, 0.95)
    n = max(2, int(width / (wide + b.u(0.7, 1.6))))
    pitch = width / n
    for level in range(1, storeys):
        z = ground + storey * (level - 1)
        if style == "bands":
            pane = min(1.7, storey - 1.1)
            parts.append(box((width * 0.97, 0.08, pane), (0, y, z + 0.9 + pane / 2), material=glass))
            parts += [
                box((0.07, 0.14, pane), (-width / 2 + pitch * k, y, z + 0.9 + pane / 2), material=trim)
                for k in range(1, n)
            ]
            continue
        high = storey - 0.5 if style == "grid" else min(tall, storey - sill - 0.25)
        across, middle = (pitch * 0.86, storey / 2) if style == "grid" else (wide, sill + high / 2)
        for k in range(n):
            x = -width / 2 + pitch * (k + 0.5)
            shine = lit if b.chance(0.25) else glass
            if style == "windows":
                parts.append(box((across + 0.2, 0.08, high + 0.2), (x, y, z + middle), material=trim))
                parts.append(box((across, 0.1, high), (x, y, z + middle), material=shine))
                parts.append(box((0.06, 0.12, high), (x, y, z + middle), material=trim))
            else:
                parts.append(box((across, 0.08, high), (x, y, z + middle), material=shine))
        if b.chance(0.5) and style == "windows":
            parts.append(box((width, 0.16, 0.12), (0, y, z), material=trim))
    _ground_floor(b, parts, width, y, ground, trim, glass, lit)
    parts.append(box((width + 0.2, 0.5, b.u(0.2, 0.6)), (0, y + 0.05, height - 0.1), material=trim))
    for s in (-1, 1):
        for level in range(1, storeys):
            for k in range(int(depth / 4)):
                z = ground + storey * (level - 1) + 1.7
                parts.append(box((0.08, 1.1, 1.4), (s * width / 2, y + 2 + 4 * k, z), material=glass))
    return Piece(parts, width, depth, height)


def _ground_floor(
    b: Builder, parts: list[Mesh], width: float, y: float, ground: float, trim: int, glass: int, lit: int
) -> None:
    """Build shops with signs and awnings.

    Or plain windows and doors, along the front at `y`.
    """
    shops = b.chance(0.6)
    parts.append(box((width, 0.07, 0.5), (0, y, 0.25), material=b.role("concrete", 0.3)))
    x = -width / 2 + 0.4
    while x < width / 2 - 1.4:
        wide = min(b.u(2.5, 5.0) if shops else b.u(1.2, 1.9), width / 2 - 0.3 - x)
        cx = x + wide / 2
        if b.chance(0.25):
            parts.append(box((1.15, 0.1, 2.45), (cx, y, 1.22), material=trim))
            parts.append(box((0.95, 0.12, 2.1), (cx, y, 1.05), material=b.role(b.pick("wood", "metal"), 0.4)))
        elif shops:
            parts.append(box((wide, 0.1, ground - 1.1), (cx, y, 0.4 + (ground - 1.1) / 2), material=trim))
            pane = lit if b.chance(0.4) else glass
            parts.append(box((wide - 0.2, 0.12, ground - 1.4), (cx, y, 0.45 + (ground - 1.4) / 2), material=pane))
            parts.append(box((wide, 0.2, 0.55), (cx, y - 0.08, ground - 0.35), material=b.vivid()))
            if b.chance(0.25):
                out, z = b.u(0.8, 1.4), ground - 0.75
                parts.append(box((wide, out, 0.05), (cx, y - out / 2, z), material=b.vivid()))
        else:
            parts.append(box((wide * 0.75 + 0.2, 0.08, 1.8), (cx, y, 1.9), material=trim))
            parts.append(box((wide * 0.75, 0.1, 1.6), (cx, y, 1.9), material=glass))
        x += wide + b.u(0.3, 1.0)
