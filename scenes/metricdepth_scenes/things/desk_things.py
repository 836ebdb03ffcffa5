"""Small things of known size that lie on desks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, box, facing, lathe, quad, rod, sphere, standing_box


def _lying(w: float, d: float, z: float, material: int, yaw: float = 0.0) -> Mesh:
    """Build a level picture, its top towards +y."""
    corners = [(x * w / 2, y * d / 2, 0) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return quad(corners, material=material).placed(0, 0, z, yaw)


def book(b: Builder) -> Piece:
    """Build a book with a printed or pictured cover.

    Paperbacks, magazines, A4 volumes.
    """
    w, d = b.pick((0.105, 0.175), (0.135, 0.21), (0.155, 0.235), (0.19, 0.25), (0.21, 0.297))
    t = b.u(0.006, 0.05)
    body, cover = b.vivid(), b.picture("photograph", "photograph_crop") if b.chance(0.35) else b.printed()
    parts = [
        standing_box((w, d, t), material=body),
        standing_box((w * 0.98, d * 1.004, t * 0.7), 0.003, 0, t * 0.15, material=b.gray(0.9)),
        _lying(w * 0.98, d * 0.98, t + 0.0006, cover),
    ]
    return Piece(parts, w, d, t)


def papers(b: Builder) -> Piece:
    """Build a few sheets of A4.

    Each turned a little.
    """
    n, parts = int(b.rng.integers(2, 7)), []
    for k in range(n):
        plain = b.chance(0.35)
        m = b.gray(b.u(0.86, 0.96)) if plain else b.printed()
        sheet = _lying(0.21, 0.297, 0.001 + 0.0012 * k, m, b.u(-0.5, 0.5))
        parts.append(sheet.placed(b.u(-0.07, 0.07), b.u(-0.07, 0.07), 0))
    return Piece(parts, 0.36, 0.4, 0.01)


def binders(b: Builder) -> Piece:
    """Build lever arch files that stand in a row."""
    n = int(b.rng.integers(2, 8))
    parts, shades = [], [b.vivid(), b.gray(0.1), b.gray(0.6)]
    for k in range(n):
        t, m, x = b.pick(0.05, 0.08), b.pick(*shades), (k - n / 2) * 0.075
        parts.append(standing_box((t, 0.28, 0.315), x, material=m))
        parts.append(facing(x - t * 0.35, x + t * 0.35, 0.08, 0.24, -0.141, b.printed()))
    return Piece(parts, n * 0.08, 0.29, 0.32)


def trays(b: Builder) -> Piece:
    """Build letter trays in a stack."""
    m, n = b.pick(b.gray(0.1), b.gray(0.7), b.vivid()), int(b.rng.integers(1, 5))
    parts: list[Mesh] = []
    for k in range(n):
        z = 0.065 * k
        parts += [standing_box((0.255, 0.34, 0.004), z=z, material=m), _lying(0.21, 0.297, z + 0.012, b.printed())]
        parts += [standing_box((0.004, 0.34, 0.06), s * 0.126, 0, z, material=m) for s in (-1, 1)]
    return Piece(parts, 0.26, 0.34, 0.065 * n)


def wire(b: Builder) -> Piece:
    """Build a cable of 1 to 2 m that winds about, with a plug or a power supply."""
    n = int(b.rng.integers(20, 40))
    heading = np.cumsum(b.rng.normal(0, 0.55, n)) + b.u(0, 6)
    points = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1) * 0.045, 0)
    points -= points.mean(0)
    m, r = b.gray(b.pick(0.05, 0.08, 0.1, 0.8)), b.u(0.002, 0.0045)
    parts = [rod((*p, 0.005), (*q, 0.005), r, 5, m) for p, q in pairwise(points)]
    end = points[-1]
    parts.append(standing_box(b.pick((0.05, 0.03, 0.02), (0.11, 0.05, 0.03)), end[0], end[1], material=m))
    return Piece(parts, 0.3, 0.3, 0.03)


def mobile(b: Builder) -> Piece:
    """Build a mobile phone.

    A calculator or a remote control.
    """
    w, d, t = b.pick((0.072, 0.148, 0.008), (0.08, 0.15, 0.014), (0.045, 0.17, 0.02))
    dark = b.gray(b.pick(0.04, 0.1, 0.7), 0.05)
    parts = [standing_box((w, d, t), material=dark)]
    if t < 0.01:
        parts.append(_lying(w * 0.92, d * 0.92, t + 0.0005, b.solid((0.03, 0.03, 0.04), 0.12)))
    else:
        keys = b.gray(b.pick(0.3, 0.85))
        for x in (-0.3, 0, 0.3):
            parts += [
                standing_box((w * 0.2, d * 0.07, 0.003), x * w, y * d, t, material=keys) for y in (-0.3, -0.15, 0)
            ]
    return Piece(parts, w, d, t)


def headphones(b: Builder) -> Piece:
    """Build a pair of headphones."""
    m = b.gray(b.pick(0.06, 0.2, 0.85))
    arc = np.linspace(0, np.pi, 10)
    band = [(0.08 * np.cos(a), 0.09 * np.sin(a), 0.025) for a in arc]
    parts = [rod(p, q, 0.008, 6, m) for p, q in pairwise(band)]
    parts += [
        lathe([(0, 0), (0.04, 0.005), (0.04, 0.04), (0, 0.045)], 14, m).placed(s * 0.08, -0.01, 0) for s in (-1, 1)
    ]
    return Piece(parts, 0.22, 0.16, 0.05)


def controller(b: Builder) -> Piece:
    """Build a game controller."""
    m = b.gray(b.pick(0.05, 0.08, 0.85))
    grips = [sphere(0.035, 12, material=m).scaled((1, 1.7, 0.75)).placed(s * 0.055, -0.02, 0.026) for s in (-1, 1)]
    body = sphere(0.05, 14, material=m).scaled((1.4, 0.9, 0.5)).placed(0, 0.015, 0.028)
    sticks = [lathe([(0.008, 0), (0.012, 0.02), (0, 0.022)], 10, m).placed(s * 0.025, -0.005, 0.045) for s in (-1, 1)]
    return Piece([*grips, body, *sticks], 0.16, 0.11, 0.07)


def stapler(b: Builder) -> Piece:
    """Build a stapler."""
    m = b.vivid()
    parts = [standing_box((0.035, 0.14, 0.012), material=b.gray(0.1)), box((0.03, 0.13, 0.025), (0, 0, 0.045), 0, m)]
    return Piece([*parts, box((0.028, 0.03, 0.03), (0, 0.05, 0.025), 0, m)], 0.04, 0.14, 0.06)


def tissues(b: Builder) -> Piece:
    """Build a box of paper handkerchiefs or of cereals.

    Or a pack of paper.
    """
    w, d, h = b.pick((0.23, 0.115, 0.08), (0.12, 0.12, 0.13), (0.19, 0.06, 0.28), (0.21, 0.297, 0.052))
    m = b.vivid()
    parts = [standing_box((w, d, h), material=m), facing(-w / 2, w / 2, 0, h, -d / 2 - 0.001, b.printed())]
    return Piece([*parts, _lying(w, d, h + 0.001, b.printed())], w, d, h)


def sticky_notes(b: Builder) -> Piece:
    """Build a block of sticky notes."""
    m = b.solid(b.pick((0.95, 0.9, 0.4), (0.95, 0.6, 0.7), (0.6, 0.9, 0.6)))
    return Piece([standing_box((0.076, 0.076, b.u(0.002, 0.015)), material=m)], 0.08, 0.08, 0.015)


def speaker(b: Builder) -> Piece:
    """Build a speaker."""
    w, d, h = b.u(0.08, 0.18), b.u(0.08, 0.2), b.u(0.16, 0.32)
    m, dark = b.gray(b.pick(0.06, 0.1, 0.8)), b.gray(0.16)
    parts = [standing_box((w, d, h), material=m)]
    lay = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
    for z, r in ((0.35, 0.42), (0.75, 0.25)):
        cone = lathe([(0, 0), (w * r * 0.5, 0.001), (w * r, 0.006)], 16, dark)
        parts.append(cone.transformed(lay, (0, -d / 2 - 0.001, h * z)))
    return Piece(parts, w, d, h)


def plush(b: Builder) -> Piece:
    """Build a soft toy that sits.

    0.2 to 0.75 m high.
    """
    s = b.pick(b.u(0.2, 0.35), b.u(0.4, 0.75)) / 0.72
    fur = b.solid(np.array(b.pick((0.45, 0.28, 0.16), (0.75, 0.6, 0.4), (0.85, 0.84, 0.8), (0.5, 0.5, 0.52))))
    shirt, dark = (b.vivid() if b.chance(0.5) else b.role("fabric")) if b.chance(0.6) else fur, b.gray(0.05, 0.1)
    light = b.solid((0.85, 0.75, 0.58))
    parts = [
        sphere(0.5, 20, material=shirt).scaled((0.42, 0.36, 0.46)).placed(0, 0, 0.22),
        sphere(0.16, 20, material=fur).placed(0, -0.02, 0.55),
        sphere(0.075, 14, material=light).placed(0, -0.16, 0.52),
        sphere(0.025, 10, material=dark).placed(0, -0.225, 0.54),
    ]
    for k in (-1, 1):
        parts += [
            sphere(0.055, 12, material=fur).placed(k * 0.13, 0, 0.68),
            sphere(0.018, 8, material=dark).placed(k * 0.06, -0.155, 0.6),
            sphere(0.5, 14, material=fur).scaled((0.15, 0.36, 0.15)).placed(k * 0.17, -0.24, 0.08),
            sphere(0.09, 12, material=light).scaled((0.9, 0.5, 1.1)).placed(k * 0.17, -0.41, 0.1),
            sphere(0.5, 14, material=shirt).scaled((0.13, 0.18, 0.32)).placed(k * 0.24, -0.06, 0.28),
        ]
    return Piece([p.scaled(s) for p in parts], 0.56 * s, 0.7 * s, 0.74 * s)
