"""Build roadside trees: leafy crowns with gaps, conifers, poplars and bare branches."""

from __future__ import annotations

import numpy as np

from metricdepth_scenes.builder import Builder, Piece
from metricdepth_scenes.meshes import Mesh, cylinder, foliage, sticks
from metricdepth_scenes.things.plants import tree_kind


def street_tree(b: Builder, tallest: float = 16.0, leaves: float = 1.0) -> Piece:
    """Build a tree of 4 m to `tallest`.

    With a clear trunk; `leaves` multiplies how many leaves it has.
    """
    style = b.pick("broad", "broad", "broad", "bare", "poplar", "fir", "any")
    if style == "any":
        return tree_kind(b)
    height = b.u(4.0, tallest)
    bark, leaf = b.role("bark", 0.3), b.role("leaves", 0.3)
    r = height * b.u(0.012, 0.022) + 0.04
    if style == "bare":
        parts = _branches(b, height, r, bark)
        if b.chance(0.4):
            parts.append(_cloud(b, height, height * 0.28, 500, b.u(0.05, 0.1), leaf, False))
        return Piece(parts, 2 * r, 2 * r, height)
    parts = [cylinder(r * 1.1, height * 0.8, 8, r * 0.3, bark)]
    if style == "fir":
        low = height * b.u(0.05, 0.15)
        for k in range(7):
            t = k / 7
            wide = height * b.u(0.18, 0.22) * (1 - t)
            body = foliage(
                b.rng, int(170 * leaves), (wide, wide, height * 0.09), b.u(0.1, 0.16) / leaves**0.5, leaf, True
            )
            parts.append(body.placed(0, 0, low + (height - low) * (t + 0.07)))
    elif style == "poplar":
        wide = height * b.u(0.09, 0.14)
        body = foliage(
            b.rng, int(1100 * leaves), (wide, wide, height * 0.45), b.u(0.09, 0.15) / leaves**0.5, leaf, True
        )
        parts.append(body.placed(0, 0, height * 0.53))
    else:
        spread = height * b.u(0.2, 0.36)
        parts += _branches(b, height * 0.85, r, bark)[1:3]
        size, dense = b.u(0.07, 0.15) / leaves**0.5, b.chance(0.65)
        clear = float(np.clip(height * b.u(0.2, 0.4), 1.8, 4.0))
        deep = (height - clear) / 2
        for k in range(int(b.rng.integers(4, 9))):
            share = b.u(0.6, 0.8) if k == 0 else b.u(0.3, 0.5)
            wide, tall = spread * share, deep * share * b.u(0.9, 1.15)
            a, up = b.u(0, 6.28), b.u(-0.55, 0.6) * (k > 0)
            off = spread * (k > 0) * b.u(0.3, 0.7) * (1 - up * up)
            count = int(np.clip(wide * (wide + tall) * 260, 120, 900 if k == 0 else 400) * leaves)
            body = foliage(b.rng, count, (wide, wide, tall), size, leaf, dense)
            parts.append(body.placed(np.cos(a) * off, np.sin(a) * off, clear + deep * (1 + up)))
    return Piece(parts, 2 * r, 2 * r, height)


def _cloud(b: Builder, height: float, spread: float, count: int, size: float, leaf: int, dense: bool) -> Mesh:
    return foliage(b.rng, count, (spread, spread, height * 0.32), size, leaf, dense).placed(0, 0, height * 0.66)


def _branches(b: Builder, height: float, r: float, bark: int) -> list[Mesh]:
    """Build a trunk.

    And boughs, branches and twigs, each thinner and shorter.
    """
    rng = b.rng
    count = int(rng.integers(9, 14))
    a, reach = rng.uniform(0, 6.28, count), height * rng.uniform(0.15, 0.28, count)
    start = np.stack([np.zeros(count), np.zeros(count), height * rng.uniform(0.25, 0.7, count)], 1)
    end = start + np.stack([np.cos(a) * reach, np.sin(a) * reach, height * rng.uniform(0.08, 0.25, count)], 1)
    parts = [cylinder(r * 1.1, height * 0.7, 8, r * 0.4, bark), sticks(start, end, np.full(count, r * 0.3), bark)]
    for each, share, lean, long in ((5, 0.35, 0.1, 0.1), (3, 0.14, 0.0, 0.055)):
        n = len(start) * each
        along = rng.uniform(0.4, 1.0, (n, 1))
        root = np.repeat(start, each, 0) + np.repeat(end - start, each, 0) * along
        way = rng.uniform((-1, -1, lean), (1, 1, 1.2), (n, 3)) * height * long
        start, end = root, root + way
        parts.append(sticks(start, end, np.full(n, max(r * share * 0.4, 0.012)), bark))
    return parts
