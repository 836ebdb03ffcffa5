"""Shelves, full of things, and cabinets."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from metricdepth_scenes.builder import Builder, Piece, Top
from metricdepth_scenes.meshes import box, standing_box
from metricdepth_scenes.models import model_piece


def shelf(b: Builder, w: float | None = None, h: float | None = None) -> Piece:
    """Build an open shelf full of books.

    Boxes and things.
    """
    w, h, d = w or b.u(0.5, 1.6), h or b.u(0.8, 2.2), b.u(0.24, 0.4)
    m = b.wood()
    levels = max(2, round(h / b.u(0.3, 0.42)))
    parts = [standing_box((0.025, d, h), s * (w / 2 - 0.0125), material=m) for s in (-1, 1)]
    if b.chance(0.7):
        parts.append(box((w, 0.01, h), (0, d / 2 - 0.005, h / 2), material=m))
    zs = np.linspace(0.06, h - 0.0125, levels)
    parts += [box((w - 0.05, d, 0.022), (0, 0, z), material=m) for z in zs]
    shades = [b.vivid() for _ in range(9)] + [b.printed() for _ in range(3)]
    tops = []
    for lower, upper in pairwise(zs):
        gap = float(upper - lower) - 0.03
        style = b.pick("books", "books", "mixed", "boxes", "things")
        x = -w / 2 + 0.04
        if style == "things":
            tops.append(Top(0, 0, float(lower) + 0.011, w * 0.9, d * 0.9, gap))
            continue
        while x < w / 2 - 0.08:
            if style == "boxes":
                t, tall, deep = b.u(0.1, 0.35), gap * b.u(0.5, 0.95), d * b.u(0.7, 0.95)
            else:
                t, tall, deep = b.u(0.012, 0.055), min(gap * 0.97, b.u(0.17, 0.31)), min(d * 0.95, b.u(0.13, 0.23))
            if x + t > w / 2 - 0.03 or (style == "mixed" and b.chance(0.12)):
                x += t + b.u(0.05, 0.2)
                continue
            parts.append(
                standing_box(
                    (t * 0.97, deep, tall),
                    x + t / 2,
                    -d / 2 + deep / 2 + b.u(0.005, 0.03),
                    float(lower) + 0.011,
                    material=b.pick(*shades),
                )
            )
            x += t if b.chance(0.93) else t + b.u(0.02, 0.2)
    tops.append(Top(0, 0, float(zs[-1]) + 0.011, w * 0.9, d * 0.9))
    return Piece(parts, w, d, h, tops)


def cabinet(b: Builder, w: float | None = None, h: float | None = None, d: float | None = None) -> Piece:
    """Build a closed cabinet.

    Doors or drawers with handles; wardrobe, sideboard, chest or kitchen unit by its size.
    """
    if w is None and b.chance(0.4):
        found = model_piece(b, "storage", lambda s: 0.4 < s[1] < 2.3 and max(s[0], s[2]) > 0.5)
        if found:
            return found
    w, h, d = w or b.u(0.45, 2.0), h or b.pick(b.u(0.5, 0.9), b.u(0.75, 1.3), b.u(1.8, 2.3)), d or b.u(0.38, 0.62)
    body, front = b.wood(), b.wood()
    handle = b.role("metal", 0.2)
    parts = [standing_box((w, d, h), material=body)]
    n = max(1, round(w / b.u(0.4, 0.6)))
    each = w / n
    rows = 1 if h > 1.5 or b.chance(0.5) else max(1, round(h / b.u(0.18, 0.3)))
    tall = (h - 0.1) / rows
    for k in range(n):
        for r in range(rows):
            x, z = -w / 2 + each * (k + 0.5), 0.08 + tall * (r + 0.5)
            parts.append(box((each - 0.008, 0.02, tall - 0.008), (x, -d / 2 - 0.01, z), material=front))
            knob = (0.14, 0.02, 0.015) if rows > 1 else (0.015, 0.02, 0.16)
            dx = 0 if rows > 1 else (each / 2 - 0.05) * (1 if k % 2 else -1)
            parts.append(box(knob, (x + dx, -d / 2 - 0.035, z), material=handle))
    return Piece(parts, w, d, h, [Top(0, 0, h, w * 0.92, d * 0.85)])
