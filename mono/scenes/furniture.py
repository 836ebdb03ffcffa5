"""Furniture and fittings of real sizes. A piece's back is at +y, its front looks along -y."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mono.scenes.builder import Builder, Piece, Top
from mono.scenes.meshes import Mesh, box, cylinder, foliage, lathe, quad, rod, soup, sphere, standing_box
from mono.scenes.models import model_piece
from mono.scenes.small_things import screen


def _wood(b: Builder) -> int:
    return (
        b.role("wood", 0.5)
        if b.chance(0.75)
        else b.number(b.palette.solid(np.full(3, b.pick(0.12, 0.8, 0.92, 0.94)), 0.02))
    )


def table(b: Builder, w: float | None = None, d: float | None = None, h: float | None = None) -> Piece:
    """A table or desk (0.7 to 0.77 m high unless given)."""
    if w is None and b.chance(0.35):
        found = model_piece(b, "table", lambda s: 0.6 < s[1] < 1.0 and max(s[0], s[2]) > 0.8)
        if found and found.tops:
            return found
    w, d, h = w or b.u(0.9, 2.0), d or b.u(0.6, 1.0), h or b.u(0.7, 0.77)
    top, leg = _wood(b), b.role("metal") if b.chance(0.4) else _wood(b)
    t = b.u(0.018, 0.045)
    if w < 1.3 and b.chance(0.2):
        r = min(w, d) * 0.55
        parts = [
            cylinder(r, t, 28, material=top).placed(0, 0, h - t),
            cylinder(0.04, h - t, 10, material=leg),
            cylinder(0.25, 0.02, 16, material=leg),
        ]
        return Piece(parts, 2 * r, 2 * r, h, [Top(0, 0, h, r * 1.35, r * 1.35)])
    parts = [box((w, d, t), (0, 0, h - t / 2), material=top)]
    if b.chance(0.25):
        parts += [standing_box((0.025, d, h - t), s * (w / 2 - 0.02), material=top) for s in (-1, 1)]
        parts.append(box((w - 0.06, 0.02, 0.35), (0, d * 0.3, h - 0.25), material=top))
    else:
        k = b.u(0.03, 0.07)
        parts += [
            standing_box((k, k, h - t), sx * (w / 2 - k), sy * (d / 2 - k), material=leg)
            for sx in (-1, 1)
            for sy in (-1, 1)
        ]
        if b.chance(0.6):
            parts += [box((w - 2 * k, 0.02, 0.08), (0, sy * (d / 2 - k), h - t - 0.04), material=leg) for sy in (-1, 1)]
    if b.chance(0.3) and w > 1.1:
        parts.append(box((0.4, d * 0.85, 0.5), (w / 2 - 0.26, 0, h - t - 0.25), material=_wood(b)))
        parts += [
            box((0.36, 0.01, 0.14), (w / 2 - 0.26, -d * 0.43, h - t - z), material=top) for z in (0.09, 0.25, 0.41)
        ]
    return Piece(parts, w, d, h, [Top(0, 0, h, w * 0.94, d * 0.9)])


def chair(b: Builder) -> Piece:
    if b.chance(0.55):
        found = model_piece(b, "chair", lambda s: 0.7 < s[1] < 1.15 and max(s[0], s[2]) < 0.8)
        if found:
            found.tops = []
            return found
    w, d, seat, back = b.u(0.4, 0.5), b.u(0.4, 0.5), b.u(0.42, 0.48), b.u(0.8, 1.05)
    m, cloth = _wood(b), b.role("fabric", 0.4)
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
    s = b.u(0.36, 0.5)
    return sphere(s / 2, 14, material=b.role("fabric")).scaled((1, 0.35, 0.85))


def bed(b: Builder) -> Piece:
    if b.chance(0.35) and (found := model_piece(b, "bed", across=False)):
        found.tops = []
        return found
    w, d, h, m, cloth = b.pick(0.9, 1.0, 1.4, 1.6, 1.8), b.u(1.95, 2.1), b.u(0.4, 0.6), _wood(b), b.role("fabric")
    parts = [
        standing_box((w, d, h * 0.45), z=0.06, material=m),
        standing_box((w - 0.04, d - 0.04, h * 0.5), z=h * 0.5, material=b.role("fabric")),
        standing_box((w + 0.06, 0.06, h + b.u(0.2, 0.7)), 0, d / 2, material=m),
    ]
    xs, ys = np.linspace(-w / 2 - 0.05, w / 2 + 0.05, 14), np.linspace(-d / 2 - 0.03, d * b.u(0.05, 0.3), 18)
    from mono.scenes.meshes import grid

    parts.append(grid(xs, ys, h + 0.06 + b.rng.normal(0, 0.018, (18, 14)), cloth))
    for s in (-1, 1):
        parts.append(
            box((0.03, ys[-1] - ys[0], h * 0.6), (s * (w / 2 + 0.04), (ys[0] + ys[-1]) / 2, h * 0.8), material=cloth)
        )
    for k in range(1 if w < 1.2 else 2):
        x = 0 if w < 1.2 else (k - 0.5) * w * 0.48
        parts.append(sphere(0.34, 14, material=b.role("fabric")).scaled((0.95, 0.6, 0.28)).placed(x, d * 0.36, h + 0.1))
    return Piece(parts, w, d, h + 0.1, [Top(0, 0, h + 0.13, w * 0.6, d * 0.5)])


def shelf(b: Builder, w: float | None = None, h: float | None = None) -> Piece:
    """An open shelf full of books, boxes and things."""
    w, h, d = w or b.u(0.5, 1.6), h or b.u(0.8, 2.2), b.u(0.24, 0.4)
    m = _wood(b)
    levels = max(2, round(h / b.u(0.3, 0.42)))
    parts = [standing_box((0.025, d, h), s * (w / 2 - 0.0125), material=m) for s in (-1, 1)]
    if b.chance(0.7):
        parts.append(box((w, 0.01, h), (0, d / 2 - 0.005, h / 2), material=m))
    zs = np.linspace(0.06, h - 0.0125, levels)
    parts += [box((w - 0.05, d, 0.022), (0, 0, z), material=m) for z in zs]
    shades = [b.vivid() for _ in range(9)] + [b.number(b.palette.printed()) for _ in range(3)]
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
    """A closed cabinet: doors or drawers with handles; wardrobe, sideboard, chest or kitchen unit by its size."""
    if w is None and b.chance(0.4):
        found = model_piece(b, "storage", lambda s: 0.4 < s[1] < 2.3 and max(s[0], s[2]) > 0.5)
        if found:
            return found
    w, h, d = w or b.u(0.45, 2.0), h or b.pick(b.u(0.5, 0.9), b.u(0.75, 1.3), b.u(1.8, 2.3)), d or b.u(0.38, 0.62)
    body, front = _wood(b), _wood(b)
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


def kitchen_row(b: Builder, length: float) -> Piece:
    """Base units, worktop, wall units, a splash back; stove, sink and fridge among them."""
    d, h = 0.6, b.u(0.88, 0.93)
    unit = cabinet(b, length, h - 0.04, d)
    top, steel = b.role("stone") if b.chance(0.6) else b.role("wood"), b.role("metal", 0.2)
    parts = [*unit.meshes, standing_box((length + 0.02, d + 0.03, 0.04), z=h - 0.04, material=top)]
    parts.append(standing_box((length, 0.012, 0.55), 0, d / 2 - 0.006, h, material=b.role("bath")))
    x = -length / 2 + 0.35
    parts.append(
        standing_box((0.56, 0.5, 0.006), x, 0, h, material=b.number(b.palette.solid((0.04, 0.04, 0.05), 0.06)))
    )
    parts += [
        cylinder(0.09, 0.004, 18, material=steel).placed(x + sx * 0.14, sy * 0.12, h + 0.006)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    parts.append(
        box((0.56, 0.02, 0.5), (x, -d / 2 - 0.025, 0.5), material=b.number(b.palette.solid((0.06, 0.06, 0.07), 0.06)))
    )
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
    w, d, h = b.u(0.55, 0.75), b.u(0.58, 0.7), b.pick(0.85, b.u(1.6, 2.0))
    m = b.number(b.palette.solid(np.full(3, b.pick(0.93, 0.95, 0.6, 0.15)), 0.05))
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
        parts.append(
            quad(
                [
                    (x, -d / 2 - 0.042, z),
                    (x + s, -d / 2 - 0.042, z),
                    (x + s, -d / 2 - 0.042, z + s),
                    (x, -d / 2 - 0.042, z + s),
                ],
                material=b.number(b.palette.printed()),
            )
        )
    return Piece(parts, w, d, h, [Top(0, 0, h, w * 0.8, d * 0.8)])


def white_goods(b: Builder) -> Piece:
    m = b.number(b.palette.solid(np.full(3, b.pick(0.92, 0.95, 0.7)), 0.04))
    disc = cylinder(0.16, 0.02, 22, material=b.number(b.palette.solid((0.1, 0.1, 0.12), 0.1)))
    turned = disc.transformed(np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]), (0, -0.3, 0.45))
    return Piece([standing_box((0.6, 0.6, 0.85), material=m), turned], 0.6, 0.62, 0.85, [Top(0, 0, 0.85, 0.5, 0.5)])


def toilet(b: Builder) -> Piece:
    m = b.number(b.palette.solid((0.95, 0.95, 0.94), 0.06))
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
    w, m = b.u(0.45, 1.1), b.number(b.palette.solid((0.95, 0.95, 0.94), 0.06))
    unit = cabinet(b, w, 0.7, 0.42)
    steel = b.role("metal", 0.2)
    parts = [
        *unit.meshes,
        standing_box((w + 0.02, 0.46, 0.12), z=0.7, material=m),
        standing_box((w * 0.7, 0.3, 0.004), 0, -0.03, 0.82, material=b.role("metal")),
        rod((0, 0.17, 0.8), (0, 0.17, 0.95), 0.014, 8, steel),
        rod((0, 0.17, 0.95), (0, 0.05, 0.93), 0.012, 8, steel),
    ]
    mirror = b.number(b.palette.solid((0.55, 0.58, 0.6), 0.5))
    parts.append(box((w * 0.9, 0.015, b.u(0.5, 0.9)), (0, 0.21, 1.5), material=mirror))
    return Piece(parts, w, 0.46, 0.95, [Top(0.3 * w, 0.02, 0.82, w * 0.3, 0.3)])


def bathtub(b: Builder) -> Piece:
    w, d, h, m = b.u(1.5, 1.8), b.u(0.7, 0.8), b.u(0.5, 0.6), b.number(b.palette.solid((0.95, 0.95, 0.95), 0.06))
    parts = [standing_box((w, 0.07, h), 0, s * (d / 2 - 0.035), material=m) for s in (-1, 1)]
    parts += [standing_box((0.09, d, h), s * (w / 2 - 0.045), material=m) for s in (-1, 1)]
    parts += [
        standing_box((w, d, 0.15), material=m),
        rod((w / 2 - 0.1, 0, h), (w / 2 - 0.1, 0, h + 0.15), 0.015, 8, b.role("metal")),
    ]
    return Piece(parts, w, d, h)


def radiator(b: Builder) -> Piece:
    w, h, m = b.u(0.5, 1.6), b.u(0.4, 0.65), b.number(b.palette.solid((0.93, 0.93, 0.91), 0.03))
    n = int(w / 0.06)
    parts = [box((0.045, 0.08, h), ((k - (n - 1) / 2) * 0.06, 0, 0.12 + h / 2), material=m) for k in range(n)]
    return Piece([*parts, box((w, 0.03, 0.03), (0, 0, 0.15), material=m)], w, 0.1, h + 0.12)


def floor_lamp(b: Builder) -> Piece:
    h, m = b.u(1.4, 1.8), b.role("metal", 0.3)
    shade = b.number(b.palette.solid((0.95, 0.9, 0.75)))
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


def plant(b: Builder) -> Piece:
    if b.chance(0.35) and (found := model_piece(b, "plant", lambda s: s[1] > 0.6)):
        return found
    r, h, spread, tall = b.u(0.12, 0.25), b.u(0.2, 0.45), b.u(0.2, 0.5), b.u(0.5, 1.4)
    leaf = foliage(b.rng, int(b.rng.integers(150, 500)), (spread, spread, tall / 2), b.u(0.05, 0.14), b.role("leaves"))
    return Piece(
        [
            cylinder(r * 0.75, h, 16, r, b.vivid()),
            leaf.placed(0, 0, h + tall / 2),
            rod((0, 0, h * 0.9), (0, 0, h + tall / 2), 0.02, 6, b.role("bark")),
        ],
        2 * r + 0.2,
        2 * r + 0.2,
        h + tall,
    )


def television(b: Builder) -> Piece:
    w = b.u(0.7, 1.4)
    base = cabinet(b, w * b.u(1.0, 1.5), b.u(0.4, 0.6), 0.42)
    h, z = w * 0.5625, base.height + 0.06
    dark = b.number(b.palette.solid((0.05, 0.05, 0.055), 0.05))
    parts = [
        *base.meshes,
        box((w, 0.05, h), (0, 0.05, z + h / 2), material=dark),
        standing_box((w * 0.4, 0.2, 0.06), 0, 0.05, base.height, material=dark),
        screen(b, w - 0.04, h - 0.04, 0.0235, z + h / 2),
    ]
    return Piece(parts, base.width, base.depth, z + h)


def cardboard(b: Builder) -> Piece:
    """A stack of cartons."""
    parts, z = [], 0.0
    w, d = b.u(0.25, 0.6), b.u(0.2, 0.5)
    m = b.number(b.palette.solid(np.array([0.68, 0.53, 0.36]) * b.u(0.8, 1.1)))
    for _ in range(int(b.rng.integers(1, 4))):
        h, k = b.u(0.15, 0.45), b.u(0.8, 1.0)
        parts.append(standing_box((w * k, d * k, h), z=z, yaw=b.u(-0.15, 0.15), material=m))
        parts.append(
            standing_box((w * k, 0.05, 0.001), z=z + h, material=b.number(b.palette.solid((0.75, 0.65, 0.45))))
        )
        z += h
    return Piece(parts, w, d, z, [Top(0, 0, z, w * 0.7, d * 0.7)])


def bin_(b: Builder) -> Piece:
    r, h = b.u(0.1, 0.18), b.u(0.25, 0.6)
    return Piece(
        [lathe([(0, 0), (r * 0.8, 0), (r, h), (r * 0.95, h), (r * 0.78, 0.01), (0, 0.01)], 18, b.vivid())],
        2 * r,
        2 * r,
        h,
    )


def bag(b: Builder) -> Piece:
    """A rucksack or bag leaning about."""
    w, d, h = b.u(0.28, 0.4), b.u(0.15, 0.25), b.u(0.3, 0.5)
    mesh = sphere(0.5, 14, material=b.role("fabric")).scaled((w * 1.1, d * 1.1, h * 1.05)).placed(0, 0, h * 0.5)
    low = np.maximum(mesh.tri[..., 2:], 0)
    return Piece([soup(np.concatenate([mesh.tri[..., :2], low], 2), mesh.uv, True, int(mesh.mat[0]))], w, d, h)


def person(b: Builder, seated: bool = False) -> Piece:
    """A clothed person, 1.5 to 1.95 m."""
    if b.chance(0.3):
        found = model_piece(b, "person", lambda s: (s[1] < 1.32) == seated, across=False)
        if found:
            return found
    tall = float(np.clip(b.rng.normal(1.71, 0.09), 1.5, 1.95))
    s = tall / 1.75
    shirt, trousers, shoe = b.role("fabric"), b.role("fabric"), b.number(b.palette.solid(np.full(3, 0.1)))
    skin = b.number(b.palette.solid(np.array(b.pick((0.85, 0.65, 0.53), (0.75, 0.54, 0.42), (0.45, 0.3, 0.22)))))
    hair = b.number(
        b.palette.solid(np.array(b.pick((0.1, 0.08, 0.07), (0.35, 0.24, 0.15), (0.6, 0.5, 0.35), (0.5, 0.5, 0.5))))
    )
    swing = b.u(-0.25, 0.25)
    hip = 0.48 if seated else 0.9
    parts: list[Mesh] = []
    for side in (-1, 1):
        x, y = side * 0.095, side * swing
        if seated:
            parts += [
                rod((x, 0, hip), (x, -0.42, hip), 0.075, 8, trousers),
                rod((x, -0.42, hip), (x, -0.45, 0.06), 0.055, 8, trousers),
            ]
            parts.append(box((0.1, 0.26, 0.08), (x, -0.5, 0.04), material=shoe))
        else:
            parts += [
                rod((x, 0, hip), (x, y * 0.5 - 0.02, 0.48), 0.08, 8, trousers),
                rod((x, y * 0.5 - 0.02, 0.48), (x, y, 0.07), 0.058, 8, trousers),
            ]
            parts.append(box((0.1, 0.27, 0.08), (x, y - 0.05, 0.04), material=shoe))
        shoulder, elbow = (side * 0.2, 0, hip + 0.5), (side * 0.27, -y * 0.6 + 0.03, hip + 0.24)
        hand = (side * 0.24, -y - b.u(0.03, 0.3), hip + b.u(-0.02, 0.2))
        parts += [
            rod(shoulder, elbow, 0.048, 8, shirt),
            rod(elbow, hand, 0.04, 8, b.pick(shirt, skin)),
            sphere(0.045, 8, material=skin).placed(*hand),
        ]
    parts.append(
        lathe([(0.13, 0), (0.165, 0.06), (0.15, 0.25), (0.2, 0.48), (0.15, 0.56), (0.06, 0.58), (0, 0.6)], 14, shirt)
        .scaled((1, 0.62, 1))
        .placed(0, 0, hip - 0.06)
    )
    parts += [
        rod((0, 0, hip + 0.5), (0, -0.01, hip + 0.62), 0.055, 8, skin),
        sphere(0.105, 14, 1.2, skin).placed(0, -0.02, hip + 0.72),
    ]
    parts.append(sphere(0.113, 12, 1.15, hair).placed(0, 0.012, hip + 0.745))
    return Piece([p.scaled(s) for p in parts], 0.55, 0.4, tall if not seated else 1.3)
