"""Plants in pots, trees and hedges."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, cylinder, foliage, rod, soup, standing_box
from metricdepth_scenes.models import model_piece


def plant(b: Builder) -> Piece:
    """Build a plant of leaves."""
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


def pot_plant(b: Builder) -> Piece:
    """Build a pot plant."""
    r, h, spread = b.u(0.05, 0.1), b.u(0.07, 0.15), b.u(0.08, 0.22)
    leaves = foliage(
        b.rng, int(b.rng.integers(60, 200)), (spread, spread, spread * b.u(0.7, 1.4)), b.u(0.03, 0.07), b.role("leaves")
    )
    top = h + spread * 0.8
    return Piece(
        [
            cylinder(r * 0.75, h, 12, r, b.vivid()),
            leaves.placed(0, 0, top),
            rod((0, 0, h * 0.8), (0, 0, top), 0.006, 5, b.role("bark")),
        ],
        2 * spread * 0.7,
        2 * spread * 0.7,
        top + spread,
    )


def tree_kind(b: Builder) -> Piece:
    """Build a tree.

    3 to 14 m high (the trunk on z = 0).
    """
    height = b.u(3.0, 14.0)
    trunk_h, r = height * b.u(0.18, 0.4), height * b.u(0.012, 0.024) + 0.03
    bark, leaf = b.role("bark", 0.3), b.role("leaves", 0.3)
    spread = height * b.u(0.18, 0.34)
    parts = [cylinder(r * 1.15, height * 0.75, 9, r * 0.35, bark)]
    style = b.pick("round", "round", "cone", "clumps", "bare" if b.chance(0.4) else "clumps")
    size, dense = b.u(0.1, 0.22), b.chance(0.75)
    n = int(np.clip(spread * spread * 500, 400, 3000))
    if style == "cone":
        body = foliage(b.rng, n, (1, 1, 1), size / spread, leaf)
        tri = body.tri * np.array([spread * 0.75, spread * 0.75, 1])
        level = np.clip((tri[..., 2:] + 1) / 2, 0, 1)
        tri = np.concatenate(
            [tri[..., :2] * (1.35 - 1.25 * level), trunk_h * 0.5 + level * (height - trunk_h * 0.5)], 2
        )
        parts.append(Mesh(tri.astype(np.float32), body.uv, body.nrm, body.mat))
    elif style == "bare":
        for _ in range(40):
            z = b.u(trunk_h, height * 0.75)
            a, e, k = b.u(0, 6.28), b.u(0.2, 1), spread * b.u(0.4, 1)
            mid = (np.cos(a) * k * 0.5, np.sin(a) * k * 0.5, z + k * e * 0.5)
            parts += [
                rod((0, 0, z), mid, r * 0.3, 5, bark),
                rod(mid, (np.cos(a + 0.4) * k, np.sin(a + 0.4) * k, z + k * e), r * 0.15, 4, bark),
            ]
    else:
        lumps = 1 if style == "round" else int(b.rng.integers(3, 8))
        for _ in range(lumps):
            s = spread * (1.0 if lumps == 1 else b.u(0.4, 0.7))
            tall = (height - trunk_h) / 2 * (1.0 if lumps == 1 else b.u(0.35, 0.6))
            a = b.u(0, 6.28)
            off = 0 if lumps == 1 else spread * 0.55
            at = (
                np.cos(a) * off,
                np.sin(a) * off,
                trunk_h + (height - trunk_h) * (0.5 if lumps == 1 else b.u(0.25, 0.8)),
            )
            parts.append(foliage(b.rng, max(n // lumps, 150), (s, s, tall), size, leaf, dense).placed(*at))
            if lumps > 1:
                parts.append(rod((0, 0, trunk_h * 0.8), at, r * 0.35, 5, bark))
    return Piece(parts, 2 * r, 2 * r, height)


def hedge(b: Builder, length: float) -> Piece:
    """Build a hedge."""
    h, d = b.u(0.6, 2.2), b.u(0.4, 1.0)
    m = b.role("leaves", 0.4)
    n = int(length * h * 130)
    u, v = b.rng.uniform(-0.5, 0.5, n) * length, b.rng.uniform(0, 1, n) * h
    side = np.where(b.rng.random(n) < 0.3, b.rng.uniform(-0.5, 0.5, n) * d, np.sign(b.rng.normal(size=n)) * d / 2)
    v = np.where(np.abs(side) < d / 2, h, v)
    leaves = np.stack([u, side, v], 1)[:, None] + b.rng.normal(0, 0.06, (n, 3, 3))
    leaves[..., 2] = np.maximum(leaves[..., 2], 0.0)
    return Piece([standing_box((length, d, h), material=m), soup(leaves, material=m)], length, d, h)
