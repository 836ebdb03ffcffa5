"""Screens and devices wired to them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.materials import Material
from metricdepth_scenes.meshes import Mesh, box, facing, rod, sphere, standing_box
from metricdepth_scenes.things.storage import cabinet


def screen(b: Builder, w: float, h: float, y: float, z: float) -> Mesh:
    """Build a screen in the plane y.

    On or off.
    """
    if b.chance(0.45):
        m = b.solid((0.05, 0.05, 0.06), gloss=0.06)
    elif b.chance(0.5):
        m = b.picture("photograph", "interior_view", glow=b.u(0.5, 1.5))
    else:
        m = b.number(Material(b.palette.printed().levels, glow=b.u(0.5, 1.5)))
    return facing(-w / 2, w / 2, z - h / 2, z + h / 2, y, m)


def monitor(b: Builder) -> Piece:
    """Build a monitor."""
    w = b.u(0.42, 0.72)
    h, lift, dark = w * b.pick(0.5625, 0.6, 0.5625, 0.75), b.u(0.08, 0.16), b.gray(b.pick(0.06, 0.1, 0.6))
    meshes = [
        box((w, 0.04, h), (0, 0, lift + h / 2), material=dark),
        box((0.05, 0.04, lift + h / 2), (0, 0.04, (lift + h / 2) / 2), material=dark),
        standing_box((0.24, 0.18, 0.015), 0, 0.03, material=dark),
        screen(b, w - 0.03, h - 0.03, -0.021, lift + h / 2),
    ]
    return Piece(meshes, w, 0.2, lift + h)


def television(b: Builder) -> Piece:
    """Build a television."""
    w = b.u(0.7, 1.4)
    base = cabinet(b, w * b.u(1.0, 1.5), b.u(0.4, 0.6), 0.42)
    h, z = w * 0.5625, base.height + 0.06
    dark = b.solid((0.05, 0.05, 0.055), 0.05)
    parts = [
        *base.meshes,
        box((w, 0.05, h), (0, 0.05, z + h / 2), material=dark),
        standing_box((w * 0.4, 0.2, 0.06), 0, 0.05, base.height, material=dark),
        screen(b, w - 0.04, h - 0.04, 0.0235, z + h / 2),
    ]
    return Piece(parts, base.width, base.depth, z + h)


def laptop(b: Builder) -> Piece:
    """Build a laptop."""
    w, d, m = b.u(0.3, 0.38), b.u(0.21, 0.26), b.gray(b.pick(0.1, 0.6, 0.75))
    tilt = b.u(0.1, 0.6)
    keys = b.solid((0.08, 0.08, 0.09))
    lid = [box((w, 0.008, d), (0, 0.004, d / 2), material=m), screen(b, w * 0.93, d * 0.88, -0.001, d / 2)]
    c, s = np.cos(-tilt), np.sin(-tilt)
    turned = [p.transformed(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]), (0, d / 2, 0.018)) for p in lid]
    base = [
        standing_box((w, d, 0.018), material=m),
        box((w * 0.88, d * 0.45, 0.002), (0, d * 0.18, 0.019), material=keys),
    ]
    return Piece(base + turned, w, d * 1.4, d)


def keyboard(b: Builder) -> Piece:
    """Build a keyboard."""
    w, tone = b.u(0.3, 0.46), b.pick(0.08, 0.12, 0.85)
    body, keys = b.gray(tone), b.gray(tone * 0.6 + 0.15)
    meshes = [standing_box((w, 0.14, 0.018), material=body)]
    n = int(w / 0.02)
    for row in range(5):
        for k in range(n):
            meshes.append(
                box((0.016, 0.016, 0.008), ((k - (n - 1) / 2) * 0.0195, (row - 2) * 0.024, 0.021), material=keys)
            )
    return Piece(meshes, w, 0.14, 0.025)


def mouse(b: Builder) -> Piece:
    """Build a mouse."""
    tone = b.pick(0.07, 0.2, 0.85)
    mesh = sphere(0.05, 12, material=b.gray(tone)).scaled((0.6, 1.1, 0.65))
    return Piece([mesh.placed(0, 0, 0.004)], 0.06, 0.11, 0.036)


def telephone(b: Builder) -> Piece:
    """Build a telephone."""
    m = b.gray(b.pick(0.1, 0.3, 0.8))
    return Piece(
        [
            standing_box((0.18, 0.2, 0.05), material=m),
            box((0.05, 0.2, 0.04), (-0.06, 0, 0.075), material=m),
            box((0.06, 0.03, 0.004), (0.04, 0.06, 0.053), material=b.vivid()),
        ],
        0.18,
        0.2,
        0.1,
    )


def cable(b: Builder) -> Piece:
    """Build a cable."""
    points = np.cumsum(b.rng.normal(0, 0.05, (9, 2)), 0)
    points -= points.mean(0)
    m = b.gray(b.pick(0.05, 0.1, 0.8))
    parts = [rod((*p, 0.004), (*q, 0.004), 0.003, 5, m) for p, q in pairwise(points)]
    return Piece(parts, 0.2, 0.2, 0.01)
