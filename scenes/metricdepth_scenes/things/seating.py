"""Chairs, sofas and beds."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Top
from metricdepth_scenes.meshes import Mesh, box, cylinder, grid, rod, sphere, standing_box
from metricdepth_scenes.models import model_piece


def chair(b: Builder) -> Piece:
    """Build a chair."""
    if b.chance(0.55):
        found = model_piece(b, "chair", lambda s: 0.7 < s[1] < 1.15 and max(s[0], s[2]) < 0.8)
        if found:
            found.tops = []
            return found
    w, d, seat, back = b.u(0.4, 0.5), b.u(0.4, 0.5), b.u(0.42, 0.48), b.u(0.8, 1.05)
    m, cloth = b.wood(), b.role("fabric", 0.4)
    if b.chance(0.4):
        parts = [
            standing_box((w, d, 0.07), z=seat - 0.07, material=cloth),
            box((w * 0.9, 0.06, back - seat - 0.1), (0, d / 2, (back + seat) / 2 + 0.05), material=cloth),
            cylinder(0.03, seat - 0.1, 8, material=m).placed(0, 0, 0.05),
        ]
        for k in range(5):
            a = k * 2 * np.pi / 5
            tip = (0.3 * np.cos(a), 0.3 * np.sin(a), 0.06)
            parts += [rod((0, 0, 0.1), tip, 0.02, 6, m), sphere(0.03, 8, material=m).placed(tip[0], tip[1], 0.03)]
        parts += [box((0.05, d * 0.6, 0.03), (s * w * 0.55, 0, seat + 0.2), material=m) for s in (-1, 1)]
    else:
        parts = [standing_box((w, d, 0.04), z=seat - 0.04, material=b.pick(m, cloth))]
        parts += [
            standing_box((0.035, 0.035, seat - 0.04), sx * (w / 2 - 0.03), -d / 2 + 0.03, material=m) for sx in (-1, 1)
        ]
        parts += [standing_box((0.035, 0.035, back), sx * (w / 2 - 0.03), d / 2 - 0.02, material=m) for sx in (-1, 1)]
        bars = int(b.rng.integers(1, 5))
        parts += [
            box((w - 0.06, 0.02, 0.09), (0, d / 2 - 0.02, back - 0.06 - 0.12 * k), material=b.pick(m, m, cloth))
            for k in range(min(bars, 3))
        ]
    return Piece(parts, w, d, back)


def sofa(b: Builder) -> Piece:
    """Build a sofa."""
    if b.chance(0.5) and (found := model_piece(b, "sofa")):
        found.tops = []
        return found
    w, d, seat, back, arm = b.u(0.85, 2.4), b.u(0.8, 0.98), b.u(0.38, 0.46), b.u(0.7, 0.95), b.u(0.12, 0.25)
    m = b.role("fabric", 0.5)
    parts = [
        standing_box((w, d, seat - 0.14), z=0.05, material=m),
        standing_box((w, 0.2, back - 0.05), 0, d / 2 - 0.1, 0.05, material=m),
    ]
    parts += [standing_box((arm, d, seat + 0.12), s * (w / 2 - arm / 2), z=0.05, material=m) for s in (-1, 1)]
    n = max(1, round((w - 2 * arm) / 0.7))
    each = (w - 2 * arm) / n
    for k in range(n):
        x = -w / 2 + arm + each * (k + 0.5)
        parts.append(standing_box((each - 0.015, d - 0.22, 0.15), x, -0.1, seat - 0.09, material=m))
        parts.append(box((each - 0.02, 0.16, back - seat), (x, d / 2 - 0.26, (back + seat) / 2), material=m))
    for _ in range(int(b.rng.integers(0, 4))):
        parts.append(pillow(b).placed(b.u(-0.35, 0.35) * w, b.u(0, 0.1), seat + 0.25))
    return Piece(parts, w, d, back)


def pillow(b: Builder) -> Mesh:
    """Build a pillow."""
    s = b.u(0.36, 0.5)
    return sphere(s / 2, 14, material=b.role("fabric")).scaled((1, 0.35, 0.85))


def bed(b: Builder) -> Piece:
    """Build a bed."""
    if b.chance(0.35) and (found := model_piece(b, "bed", across=False)):
        found.tops = []
        return found
    w, d, h, m, cloth = b.pick(0.9, 1.0, 1.4, 1.6, 1.8), b.u(1.95, 2.1), b.u(0.4, 0.6), b.wood(), b.role("fabric")
    parts = [
        standing_box((w, d, h * 0.45), z=0.06, material=m),
        standing_box((w - 0.04, d - 0.04, h * 0.5), z=h * 0.5, material=b.role("fabric")),
        standing_box((w + 0.06, 0.06, h + b.u(0.2, 0.7)), 0, d / 2, material=m),
    ]
    xs, ys = np.linspace(-w / 2 - 0.05, w / 2 + 0.05, 14), np.linspace(-d / 2 - 0.03, d * b.u(0.05, 0.3), 18)

    parts.append(grid(xs, ys, h + 0.06 + b.rng.normal(0, 0.018, (18, 14)), cloth))
    for s in (-1, 1):
        parts.append(
            box((0.03, ys[-1] - ys[0], h * 0.6), (s * (w / 2 + 0.04), (ys[0] + ys[-1]) / 2, h * 0.8), material=cloth)
        )
    for k in range(1 if w < 1.2 else 2):
        x = 0 if w < 1.2 else (k - 0.5) * w * 0.48
        parts.append(sphere(0.34, 14, material=b.role("fabric")).scaled((0.95, 0.6, 0.28)).placed(x, d * 0.36, h + 0.1))
    return Piece(parts, w, d, h + 0.1, [Top(0, 0, h + 0.13, w * 0.6, d * 0.5)])
