"""Poles, signs, lights and fences."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.materials import Material
from metricdepth_scenes.meshes import box, cylinder, lathe, rod, standing_box
from metricdepth_scenes.models import model_piece


def fence(b: Builder, length: float) -> Piece:
    """Build a fence."""
    h = b.u(0.8, 1.9)
    m = b.role(b.pick("metal", "wood", "wood", "concrete"), 0.4)
    if b.chance(0.25):
        return Piece(
            [standing_box((length, 0.15, h), material=b.role(b.pick("brick", "facade", "concrete"), 0.5))],
            length,
            0.15,
            h,
        )
    gap = b.pick(0.11, 0.15, 0.3)
    parts = [box((length, 0.03, 0.06), (0, 0.03, z * h), material=m) for z in (0.2, 0.85)]
    parts += [
        standing_box((min(0.09, gap * 0.6), 0.02, h), x, material=m) for x in np.arange(-length / 2, length / 2, gap)
    ]
    return Piece(parts, length, 0.06, h)


def pole(b: Builder) -> Piece:
    """Build a street lamp.

    Traffic sign, traffic light, bollard, bin or bench.
    """
    if b.chance(0.3):
        found = model_piece(b, "street_furniture", lambda s: s[1] > 0.5 and s[0] < 3, across=False, stretch=0.1)
        if found:
            return found
    m = b.role("metal", 0.3)
    style = b.pick("lamp", "sign", "sign", "light", "bollard", "bin", "wood")
    if style == "lamp":
        h, arm = b.u(4, 9), b.u(0.5, 1.8)
        return Piece(
            [
                cylinder(0.09, h, 8, 0.05, m),
                rod((0, 0, h), (0, -arm, h + 0.15), 0.035, 6, m),
                box((0.22, 0.6, 0.1), (0, -arm, h + 0.14), material=m),
            ],
            0.3,
            0.3,
            h,
        )
    if style == "sign":
        h, r = b.u(2.1, 2.9), b.u(0.28, 0.42)
        face, rim = (
            b.solid(b.pick((0.85, 0.85, 0.85), (0.1, 0.25, 0.6), (0.9, 0.75, 0.1))),
            b.solid(b.pick((0.7, 0.06, 0.06), (0.9, 0.9, 0.9))),
        )
        seg = b.pick(3, 4, 24, 24, 8)
        lay = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)
        disc = [
            cylinder(r, 0.02, seg, material=rim).placed(yaw=np.pi / 2).transformed(lay, (0, -0.04, h)),
            cylinder(r * 0.78, 0.03, seg, material=face).placed(yaw=np.pi / 2).transformed(lay, (0, -0.04, h)),
        ]
        return Piece([cylinder(0.035, h + r, 8, material=m), *disc], 0.6, 0.2, h + r)
    if style == "light":
        h, dark = b.u(2.8, 3.6), b.solid((0.08, 0.08, 0.08))
        parts = [cylinder(0.07, h, 8, material=m), box((0.32, 0.22, 0.95), (0, -0.1, h - 0.4), material=dark)]
        lamp = [(0.8, 0.1, 0.1), (0.8, 0.6, 0.1), (0.1, 0.7, 0.3)]
        on = int(b.rng.integers(3))
        for k, color in enumerate(lamp):
            base = b.palette.solid(color)
            mat = b.number(Material(base.levels, 0.7, base.tint, glow=2.0 if k == on else 0.15))
            parts.append(box((0.18, 0.02, 0.18), (0, -0.22, h - 0.1 - 0.3 * k), material=mat))
        return Piece(parts, 0.35, 0.3, h)
    if style == "wood":
        h = b.u(6, 10)
        return Piece(
            [
                cylinder(0.15, h, 9, 0.1, b.role("bark", 0.3)),
                box((1.8, 0.1, 0.12), (0, 0, h - 0.6), material=b.role("bark", 0.3)),
            ],
            0.3,
            0.3,
            h,
        )
    if style == "bin":
        return Piece(
            [lathe([(0.2, 0), (0.25, 0.05), (0.28, 0.9), (0.26, 1.0), (0, 1.05)], 14, b.vivid())], 0.55, 0.55, 1.05
        )
    return Piece([cylinder(0.07, b.u(0.7, 1.05), 10, material=m)], 0.2, 0.2, 1.0)
