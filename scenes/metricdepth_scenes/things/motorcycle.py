"""Motorcycles."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, cylinder, lathe, rod, sphere
from metricdepth_scenes.things.cars import car_paint

_UPRIGHT = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], float)


def wheel(b: Builder, radius: float, width: float, rubber: int, metal: int) -> list[Mesh]:
    """Build a spoked wheel about the origin.

    Its axle along x.
    """
    ring = [(radius - width / 2 + width / 2 * np.cos(a), width / 2 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 9)]
    rim = radius - width
    parts = [lathe(ring, 28, rubber), lathe([(rim, -width / 3), (rim * 0.93, 0), (rim, width / 3)], 28, metal)]
    parts.append(cylinder(radius * 0.16, width * 1.3, 12, material=metal).placed(0, 0, -width * 0.65))
    if b.chance(0.6):
        parts.append(cylinder(radius * 0.45, 0.008, 20, material=metal).placed(0, 0, width * 0.6))
    count = b.pick(5, 8, 12, 18)
    for a in np.linspace(0, 2 * np.pi, count, endpoint=False):
        tip = (rim * np.cos(a), rim * np.sin(a), 0)
        parts.append(rod((0, 0, 0), tip, 0.016 if count < 9 else 0.004, 5, metal))
    return [p.transformed(_UPRIGHT) for p in parts]


def motorcycle(b: Builder) -> Piece:
    """Build a motorcycle on its stand.

    1.9 to 2.3 m long, its front towards -y.
    """
    base = b.u(1.3, 1.55)
    front, rear = -base / 2, base / 2
    paint, dark, rubber = car_paint(b), b.gray(0.07, 0.03), b.gray(0.05)
    steel, engine = b.gray(b.u(0.55, 0.8), 0.25), b.gray(b.pick(0.5, 0.35, 0.15), 0.1)
    r1, r2 = b.u(0.29, 0.33), b.u(0.28, 0.32)
    parts = [p.placed(0, front, r1) for p in wheel(b, r1, 0.1, rubber, steel)]
    parts += [p.placed(0, rear, r2) for p in wheel(b, r2, 0.14, rubber, steel)]
    head = (0.0, front + b.u(0.28, 0.42), b.u(0.86, 0.98))
    for s in (-1, 1):
        x = s * 0.09
        parts.append(rod((x, front, r1), (x, head[1], head[2]), 0.022, 8, steel))
        parts.append(rod((x, head[1], head[2]), (s * 0.36, head[1] + b.u(0.08, 0.2), head[2] + 0.12), 0.013, 6, steel))
        grip = (s * 0.36, head[1] + 0.14, head[2] + 0.12)
        parts.append(rod(grip, (s * 0.43, head[1] + 0.2, head[2] + 0.11), 0.019, 8, dark))
        if b.chance(0.8):
            parts.append(
                rod((s * 0.3, head[1] + 0.05, head[2] + 0.1), (s * 0.36, head[1], head[2] + 0.27), 0.005, 5, dark)
            )
            parts.append(
                sphere(0.055, 10, material=dark).scaled((1.2, 0.4, 0.8)).placed(s * 0.37, head[1], head[2] + 0.3)
            )
        parts.append(sphere(0.03, 8, material=b.solid((0.9, 0.45, 0.05), 0.1)).placed(s * 0.17, front + 0.22, 0.85))
        parts.append(rod((s * 0.13, rear, r2), (s * 0.12, rear - 0.12, 0.68), 0.026, 8, steel))
        parts.append(rod((s * 0.1, rear, r2), (s * 0.1, -0.05, 0.36), 0.02, 6, dark))
    lamp = cylinder(0.09, 0.1, 16, 0.075, b.solid((0.9, 0.9, 0.92), 0.2))
    lay = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
    parts.append(lamp.transformed(lay, (0, head[1] - 0.1, head[2] - 0.08)))
    # Frame, engine and exhaust.
    down = (0.0, front + 0.45, 0.3)
    parts += [rod(head, down, 0.022, 8, dark), rod(down, (0, 0.2, 0.28), 0.022, 8, dark)]
    parts += [rod(head, (0, 0.25, 0.7), 0.025, 8, dark), rod((0, 0.25, 0.7), (0, 0.2, 0.28), 0.022, 8, dark)]
    parts.append(box((0.3, 0.38, 0.24), (0, 0.02, 0.38), material=engine))
    for k in range(6):
        parts.append(box((0.24, 0.22, 0.012), (0, -0.06, 0.52 + 0.028 * k), material=steel if k % 2 else engine))
    parts.append(cylinder(0.12, 0.36, 16, material=steel).transformed(_UPRIGHT, (-0.18, 0.1, 0.36)))
    for s in (-1, 1) if b.chance(0.5) else (1,):
        bend = (s * 0.12, front + 0.42, 0.42)
        parts += [rod((s * 0.06, -0.14, 0.55), bend, 0.02, 8, steel), rod(bend, (s * 0.16, 0.05, 0.24), 0.02, 8, steel)]
        parts.append(rod((s * 0.16, 0.05, 0.24), (s * 0.2, rear + 0.25, 0.32), 0.042, 10, steel))
    # Tank, seat, mudguards, stand.
    parts.append(sphere(0.5, 18, material=paint).scaled((0.32, 0.58, 0.26)).placed(0, -0.12, 0.83))
    seat = sphere(0.5, 14, material=dark)
    parts.append(seat.scaled((0.28, 0.5, 0.14)).placed(0, 0.3, 0.77))
    parts.append(seat.scaled((0.24, 0.36, 0.16)).placed(0, 0.58, 0.84))
    parts.append(box((0.2, 0.45, 0.18), (0, 0.3, 0.62), material=paint))
    for y, r, low, high in ((front, r1, 0.5, 2.4), (rear, r2, 0.2, 2.3)):
        arc = np.linspace(low, high, 8)
        for a, c in pairwise(arc):
            middle, reach = (a + c) / 2, r + 0.035
            at = (0, y + np.cos(middle) * reach, r + np.sin(middle) * reach)
            flat = box((0.15, 2 * reach * np.sin((c - a) / 2) + 0.01, 0.008), material=paint)
            tilt = middle - np.pi / 2
            turned = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
            parts.append(flat.transformed(turned, at))
    parts.append(box((0.12, 0.05, 0.09), (0, rear + 0.2, 0.72), material=b.solid((0.6, 0.05, 0.05), 0.05)))
    parts.append(rod((-0.1, 0.1, 0.3), (-0.25, 0.12, 0.0), 0.012, 6, dark))
    return Piece(parts, 0.86, base + r1 + r2, 1.25)
